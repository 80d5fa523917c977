"""What a bench scores, by kind of task: labels of whole texts, spans, or answers to questions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np

from dualchecker.evaluation.resampled import Draws, Resamples
from dualchecker.evaluation.scores import LabelScores
from dualchecker.evaluation.span_metrics import SpanScores
from dualchecker.records import Span


@dataclass(frozen=True)
class Measures:
    """The scores of a kind of task.

    Attributes:
        main: Of teacher and student; the first is the headline.
        kept: Of the accepted labels, spans or answers, beside the headline, or the headline itself.
    """

    main: tuple[str, ...]
    kept: str

    @property
    def scores(self) -> tuple[str, ...]:
        """All that are resampled, each with the side that it is of: ``teacher``, ``accepted`` or ``student``."""
        sides = (("teacher", self.main), ("accepted", (self.main[0], self.kept)), ("student", self.main))
        return tuple(dict.fromkeys(f"{side}_{name}" for side, names in sides for name in names))


MEASURES: Mapping[str, Measures] = {
    "classification": Measures(("macro_f1", "accuracy"), "accuracy"),
    "extraction": Measures(("strict_f1", "overlap_f1"), "precision"),
    "reasoning": Measures(("answer_accuracy",), "answer_accuracy"),
}
"""By ``kind`` in ``metrics.json``."""

SCORES = tuple(dict.fromkeys(name for measures in MEASURES.values() for name in measures.scores))
"""Scores that are resampled; the other numbers are means over seeds."""

_NAMES = {
    "macro_f1": "macro-F1",
    "accuracy": "accuracy",
    "strict_f1": "span F1",
    "overlap_f1": "overlap F1",
    "precision": "precision",
    "answer_accuracy": "answer accuracy",
}

WORDS = {
    name: f"{_NAMES[score]} of accepted" if side == "accepted" else f"{side} {_NAMES[score]}"
    for name in SCORES
    for side, _, score in [name.partition("_")]
}
"""Scores as the tables call them."""


@dataclass(frozen=True)
class Judged:
    """Labels beside the human ones, aligned; None is no label."""

    ids: tuple[str, ...] = ()
    labels: tuple[str | None, ...] = ()
    truth: tuple[str, ...] = ()

    def only(self, kept: Sequence[bool]) -> "Judged":
        """Those of some records."""
        return type(self)(*(tuple(compress(values, kept)) for values in (self.ids, self.labels, self.truth)))  # type: ignore[arg-type]

    def draws(self, resamples: Resamples) -> dict[str, Draws]:
        """Every score on every resample."""
        return {
            "accuracy": resamples.accuracy(self.labels, self.truth, self.ids),
            "macro_f1": resamples.macro_f1(self.labels, self.truth, self.ids),
        }

    def scores(self) -> dict[str, float]:
        """Every score on the records as they are."""
        scores = LabelScores(self.labels, self.truth)
        return {"accuracy": scores.accuracy(), "macro_f1": scores.macro_f1()}


@dataclass(frozen=True)
class JudgedAnswers(Judged):
    """Answers to questions beside the human ones: there are about as many as questions, so none is a class of its own.

    The score has a name that no other kind has: no mean is over two kinds.
    """

    def draws(self, resamples: Resamples) -> dict[str, Draws]:
        """Every score on every resample."""
        return {"answer_accuracy": resamples.accuracy(self.labels, self.truth, self.ids)}

    def scores(self) -> dict[str, float]:
        """Every score on the records as they are."""
        return {"answer_accuracy": LabelScores(self.labels, self.truth).accuracy()}


@dataclass(frozen=True)
class JudgedSpans:
    """Spans beside the human ones, aligned; None is no usable answer."""

    ids: tuple[str, ...] = ()
    said: tuple[tuple[Span, ...] | None, ...] = ()
    truth: tuple[tuple[Span, ...], ...] = ()

    def draws(self, resamples: Resamples) -> dict[str, Draws]:
        """Every score on every resample."""
        scores = SpanScores(self.said, self.truth)
        return scores.measure(resamples.sums(scores.columns, self.ids))

    def scores(self) -> dict[str, float]:
        """Every score on the records as they are."""
        scores = SpanScores(self.said, self.truth)
        return {name: float(value) for name, value in scores.measure(np.asarray(scores.columns.sum(axis=0))).items()}


Answers = Judged | JudgedSpans

NOTHING = Judged()
