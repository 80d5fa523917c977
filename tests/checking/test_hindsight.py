"""Contradicted answers: judged again, by what gold shows them to be worth."""

import pytest

from dualchecker.checking import Climb
from dualchecker.checking.hindsight import apply_hindsight, contradicted, learn_hindsight
from dualchecker.records import Answer, Record
from fakes import TASK


def climb(number: int, answers: list[tuple[str | None, float]], truth: str = "warm") -> Climb:
    """A record with the given labels and confidences, in the order of the rungs; a None label is no usable answer."""
    made = Climb(Record(f"r{number}", "text", label=truth))
    for label, confidence in answers:
        made.trail.append(Answer(made.record.id, label, "ok" if label else "unparsed", "brief"))
        made.signals.append({})
        made.confidences.append(confidence)
    return made


def learn(climbs: list[Climb]) -> None:
    learn_hindsight(climbs, {id(c): i % 10 for i, c in enumerate(climbs)}, TASK)


def test_only_usable_answers_with_another_label_are_contradicted() -> None:
    assert contradicted(climb(0, [("warm", 0.9), (None, 0.0), ("cold", 0.6), ("warm", 0.5)])) == [2]
    assert contradicted(climb(0, [("warm", 0.9)])) == []
    assert contradicted(climb(0, [("warm", 0.9), (None, 0.0)])) == []


def test_without_gold_the_answer_that_was_told_more_is_kept() -> None:
    new = climb(0, [("cold", 0.8), ("warm", 0.7)])
    assert new.answer is new.trail[0]
    apply_hindsight([new], learn_hindsight([], {}, TASK))
    assert new.answer is new.trail[1]
    assert new.confidences[1] == 0.7, "the later answer is its own calibrator's business"


def test_gold_tells_whether_the_first_answer_is_worth_keeping() -> None:
    def both(truth: str) -> list[float]:
        learnt = learn_hindsight(
            gold := [climb(i, [("cold", 0.8), ("warm", 0.6)], truth) for i in range(60)],
            {id(c): i % 10 for i, c in enumerate(gold)},
            TASK,
        )
        new = climb(0, [("cold", 0.8), ("warm", 0.6)])
        apply_hindsight([new], learnt)
        return new.confidences

    assert both("warm")[0] < 0.1, "on gold the contradicted answer was never right"
    assert both("cold")[0] == 0.8, "it always was: the contradiction takes nothing away, and adds nothing"


def test_on_gold_a_record_does_not_hear_its_own_truth() -> None:
    def confidence(truth: str) -> float:
        gold = [climb(i, [("cold", 0.8), ("warm", 0.6)], "warm" if i % 2 else "cold") for i in range(20)]
        gold[0] = climb(0, [("cold", 0.8), ("warm", 0.6)], truth)
        learn(gold)
        return gold[0].confidences[0]

    assert confidence("warm") == pytest.approx(confidence("cold"))


def test_agreeing_answers_are_left_alone() -> None:
    same = climb(0, [("warm", 0.8), ("warm", 0.9)])
    apply_hindsight([same], learn_hindsight([], {}, TASK))
    assert same.confidences == [0.8, 0.9]
    apply_hindsight([same], None)
    assert same.confidences == [0.8, 0.9]
