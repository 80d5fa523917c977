"""Scores of labels and of confidences over weighted records, quick enough for a thousand resamples.

Every score takes ``weights``: how often each record counts, shape (records,); None counts each once. A resample with
replacement is such a weighting with whole numbers.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

BINS = 10


class LabelScores:
    """Predictions and true labels as numbers, counted once.

    Args:
        predicted: Labels; None is wrong.
        truth: Human labels, aligned.

    Raises:
        ValueError: The lists are not of one length.
    """

    def __init__(self, predicted: Sequence[str | None], truth: Sequence[str]) -> None:
        if len(predicted) != len(truth):
            raise ValueError(f"{len(predicted)} predictions for {len(truth)} true labels")
        names = dict.fromkeys([*truth, *(guess for guess in predicted if guess is not None)])
        code: dict[str | None, int] = {name: number for number, name in enumerate(names)}
        self._labels = len(names)
        self._truth = np.array([code[name] for name in truth], dtype=np.intp)
        # Column "labels" takes what has no label, which is a miss of the true label and of nothing else.
        self._said = np.array([code.get(guess, self._labels) for guess in predicted], dtype=np.intp)
        self._right = np.asarray(self._truth == self._said, dtype=float)

    def accuracy(self, weights: npt.ArrayLike | None = None) -> float:
        """Share of right labels; not a number without records."""
        counts = _weights(weights, len(self._truth))
        total = counts.sum()
        return float(counts @ self._right / total) if total else float("nan")

    def macro_f1(self, weights: npt.ArrayLike | None = None) -> float:
        """Mean F1 over the labels that occur in truth or prediction; not a number without records."""
        counts, size = _weights(weights, len(self._truth)), self._labels + 1
        both = (np.bincount(self._truth, counts, size) + np.bincount(self._said, counts, size))[:-1]
        hits = np.bincount(self._truth, counts * self._right, size)[:-1]
        occurring = both > 0
        return float(np.mean(2 * hits[occurring] / both[occurring])) if occurring.any() else float("nan")


class ConfidenceScores:
    """Confidences and whether they were right, sorted once.

    Answers of the same confidence share their rightness: where a bin or a coverage cuts through them, each side gets
    what a random order would give it on average. So no score depends on the order of the records.

    Args:
        confidence: Of each answer, in 0..1.
        right: Whether it was right, aligned.

    Raises:
        ValueError: The lists are not aligned.
    """

    def __init__(self, confidence: Sequence[float] | Floats, right: Sequence[float] | Floats) -> None:
        values, hits = np.asarray(confidence, dtype=float), np.asarray(right, dtype=float)
        if values.shape != hits.shape or values.ndim != 1:
            raise ValueError(f"confidence {values.shape} and right {hits.shape} must be aligned lists")
        self._confidence, self._right = values, hits
        self._levels, self._level = np.unique(values, return_inverse=True)

    def __len__(self) -> int:
        return len(self._right)

    def brier(self, weights: npt.ArrayLike | None = None) -> float:
        """Mean squared distance between confidence and rightness, 0..1 (Brier 1950)."""
        counts = _weights(weights, len(self))
        total = counts.sum()
        return float(counts @ (self._confidence - self._right) ** 2 / total) if total else float("nan")

    def auroc(self, weights: npt.ArrayLike | None = None) -> float:
        """Chance that a right answer is surer than a wrong one, ties count half; not a number if all are alike."""
        count, hits = self._counted(weights)
        wrong = count - hits
        pairs = hits.sum() * wrong.sum()
        if not pairs:
            return float("nan")
        return float(hits @ (np.cumsum(wrong) - wrong / 2) / pairs)

    def ece(self, weights: npt.ArrayLike | None = None, bins: int = BINS) -> float:
        """Expected calibration error over equal-count bins, 0..1 (Naeini et al. 2015; bins as Nguyen et al. 2015)."""
        sure, right, size = self.bins(weights, bins)
        return float(np.abs(sure - right).sum() / size.sum()) if len(size) else float("nan")

    def bins(self, weights: npt.ArrayLike | None = None, bins: int = BINS) -> tuple[Floats, Floats, Floats]:
        """Sum of confidences, number of right answers and number of answers in equal-count bins, unsure to sure."""
        count, hits = self._counted(weights)
        total = round(count.sum())
        if not total:
            return np.zeros(0), np.zeros(0), np.zeros(0)
        bins = min(bins, total)
        size = np.full(bins, total // bins) + (np.arange(bins) < total % bins)
        cuts = np.concatenate([[0], np.cumsum(size)])
        mass = _cumulated(count)
        sure = np.diff(np.interp(cuts, mass, _cumulated(count * self._levels)))
        return sure, np.diff(np.interp(cuts, mass, _cumulated(hits))), size.astype(float)

    def coverage(self, weights: npt.ArrayLike | None = None) -> Floats:
        """Accuracy of the surest 1, 2, ... n answers, shape (n,): the accuracy-coverage curve."""
        count, hits = (part[::-1] for part in self._counted(weights))
        kept = np.arange(1, round(count.sum()) + 1)
        return np.asarray(np.interp(kept, _cumulated(count), _cumulated(hits)) / kept, dtype=float)

    def _counted(self, weights: npt.ArrayLike | None) -> tuple[Floats, Floats]:
        """Answers and right answers at each level of confidence, lowest first."""
        counts, size = _weights(weights, len(self)), len(self._levels)
        count, hits = (np.bincount(self._level, part, size) for part in (counts, counts * self._right))
        return count.astype(float), hits.astype(float)


def _weights(weights: npt.ArrayLike | None, count: int) -> Floats:
    return np.ones(count) if weights is None else np.asarray(weights, dtype=float)


def _cumulated(values: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(values)])
