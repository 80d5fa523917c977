"""A student for questions that bring their own choices: it scores (question, choice) pairs, not fixed labels.

A conditional logit (McFadden 1974): the softmax over a question's own choices of a score of each pair. The score is
a small network of one hidden layer, or linear.
"""

from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt

from dualchecker.errors import StudentError
from dualchecker.students.choice_features import FEATURES, Floats, PairFeatures


class ChoiceStudent:
    """Learns which of its own choices a question's label is.

    Args:
        features: Names of the columns that it may look at; see ``FEATURES``.
        hidden: Units of the hidden layer; 0 makes the score linear.
        l2: Ridge on the mean loss.
        seed: Of the hidden layer's start.
        max_iterations: Of L-BFGS.
    """

    def __init__(
        self,
        features: Sequence[str] = FEATURES,
        *,
        hidden: int = 16,
        l2: float = 3e-3,
        seed: int = 42,
        max_iterations: int = 200,
    ) -> None:
        self._columns = [FEATURES.index(name) for name in features]
        self._hidden, self._l2, self._seed = hidden, l2, seed
        self._iterations = max_iterations
        self._known: npt.NDArray[np.bool_] | None = None
        self._center = self._scale = self._weights = np.zeros(0)

    def fit(self, pairs: PairFeatures, train: npt.NDArray[np.bool_]) -> Self:
        """Learn from the labels of the questions in ``train``, shape (questions,); no other label is looked at.

        Raises:
            StudentError: None of them has a label among its choices.
        """
        from scipy.optimize import minimize
        from threadpoolctl import threadpool_limits

        known = train & pairs.labelled
        if not known.any():
            raise StudentError(
                "There is no question to learn from.",
                why="None of the training questions has a label that is one of its choices.",
                fix="Give questions whose label is one of their choices.",
            )
        rows = pairs.rows(known)
        features, target = pairs.matrix(known)[rows][:, self._columns], pairs.target[rows]
        self._known = known
        self._center, self._scale = features.mean(axis=0), features.std(axis=0)
        self._scale[self._scale < 1e-9] = 1.0
        features = (features - self._center) / self._scale
        owner = np.unique(pairs.owner[rows], return_inverse=True)[1]
        start = np.concatenate([[0], np.flatnonzero(np.diff(owner)) + 1])
        # One thread: see solver.py.
        with threadpool_limits(limits=1, user_api="blas"):
            result = minimize(
                _loss,
                self._first(features.shape[1]),
                args=(features, target, owner, start, self._hidden, self._l2),
                jac=True,
                method="L-BFGS-B",
                options={"maxiter": self._iterations},
            )
        self._weights = result.x
        return self

    def predict(self, pairs: PairFeatures, questions: npt.NDArray[np.bool_]) -> list[Floats]:
        """Probabilities over each question's own choices, one array a question of the mask ``questions``.

        Raises:
            StudentError: The student has not been trained.
        """
        if self._known is None:
            raise StudentError("This student has not been trained.", fix="Call fit first.")
        rows = pairs.rows(questions)
        features = (pairs.matrix(self._known)[rows][:, self._columns] - self._center) / self._scale
        scores, _ = _scores(self._weights, features, self._hidden)
        sizes = np.diff(pairs.start)[questions]
        return [_softmax(part) for part in np.split(scores, np.cumsum(sizes)[:-1])] if len(sizes) else []

    def _first(self, width: int) -> Floats:
        if not self._hidden:
            return np.zeros(width)
        generator = np.random.default_rng(self._seed)
        inner = generator.normal(0, 1 / np.sqrt(width), (width + 1) * self._hidden)
        return np.concatenate([inner, generator.normal(0, 0.1, self._hidden), np.zeros(width)])


def _softmax(scores: Floats) -> Floats:
    shifted = np.exp(scores - scores.max())
    return np.asarray(shifted / shifted.sum())


def _scores(weights: Floats, features: Floats, hidden: int) -> tuple[Floats, Floats]:
    """Scores, shape (pairs,), and the hidden layer, shape (pairs, hidden). The network is added to a linear score."""
    width = features.shape[1]
    if not hidden:
        return features @ weights, np.zeros((len(features), 0))
    inner = weights[: (width + 1) * hidden].reshape(width + 1, hidden)
    layer = np.tanh(features @ inner[:-1] + inner[-1])
    return layer @ weights[(width + 1) * hidden : -width] + features @ weights[-width:], layer


def _loss(
    weights: Floats,
    features: Floats,
    target: Floats,
    owner: npt.NDArray[np.intp],
    start: npt.NDArray[np.intp],
    hidden: int,
    l2: float,
) -> tuple[float, Floats]:
    """Mean negative log-likelihood of the labels within their questions, with ridge; and its gradient."""
    scores, layer = _scores(weights, features, hidden)
    shifted = scores - np.maximum.reduceat(scores, start)[owner]
    powers = np.exp(shifted)
    sums = np.add.reduceat(powers, start)
    count, width = len(start), features.shape[1]
    value = float(np.log(sums).sum() - np.vdot(target, shifted)) / count
    delta = (powers / sums[owner] - target) / count
    if not hidden:
        return value + 0.5 * l2 * float(weights @ weights), features.T @ delta + l2 * weights
    outer = weights[(width + 1) * hidden : -width]
    back = (delta[:, None] * outer) * (1 - layer**2)
    inner = np.vstack([features.T @ back, back.sum(axis=0)])
    gradient = np.concatenate([inner.ravel(), layer.T @ delta, features.T @ delta])
    return value + 0.5 * l2 * float(weights @ weights), gradient + l2 * weights
