"""Accuracy and macro-F1 of single labels, quick enough to be computed on a thousand resamples."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


class LabelScores:
    """Predictions and true labels as numbers, counted once.

    Every score takes ``weights``: how often each record counts, shape (records,); None counts each once. A resample
    with replacement is such a weighting.

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
        counts = self._counts(weights)
        total = counts.sum()
        return float(counts @ self._right / total) if total else float("nan")

    def macro_f1(self, weights: npt.ArrayLike | None = None) -> float:
        """Mean F1 over the labels that occur in truth or prediction; not a number without records."""
        counts, size = self._counts(weights), self._labels + 1
        there = np.bincount(self._truth, counts, size)
        said = np.bincount(self._said, counts, size)
        hits = np.bincount(self._truth, counts * self._right, size)
        occurring = (there + said)[: self._labels] > 0
        if not occurring.any():
            return float("nan")
        return float(np.mean(2 * hits[:-1][occurring] / (there + said)[:-1][occurring]))

    def _counts(self, weights: npt.ArrayLike | None) -> npt.NDArray[np.float64]:
        return np.ones(len(self._truth)) if weights is None else np.asarray(weights, dtype=float)
