"""DToT: one more question where the stated confidence is low."""

from pathlib import Path

from dualchecker.config import CheckConfig, PrecisionThreshold
from dualchecker.data import Fence
from dualchecker.methods import METHODS
from dualchecker.prompts import Prompt
from fakes import ScriptedTeacher, make_records, make_setting

GOLD = make_records(20, "g", detail=True)
POOL = make_records(8, "p", detail=True, start=300)
FENCE = Fence(tuple(GOLD), (), "split")
STATED = {"p300": 0.84, "p301": 0.85, "p302": 0.2, "p303": 0.99, "p304": None, "p305": 0.9, "p306": 0.1, "p307": 0.86}
UNSURE = {"p300", "p302", "p304", "p306"}


def first_warm_then_cold(prompt: Prompt) -> tuple[str | None, float | None]:
    if prompt.rung == "brief":
        return "warm", STATED[prompt.record_id]
    return (None, None) if prompt.record_id == "p306" else ("cold", 0.05)


def test_exactly_the_unsure_are_asked_again_with_the_long_form_and_the_second_answer_wins(tmp_path: Path) -> None:
    teacher = ScriptedTeacher(first_warm_then_cold)
    check = CheckConfig(threshold=PrecisionThreshold(precision=0.95))  # no fixed one: that of the paper
    with make_setting(tmp_path, teacher, FENCE, POOL, check=check) as setting:
        outcome = METHODS["dtot"](setting)
    second = [prompt for prompt in teacher.asked if prompt.rung == "detail"]
    assert {prompt.record_id for prompt in second} == UNSURE and len(second) == len(UNSURE)
    assert all("Its label is plainly" in prompt.shown.text for prompt in second)
    assert not any("Its label is plainly" in p.shown.text for p in teacher.asked if p.rung == "brief")
    by_id = {item.record.id: item for item in outcome.labels}
    won = UNSURE - {"p306"}
    assert {name for name, item in by_id.items() if item.label == "cold"} == won, "though the second is less sure"
    assert all(by_id[name].confidence.value == 0.05 for name in won)
    assert by_id["p306"].label == "warm", "a second reply that cannot be read does not win"
    assert {item.status for item in outcome.labels} == {"accepted"}
    assert [item.label for item in outcome.stages["few_shot"]] == ["warm"] * 8


def test_a_fixed_threshold_of_the_run_is_used(tmp_path: Path) -> None:
    teacher = ScriptedTeacher(first_warm_then_cold)
    with make_setting(tmp_path, teacher, FENCE, POOL, check=CheckConfig(threshold=0.15)) as setting:
        METHODS["dtot"](setting)
    assert {prompt.record_id for prompt in teacher.asked if prompt.rung == "detail"} == {"p304", "p306"}


def test_a_text_without_a_long_form_is_asked_about_once(tmp_path: Path) -> None:
    teacher = ScriptedTeacher(lambda prompt: ("warm", 0.1))
    pool = make_records(4, "p")
    with make_setting(tmp_path, teacher, FENCE, pool) as setting:
        METHODS["dtot"](setting)
    assert len([prompt for prompt in teacher.asked if prompt.purpose == "label"]) == len(pool)
