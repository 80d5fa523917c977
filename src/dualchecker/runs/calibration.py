"""Calibrating the final student: by which records it is judged, and what is reported of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dualchecker.checking.examples import examples_from
from dualchecker.confidence import sharpen
from dualchecker.evaluation.metrics import ece
from dualchecker.methods import Distilled
from dualchecker.records import Example
from dualchecker.runs.kinds.base import Parts
from dualchecker.students import Judged, Student, held_out, student_exponent

Floats = npt.NDArray[np.float64]

_LINEAR, _ENCODER = {"folds": 5, "fits": 5}, {"folds": 4, "fits": 1}
"""A linear student is fitted in seconds; an encoder pays for one more training."""


def calibrate_student(
    parts: Parts, student: Student, outcome: Distilled, validation: Sequence[Example]
) -> dict[str, Any]:
    """Make the student as sure as it is right, and say by how much.

    Gold that has been a demonstration cannot judge: the teacher's labels repeat what it said, and the student has
    learnt those. So the student is judged on *pool* records that it has not learnt from, against the checked label's
    probabilities, which were calibrated on gold; and on gold wherever gold never stood in a prompt (``split``) or the
    run calibrates nothing.

    Args:
        parts: Of the run.
        student: Trained; its weights change.
        outcome: Of the method.
        validation: Gold that it was not trained on, if any.
    """
    config = parts.config
    parts.progress.stage("student", "how sure it may be")
    if validation and parts.fence.mode == "split":
        judged = [Judged(e.record, {e.label: 1.0}) for e in validation]
        said = student.predict([item.record for item in judged])
        truth = _truth(judged, student.labels)
    else:
        judged, fixed = _judged(parts, outcome)
        sizes = _LINEAR if config.student.kind == "linear" else _ENCODER
        said, truth = held_out(parts.final_student, judged, fixed, **sizes)
    exponent = student_exponent(said, truth)
    if exponent is None:
        parts.progress.note(f"The student is not calibrated: {len(said)} records to judge it by are too few.")
        return {"exponent": None, "judged": len(said)}
    result: dict[str, Any] = {
        "exponent": exponent,
        "judged": len(said),
        "ece_before": _expected_ece(said, truth),
        "ece_after": _expected_ece(sharpen(said, exponent), truth),
    }
    if parts.dataset.test:  # for the report: nothing is decided by it
        result["test_ece_before"] = _expected_ece(*_on_test(parts, student))
    student.sharpen(exponent)
    return result


def _on_test(parts: Parts, student: Student) -> tuple[Floats, Floats]:
    judged = [Judged(record, {record.label or "": 1.0}) for record in parts.dataset.test]
    return student.predict(parts.dataset.test), _truth(judged, student.labels)


def _judged(parts: Parts, outcome: Distilled) -> tuple[list[Judged], list[Example]]:
    """Records that judge in turns, and examples that always teach."""
    labels, names, doubtful = outcome.labels, tuple(parts.task.labels), parts.config.check.doubtful
    if outcome.calibration is None or parts.config.check.calibration == "none":
        gold = [Example(record, record.label or "") for record in parts.fence.gold]
        # Texts that the teacher wrote are left out: they were written after gold, and repeat what it says.
        return [Judged(e.record, {e.label: 1.0}, e) for e in gold], examples_from(labels, doubtful)
    unseen = {record.id for record in parts.fence.calibration} if parts.fence.mode == "split" else set()
    gold = [Example(record, record.label or "") for record in parts.fence.gold]
    judged = [Judged(e.record, {e.label: 1.0}, e) for e in gold if e.record.id in unseen]
    for item in labels:
        if item.label is None:
            continue
        rest = (1 - item.confidence.value) / (len(names) - 1)
        spread = {name: item.confidence.value if name == item.label else rest for name in names}
        example = next(iter(examples_from([item], doubtful)), None)
        judged.append(Judged(item.record, item.distribution or spread, example))
    return judged, [e for e in gold if e.record.id not in unseen]


def _truth(judged: Sequence[Judged], labels: Sequence[str]) -> Floats:
    return np.array([[item.truth.get(label, 0.0) for label in labels] for item in judged])


def _expected_ece(said: Floats, truth: Floats) -> float:
    top = said.argmax(axis=1)
    return ece(said.max(axis=1).tolist(), [float(row[column]) for row, column in zip(truth, top, strict=True)])
