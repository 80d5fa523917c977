"""Planted label errors are found, the estimate of their number is near, and nothing is claimed on too little."""

import importlib.util

import numpy as np
import pytest

from dualchecker.evaluation.noise import confident_learning, judge_noise
from dualchecker.evaluation.scores import ConfidenceScores
from dualchecker.records import Answer, Confidence, Labelled, Record
from dualchecker.tasks import Classification

NAMES = ("a", "b", "c", "d")
TASK = Classification("?", dict.fromkeys(NAMES, ""))


def planted(seed: int, *, noise: float = 0.12, count: int = 800) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Out-of-sample probabilities of a classifier that is right in about 86 %, given labels with errors, the truth."""
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, 4, count)
    logits = draw.normal(0, 1, (count, 4))
    logits[np.arange(count), truth] += 2.2
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    flips = draw.random(count) < noise
    given = np.where(flips, (truth + draw.integers(1, 4, count)) % 4, truth)
    return probabilities, given, truth


def labels_of(
    probabilities: np.ndarray, given: np.ndarray, truth: np.ndarray, *, human: bool = True
) -> tuple[list[Labelled], dict[str, np.ndarray]]:
    """Accepted labels whose confidence knows nothing of whether they are right."""
    draw = np.random.default_rng(0)
    labels = []
    for number, (label, true) in enumerate(zip(given, truth, strict=True)):
        record = Record(f"r{number}", f"Text {number}", label=NAMES[true] if human else None)
        answer = Answer(record.id, NAMES[label], "ok", "brief")
        labels.append(Labelled(record, answer, Confidence(float(draw.uniform(0.8, 1))), "accepted", (answer,)))
    return labels, {item.record.id: row for item, row in zip(labels, probabilities, strict=True)}


def test_the_confident_joint_by_hand() -> None:
    """Thresholds 0.7 and 0.6: the third record reaches only that of the other label, the last reaches none."""
    rows = np.array([[0.9, 0.1], [0.85, 0.15], [0.35, 0.65], [0.2, 0.8], [0.3, 0.7], [0.7, 0.3]])
    given = [0, 0, 0, 1, 1, 1]

    found = confident_learning(rows, given)

    # Label 0: mean of 0.9, 0.85, 0.35 = 0.7; label 1: mean of 0.8, 0.7, 0.3 = 0.6. The last stands at 0.7 for 0.
    assert found.suggested.tolist() == [0, 0, 1, 1, 1, 0]
    assert found.flagged.tolist() == [False, False, True, False, False, True]
    assert found.joint == pytest.approx(np.array([[2, 1], [1, 2]]) / 6)
    assert found.wrong == pytest.approx(2)
    assert found.margin == pytest.approx([0.8, 0.7, -0.3, 0.6, 0.4, -0.4])


@pytest.mark.parametrize("seed", range(3))
def test_planted_errors_are_found_and_counted(seed: int) -> None:
    probabilities, given, truth = planted(seed)
    wrong = given != truth

    found = confident_learning(probabilities, given)

    assert ConfidenceScores(found.margin, ~wrong).auroc() > 0.9
    assert wrong[found.flagged].mean() > 4 * wrong.mean()
    assert found.wrong == pytest.approx(wrong.sum(), rel=0.6)


def test_labels_without_errors_raise_few_suspicions() -> None:
    probabilities, _, truth = planted(1)
    noisy, given, _ = planted(1, noise=0.2)

    clean = confident_learning(probabilities, truth)

    assert clean.wrong < 0.4 * confident_learning(noisy, given).wrong


def test_a_class_that_nobody_gave_is_suggested_to_nobody() -> None:
    found = confident_learning(np.array([[0.1, 0.1, 0.8]] * 3 + [[0.2, 0.7, 0.1]] * 3), [0, 0, 0, 1, 1, 1])

    assert 2 not in found.suggested
    assert found.joint.sum() == pytest.approx(1)
    with pytest.raises(ValueError, match="0 given labels"):
        confident_learning(np.zeros((0, 2)), [])


def test_both_ways_are_compared_on_human_labels() -> None:
    labels, unseen = labels_of(*planted(2))
    found = judge_noise(TASK, labels, unseen)
    assert found is not None and found["known"] is not None

    known = found["known"]
    wrong = {item.record.id for item in labels if item.label != item.record.label}
    assert found["checked"] == known["count"] == 800 and known["wrong"] == len(wrong)
    assert known["auroc"]["learning"]["value"] > 0.9
    assert known["auroc"]["confidence"]["low"] < 0.5 < known["auroc"]["confidence"]["high"]
    assert known["difference"]["low"] > 0.25 and known["difference"]["p"] < 0.01
    assert known["top"]["learning"]["low"] > known["top"]["confidence"]["high"]
    # The top is the flagged ones, so its precision can be counted again from the labels.
    probabilities, given, truth = planted(2)
    flagged = confident_learning(probabilities, given).flagged
    assert known["top"]["count"] == max(flagged.sum(), 80)
    if flagged.sum() >= 80:
        assert known["top"]["learning"]["value"] == pytest.approx(np.mean(given[flagged] != truth[flagged]))
    assert np.mean([row["id"] in wrong for row in found["suspects"]]) > 0.8
    assert found["wrong"]["confidence"] == pytest.approx(sum(1 - item.confidence.value for item in labels))


def test_only_accepted_labels_are_checked_and_few_are_not() -> None:
    labels, unseen = labels_of(*planted(2, count=30), human=False)
    open_ones = [Labelled(i.record, i.answer, i.confidence, "abstained", i.trail) for i in labels[:10]]

    found = judge_noise(TASK, [*open_ones, *labels[10:]], unseen)

    assert found is not None and found["checked"] == 20 and found["known"] is None
    assert judge_noise(TASK, [*open_ones, *labels[11:]], unseen) is None


def test_cleanlab_ranks_the_same_and_flags_about_the_same() -> None:
    if importlib.util.find_spec("cleanlab") is None:
        pytest.skip("cleanlab is not installed (extra: noise)")
    from cleanlab.count import estimate_joint
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_normalized_margin_for_each_label

    for seed in range(3):
        probabilities, given, _ = planted(seed)
        found = confident_learning(probabilities, given)
        theirs = find_label_issues(given, probabilities, filter_by="confident_learning", n_jobs=1)
        scores = get_normalized_margin_for_each_label(given, probabilities)

        assert scores == pytest.approx((found.margin + 1) / 2)
        assert estimate_joint(given, probabilities) == pytest.approx(found.joint, abs=0.02)
        # They count a record that reaches several thresholds under its likeliest label of all; so may we, or not.
        assert (theirs == found.flagged).mean() > 0.99
