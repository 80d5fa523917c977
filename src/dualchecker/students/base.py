"""The seam between labels and the small model that learns them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from dualchecker.errors import StudentError
from dualchecker.records import Example, Record

Probabilities = npt.NDArray[np.float64]
"""Shape (texts, labels), columns in the order of ``Student.labels``; rows sum to 1 unless several labels may apply."""


class Student(Protocol):
    """A model that learns from examples and gives a distribution over the labels."""

    @property
    def kind(self) -> str: ...

    @property
    def labels(self) -> tuple[str, ...]: ...

    @property
    def multiple(self) -> bool:
        """Whether any number of labels may apply: examples are then decisions, and records are predicted as a whole."""
        ...

    def fit(self, examples: Sequence[Example], validation: Sequence[Example] = ()) -> Self:
        """Learn from ``examples``; ``validation`` (gold) is for early stopping only.

        Raises:
            StudentError: There are no examples, or they all carry one label.
        """
        ...

    def predict(self, records: Sequence[Record]) -> Probabilities:
        """Probabilities, shape (len(records), len(labels))."""
        ...

    def sharpen(self, exponent: float) -> None:
        """Raise all probabilities to a power from now on, by the weights themselves: whoever loads them has it too.

        Raises:
            StudentError: The student has not been trained, or has no head that could be scaled.
        """
        ...

    def save(self, folder: Path, card: str = "", extra: dict[str, Any] | None = None) -> None:
        """Write the model, its card (README.md) and ``dualchecker.json``; no pickle."""
        ...


def check_examples(examples: Sequence[Example], labels: Sequence[str]) -> None:
    """Refuse what no student can learn from.

    Raises:
        StudentError: No examples, only one label, or a label that is not in ``labels``.
    """
    if not examples:
        raise StudentError("There is nothing to train on.", fix="Give gold labels, or lower check.threshold.")
    seen = {example.label for example in examples}
    if len(seen) < 2:
        raise StudentError(
            f"All {len(examples)} training examples carry the label {next(iter(seen))!r}.",
            fix="Add examples of another label.",
        )
    unknown = seen - set(labels)
    if unknown:
        raise StudentError(f"Training examples carry unknown labels: {', '.join(map(repr, sorted(unknown)))}.")


def targets_and_weights(
    examples: Sequence[Example], labels: Sequence[str], *, soft: bool = True
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Targets, shape (n, labels), rows sum to 1; and weights, shape (n,).

    Args:
        examples: What to learn from.
        labels: Order of the columns.
        soft: Use the examples' distributions where they have one; otherwise all mass is on the label.
    """
    index = {label: column for column, label in enumerate(labels)}
    targets = np.zeros((len(examples), len(labels)))
    for row, example in enumerate(examples):
        if example.target is None or not soft:
            targets[row, index[example.label]] = 1.0
        else:
            for label, share in example.target.items():
                targets[row, index[label]] = share
    targets /= targets.sum(axis=1, keepdims=True)
    return targets, np.array([example.weight for example in examples], dtype=float)


def record_text(record: Record, which: str) -> str:
    """The text a student reads: ``text``, ``detail`` (the long form alone, if there is one) or ``both``."""
    if which == "detail":
        return record.detail or record.text
    return record.long_text if which == "both" else record.text
