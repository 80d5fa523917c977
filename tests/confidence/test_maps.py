"""The map from signals to a probability, of every kind."""

from typing import get_args

import numpy as np
import pytest

from dualchecker.confidence import Calibrator, Map, cross_fitted, fit_map, usable_map
from dualchecker.confidence.maps import LEAST_ISOTONIC

PRIOR = Calibrator.prior(("stated",), intercept=0.0, slopes=1.0)
LEARNING = [kind for kind in get_args(Map) if kind != "none"]


def stated(
    count: int, factor: float, offset: float, seed: int = 0
) -> tuple[list[dict[str, float]], list[bool], np.ndarray]:
    """Stated confidences whose true log-odds are ``factor`` times theirs plus ``offset``."""
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(1.0, 1.2, count)
    truth = 1 / (1 + np.exp(-(factor * log_odds + offset)))
    return [{"stated": p} for p in 1 / (1 + np.exp(-log_odds))], (rng.random(count) < truth).tolist(), truth


def test_a_temperature_is_found() -> None:
    rows, right, truth = stated(4000, 0.4, 0.0)
    found = fit_map(rows, right, PRIOR, "temperature")
    assert found.weights[1] == pytest.approx(0.4, abs=0.06)
    assert found.weights[0] == 0
    assert np.abs(found.predict(rows) - truth).max() < 0.05


def test_platt_scaling_finds_factor_and_offset() -> None:
    rows, right, _ = stated(4000, 0.5, -0.7)
    assert fit_map(rows, right, PRIOR, "sigmoid").weights[:2] == pytest.approx([-0.7, 0.5], abs=0.12)


def test_isotonic_regression_finds_a_step_that_no_logistic_curve_has() -> None:
    rng = np.random.default_rng(0)
    values = rng.random(4000)
    truth = np.where(values > 0.4, 0.9, 0.2)
    rows = [{"stated": v} for v in values]
    found = fit_map(rows, (rng.random(4000) < truth).tolist(), PRIOR, "isotonic")
    away = np.abs(values - 0.4) > 0.05
    assert np.abs(found.predict(rows) - truth)[away].mean() < 0.05
    assert (np.diff(found.predict([{"stated": v} for v in np.linspace(0, 1, 50)])) >= 0).all()


def test_none_learns_nothing() -> None:
    rows, right, _ = stated(500, 0.2, -2.0)
    found = fit_map(rows, right, PRIOR, "none")
    assert np.array_equal(found.weights, PRIOR.weights)
    assert (found.fitted_on, found.learnt) == (0, 0)
    assert cross_fitted(rows, right, PRIOR, kind="none") == pytest.approx(PRIOR.predict(rows))


@pytest.mark.parametrize("kind", get_args(Map))
@pytest.mark.parametrize("right", [[], [True], [False] * 3, [True] * 30, [False] * 30, [True, False] * 15])
@pytest.mark.parametrize("value", [None, 0.9, float("nan"), 7.0])
def test_every_map_stands_gold_that_teaches_little(kind: Map, right: list[bool], value: float | None) -> None:
    rows = [{} if value is None else {"stated": value} for _ in right]
    found = fit_map(rows, right, PRIOR, kind)
    confidence = found.predict([{}, {"stated": 0.1}, {"stated": 0.9}, {"stated": float("nan")}, {"stated": 2.0}])
    assert np.isfinite(confidence).all()
    assert ((confidence > 0) & (confidence < 1)).all()
    assert confidence[2] >= confidence[1]
    assert 0 <= found.learnt <= 1


@pytest.mark.parametrize("kind", LEARNING)
def test_a_rows_own_truth_never_reaches_its_confidence(kind: Map) -> None:
    rows, right, _ = stated(60, 0.7, 0.0)
    before = cross_fitted(rows, right, PRIOR, kind=kind)
    for i in range(0, 60, 7):
        flipped = [hit != (i == j) for j, hit in enumerate(right)]
        after = cross_fitted(rows, flipped, PRIOR, kind=kind)
        assert after[i] == before[i]
        assert (after != before).any(), "others do learn from it"


@pytest.mark.parametrize("kind", LEARNING)
def test_a_score_that_misleads_flattens_out_but_never_turns_round(kind: Map) -> None:
    rows, right, _ = stated(600, -1.0, 0.0)
    low, high = fit_map(rows, right, PRIOR, kind).predict([{"stated": 0.2}, {"stated": 0.95}])
    assert low == pytest.approx(high, abs=0.02)


def test_isotonic_regression_gives_way_where_gold_is_scarce() -> None:
    enough = [i % 3 > 0 for i in range(LEAST_ISOTONIC)]
    assert usable_map("isotonic", enough) == "isotonic"
    assert usable_map("isotonic", enough[:-1]) == "logistic"
    assert usable_map("isotonic", [i > 10 for i in range(1000)]) == "logistic"
    for kind in ("sigmoid", "temperature", "none", "logistic"):
        assert usable_map(kind, [True]) == kind
