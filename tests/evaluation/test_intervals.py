"""Intervals hold the truth as often as they say, and never claim what few records cannot show."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from dualchecker.evaluation.intervals import (
    Interval,
    bootstrap,
    bootstrap_all,
    noise_raised,
    of_share,
    percentile,
    wilson,
)
from dualchecker.evaluation.metrics import chance_ece
from dualchecker.evaluation.scores import ConfidenceScores
from dualchecker.evaluation.summary import judge_predictions
from dualchecker.tasks import Classification

TASK = Classification("?", {"a": "", "b": ""})


def held(draw: Callable[[np.random.Generator], tuple[Interval, float]], runs: int) -> float:
    """Share of seeded repetitions in which the interval holds the truth."""
    hits = 0
    for number in range(runs):
        found, truth = draw(np.random.default_rng(number))
        hits += found.low <= truth <= found.high
    return hits / runs


def test_brier_and_auroc_hold_the_truth() -> None:
    def world(generator: np.random.Generator) -> tuple[ConfidenceScores, int]:
        sure = generator.beta(4, 2, 150)
        return ConfidenceScores(sure, generator.random(150) < sure), 150

    large = np.random.default_rng(99)
    sure = large.beta(4, 2, 400_000)
    whole = ConfidenceScores(sure, large.random(400_000) < sure)
    for name in ("brier", "auroc"):

        def draw(generator: np.random.Generator, name: str = name) -> tuple[Interval, float]:
            scores, count = world(generator)
            values, draws = bootstrap_all(lambda w: {name: getattr(scores, name)(w)}, count, repeats=200)
            return percentile(values[name], draws[name]), getattr(whole, name)()

        assert 0.88 <= held(draw, 120) <= 1


@pytest.mark.parametrize("off", [0.0, 0.05, 0.15])
def test_ece_holds_the_truth_where_a_percentile_interval_would_not(off: float) -> None:
    large = np.random.default_rng(99).beta(4, 1.5, 200_000)
    truth = float(np.abs(large - np.clip(large - off, 0, 1)).mean())
    percentiles = []

    def draw(generator: np.random.Generator) -> tuple[Interval, float]:
        sure = generator.beta(4, 1.5, 250)
        scores = ConfidenceScores(sure, generator.random(250) < np.clip(sure - off, 0, 1))
        values, draws = bootstrap_all(lambda w: {"ece": scores.ece(w)}, 250, repeats=200)
        plain = percentile(values["ece"], draws["ece"])
        percentiles.append(plain.low <= truth <= plain.high)
        chance = chance_ece(sure.tolist(), repeats=200)
        return noise_raised(values["ece"], draws["ece"], chance), truth

    assert held(draw, 100) >= 0.8  # 0.87 to 0.96 where repeated often enough to say
    if off < 0.1:
        assert np.mean(percentiles) < 0.5


def test_a_share_is_never_sure_because_all_were_right() -> None:
    found = of_share(1.0, np.ones(100), 20)

    assert found.high == 1 and found.low == pytest.approx(wilson(20, 20).low) and found.low < 0.85


def test_wilson_by_hand() -> None:
    found = wilson(8, 10)

    # (p + z²/2n ± z·sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)
    assert (found.value, found.low, found.high) == pytest.approx((0.8, 0.4902, 0.9433), abs=1e-3)
    assert math.isnan(wilson(0, 0).low)


def test_all_numbers_come_from_the_same_resamples() -> None:
    """Twice a number is twice it on every single draw, and the seed alone decides the draws."""
    values = np.random.default_rng(0).random(50)

    def measure(weights: np.ndarray | None) -> dict[str, float]:
        mean = float(np.average(values, weights=weights))
        return {"once": mean, "twice": 2 * mean}

    _, draws = bootstrap_all(measure, 50, repeats=50, seed=3)
    _, again = bootstrap_all(measure, 50, repeats=50, seed=3)
    _, other = bootstrap_all(measure, 50, repeats=50, seed=4)

    assert draws["twice"] == pytest.approx(2 * draws["once"])
    assert (draws["once"] == again["once"]).all() and (draws["once"] != other["once"]).any()


def test_quick_and_general_bootstrap_agree() -> None:
    hits = (np.arange(80) % 3 > 0).astype(float)

    general = bootstrap(lambda rows: float(np.mean([hits[i] for i in rows])), 80, repeats=300, seed=1)
    values, draws = bootstrap_all(lambda w: {"mean": float(np.average(hits, weights=w))}, 80, repeats=300, seed=1)

    assert percentile(values["mean"], draws["mean"]).to_dict() == pytest.approx(general.to_dict())


def test_judged_predictions_carry_an_interval_wherever_a_number_is_claimed() -> None:
    generator = np.random.default_rng(1)
    truth = generator.choice(["a", "b"], 100).tolist()
    said = [t if generator.random() < 0.8 else "a" for t in truth]
    judged = judge_predictions(TASK, said, truth, generator.random(100).tolist())

    estimates = [judged[name] for name in ("accuracy", "macro_f1", "ece", "brier", "auroc", "coverage_area")]
    for estimate in [*estimates, *judged["accuracy_at"].values()]:
        assert estimate["low"] <= estimate["value"] <= estimate["high"]
    assert list(judged["accuracy_at"]) == ["0.8", "0.6", "0.4"]
    assert all(row["low"] <= row["accuracy"] <= row["high"] for row in judged["coverage"])
    assert judged["coverage"][-1]["accuracy"] == pytest.approx(judged["accuracy"]["value"])
    assert judged["ece_by_chance"]["mean"] < judged["ece_by_chance"]["high"]


def test_no_predictions_are_judged_without_a_crash() -> None:
    judged = judge_predictions(TASK, [], [], [])

    assert judged["count"] == 0 and math.isnan(judged["ece"]["value"]) and judged["coverage"] == []
