"""One exponent for a distribution."""

import numpy as np
import pytest

from dualchecker.confidence import best_exponent, sharpen


def test_exponents_make_rows_uniform_leave_them_or_make_them_surer() -> None:
    rows = np.array([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0]])
    assert sharpen(rows, 0) == pytest.approx(np.full((2, 3), 1 / 3))
    assert sharpen(rows, 1) == pytest.approx(rows, abs=1e-3)
    assert sharpen(rows, 3)[0, 0] > 0.9
    assert sharpen(rows, 8).sum(axis=1) == pytest.approx([1, 1])


@pytest.mark.parametrize("exponent", [0.3, 1.0, 2.5])
def test_the_exponent_behind_the_truth_is_found(exponent: float) -> None:
    rng = np.random.default_rng(0)
    rows = rng.dirichlet([1.5] * 4, 20_000)
    draws = rng.random((len(rows), 1))
    truth = (sharpen(rows, exponent).cumsum(axis=1) < draws).sum(axis=1)
    found, loss = best_exponent(rows, truth)
    assert found == pytest.approx(exponent, rel=0.1)
    assert loss < np.log(4)


def test_a_distribution_that_knows_nothing_becomes_uniform() -> None:
    rng = np.random.default_rng(1)
    rows = rng.dirichlet([1.0] * 3, 5000)
    found, loss = best_exponent(rows, rng.integers(0, 3, len(rows)))
    assert found <= 0.06
    assert loss == pytest.approx(np.log(3), abs=0.01)


def test_without_rows_nothing_is_changed() -> None:
    found, loss = best_exponent(np.zeros((0, 3)), np.zeros(0, dtype=int))
    assert found == 1.0 and np.isnan(loss)
