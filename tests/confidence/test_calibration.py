"""Calibration: confidence means probability of being right."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualchecker.confidence import Calibrator, cross_fitted
from dualchecker.confidence.calibration import PRIOR_INTERCEPT, PRIOR_SLOPES
from dualchecker.confidence.signals import SIGNALS

TWO = ("stated", "label_probability")
PRIOR = Calibrator.prior(TWO)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-x)))


def logit(p: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(p / (1 - p)))


def simulate(
    count: int, intercept: float, slopes: tuple[float, float], seed: int = 0, missing: float = 0.0, shift: float = 0.0
) -> tuple[list[dict[str, float]], list[bool], np.ndarray]:
    """Answers whose chance of being right follows a known model; ``shift`` where the second signal is missing."""
    rng = np.random.default_rng(seed)
    signals = sigmoid(rng.normal(0.5, 1.5, (count, 2))).clip(0.01, 0.99)
    there = rng.random(count) >= missing
    second = np.where(there, slopes[1] * logit(signals[:, 1]), shift)
    truth = sigmoid(intercept + slopes[0] * logit(signals[:, 0]) + second)
    rows = [
        {"stated": a, "label_probability": b} if t else {"stated": a} for (a, b), t in zip(signals, there, strict=True)
    ]
    return rows, (rng.random(count) < truth).tolist(), truth


def test_known_weights_are_recovered() -> None:
    rows, right, _ = simulate(40_000, 0.3, (0.8, 0.2), missing=0.3, shift=-0.7)
    model = Calibrator.fit(rows, right, PRIOR)
    assert model.weights == pytest.approx([0.3, 0.8, 0.2, 0.0, -0.7], abs=0.06)
    assert model.fitted_on == 40_000
    assert model.describe() == pytest.approx({"intercept": 0.3, "stated": 0.8, "label_probability": 0.2}, abs=0.06)


@pytest.mark.parametrize("prior", [PRIOR, Calibrator.prior(TWO, intercept=3.0, slopes=2.0)])
def test_confidence_is_the_share_of_right_answers(prior: Calibrator) -> None:
    rows, right, _ = simulate(4000, -0.2, (0.6, 0.5), seed=1, missing=0.2)
    new_rows, new_right, truth = simulate(20_000, -0.2, (0.6, 0.5), seed=2, missing=0.2)
    confidence = Calibrator.fit(rows, right, prior).predict(new_rows)
    for part in np.array_split(np.argsort(confidence), 10):
        mean, seen = confidence[part].mean(), np.mean([new_right[i] for i in part])
        assert abs(mean - seen) < 4 * np.sqrt(mean * (1 - mean) / len(part)) + 0.02
    assert np.abs(confidence - truth).max() < 0.1


def test_bravado_is_talked_down() -> None:
    rng = np.random.default_rng(3)
    right = rng.random(400) < 0.6
    rows = [{"stated": 0.95} for _ in right]
    assert Calibrator.fit(rows, right.tolist()).predict(rows[:1])[0] == pytest.approx(right.mean(), abs=0.02)


# --- little or nothing to learn from


def test_without_gold_the_fit_is_the_documented_prior() -> None:
    for model in (Calibrator.prior(), Calibrator.fit([], [])):
        assert model.names == SIGNALS
        assert model.fitted_on == 0
        assert model.predict([{}])[0] == pytest.approx(sigmoid(np.array(PRIOR_INTERCEPT)))
        expected = sigmoid(np.array(PRIOR_INTERCEPT + PRIOR_SLOPES["stated"] * np.log(9)))
        assert model.predict([{"stated": 0.9}])[0] == pytest.approx(expected)


def test_a_little_gold_stays_near_the_prior_and_much_leaves_it() -> None:
    row = {"stated": 0.9}
    before = Calibrator.prior().predict([row])[0]
    after = [Calibrator.fit([row] * n, [False] * n).predict([row])[0] for n in (1, 10, 100)]
    assert before > after[0] > after[1] > after[2]
    assert after[0] > 0.3 and after[2] < 0.1


def test_a_signal_never_seen_keeps_its_prior_weight() -> None:
    rows, right, _ = simulate(500, 0.0, (1.0, 0.0))
    model = Calibrator.fit([{"stated": row["stated"]} for row in rows], right, PRIOR)
    assert model.weights[2] == PRIOR_SLOPES["label_probability"]


def test_a_fit_can_be_the_prior_of_the_next() -> None:
    rows, right, _ = simulate(2000, 0.0, (1.2, 0.3))
    first = Calibrator.fit(rows, right, PRIOR)
    assert np.array_equal(Calibrator.fit([], [], first).weights, first.weights)
    few = rows[:3], right[:3]
    assert Calibrator.fit(*few, first, strength=1000).weights == pytest.approx(first.weights, abs=0.01)
    assert Calibrator.fit(*few, first).weights[1:3] == pytest.approx(first.weights[1:3], abs=0.3)


# --- signals of every kind

_SIGNAL = st.one_of(st.floats(0, 1), st.sampled_from([float("nan"), float("inf"), -1.0, 2.0, 0.5]))
_ROWS = st.lists(
    st.tuples(st.dictionaries(st.sampled_from(["stated", "student", "unknown"]), _SIGNAL), st.booleans()), max_size=25
)


@settings(max_examples=150, deadline=None)
@given(_ROWS)
def test_slopes_are_never_negative_and_a_surer_signal_never_lowers_the_confidence(
    answers: list[tuple[dict[str, float], bool]],
) -> None:
    rows, right = [row for row, _ in answers], [hit for _, hit in answers]
    model = Calibrator.fit(rows, right)
    assert (model.weights[1 : 1 + len(SIGNALS)] >= 0).all()
    confidence = model.predict([{"stated": value, "student": 0.7} for value in (0.0, 0.1, 0.5, 0.9, 1.0)])
    assert np.isfinite(confidence).all()
    assert (np.diff(confidence) >= 0).all()
    assert ((confidence > 0) & (confidence < 1)).all()


def test_a_misleading_signal_is_ignored() -> None:
    rows, right, _ = simulate(3000, 0.5, (1.0, -0.8))
    model = Calibrator.fit(rows, right, PRIOR)
    assert model.weights[2] == 0
    assert model.weights[1] > 0.5


def test_a_constant_signal_does_no_harm() -> None:
    rows, right, _ = simulate(3000, 0.3, (0.8, 0.0))
    model = Calibrator.fit([{**row, "label_probability": 0.7} for row in rows], right, PRIOR)
    assert model.weights[1] == pytest.approx(0.8, abs=0.15)
    assert np.isfinite(model.weights).all()


def test_not_a_number_is_a_missing_signal() -> None:
    model = Calibrator.fit(*simulate(300, 0.0, (1.0, 0.5), missing=0.5)[:2], PRIOR)
    values = [float("nan"), float("inf"), float("-inf")]
    expected = model.predict([{"stated": 0.8}])[0]
    assert model.predict([{"stated": 0.8, "label_probability": v} for v in values]) == pytest.approx([expected] * 3)


def test_signals_beyond_the_clip_count_alike() -> None:
    low, high = Calibrator.prior().predict([{"stated": 0.995}, {"stated": 1.0}])
    assert low == high


def test_a_voice_at_chance_adds_nothing() -> None:
    for labels in (2, 10):
        model = Calibrator.prior(chance=1 / labels)
        assert model.predict([{"student": 1 / labels, "stated": 0.8}])[0] == pytest.approx(
            model.predict([{"stated": 0.8}])[0]
        )
        assert Calibrator.fit([{"student": 0.5}], [True], model).chance == 1 / labels


def test_unknown_signals_are_ignored_and_no_rows_give_no_confidence() -> None:
    model = Calibrator.prior(TWO)
    assert np.array_equal(model.predict([{"stated": 0.7, "mood": 0.1}]), model.predict([{"stated": 0.7}]))
    assert model.predict([]).shape == (0,)


# --- cross-fitting


@pytest.mark.parametrize("groups", [None, [i // 4 for i in range(40)]])
def test_a_rows_own_truth_never_reaches_its_confidence(groups: list[int] | None) -> None:
    rows, right, _ = simulate(40, 0.0, (1.0, 0.5), missing=0.2)
    before = cross_fitted(rows, right, PRIOR, groups=groups)
    for i in range(len(rows)):
        flipped = [hit != (i == j) for j, hit in enumerate(right)]
        after = cross_fitted(rows, flipped, PRIOR, groups=groups)
        assert after[i] == before[i]
        assert (after != before).sum() > len(rows) / 2, "others do learn from it"


def test_rows_of_a_group_are_judged_by_the_others_alone() -> None:
    rows, right, _ = simulate(30, 0.0, (1.0, 0.5))
    groups = [i % 3 for i in range(30)]
    found = cross_fitted(rows, right, PRIOR, groups=groups)
    rest = [i for i in range(30) if groups[i] != 1]
    model = Calibrator.fit([rows[i] for i in rest], [right[i] for i in rest], PRIOR)
    held = [i for i in range(30) if groups[i] == 1]
    assert found[held] == pytest.approx(model.predict([rows[i] for i in held]))


@pytest.mark.parametrize("right", [[], [True], [True, False], [True] * 15, [False] * 15])
def test_cross_fitting_stands_any_number_of_rows(right: list[bool]) -> None:
    rows = [{"stated": s} for s, _ in zip(itertools.cycle([0.2, 0.9]), right, strict=False)]
    found = cross_fitted(rows, right)
    assert found.shape == (len(right),)
    assert ((found > 0) & (found < 1)).all()
