"""A student for word problems: it scores the small equations over a question's own numbers.

A log-linear model over equations and the numbers they take (Kushman, Artzi, Zettlemoyer, Barzilay 2014). It learns
from answers, not from equations: a chain of thought hides steps in its last equation (``30 - 28``, where 30 was made
before), and all equations that come to the answer share the credit.
"""

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from dualchecker.errors import StudentError
from dualchecker.students.equation_features import KINDS, WIDTH, EquationFeatures

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class EquationStudent:
    """Learns which equation over its numbers answers a question.

    Args:
        l2: Ridge on the mean loss.
        max_iterations: Of L-BFGS.
    """

    def __init__(self, *, l2: float = 2e-3, max_iterations: int = 100) -> None:
        self._l2, self._iterations = l2, max_iterations
        self._known: Bools | None = None
        self._scale = self._weights = np.zeros(0)

    def fit(self, pairs: EquationFeatures, train: Bools, weights: Floats | None = None) -> Self:
        """Learn from the answers of the questions in ``train``, shape (questions,); no other answer is looked at.

        Args:
            pairs: Questions with answers.
            train: Which of them may be learnt from.
            weights: How much each counts, shape (questions,); alike where not given.

        Raises:
            StudentError: None of them has an answer that an equation over its numbers gives.
        """
        from scipy.optimize import minimize
        from threadpoolctl import threadpool_limits

        known = train & pairs.labelled
        if weights is not None:
            known = known & (weights > 0)
        if not known.any():
            raise StudentError(
                "There is no question to learn from.",
                why="None of the training questions has an answer that a small equation over its own numbers gives.",
                fix="Give questions whose answer follows from the numbers in their text.",
            )
        self._known = known
        values = pairs.matrix(known)[pairs.rows(known)]
        self._scale = np.maximum(values.std(axis=0), 1e-2)
        part = _Part(pairs, known, values / self._scale)
        importance = np.ones(len(known)) if weights is None else weights
        share = importance[known] / importance[known].sum()
        # One thread: see solver.py.
        with threadpool_limits(limits=1, user_api="blas"):
            result = minimize(
                part.loss,
                np.zeros(part.width),
                args=(share, self._l2),
                jac=True,
                method="L-BFGS-B",
                options={"maxiter": self._iterations},
            )
        self._weights = result.x
        return self

    def predict(self, pairs: EquationFeatures, questions: Bools) -> list[Floats]:
        """Probabilities over each question's own candidates, one array a question of the mask ``questions``.

        Raises:
            StudentError: The student has not been trained.
        """
        if self._known is None:
            raise StudentError("This student has not been trained.", fix="Call fit first.")
        some = questions & (np.diff(pairs.start) > 0)
        sizes = np.diff(pairs.start)[questions]
        if not some.any():
            return [np.zeros(0) for _ in sizes]
        part = _Part(pairs, some, pairs.matrix(self._known)[pairs.rows(some)] / self._scale)
        return np.split(part.shares(part.scores(self._weights)), np.cumsum(sizes)[:-1])


class _Part:
    """Candidates of some questions, ready for scoring."""

    def __init__(self, pairs: EquationFeatures, questions: Bools, values: Floats) -> None:
        rows = pairs.rows(questions)
        self._wording, self._beside, self._values = pairs.wording, pairs.beside, values
        self._by_form, self._by_role = pairs.by_form[rows], pairs.by_role[rows]
        self._transposed: tuple[Any, ...] = tuple(
            matrix.T.tocsr() for matrix in (self._wording, self._beside, self._by_form, self._by_role)
        )
        self._hit = pairs.hit[rows]
        sizes = np.diff(pairs.start)[questions]
        self._start = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(int)
        self._owner = np.repeat(np.arange(len(sizes)), sizes)
        ends = np.cumsum([self._wording.shape[1] * KINDS, self._beside.shape[1] * WIDTH, values.shape[1]])
        self._ends, self.width = ends[:2], int(ends[2])

    def scores(self, weights: Floats) -> Floats:
        first, second, third = np.split(weights, self._ends)
        by_form = self._wording @ first.reshape(-1, KINDS)
        by_role = self._beside @ second.reshape(-1, WIDTH)
        scores = self._by_form @ by_form.ravel() + self._by_role @ by_role.ravel() + self._values @ third
        return np.asarray(scores, dtype=float)

    def shares(self, scores: Floats) -> Floats:
        return self._softmax(scores)[1]

    def _softmax(self, scores: Floats) -> tuple[Floats, Floats]:
        """Logarithm of each question's sum, and the candidates' shares of it."""
        top = np.maximum.reduceat(scores, self._start)
        powers = np.exp(scores - top[self._owner])
        sums = np.add.reduceat(powers, self._start)
        return top + np.log(sums), powers / sums[self._owner]

    def loss(self, weights: Floats, share: Floats, l2: float) -> tuple[float, Floats]:
        """Mean negative log-likelihood of the answers, with ridge; and its gradient."""
        scores = self.scores(weights)
        everything, shares = self._softmax(scores)
        right, within = self._softmax(np.where(self._hit, scores, -1e9))
        value = float(share @ (everything - right)) + 0.5 * l2 * float(weights @ weights)
        delta = (shares - within) * share[self._owner]
        wording, beside, by_form, by_role = self._transposed
        gradient = [
            (wording @ (by_form @ delta).reshape(-1, KINDS)).ravel(),
            (beside @ (by_role @ delta).reshape(-1, WIDTH)).ravel(),
            self._values.T @ delta,
        ]
        return value, np.concatenate(gradient) + l2 * weights
