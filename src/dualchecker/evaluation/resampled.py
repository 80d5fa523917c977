"""Scores on many resamples at once: every result on the same ones, so that any two can be compared."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dualchecker.evaluation.comparison import Difference

Draws = npt.NDArray[np.float64]
"""A score on the records as they are (first), then on each resample; shape (1 + resamples,)."""


class Resamples:
    """Resamples of a set of records, shared by all results on them.

    They are those of ``paired_difference`` with the same seed; here the scores of each result are kept, so that
    comparing many results with each other costs nothing more. What does not hang on the resample (which labels are
    right) becomes columns, and all resamples are scored in one matrix product.

    Args:
        records: Ids; runs may be over different parts of them.
        repeats: Resamples.
        seed: Of the draws.
    """

    def __init__(self, records: Sequence[str], *, repeats: int = 1000, seed: int = 0) -> None:
        self._place = {name: row for row, name in enumerate(dict.fromkeys(records))}
        count = len(self._place)
        generator = np.random.default_rng(seed)
        self._counts = np.ones((repeats + 1, count), dtype=np.float32)
        for row in range(1, repeats + 1):
            drawn = generator.integers(0, count, count) if count else np.array([], dtype=np.intp)
            self._counts[row] = np.bincount(drawn, minlength=count)

    def _drawn(self, records: Sequence[str]) -> npt.NDArray[np.float32]:
        """How often each record of a run was drawn, shape (1 + resamples, records)."""
        return self._counts[:, [self._place[name] for name in records]]

    def sums(self, columns: npt.NDArray[np.float64], records: Sequence[str]) -> npt.NDArray[np.float64]:
        """Sums of what each record adds, such as ``SpanScores.columns``; shape (1 + resamples, columns)."""
        return np.asarray(self._drawn(records).astype(float) @ columns)

    def mean(self, values: Sequence[float], records: Sequence[str]) -> Draws:
        """The mean of a value that each record has, such as being right; not a number where nothing was drawn."""
        drawn = self._drawn(records)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(drawn @ np.asarray(values, dtype=np.float32) / drawn.sum(axis=1), dtype=float)

    def accuracy(self, predicted: Sequence[str | None], truth: Sequence[str], records: Sequence[str]) -> Draws:
        """Share of right labels; None is wrong."""
        return self.mean([float(p == t) for p, t in zip(predicted, truth, strict=True)], records)

    def macro_f1(self, predicted: Sequence[str | None], truth: Sequence[str], records: Sequence[str]) -> Draws:
        """Mean F1 over the labels that occur in truth or prediction on each resample."""
        names = list(dict.fromkeys([*truth, *(guess for guess in predicted if guess is not None)]))
        column: dict[str | None, int] = {name: number for number, name in enumerate(names)}
        there, said = (np.zeros((len(truth), len(names)), dtype=np.float32) for _ in range(2))
        for row, (guess, true) in enumerate(zip(predicted, truth, strict=True)):
            there[row, column[true]] = 1
            if guess is not None:
                said[row, column[guess]] = 1
        drawn = self._drawn(records)
        hits, total = drawn @ (there * said), drawn @ (there + said)
        with np.errstate(invalid="ignore", divide="ignore"):
            f1 = np.where(total > 0, 2 * hits / total, 0).sum(axis=1, dtype=float)
            return np.asarray(f1 / (total > 0).sum(axis=1))


def over_seeds(runs: Sequence[Draws]) -> Draws:
    """The mean of several runs on each resample; a run of which nothing was drawn is left out there."""
    stacked = np.stack(runs)
    known = np.isfinite(stacked)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, stacked, 0).sum(axis=0) / known.sum(axis=0))


def summarised(draws: Draws) -> dict[str, Any]:
    """Value with its 95 % percentile interval; the bounds are None where there are no draws."""
    finite = draws[1:][np.isfinite(draws[1:])]
    low, high = np.quantile(finite, [0.025, 0.975]) if len(finite) else (None, None)
    return {"value": float(draws[0]), "low": _number(low), "high": _number(high)}


def difference(one: Draws, other: Draws) -> Difference:
    """One result minus another on the same resamples; ``p`` as in ``paired_difference``."""
    apart = one - other
    draws = apart[1:][np.isfinite(apart[1:])]
    if not len(draws):
        return Difference(float(apart[0]), float("nan"), float("nan"), float("nan"))
    low, high = np.quantile(draws, [0.025, 0.975])
    side = min(int(np.sum(draws <= 1e-12)), int(np.sum(draws >= -1e-12))) + 1
    return Difference(float(apart[0]), float(low), float(high), min(1.0, 2 * side / (len(draws) + 1)))


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
