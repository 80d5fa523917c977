"""Teachers whose errors are known: the confidence comes out as the truth, and thresholds keep what they promise."""

from collections.abc import Callable

import numpy as np
import pytest

from dualchecker.confidence import Map, choose_threshold, cross_fitted, fit_map
from dualchecker.confidence.thresholds import Unproved

Floats = np.ndarray
Draw = Callable[[np.random.Generator, int], tuple[list[dict[str, float]], Floats]]


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))


def _distorted(factor: float, offset: float, centre: float = 2.2) -> Draw:
    def draw(rng: np.random.Generator, count: int) -> tuple[list[dict[str, float]], Floats]:
        log_odds = rng.normal(centre, 1.3, count)
        return [{"stated": float(s)} for s in _sigmoid((log_odds - offset) / factor)], _sigmoid(log_odds)

    return draw


def _two_populations(rng: np.random.Generator, count: int) -> tuple[list[dict[str, float]], Floats]:
    """Half of the texts are easy; on the others the teacher boasts as much, but token probabilities tell."""
    easy = rng.random(count) < 0.6
    own = _sigmoid(np.where(easy, 3.0, 0.4) + rng.normal(0, 0.7, count))
    said = rng.choice([0.9, 0.95], count)
    rows = [{"stated": float(s), "label_probability": float(o)} for s, o in zip(said, own, strict=True)]
    # What can be known is the truth given the signals, not given the hidden population.
    log_odds = np.log(own / (1 - own))
    density = [np.exp(-((log_odds - mean) ** 2) / (2 * 0.7**2)) for mean in (3.0, 0.4)]
    share = 0.6 * density[0] / (0.6 * density[0] + 0.4 * density[1])
    return rows, np.asarray(share * 0.985 + (1 - share) * 0.6)


def _discrete(rng: np.random.Generator, count: int) -> tuple[list[dict[str, float]], Floats]:
    said = rng.choice([0.8, 0.9, 0.95], count, p=[0.3, 0.3, 0.4])
    return [{"stated": float(s)} for s in said], np.select([said < 0.85, said < 0.92], [0.65, 0.86], 0.98)


TEACHERS: dict[str, Draw] = {
    "honest": _distorted(1.0, 0.0),
    "overconfident": _distorted(0.6, 0.2, centre=2.0),
    "underconfident": _distorted(2.5, 0.5),
    "two populations": _two_populations,
    "three stated values": _discrete,
}


CLIFF = "two populations"
"""Its truth falls from one level to another within a little of the signal, which no logistic curve does."""


def _furthest_bin(name: str, kind: Map) -> float:
    """Largest distance of confidence and truth over fifths of the answers, in standard errors of a fifth."""
    rng = np.random.default_rng(0)
    rows, truth = TEACHERS[name](rng, 2000)
    model = fit_map(rows, (rng.random(2000) < truth).tolist(), kind=kind)
    fresh, expected = TEACHERS[name](rng, 5000)
    confidence = model.predict(fresh)
    parts = np.array_split(np.argsort(confidence, kind="stable"), 5)
    shares = [float(expected[part].mean()) for part in parts]
    errors = [np.sqrt(share * (1 - share) / 400) for share in shares]
    gaps = [abs(float(confidence[part].mean()) - share) for part, share in zip(parts, shares, strict=True)]
    return max(gap / error for gap, error in zip(gaps, errors, strict=True))


@pytest.mark.parametrize("name", TEACHERS)
def test_the_confidence_is_the_truth_within_sampling_error(name: str) -> None:
    assert _furthest_bin(name, "isotonic" if name == CLIFF else "logistic") < 3


def test_a_cliff_is_what_isotonic_regression_is_for() -> None:
    assert _furthest_bin(CLIFF, "logistic") > 4


@pytest.mark.parametrize("name", TEACHERS)
def test_the_precision_is_held_in_93_of_100_draws_of_200_gold_answers(name: str) -> None:
    rng = np.random.default_rng(1)
    pool, expected = TEACHERS[name](rng, 800)
    rules: tuple[Unproved, ...] = ("bound", "nothing")
    held: dict[Unproved, list[bool]] = {rule: [] for rule in rules}
    accepted = dict.fromkeys(rules, 0)
    for _ in range(200):
        rows, truth = TEACHERS[name](rng, 200)
        right = (rng.random(200) < truth).tolist()
        judged = cross_fitted(rows, right, folds=4).tolist()
        confidence = fit_map(rows, right).predict(pool)
        for rule in rules:
            taken = confidence >= choose_threshold(judged, right, 0.95, fixed=False, unproved=rule).value
            accepted[rule] += bool(taken.any())
            held[rule].append(not taken.any() or bool(expected[taken].mean() >= 0.95))
    assert min(np.mean(held[rule]) for rule in rules) >= 0.93
    assert accepted["bound"] >= max(40, accepted["nothing"]), "who accepts nothing keeps any promise"


def test_the_estimate_does_not_keep_the_promise() -> None:
    # The reason why it is not the default.
    rng = np.random.default_rng(2)
    pool, expected = TEACHERS["honest"](rng, 800)
    broken = 0
    for _ in range(60):
        rows, truth = TEACHERS["honest"](rng, 200)
        right = (rng.random(200) < truth).tolist()
        found = choose_threshold(
            cross_fitted(rows, right, folds=4).tolist(), right, 0.95, fixed=False, unproved="estimate"
        )
        taken = fit_map(rows, right).predict(pool) >= found.value
        broken += bool(taken.any() and expected[taken].mean() < 0.95)
    assert broken > 10
