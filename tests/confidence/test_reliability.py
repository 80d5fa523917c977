"""How far several teachers can be believed: from gold, from agreement, from both."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dualchecker.confidence import Reliability, fit_reliability

Ints = npt.NDArray[np.intp]

MATRICES: dict[str, npt.NDArray[np.float64]] = {
    "strong": np.array([[0.95, 0.05], [0.10, 0.90]]),
    "eager": np.array([[0.97, 0.03], [0.60, 0.40]]),  # says the first label nearly always
    "weak": np.array([[0.65, 0.35], [0.35, 0.65]]),
    "fair": np.array([[0.80, 0.20], [0.15, 0.85]]),
}
NAMES = tuple(MATRICES)


def simulate(
    matrices: dict[str, npt.NDArray[np.float64]], count: int, seed: int, missing: float = 0.0
) -> tuple[Ints, Ints]:
    """Votes of independent teachers with these confusion matrices, and the truth."""
    generator = np.random.default_rng(seed)
    size = len(next(iter(matrices.values())))
    truth = generator.choice(size, count, p=np.arange(size, 0, -1) / (size * (size + 1) / 2))
    votes = np.stack([[generator.choice(size, p=m[t]) for t in truth] for m in matrices.values()], axis=1)
    votes[generator.random(votes.shape) < missing] = -1
    return votes, truth


def majority(votes: Ints, size: int) -> Ints:
    return np.stack([(votes == label).sum(axis=1) for label in range(size)], axis=1).argmax(axis=1)


def error(model: Reliability, matrices: dict[str, npt.NDArray[np.float64]]) -> float:
    """The largest mistake in any planted probability."""
    return max(float(np.abs(model.confusion(name) - matrix).max()) for name, matrix in matrices.items())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_planted_confusions_are_found_by_agreement_alone(seed: int, missing: float) -> None:
    votes, truth = simulate(MATRICES, 3000, seed, missing)
    model = fit_reliability(votes, NAMES, 2)
    assert (model.gold, model.rows) == (0, int((votes >= 0).any(axis=1).sum()))
    assert error(model, MATRICES) < 0.08
    right = float(np.mean(model.posterior(votes).argmax(axis=1) == truth))
    assert right > float(np.mean(majority(votes, 2) == truth)) + 0.01


def test_three_labels_by_agreement_alone() -> None:
    base = {"a": 0.85, "b": 0.75, "c": 0.7, "d": 0.6}
    matrices = {n: np.full((3, 3), (1 - p) / 2) + np.eye(3) * (p - (1 - p) / 2) for n, p in base.items()}
    votes, truth = simulate(matrices, 3000, 1)
    model = fit_reliability(votes, tuple(matrices), 3)
    assert error(model, matrices) < 0.08
    right = float(np.mean(model.posterior(votes).argmax(axis=1) == truth))
    assert right > float(np.mean(majority(votes, 3) == truth))


def test_gold_counts_exactly_and_little_gold_gives_each_teacher_one_number() -> None:
    votes = np.array([[0], [0], [1], [1]])
    model = fit_reliability(votes, ("one",), 2, np.array([0, 0, 1, 0]))
    assert model.counts["one"].tolist() == [[2, 1], [0, 1]]
    assert model.accuracy("one") == pytest.approx(4 / 6)
    # Four imagined answers at 2/3: (2 + 4 * 2/3) / (3 + 4) of the first label are answered rightly.
    assert model.confusion("one")[0, 0] == pytest.approx((2 + 8 / 3) / 7)
    assert model.precision("one").tolist() == pytest.approx([(2 + 8 / 3) / 6, (1 + 8 / 3) / 6])


def test_the_posterior_is_bayes_rule() -> None:
    model = Reliability(("one",), np.array([0.75, 0.25]), {"one": np.array([[900.0, 100.0], [200.0, 800.0]])}, 0, 0)
    matrix = model.confusion("one")
    joint = np.array([0.75, 0.25]) * matrix[:, 1]
    assert model.posterior(np.array([[1], [-1]])) == pytest.approx(np.array([joint / joint.sum(), [0.75, 0.25]]))


def test_some_gold_finds_a_teacher_who_is_worse_than_chance() -> None:
    matrices = {**MATRICES, "adversary": np.array([[0.2, 0.8], [0.8, 0.2]])}
    votes, truth = simulate(matrices, 1500, 2)
    known = np.full(1500, -1)
    known[:60] = truth[:60]
    model = fit_reliability(votes, tuple(matrices), 2, known)
    assert error(model, matrices) < 0.1
    with_it = float(np.mean(model.posterior(votes).argmax(axis=1) == truth))
    without = fit_reliability(votes[:, :4], NAMES, 2, known).posterior(votes[:, :4]).argmax(axis=1)
    assert with_it > float(np.mean(without == truth))  # a reliable liar is informative


def test_labels_are_not_swapped_where_most_teachers_are_weak() -> None:
    matrices = {str(i): np.array([[0.56, 0.44], [0.44, 0.56]]) for i in range(3)}
    for seed in range(5):
        votes, truth = simulate(matrices, 400, seed)
        model = fit_reliability(votes, tuple(matrices), 2)
        believed = model.posterior(votes).argmax(axis=1)
        assert np.mean(believed == majority(votes, 2)) > 0.5
        assert np.mean(believed == truth) > 0.45


def test_a_constant_teacher_says_nothing() -> None:
    votes, truth = simulate(MATRICES, 2000, 3)
    votes = np.column_stack([votes, np.zeros(2000, dtype=int)])
    model = fit_reliability(votes, (*NAMES, "constant"), 2)
    alone = np.full((1, 5), -1)
    alone[0, 4] = 0
    assert model.posterior(alone)[0] == pytest.approx(model.prior, abs=0.02)
    assert np.mean(model.posterior(votes).argmax(axis=1) == truth) > 0.9


@pytest.mark.parametrize("gold", [False, True])
def test_teachers_that_always_agree_are_believed_without_trouble(gold: bool) -> None:
    same = np.tile(np.arange(200)[:, None] % 2, (1, 3))
    model = fit_reliability(same, ("a", "b", "c"), 2, same[:, 0] if gold else None)
    believed = model.posterior(same)
    assert np.isfinite(believed).all()
    assert (believed.argmax(axis=1) == same[:, 0]).all()


def test_without_any_vote_the_prior_is_left() -> None:
    nothing: Any = np.full((5, 2), -1)
    model = fit_reliability(nothing, ("a", "b"), 3)
    assert model.posterior(nothing) == pytest.approx(np.full((5, 3), 1 / 3))
    empty = fit_reliability(np.zeros((0, 2), dtype=int), ("a", "b"), 3, np.zeros(0, dtype=int))
    assert empty.accuracy("a") == 0.5 and np.isfinite(empty.confusion("a")).all()


def test_unlabelled_rows_can_count_for_less() -> None:
    votes, truth = simulate(MATRICES, 1000, 4)
    known = np.full(1000, -1)
    known[:50] = truth[:50]
    light = fit_reliability(votes, NAMES, 2, known, unlabelled=0.01)
    gold = fit_reliability(votes[:50], NAMES, 2, known[:50])
    assert float(np.abs(light.confusion("strong") - gold.confusion("strong")).max()) < 0.05
    assert light.counts["strong"].sum() == pytest.approx(50 + 9.5)
