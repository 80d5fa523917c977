"""What is said about a calibration."""

import numpy as np
import pytest

from dualchecker.confidence import Calibrator, calibration_remarks, fit_map, learnt_remark

GOOD = [{"stated": 0.9}, {"stated": 0.6}, {"stated": 0.8}]


def about(rows: list[dict[str, float]], right: list[bool], labels: str = "abc") -> str:
    return " ".join(calibration_remarks(rows, right, labels))


def test_ordinary_gold_needs_no_remark() -> None:
    assert about(GOOD, [True, False, True]) == ""


@pytest.mark.parametrize(
    ("rows", "right", "labels", "words"),
    [
        ([], [], "", "No answer about calibration gold could be used"),
        ([{"neighbour_share": 0.7}] * 3, [True, False, True], "abc", "no confidence of its own"),
        ([{"stated": 0.9}] * 3, [True, False, True], "abc", "the same confidence (0.9) in all 3"),
        (GOOD, [True, False, True], "aaa", "carry the label 'a'"),
        (GOOD, [True] * 3, "abc", "All 3 answers about calibration gold are right"),
        (GOOD, [False] * 3, "abc", "No answer about calibration gold is right"),
        ([*GOOD[:2], {"stated": float("nan")}], [True, False, True], "abc", "1 signals were not between 0 and 1"),
        ([*GOOD[:2], {"stated": 85.0}], [True, False, True], "abc", "1 signals were not between 0 and 1"),
    ],
)
def test_gold_that_teaches_little_is_named(
    rows: list[dict[str, float]], right: list[bool], labels: str, words: str
) -> None:
    found = calibration_remarks(rows, right, labels)
    assert len(found) == 1 and words in found[0]


def test_with_more_gold_more_is_learnt_and_it_is_said() -> None:
    rng = np.random.default_rng(0)
    shares = []
    for count in (2, 5, 50, 500):
        rows = [{"stated": p, "neighbour_share": q} for p, q in rng.uniform(0.5, 0.95, (count, 2))]
        shares.append(fit_map(rows, (rng.random(count) < 0.8).tolist()).learnt)
    assert shares == sorted(shares)
    assert shares[0] < 0.5 and shares[-1] > 0.9


def test_the_share_is_that_of_a_gaussian_with_one_weight() -> None:
    # A lone intercept, n answers: information n p (1 - p) against a prior of a quarter.
    model = Calibrator.fit([{}] * 40, [True, False] * 20, Calibrator.prior((), slopes=1.0))
    information = 40 * 0.25
    assert model.learnt == pytest.approx(information / (information + 0.25), abs=0.001)


def test_the_remark_says_which_of_the_two_weighs_more() -> None:
    rows = [{"stated": p} for p in (0.6, 0.7, 0.8, 0.9, 0.95)]
    assert "5 gold answers the confidence is mostly" in learnt_remark(fit_map(rows, [True, True, False, True, True]))
    many = fit_map(rows * 100, [True, False, True, True, True] * 100)
    assert "mostly learnt" in learnt_remark(many)
    assert "mostly the documented prior" in learnt_remark(fit_map(rows[:1], [True]))
    assert "Nothing was learnt from gold" in learnt_remark(Calibrator.prior())
