"""Metrics against brute force, hand-computed values and scikit-learn; weights against repeated rows."""

import math

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, f1_score, roc_auc_score

from dualchecker.evaluation.metrics import auroc, brier, chance_ece, coverage_curve, ece, reliability
from dualchecker.evaluation.scores import ConfidenceScores, LabelScores
from dualchecker.tasks import Classification


@pytest.fixture(scope="module")
def answers() -> tuple[list[float], list[bool]]:
    """203 answers (no multiple of ten), many of them equally sure."""
    generator = np.random.default_rng(3)
    sure = generator.choice(np.linspace(0.3, 1, 15), 203)
    return sure.tolist(), (generator.random(203) < sure - 0.1).tolist()


def test_hand_computed_values() -> None:
    sure, right = [0.9, 0.8, 0.6, 0.4], [True, False, True, False]

    assert brier(sure, right) == pytest.approx((0.01 + 0.64 + 0.16 + 0.16) / 4)
    assert auroc(sure, right) == pytest.approx(3 / 4)
    # Two bins: (0.4, 0.6) is half right at 0.5, (0.8, 0.9) half right at 0.85.
    assert ece(sure, right, bins=2) == pytest.approx((0.0 + 2 * 0.35) / 4)
    assert [row["count"] for row in reliability(sure, right, bins=2)] == [2, 2]
    curve = coverage_curve(sure, right, points=4)
    assert [row["accuracy"] for row in curve] == pytest.approx([1, 1 / 2, 2 / 3, 1 / 2])
    assert ConfidenceScores(sure, right).coverage().mean() == pytest.approx((1 + 1 / 2 + 2 / 3 + 1 / 2) / 4)


def test_scikit_learn_says_the_same(answers: tuple[list[float], list[bool]]) -> None:
    sure, right = answers

    assert auroc(sure, right) == pytest.approx(roc_auc_score(right, sure))
    assert brier(sure, right) == pytest.approx(brier_score_loss(right, sure))


def test_ece_is_what_its_definition_says() -> None:
    generator = np.random.default_rng(1)
    sure = generator.random(97)
    right = generator.random(97) < 0.6
    parts = np.array_split(np.argsort(sure), 10)

    expected = sum(len(p) * abs(sure[p].mean() - right[p].mean()) for p in parts) / 97

    assert ece(sure.tolist(), right.tolist()) == pytest.approx(expected)
    assert [row["count"] for row in reliability(sure.tolist(), right.tolist())] == list(map(len, parts))


def test_the_order_of_records_does_not_matter(answers: tuple[list[float], list[bool]]) -> None:
    """Equally sure answers share their rightness, so that a pool sorted by label gives the same numbers."""
    rows = sorted(zip(*answers, strict=True))
    rising, falling = (ConfidenceScores(*zip(*part, strict=True)) for part in (rows, rows[::-1]))

    assert rising.ece() == pytest.approx(falling.ece())
    assert rising.coverage() == pytest.approx(falling.coverage())


def test_ties_count_as_a_random_order_would_on_average() -> None:
    sure, right = [0.7] * 6 + [0.2] * 3, [True, True, False, False, False, True, True, False, False]
    generator = np.random.default_rng(0)
    order = np.argsort(-(np.array(sure)[:, None] + 1e-6 * generator.random((9, 4000))), axis=0)

    shuffled = (np.cumsum(np.array(right)[order], axis=0) / np.arange(1, 10)[:, None]).mean(axis=1)

    assert ConfidenceScores(sure, right).coverage() == pytest.approx(shuffled, abs=0.03)


def test_a_weight_is_that_many_copies(answers: tuple[list[float], list[bool]]) -> None:
    sure, right = (np.array(part, dtype=float) for part in answers)
    weights = np.random.default_rng(4).integers(0, 4, len(sure))
    weighted = ConfidenceScores(sure, right)
    copied = ConfidenceScores(np.repeat(sure, weights), np.repeat(right, weights))

    for name in ("ece", "brier", "auroc", "coverage"):
        assert getattr(weighted, name)(weights) == pytest.approx(getattr(copied, name)())


def test_label_scores_are_those_of_the_task_and_of_scikit_learn() -> None:
    generator = np.random.default_rng(6)
    names = [f"l{i}" for i in range(7)]
    truth = generator.choice(names[:5], 120).tolist()
    said = generator.choice(names[1:], 120).tolist()
    weights = generator.integers(0, 3, 120)
    copies = [(s, t) for s, t, n in zip(said, truth, weights, strict=True) for _ in range(n)]
    task, scores = Classification("?", dict.fromkeys(names, "")), LabelScores(said, truth)

    assert scores.macro_f1() == pytest.approx(f1_score(truth, said, average="macro"))
    expected = task.score([s for s, _ in copies], [t for _, t in copies])
    assert scores.macro_f1(weights) == pytest.approx(expected["macro_f1"])
    assert scores.accuracy(weights) == pytest.approx(expected["accuracy"])
    holes = [None if i % 5 == 0 else s for i, s in enumerate(said)]
    assert LabelScores(holes, truth).macro_f1() == pytest.approx(task.score(holes, truth)["macro_f1"])


def test_chance_ece_is_what_calibrated_answers_show() -> None:
    """Drawn anew by the measured definition itself, a calibrated confidence has the expected ECE."""
    generator = np.random.default_rng(2)
    sure = generator.beta(4, 2, 153)
    seen = [ece(sure.tolist(), (generator.random(153) < sure).tolist()) for _ in range(400)]

    chance = chance_ece(sure.tolist())

    assert chance.mean() == pytest.approx(np.mean(seen), abs=0.003)
    assert np.quantile(chance, 0.95) == pytest.approx(np.quantile(seen, 0.95), abs=0.01)
    assert chance.mean() > 0.05


def test_nothing_to_measure_is_not_a_number() -> None:
    assert math.isnan(ece([], [])) and math.isnan(brier([], [])) and math.isnan(auroc([], []))
    assert math.isnan(auroc([0.5, 0.6], [True, True]))
    assert coverage_curve([], []) == [] and reliability([], []) == []
    assert np.isnan(chance_ece([])).all()
    assert math.isnan(LabelScores([], []).macro_f1()) and math.isnan(LabelScores([], []).accuracy())
    with pytest.raises(ValueError, match="must be aligned"):
        ece([0.5], [])
