"""Chain of thought: demonstrations with reasons, reasoning before the label."""

from pathlib import Path

import pytest

from dualchecker.data import Fence
from dualchecker.methods import METHODS
from fakes import ScriptedTeacher, make_records, make_setting

GOLD = make_records(20, "g")
POOL = make_records(4, "p", start=300)
FENCE = Fence(tuple(GOLD), (), "split")


@pytest.mark.parametrize("rationales", [True, False])
def test_reasons_are_shown_whatever_the_run_file_says_of_others(tmp_path: Path, rationales: bool) -> None:
    teacher = ScriptedTeacher(lambda prompt: ("warm", 0.7))
    with make_setting(tmp_path, teacher, FENCE, POOL, rationales=rationales) as setting:
        METHODS["cot"](setting)
    prompts = [prompt for prompt in teacher.asked if prompt.purpose == "label"]
    assert len(prompts) == len(POOL)
    for prompt in prompts:
        assert len(prompt.shown.demonstrations) == 5
        assert all(demo.rationale for demo in prompt.shown.demonstrations)
        system = prompt.messages[0]["content"]
        assert "step by step" in system and system.index('"rationale"') < system.index('"label": one of')


def test_few_shot_prompts_are_not_touched_by_it(tmp_path: Path) -> None:
    """Reasons that were written for one method do not slip into the prompts of another."""
    teacher = ScriptedTeacher(lambda prompt: ("warm", 0.7))
    with make_setting(tmp_path, teacher, FENCE, POOL, rationales=False) as setting:
        METHODS["cot"](setting)
        teacher.asked.clear()
        METHODS["few_shot"](setting)
    assert teacher.asked and not any(demo.rationale for p in teacher.asked for demo in p.shown.demonstrations)
    assert not any("step by step" in prompt.messages[0]["content"] for prompt in teacher.asked)
