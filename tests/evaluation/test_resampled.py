"""Scores on many resamples: the same as one at a time."""

import random

import numpy as np
import pytest

from dualchecker.evaluation import compare_over_seeds
from dualchecker.evaluation.resampled import Resamples, difference, over_seeds, summarised
from dualchecker.tasks import Classification

TASK = Classification("q", {"a": "", "b": "", "c": ""})


def guesses(truth: list[str], share: float, seed: int) -> list[str | None]:
    draw = random.Random(seed)
    return [true if draw.random() < share else draw.choice(["a", "b", None]) for true in truth]


def test_scores_on_the_records_as_they_are_come_first() -> None:
    truth = random.Random(0).choices("abc", k=60)
    said = guesses(truth, 0.6, 1)
    resamples = Resamples([f"r{i}" for i in range(60)], repeats=20)
    ids = [f"r{i}" for i in range(60)]
    by_hand = TASK.score(said, truth)
    assert resamples.accuracy(said, truth, ids)[0] == pytest.approx(by_hand["accuracy"], abs=1e-6)
    assert resamples.macro_f1(said, truth, ids)[0] == pytest.approx(by_hand["macro_f1"], abs=1e-6)


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_differences_are_those_of_the_paired_comparison(metric: str) -> None:
    """Two seeds over overlapping records, as drawn pools are."""
    everything = random.Random(0).choices("abc", k=80)
    ids = [[f"r{i}" for i in range(50)], [f"r{i}" for i in range(30, 80)]]
    truth = [everything[:50], everything[30:]]
    one = [guesses(t, 0.7, seed) for seed, t in enumerate(truth)]
    other = [guesses(t, 0.5, seed + 10) for seed, t in enumerate(truth)]
    wanted = compare_over_seeds(one, other, truth, metric, records=ids, repeats=300, seed=4)
    resamples = Resamples([*ids[0], *ids[1]], repeats=300, seed=4)
    score = getattr(resamples, metric)
    apart = [score(p, t, i) - score(q, t, i) for p, q, t, i in zip(one, other, truth, ids, strict=True)]
    found = difference(over_seeds(apart), np.zeros(1))
    assert (found.value, found.low, found.high) == pytest.approx((wanted.value, wanted.low, wanted.high), abs=1e-6)
    assert found.p == pytest.approx(wanted.p)


def test_what_was_not_drawn_is_left_out_and_nothing_known_is_no_number() -> None:
    resamples = Resamples(["x", "y"], repeats=50, seed=1)
    draws = resamples.mean([1.0], ["x"])
    assert np.isnan(draws).any() and set(draws[np.isfinite(draws)]) == {1.0}
    assert summarised(draws) == {"value": 1.0, "low": 1.0, "high": 1.0}
    mixed = over_seeds([draws, np.zeros(51)])
    assert set(mixed) == {0.0, 0.5}
