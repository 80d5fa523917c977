"""How sure a student may be: one exponent on its probabilities, found on records that it has not learnt from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dualchecker.confidence import best_exponent
from dualchecker.data import fingerprint, text_folds
from dualchecker.records import Example, Record
from dualchecker.students.base import Probabilities, Student

LEAST_JUDGED = 20
"""Fewer records than this say nothing about an exponent."""


@dataclass(frozen=True)
class Judged:
    """A record by which a student may be judged while it is held out, and taught while it is not.

    Attributes:
        record: The text.
        truth: Probability by label: all mass on the human label, or a calibrated distribution.
        example: What it teaches; None teaches nothing.
    """

    record: Record
    truth: Mapping[str, float]
    example: Example | None = None


def held_out(
    make: Callable[[], Student], judged: Sequence[Judged], fixed: Sequence[Example], *, folds: int, fits: int
) -> tuple[Probabilities, npt.NDArray[np.float64]]:
    """What students say about judged records that they have not learnt from.

    Args:
        make: A fresh student.
        judged: In turns held out and learnt from; equal texts are held out together.
        fixed: Always learnt from. Judged records with the text of one of these are left out: they would be known.
        folds: Parts that ``judged`` is divided into.
        fits: How many of the parts are held out, each for one fit.

    Returns:
        Probabilities and truth, each of shape (records judged, labels); both empty where no student can be fitted.
    """
    known = {fingerprint(example.record.text) for example in fixed}
    fold = text_folds([item.record for item in judged], folds)
    open_ = [item.record.text.strip() != "" and fingerprint(item.record.text) not in known for item in judged]
    said, truth = [], []
    for number in range(min(fits, folds)):
        train = [*fixed, *(i.example for i, f in zip(judged, fold, strict=True) if f != number and i.example)]
        asked = [i for i, f, free in zip(judged, fold, open_, strict=True) if f == number and free]
        if not asked or len({example.label for example in train if example.weight > 0}) < 2:
            continue
        student = make().fit(train)
        said.append(student.predict([item.record for item in asked]))
        truth.append(np.array([[item.truth.get(label, 0.0) for label in student.labels] for item in asked]))
    if not said:
        return np.zeros((0, 0)), np.zeros((0, 0))
    return np.concatenate(said), np.concatenate(truth)


def student_exponent(said: Probabilities, truth: npt.NDArray[np.float64]) -> float | None:
    """The exponent for a student's probabilities, never 0, shrunk towards 1; None with fewer than ``LEAST_JUDGED``."""
    return best_exponent(said, truth, strength=1.0)[0] if len(said) >= LEAST_JUDGED else None
