"""The bound of precision from a curve through all answers."""

import numpy as np
import pytest

from dualchecker.confidence import model_bound


def answers(count: int, seed: int, shape: float = 6.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidences from high to low, whether right, and the running true precision."""
    rng = np.random.default_rng(seed)
    confidence = np.sort(rng.beta(shape, 1, count))[::-1]
    return confidence, rng.random(count) < confidence, np.cumsum(confidence) / np.arange(1, count + 1)


@pytest.mark.parametrize("taken", [20, 60, 150])
def test_the_bound_lies_below_the_truth_in_at_least_93_of_100_draws(taken: int) -> None:
    below = [
        model_bound(confidence, right)[taken - 1] <= truth[taken - 1]
        for confidence, right, truth in (answers(200, seed) for seed in range(300))
    ]
    assert 0.93 <= np.mean(below) < 1


def test_it_says_more_about_the_surest_answers_than_they_can_say_themselves() -> None:
    confidence, right, _ = answers(200, 1)
    right[:20] = True
    alone = 0.05 ** (1 / 20)
    assert alone < model_bound(confidence, right)[19] < 1


def test_more_answers_bring_it_closer_and_a_mistake_pushes_it_down() -> None:
    confidence, right, truth = answers(4000, 2)
    few = slice(None, None, 40)
    assert (
        truth[-1] - model_bound(confidence, right)[-1] < truth[few][-1] - model_bound(confidence[few], right[few])[-1]
    )
    worse = right.copy()
    worse[np.flatnonzero(right)[:50]] = False
    assert (model_bound(confidence, worse) < model_bound(confidence, right)).all()


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("level", [0.0, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("count", [1, 5, 300])
def test_it_stands_answers_that_are_all_alike(level: float, right: bool, count: int) -> None:
    bounds = model_bound(np.full(count, level), np.full(count, right))
    assert np.isfinite(bounds).all() and (bounds > 0).all() and (bounds < 1).all()
