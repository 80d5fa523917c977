"""EvoKD: the teacher writes texts for the student's weak spots; they teach and do nothing else."""

import json
from pathlib import Path

import pytest

from dualchecker.config import EvolveConfig
from dualchecker.data import Fence
from dualchecker.errors import ConfigError
from dualchecker.methods import METHODS
from dualchecker.prompts import Prompt
from dualchecker.records import Record
from dualchecker.teachers import RecordedTeacher
from fakes import ScriptedTeacher, make_records, make_setting

GOLD = make_records(40, "g")
POOL = make_records(20, "p", start=300)
DEMONSTRATIONS, CALIBRATION = tuple(GOLD[:30]), tuple(GOLD[30:])
WRONG = Record("odd", "A stove with a boiler beside it, and it is said to be freezing.", label="cold")


def truth(prompt: Prompt) -> tuple[str, float]:
    return ("warm", "cold")[int(prompt.record_id[1:]) % 2], 0.9


class Writer(ScriptedTeacher):
    def __init__(self) -> None:
        super().__init__(truth, rungs=("brief", "explain", "generate"), writing=self.write)
        self.requests: list[Prompt] = []

    def write(self, prompt: Prompt) -> str:
        self.requests.append(prompt)
        number = len(self.requests)
        body = {
            "weakness": "It trusts single words.",
            "harder": {"text": f"A kiln is cold now, case {number}.", "label": "Cold"},
            "easier": {"text": prompt.shown.demonstrations[0].record.text, "label": "warm"},
        }
        return json.dumps(body)


def test_weak_spots_are_shown_and_texts_come_round_by_round(tmp_path: Path) -> None:
    teacher, fence = Writer(), Fence((*DEMONSTRATIONS, WRONG), CALIBRATION, "split")
    with make_setting(tmp_path, teacher, fence, POOL, evolve=EvolveConfig(rounds=2, requests=3)) as setting:
        outcome = METHODS["evokd"](setting)
    assert len(teacher.requests) == 6
    assert any("odd" in prompt.shown.hard for prompt in teacher.requests), "what the student gets wrong is hard"
    calibration = {record.text for record in CALIBRATION}
    for prompt in teacher.asked:
        words = prompt.messages[1]["content"]
        assert not any(text in words for text in calibration), "calibration gold is in no prompt"
    assert outcome.written == {"ok": 6, "copy": 6}
    assert [example.label for example in outcome.generated] == ["cold"] * 6
    assert {example.source for example in outcome.generated} == {"generated"}


def test_generated_texts_are_in_no_prompt_and_no_label(tmp_path: Path) -> None:
    teacher, fence = Writer(), Fence(DEMONSTRATIONS, CALIBRATION, "split")
    with make_setting(tmp_path, teacher, fence, POOL) as setting:
        outcome = METHODS["evokd"](setting)
        assert setting.fence == fence
    texts = {example.record.text for example in outcome.generated}
    assert texts and not any(text in m["content"] for p in teacher.asked for m in p.messages for text in texts)
    assert [item.record.id for item in outcome.labels] == [record.id for record in POOL]
    assert not {example.record.id for example in outcome.generated} & {
        demo.record.id for demo in outcome.template.fixed
    }


def test_a_teacher_that_cannot_write_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    answers = tmp_path / "answers.jsonl"
    answers.write_text("".join(f'{{"id": "{record.id}", "label": "warm"}}\n' for record in POOL))
    with make_setting(tmp_path, RecordedTeacher(answers), Fence(tuple(GOLD), (), "split"), POOL) as setting:
        with pytest.raises(ConfigError, match="generate"):
            METHODS["evokd"](setting)
        assert setting.asker.ledger.totals().requests == 0


def test_failed_requests_for_texts_are_counted_by_name(tmp_path: Path) -> None:
    teacher = ScriptedTeacher(truth, rungs=("brief", "generate"), writing=lambda prompt: "I would rather not.")
    with make_setting(tmp_path, teacher, Fence(tuple(GOLD), (), "split"), POOL) as setting:
        outcome = METHODS["evokd"](setting)
    assert outcome.generated == () and set(outcome.written) == {"unparsed"}
