"""Differences on the same records: value, interval, p, and what pairing gains."""

import numpy as np
import pytest

from dualchecker.evaluation.comparison import (
    compare_accuracy,
    compare_macro_f1,
    compare_over_seeds,
    paired_difference,
)
from dualchecker.tasks import Classification

TASK = Classification("?", {"a": "", "b": "", "c": ""})


def noisy(truth: list[str], right: float, seed: int) -> list[str]:
    """Predictions of which about this share is right."""
    generator = np.random.default_rng(seed)
    return [t if generator.random() < right else str(generator.choice(["a", "b", "c"])) for t in truth]


@pytest.fixture(scope="module")
def truth() -> list[str]:
    return np.random.default_rng(5).choice(["a", "b", "c"], 300, p=[0.6, 0.3, 0.1]).tolist()


def test_the_value_is_the_difference_of_the_tasks_own_scores(truth: list[str]) -> None:
    a, b = [*noisy(truth, 0.8, 1)[:-3], None, None, None], noisy(truth, 0.6, 2)
    one, other = TASK.score(a, truth), TASK.score(b, truth)

    assert compare_accuracy(a, b, truth).value == pytest.approx(one["accuracy"] - other["accuracy"])
    assert compare_macro_f1(a, b, truth).value == pytest.approx(one["macro_f1"] - other["macro_f1"])


def test_a_clear_difference_is_found_and_turns_its_sign(truth: list[str]) -> None:
    a, b = noisy(truth, 0.9, 1), noisy(truth, 0.5, 2)

    found, turned = compare_accuracy(a, b, truth), compare_accuracy(b, a, truth)

    assert found.low > 0 and found.p < 0.01
    assert (turned.value, turned.low, turned.high) == pytest.approx((-found.value, -found.high, -found.low))


def test_the_same_predictions_do_not_differ(truth: list[str]) -> None:
    a = noisy(truth, 0.7, 1)

    found = compare_macro_f1(a, list(a), truth)

    assert (found.value, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_pairing_sees_what_two_separate_intervals_cannot() -> None:
    """Two students that fail on the same records, one of them on twelve more."""
    truth = ["a"] * 400
    a = ["b"] * 120 + ["a"] * 280
    b = ["b"] * 132 + ["a"] * 268

    found = compare_accuracy(a, b, truth)

    alone = 1.96 * (0.3 * 0.7 / 400) ** 0.5
    assert found.value == pytest.approx(0.03)
    assert found.low > 0 and found.high - found.low < alone


def test_the_interval_of_accuracy_agrees_with_theory(truth: list[str]) -> None:
    a, b = noisy(truth, 0.8, 3), noisy(truth, 0.7, 4)
    steps = np.array([(x == t) - float(y == t) for x, y, t in zip(a, b, truth, strict=True)])
    error = steps.std() / len(truth) ** 0.5

    found = compare_over_seeds([a], [b], [truth], repeats=4000)

    assert found.low == pytest.approx(steps.mean() - 1.96 * error, abs=0.01)
    assert found.high == pytest.approx(steps.mean() + 1.96 * error, abs=0.01)


def test_without_a_difference_p_is_small_as_seldom_as_it_should_be() -> None:
    generator = np.random.default_rng(8)
    rejected = 0
    for number in range(120):
        steps = generator.choice([-1.0, 0.0, 1.0], 200, p=[0.15, 0.7, 0.15])
        rejected += paired_difference(lambda rows, s=steps: s[rows].mean(), 200, repeats=300, seed=number).p < 0.05

    assert 1 <= rejected <= 13  # six are expected; more than thirteen come once in two hundred such tests


def test_seeds_are_averaged_and_a_record_is_drawn_for_all_of_them(truth: list[str]) -> None:
    a = [noisy(truth, 0.8, s) for s in range(3)]
    b = [noisy(truth, 0.7, s + 10) for s in range(3)]

    found = compare_over_seeds(a, b, [truth])

    singles = [compare_accuracy(x, y, truth).value for x, y in zip(a, b, strict=True)]
    assert found.value == pytest.approx(np.mean(singles))
    # The same run three times over is not three times the evidence.
    assert compare_over_seeds(a[:1] * 3, b[:1] * 3, [truth]) == compare_over_seeds(a[:1], b[:1], [truth])


def test_runs_may_have_test_sets_of_their_own(truth: list[str]) -> None:
    ids = [f"r{i}" for i in range(300)]
    a, b = noisy(truth, 0.8, 1), noisy(truth, 0.7, 2)
    halves = [slice(0, 200), slice(100, 300)]

    def parts(values: list[str]) -> list[list[str]]:
        return [values[half] for half in halves]

    found = compare_over_seeds(parts(a), parts(b), parts(truth), records=parts(ids))

    singles = [compare_accuracy(a[h], b[h], truth[h]).value for h in halves]
    assert found.value == pytest.approx(np.mean(singles))
    assert found.low < found.value < found.high


def test_nothing_to_compare_is_not_a_number() -> None:
    found = compare_accuracy([], [], [])

    assert all(np.isnan(number) for number in found.to_dict().values())


def test_what_is_not_aligned_is_an_error() -> None:
    with pytest.raises(ValueError, match="not aligned"):
        compare_over_seeds([["a"]], [], [["a"]])
    with pytest.raises(ValueError, match="1 predictions for 2"):
        compare_accuracy(["a"], ["a", "b"], ["a", "b"])
    with pytest.raises(ValueError, match="need their ids"):
        compare_over_seeds([["a"], ["a", "b"]], [["a"], ["a", "b"]], [["a"], ["a", "b"]])
    with pytest.raises(ValueError, match="not 'f1'"):
        compare_over_seeds([["a"]], [["a"]], [["a"]], "f1")
