"""From signals to the probability of being right: a small logistic model with a documented prior."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dualchecker.confidence.signals import SIGNALS

Signals = Mapping[str, float]

_CLIP = 0.005
"""Signals are taken as at least 0.5 % and at most 99.5 % sure: beyond that, log-odds measure only bravado."""

_SLACK = 1e-6
"""Rounding may carry a normalised share a little outside 0..1."""

PRIOR_INTERCEPT = 0.5
PRIOR_SLOPES = {
    "stated": 0.6,
    "label_probability": 0.4,
    "neighbour_share": 0.2,
    "repeat_share": 0.3,
    "sample_share": 0.2,
    "variant_share": 0.2,
    "student": 0.4,
    "teacher_share": 0.3,
}
DECISION_SLOPES = {**PRIOR_SLOPES, "base_rate": 0.3}
SPAN_SLOPES = {**DECISION_SLOPES, "fit": 0.1, "latest": 0.2, "overlap_share": 0.2}
CHAIN_SLOPES = {
    **PRIOR_SLOPES,
    "vote_share": 0.8,
    "approval": 0.3,
    "rivals_rejected": 0.2,
    "sound": 0.2,
}
PRIOR_STRENGTH = 1.0
"""Before any gold: an answer is more often right than not (log-odds 0.5), and each signal counts with a part of its
own log-odds, since single signals are overconfident and overlap. The prior weighs as a Gaussian of standard deviation
1 around these values."""

RELATIVE = frozenset({"neighbour_share", "student"})
"""Signals that are one voice among independent ones: what they add is measured against chance, so that a student that
knows nothing (1 / labels for every label) adds nothing."""


def is_share(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which signals can be read as probabilities; what cannot counts as missing, not as the nearest one."""
    return (values >= -_SLACK) & (values <= 1 + _SLACK)  # false for a NaN too


def _design(rows: Sequence[Signals], names: Sequence[str], chance: float) -> npt.NDArray[np.float64]:
    """Intercept, log-odds of every signal (0 if missing), missing indicators; shape (n, 1 + 2 * signals)."""
    count = len(names)
    design = np.zeros((len(rows), 1 + 2 * count))
    design[:, 0] = 1
    base = np.log(chance / (1 - chance))
    for j, name in enumerate(names):
        given = np.array([row.get(name, np.nan) for row in rows], dtype=float)
        there = is_share(given)
        p = np.clip(given[there], _CLIP, 1 - _CLIP)
        design[there, 1 + j] = np.log(p / (1 - p)) - (base if name in RELATIVE else 0.0)
        design[~there, 1 + count + j] = 1
    return design


@dataclass(frozen=True)
class Calibrator:
    """Probability that an answer is right, from its signals.

    Logistic regression on the log-odds of the signals with missing indicators. Slopes are never negative: a higher
    signal cannot lower the confidence. With little gold the fit stays near its prior; with none it *is* the prior.

    Attributes:
        names: The signals that it reads; others are ignored.
        weights: Intercept, slopes, missing indicators, shape (1 + 2 * signals,).
        fitted_on: Number of gold answers that it was fitted on.
        chance: Probability of a label drawn blindly; see ``RELATIVE``.
        learnt: Share of its weights that gold determines, against the prior, 0..1; see ``determined``.
        curve: Scores and the probabilities they stand for, shape (2, knots), where no logistic curve is assumed.
    """

    names: tuple[str, ...]
    weights: npt.NDArray[np.float64]
    fitted_on: int = 0
    chance: float = 0.5
    learnt: float = 0.0
    curve: npt.NDArray[np.float64] | None = None

    @classmethod
    def prior(
        cls,
        names: Sequence[str] = SIGNALS,
        intercept: float = PRIOR_INTERCEPT,
        slopes: float | Mapping[str, float] = PRIOR_SLOPES,
        chance: float = 0.5,
    ) -> "Calibrator":
        """What is believed before any gold is seen."""
        weights = np.zeros(1 + 2 * len(names))
        weights[0] = intercept
        weights[1 : 1 + len(names)] = slopes if isinstance(slopes, float) else [slopes[name] for name in names]
        return cls(tuple(names), weights, 0, chance)

    @classmethod
    def fit(
        cls,
        rows: Sequence[Signals],
        right: Sequence[float],
        prior: "Calibrator | None" = None,
        strength: float = PRIOR_STRENGTH,
    ) -> "Calibrator":
        """Maximum a posteriori by Newton steps.

        Args:
            rows: Signals of answers about gold records.
            right: Whether each was right; or how much of it was, in 0..1.
            prior: Mean of the Gaussian prior; a calibrator fitted elsewhere, or the documented one.
            strength: Inverse variance of the prior.
        """
        prior = prior or cls.prior()
        start, count = prior.weights, len(prior.names)
        if not rows:
            return cls(prior.names, start.copy(), 0, prior.chance)
        design, target = _design(rows, prior.names, prior.chance), np.asarray(right, dtype=float)
        columns = np.arange(design.shape[1])
        slopes = (columns >= 1) & (columns <= count)
        # An indicator that is the same everywhere would only share the intercept's work.
        free = (columns <= count) | (np.ptp(design, axis=0) > 0)
        penalty = np.where(columns == 0, 0.25 * strength, strength)
        weights = start.copy()
        for _ in range(count + 1):
            weights = _newton(design, target, weights, start, penalty, free)
            negative = slopes & free & (weights < 0)
            if not negative.any():
                break
            weights[negative] = 0.0
            free &= ~negative
        learnt = determined(design, weights, penalty, free)
        return cls(prior.names, weights, len(rows), prior.chance, learnt)

    def score(self, rows: Sequence[Signals]) -> npt.NDArray[np.float64]:
        """Log-odds of being right as a logistic curve would have them, shape (n,)."""
        return np.asarray(_design(rows, self.names, self.chance) @ self.weights)

    def predict(self, rows: Sequence[Signals]) -> npt.NDArray[np.float64]:
        """Probabilities of being right, shape (n,)."""
        if not rows:
            return np.zeros(0)
        if self.curve is not None:
            return np.asarray(np.interp(self.score(rows), *self.curve))
        return _sigmoid(self.score(rows))

    def describe(self) -> dict[str, float]:
        """Weight of each signal, for the report."""
        slopes = {name: float(self.weights[1 + j]) for j, name in enumerate(self.names)}
        return {"intercept": float(self.weights[0]), **slopes}


def determined(
    design: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
    penalty: npt.NDArray[np.float64],
    free: npt.NDArray[np.bool_],
) -> float:
    """Share of the weights in use that the data determine rather than the prior, 0..1.

    MacKay (1992, "Bayesian interpolation"): the trace of ``H (H + P)^-1``, with ``H`` the Hessian of the data's
    log-loss and ``P`` that of the prior, counts well-determined parameters; here as a share of those whose signal was
    seen at all.

    Args:
        design: Shape (n, columns).
        weights: At the mode, shape (columns,).
        penalty: Inverse variances of the prior, shape (columns,).
        free: Columns that were fitted.
    """
    used = free & (np.abs(design).sum(axis=0) > 0)
    if not used.any():
        return 0.0
    p = _sigmoid(design @ weights)
    part = design[:, used]
    hessian = (part.T * (p * (1 - p))) @ part
    return float(np.trace(np.linalg.solve(hessian + np.diag(penalty[used]), hessian)) / used.sum())


def _sigmoid(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))))


def _newton(
    design: npt.NDArray[np.float64],
    target: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
    mean: npt.NDArray[np.float64],
    penalty: npt.NDArray[np.float64],
    free: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float64]:
    def loss(w: npt.NDArray[np.float64]) -> float:
        z = design @ w
        return float(np.sum(np.logaddexp(0, z) - target * z) + 0.5 * np.sum(penalty * (w - mean) ** 2))

    weights = weights.copy()
    current = loss(weights)
    for _ in range(50):
        p = _sigmoid(design @ weights)
        gradient = design.T @ (p - target) + penalty * (weights - mean)
        hessian = (design.T * (p * (1 - p))) @ design + np.diag(penalty)
        step = np.zeros_like(weights)
        step[free] = np.linalg.solve(hessian[np.ix_(free, free)], gradient[free])
        scale = 1.0
        while scale > 1e-4 and loss(weights - scale * step) > current:
            scale /= 2
        updated = loss(weights - scale * step)
        if updated > current - 1e-9:
            break
        weights, current = weights - scale * step, updated
    return weights
