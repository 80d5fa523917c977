"""Self-consistency: the majority of samples, and their agreement as the confidence."""

from pathlib import Path

import pytest

from dualchecker.checking import vote
from dualchecker.config import SamplingConfig
from dualchecker.data import Fence
from dualchecker.methods import METHODS
from dualchecker.prompts import Prompt
from dualchecker.records import Answer
from dualchecker.teachers import RecordedTeacher
from fakes import ScriptedTeacher, make_records, make_setting

GOLD = make_records(20, "g")
POOL = make_records(3, "p", start=300)
FENCE = Fence(tuple(GOLD), (), "split")


def test_the_majority_wins_and_its_share_is_the_confidence(tmp_path: Path) -> None:
    colds = {"p300": 0, "p301": 3, "p302": 1}  # samples that say cold, of five

    def drawn(prompt: Prompt) -> tuple[str | None, float | None]:
        if prompt.record_id == "p302" and prompt.sample == 5:
            return None, None
        return ("cold" if prompt.sample <= colds[prompt.record_id] else "warm"), 0.99

    teacher = ScriptedTeacher(drawn)
    with make_setting(tmp_path, teacher, FENCE, POOL, sampling=SamplingConfig(temperature=0.9)) as setting:
        outcome = METHODS["self_consistency"](setting)
    assert [(item.label, item.confidence.value) for item in outcome.labels] == [
        ("warm", 1.0),
        ("cold", 0.6),
        ("warm", 0.6),  # one reply could not be read, and still counts
    ]
    assert all(item.confidence.signals["sample_share"] == item.confidence.value for item in outcome.labels)
    drawn_prompts = [prompt for prompt in teacher.asked if prompt.purpose == "label"]
    assert sorted(p.sample for p in drawn_prompts) == sorted([1, 2, 3, 4, 5] * 3), "each is a request of its own"
    assert {prompt.temperature for prompt in drawn_prompts} == {0.9}
    assert all("step by step" in prompt.messages[0]["content"] for prompt in drawn_prompts)


def test_a_teacher_that_only_repeats_itself_is_asked_once_and_named(tmp_path: Path) -> None:
    answers = tmp_path / "answers.jsonl"
    answers.write_text("".join(f'{{"id": "{r.id}", "label": "warm", "confidence": 0.7}}\n' for r in POOL))
    with make_setting(tmp_path, RecordedTeacher(answers), FENCE, POOL) as setting:
        outcome = METHODS["self_consistency"](setting)
        assert setting.asker.ledger.totals().requests == len(POOL)
    assert all("only_repeats" in answer.notes for item in outcome.labels for answer in item.trail)
    for item in outcome.labels:
        assert item.confidence.value == 0.7, "its agreement with itself says nothing"
        assert "sample_share" not in item.confidence.signals


def answer(label: str | None, stated: float = 0.5) -> Answer:
    return Answer("r", label, "ok" if label else "unparsed", "brief", stated=stated)


@pytest.mark.parametrize(
    ("labels", "winner", "share"),
    [
        ([("a", 0.5), ("b", 0.5), ("b", 0.1)], "b", 2 / 3),
        ([("a", 0.5), ("b", 0.6)], "b", 1 / 2),
        ([("a", 0.5), ("b", 0.5)], "a", 1 / 2),
        ([(None, 0.0), ("b", 0.5)], "b", 1 / 2),
        ([(None, 0.0)], None, 0.0),
        ([], None, 0.0),
    ],
)
def test_votes(labels: list[tuple[str | None, float]], winner: str | None, share: float) -> None:
    kept, agreed = vote([answer(*one) for one in labels])
    assert (kept.label if kept else None) == winner
    assert agreed == pytest.approx(share)
