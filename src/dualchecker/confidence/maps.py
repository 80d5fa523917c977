"""The last step to a probability: which curve, and how it is fitted out of sample."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from dualchecker.confidence.calibration import PRIOR_STRENGTH, Calibrator, Signals

Map = Literal["logistic", "sigmoid", "isotonic", "temperature", "none"]

LEAST_ISOTONIC, LEAST_OUTCOME = 200, 20
"""Isotonic regression has a step wherever it likes: with fewer answers, or fewer right or wrong ones, the steps are
noise and it falls back to the logistic map."""

_TEMPERATURES = np.concatenate([[0.0], np.geomspace(0.05, 8, 120)])


def usable_map(wanted: Map, right: Sequence[bool]) -> Map:
    """The map that this gold can carry: ``wanted``, or ``logistic`` where isotonic regression would follow noise."""
    hits = sum(right)
    enough = len(right) >= LEAST_ISOTONIC and min(hits, len(right) - hits) >= LEAST_OUTCOME
    return "logistic" if wanted == "isotonic" and not enough else wanted


def fit_map(
    rows: Sequence[Signals],
    right: Sequence[bool],
    prior: Calibrator | None = None,
    kind: Map = "logistic",
    strength: float = PRIOR_STRENGTH,
) -> Calibrator:
    """A calibrator whose last step is ``kind``.

    ``logistic`` learns what every signal is worth (``Calibrator.fit``). The others keep the prior's weights of the
    signals and learn only how their sum becomes a probability: ``temperature`` one factor on the log-odds, with a
    Gaussian prior around 1; ``sigmoid`` factor and offset by Platt scaling (1999), whose smoothed targets stand for two
    more answers; ``isotonic`` any rising curve; ``none`` nothing: the prior stays as it is.

    Args:
        rows: Signals of answers about gold records.
        right: Whether each was right.
        prior: Weights of the signals before any gold; the documented one by default.
        kind: The map. It is used as it is: see ``usable_map`` for what the gold can carry.
        strength: Inverse variance of the prior, of ``logistic`` and ``temperature``.
    """
    prior = prior or Calibrator.prior()
    if kind == "logistic":
        return Calibrator.fit(rows, right, prior, strength)
    if kind == "none" or not rows:
        return replace(prior, fitted_on=0, learnt=0.0)
    target, score = np.asarray(right, dtype=float), prior.score(rows)
    if kind == "temperature":
        return _temperature(prior, score, target, strength)
    return _sigmoid_map(prior, score, target) if kind == "sigmoid" else _isotonic(prior, score, target)


def _temperature(prior: Calibrator, score: np.ndarray, target: np.ndarray, strength: float) -> Calibrator:
    def loss(factor: float) -> float:
        fit = np.sum(np.logaddexp(0, factor * score) - target * factor * score)
        return float(fit + 0.5 * strength * (factor - 1) ** 2)

    factor = float(min(_TEMPERATURES, key=loss))
    p = 1 / (1 + np.exp(-factor * score))
    information = float(np.sum(p * (1 - p) * score**2))
    learnt = information / (information + strength)
    return replace(prior, weights=factor * prior.weights, fitted_on=len(target), learnt=learnt)


def _sigmoid_map(prior: Calibrator, score: np.ndarray, target: np.ndarray) -> Calibrator:
    from sklearn.linear_model import LogisticRegression

    count, hits = len(target), float(target.sum())
    smoothed = np.where(target > 0, (hits + 1) / (hits + 2), 1 / (count - hits + 2))
    # A smoothed target is one answer in two parts, right and wrong.
    model = LogisticRegression(C=1e6).fit(
        np.tile(score, 2)[:, None], np.repeat([1, 0], count), sample_weight=np.concatenate([smoothed, 1 - smoothed])
    )
    slope, offset = float(model.coef_[0, 0]), float(model.intercept_[0])
    if slope <= 0:  # a surer score must not lower the confidence: only the level is learnt
        slope, offset = 0.0, float(np.log(smoothed.mean() / (1 - smoothed.mean())))
    weights = slope * prior.weights
    weights[0] += offset
    return replace(prior, weights=weights, fitted_on=count, learnt=count / (count + 2))


def _isotonic(prior: Calibrator, score: np.ndarray, target: np.ndarray) -> Calibrator:
    from sklearn.isotonic import IsotonicRegression

    count = len(target)
    # At most as sure as one more answer of either outcome would leave us.
    model = IsotonicRegression(y_min=1 / (count + 2), y_max=(count + 1) / (count + 2), out_of_bounds="clip")
    model.fit(score, target)
    curve = np.stack([model.X_thresholds_, model.y_thresholds_])
    return replace(prior, fitted_on=count, learnt=1.0, curve=curve)


def cross_fitted(
    rows: Sequence[Signals],
    right: Sequence[bool],
    prior: Calibrator | None = None,
    folds: int = 10,
    strength: float = PRIOR_STRENGTH,
    groups: Sequence[int] | None = None,
    kind: Map = "logistic",
) -> np.ndarray:
    """Confidence of every gold answer from calibrators that have not seen it, shape (n,).

    Args:
        rows: Signals of answers about gold records.
        right: Whether each was right.
        prior: See ``fit_map``.
        folds: Number of folds where ``groups`` does not say.
        strength: See ``fit_map``.
        groups: Fold of each row; by default rows are dealt out in turn. Folds must not depend on what was right:
            a row's truth would reach its own confidence through them.
        kind: The map; see ``fit_map``.
    """
    target = np.asarray(right, dtype=bool)
    fold = np.arange(len(rows)) % folds if groups is None else np.asarray(groups, dtype=int)
    out = np.zeros(len(rows))
    for number in np.unique(fold):
        held = np.flatnonzero(fold == number).tolist()
        kept = np.flatnonzero(fold != number).tolist()
        model = fit_map([rows[i] for i in kept], target[kept].tolist(), prior, kind, strength)
        out[held] = model.predict([rows[i] for i in held])
    return out
