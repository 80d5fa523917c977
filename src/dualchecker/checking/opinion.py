"""A student's opinion of first answers, before anyone climbs: for teachers that state no confidence.

The student learns from the teacher's own first answers and speaks, out of fold, about each of them. Next to a stated
confidence it adds nothing that could be measured before the climb (docs/benchmarks.md); where the teacher states none
and gives no probabilities, it is the difference between asking the doubtful again and asking anyone.

Only calibration gold that never stood in a prompt may judge it: the teacher's labels repeat what its demonstrations
taught, and a student of those labels would look better on that gold than it is (see ``voices.py``).
"""

from collections.abc import Callable, Sequence

import numpy as np

from dualchecker.checking.ladder import Climb
from dualchecker.confidence import best_exponent, sharpen
from dualchecker.data import text_folds
from dualchecker.errors import StudentError
from dualchecker.records import Example, Record
from dualchecker.students import Student

_LEAST = 30
"""Answers below which a student of them is not worth hearing."""


class EarlyOpinion:
    """Out-of-fold probabilities of the labels for every record whose first answer is known.

    Args:
        labels: Order of the columns.
        calibration: Gold that never enters a prompt; it tells how loud the student may speak.
        make: A fresh student.
        folds: Of the cross-validation.
    """

    def __init__(
        self, labels: Sequence[str], calibration: Sequence[Record], make: Callable[[], Student], folds: int = 5
    ) -> None:
        self._column = {label: index for index, label in enumerate(labels)}
        self._truth = {record.id: self._column[record.label or ""] for record in calibration}
        self._make, self._folds = make, folds
        self._examples: dict[str, Example] = {}
        self._rows: dict[str, dict[str, float]] = {}

    def learn(self, climbs: Sequence[Climb]) -> bool:
        """Hear more first answers; False where there is nothing to say.

        It says nothing about a teacher that speaks for itself: one that states a confidence, or gives probabilities,
        with at least half of its answers.
        """
        answers = [(climb.record, climb.trail[0]) for climb in climbs if climb.trail and climb.trail[0].ok]
        telling = sum(answer.stated is not None or bool(answer.label_probabilities) for _, answer in answers)
        if 2 * telling >= len(answers):
            return False
        for record, answer in answers:
            self._examples[record.id] = Example(record, answer.label or "", source="teacher")
        return self._judge()

    def of(self, record: Record, label: str | None) -> float | None:
        """The probability of a label for a record by a student that has not seen it; None where none has spoken."""
        return self._rows.get(record.id, {}).get(label or "")

    def _judge(self) -> bool:
        examples = list(self._examples.values())
        fold = text_folds([example.record for example in examples], self._folds)
        rows = np.full((len(examples), len(self._column)), 1 / len(self._column))
        if len(examples) < _LEAST:
            return False
        for number in np.unique(fold).tolist():
            train = [e for e, own in zip(examples, fold, strict=True) if own != number]
            held = np.flatnonzero(fold == number)
            try:
                rows[held] = self._make().fit(train).predict([examples[i].record for i in held])
            except StudentError:
                return False  # one label alone teaches nothing
        judged = [i for i, example in enumerate(examples) if example.record.id in self._truth]
        truth = np.array([self._truth[examples[i].record.id] for i in judged], dtype=int)
        rows = sharpen(rows, best_exponent(rows[judged], truth)[0])
        self._rows = {
            example.record.id: dict(zip(self._column, map(float, row), strict=True))
            for example, row in zip(examples, rows, strict=True)
        }
        return True
