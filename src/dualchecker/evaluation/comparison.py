"""Is A better than B on the same records? Differences with paired bootstrap intervals."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from dualchecker.evaluation.scores import LabelScores

Rows = npt.NDArray[np.intp]
Predictions = Sequence[str | None]


@dataclass(frozen=True, slots=True)
class Difference:
    """A minus B, with its 95 % percentile bootstrap interval.

    Attributes:
        value: On all records.
        low: Lower end.
        high: Upper end.
        p: Two-sided, by inverting the interval: twice the smaller share of resamples on one side of 0. It is never
            under ``2 / (repeats + 1)``, and 1 where A and B are the same.
    """

    value: float
    low: float
    high: float
    p: float

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


def paired_difference(
    statistic: Callable[[Rows], float], count: int, *, repeats: int = 1000, seed: int = 0
) -> Difference:
    """Interval of a difference between two results on the same records.

    Both sides are computed on the same resample of records, so that what makes a record hard for both cancels
    (Efron and Tibshirani 1993, chapter 8).

    Args:
        statistic: From row numbers (drawn with replacement) to A minus B on those rows. A draw on which it is not a
            finite number is left out.
        count: Number of records.
        repeats: Resamples.
        seed: Of the draws.
    """
    nothing = float("nan")
    if count == 0:
        return Difference(nothing, nothing, nothing, nothing)
    value = float(statistic(np.arange(count)))
    generator = np.random.default_rng(seed)
    draws = np.array([statistic(generator.integers(0, count, count)) for _ in range(repeats)], dtype=float)
    draws = draws[np.isfinite(draws)]
    if not len(draws):
        return Difference(value, nothing, nothing, nothing)
    low, high = np.quantile(draws, [0.025, 0.975])
    # One more on each side: the records as they are count as a draw, and no p is 0. Rounding is no difference.
    side = min(int(np.sum(draws <= 1e-12)), int(np.sum(draws >= -1e-12))) + 1
    return Difference(value, float(low), float(high), min(1.0, 2 * side / (len(draws) + 1)))


def compare_accuracy(a: Predictions, b: Predictions, truth: Sequence[str], *, seed: int = 0) -> Difference:
    """Accuracy of ``a`` minus that of ``b``; all three lists are over the same records, None is wrong."""
    return compare_over_seeds([a], [b], [truth], "accuracy", seed=seed)


def compare_macro_f1(a: Predictions, b: Predictions, truth: Sequence[str], *, seed: int = 0) -> Difference:
    """Macro-F1 of ``a`` minus that of ``b``; all three lists are over the same records."""
    return compare_over_seeds([a], [b], [truth], "macro_f1", seed=seed)


def compare_over_seeds(
    a: Sequence[Predictions],
    b: Sequence[Predictions],
    truth: Sequence[Sequence[str]],
    metric: str = "accuracy",
    *,
    records: Sequence[Sequence[str]] | None = None,
    repeats: int = 1000,
    seed: int = 0,
) -> Difference:
    """The mean difference over several runs of A and B, one pair for each seed.

    Records are resampled, not seeds: a record that stands in several runs is drawn into all of them or into none. So
    the interval tells what other records would change; the spread over seeds is to be shown beside it.

    Args:
        a: Predictions of each run of A.
        b: Predictions of each run of B; run ``i`` is over the same records as run ``i`` of A.
        truth: Human labels of the records of each run; one list stands for all runs.
        metric: ``accuracy`` or ``macro_f1``.
        records: Ids of the records of each run, where runs have test sets of their own. Without it all runs are over
            the same records in the same order.
        repeats: Resamples.
        seed: Of the draws.

    Raises:
        ValueError: Lists that are not aligned, no runs, or a metric of another name.
    """
    truths = list(truth) * len(a) if len(truth) == 1 else list(truth)
    if not a or not len(a) == len(b) == len(truths):
        raise ValueError(f"{len(a)} runs of A, {len(b)} of B and {len(truths)} lists of true labels are not aligned")
    if metric not in ("accuracy", "macro_f1"):
        raise ValueError(f"the metric is accuracy or macro_f1, not {metric!r}")
    pairs = [(LabelScores(p, t), LabelScores(q, t)) for p, q, t in zip(a, b, truths, strict=True)]
    if records is None:
        if len({len(t) for t in truths}) > 1:
            raise ValueError("runs over different records need their ids: records")
        names = [list(map(str, range(len(t)))) for t in truths]
    else:
        names = [list(ids) for ids in records]
        if [len(ids) for ids in names] != [len(t) for t in truths]:
            raise ValueError("records must name every record of every run")
    place = {name: row for row, name in enumerate(dict.fromkeys(name for ids in names for name in ids))}
    rows_of = [np.array([place[name] for name in ids], dtype=np.intp) for ids in names]

    def statistic(rows: Rows) -> float:
        drawn = np.bincount(rows, minlength=len(place))
        # A run of which nothing was drawn says nothing; the mean is over the others.
        differences = [
            getattr(one, metric)(drawn[where]) - getattr(other, metric)(drawn[where])
            for (one, other), where in zip(pairs, rows_of, strict=True)
            if drawn[where].any()
        ]
        return float(np.mean(differences)) if differences else float("nan")

    return paired_difference(statistic, len(place), repeats=repeats, seed=seed)
