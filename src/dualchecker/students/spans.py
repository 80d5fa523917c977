"""The seam between labelled spans and the small model that learns them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from dualchecker.records import Example, Record, Span


@dataclass(frozen=True, slots=True)
class ScoredSpan:
    """A span that a student found, and its probability that exactly this span is there."""

    span: Span
    probability: float


class SpanStudent(Protocol):
    """A model that learns spans from examples (``Example.spans``) and finds them in texts.

    It is flat: no two of its spans overlap. What it cannot express of its examples it leaves out and counts.
    """

    @property
    def kind(self) -> str: ...

    @property
    def labels(self) -> tuple[str, ...]: ...

    @property
    def unexpressed(self) -> dict[str, int]:
        """Spans of the training examples that a flat student cannot express (they overlap another), by label."""
        ...

    def fit(self, examples: Sequence[Example], validation: Sequence[Example] = ()) -> Self:
        """Learn from ``examples``; ``validation`` (gold) is for early stopping only.

        Raises:
            StudentError: There are no examples, or none of them has a span.
        """
        ...

    def predict(self, records: Sequence[Record]) -> list[tuple[ScoredSpan, ...]]:
        """The likeliest legal tagging of each text, as spans in order of ``Span``; aligned with ``records``."""
        ...

    def probabilities(self, records: Sequence[Record], spans: Sequence[Sequence[Span]]) -> list[list[float]]:
        """Probability that exactly this span is in the text, for any spans; aligned with ``records`` and ``spans``."""
        ...

    def absence(self, records: Sequence[Record]) -> npt.NDArray[np.float64]:
        """Probability that a text has no span of a label, shape (len(records), len(labels))."""
        ...

    def sharpen(self, exponent: float) -> None:
        """Raise the tags' probabilities to a power from now on, by the weights themselves.

        Raises:
            StudentError: The student has not been trained, or has no head that could be scaled.
        """
        ...

    def save(self, folder: Path, card: str = "", extra: dict[str, Any] | None = None) -> None:
        """Write the model, its card (README.md) and ``dualchecker.json``; no pickle."""
        ...
