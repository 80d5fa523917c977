"""By which records a run's student is judged before it is told how sure it may be."""

from types import SimpleNamespace
from typing import Any

from dualchecker.checking.teacher_checker import Calibration
from dualchecker.data import Fence
from dualchecker.methods import Distilled
from dualchecker.prompts import Template
from dualchecker.records import Answer, Confidence, Example, Labelled, Record
from dualchecker.runs.calibration import _judged
from fakes import TASK, make_records

GOLD, POOL = make_records(6, "g"), make_records(4, "p", start=50)


def outcome(*, calibrated: bool, **more: Any) -> Distilled:
    labels = [
        Labelled(r, Answer(r.id, r.label, "ok", "brief", stated=0.99), Confidence(0.99), "accepted") for r in POOL
    ]
    return Distilled(labels, Template(), calibration=Calibration(Template(), []) if calibrated else None, **more)


def parts(calibration: str, fence: Fence) -> Any:
    check = SimpleNamespace(calibration=calibration, doubtful="weight")
    return SimpleNamespace(config=SimpleNamespace(check=check), task=TASK, fence=fence)


def test_calibrated_labels_judge_and_gold_that_was_shown_teaches() -> None:
    cross_fit = Fence(tuple(GOLD), tuple(GOLD), "cross_fit")
    judged, fixed = _judged(parts("logistic", cross_fit), outcome(calibrated=True))
    assert [item.record.id for item in judged] == [record.id for record in POOL]
    assert all(max(item.truth.values()) == 0.99 for item in judged)
    assert [example.record.id for example in fixed] == [record.id for record in GOLD]
    split = Fence(tuple(GOLD[:3]), tuple(GOLD[3:]), "split")
    judged, fixed = _judged(parts("logistic", split), outcome(calibrated=True))
    assert [item.record.id for item in judged] == [record.id for record in (*GOLD[3:], *POOL)]
    assert [example.record.id for example in fixed] == [record.id for record in GOLD[:3]]


def test_a_confidence_that_nothing_has_calibrated_judges_nobody() -> None:
    written = (Example(Record("generated-1", "A stove."), "warm", source="generated"),)
    fence = Fence(tuple(GOLD), tuple(GOLD), "cross_fit")
    for calibration, found in (
        ("none", outcome(calibrated=True)),
        ("logistic", outcome(calibrated=False)),
        ("logistic", outcome(calibrated=False, generated=written)),
    ):
        judged, fixed = _judged(parts(calibration, fence), found)
        assert [item.record.id for item in judged] == [record.id for record in GOLD]
        assert [example.record.id for example in fixed] == [record.id for record in POOL]
