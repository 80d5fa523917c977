"""Thresholds: the precision asked for, or a plain word that it cannot be had."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from dualchecker.confidence import NEVER, choose_threshold
from dualchecker.confidence.thresholds import Unproved, lower_bound


def test_a_fixed_threshold_is_taken_as_it_is() -> None:
    found = choose_threshold([0.9, 0.85, 0.8], [True, False, True], 0.85, fixed=True)
    assert (found.value, found.target, found.accepted, found.precision) == (0.85, None, 2, 0.5)
    assert not found.guaranteed and found.message == ""


@pytest.mark.parametrize(("wanted", "shape"), [(0.9, 6), (0.95, 12)])
def test_the_target_precision_holds(wanted: float, shape: int) -> None:
    # Confidence is calibrated, so the true precision above a threshold is the mean confidence above it.
    rng = np.random.default_rng(5)
    population = np.sort(rng.beta(shape, 1, 200_000))
    tail_means = np.cumsum(population[::-1])[::-1] / np.arange(len(population), 0, -1)
    proved = held = 0
    for _ in range(200):
        confidence = rng.beta(shape, 1, 600)
        found = choose_threshold(confidence.tolist(), (rng.random(600) < confidence).tolist(), wanted, fixed=False)
        if found.guaranteed:
            proved += 1
            held += bool(tail_means[np.searchsorted(population, found.value)] >= wanted)
            assert found.precision is not None and found.precision >= wanted
            assert found.message == ""
    assert tail_means[0] < wanted - 0.02, "taking everything would miss the target"
    assert proved >= 150
    assert held >= 0.93 * proved


def test_the_bound_is_clopper_and_pearsons() -> None:
    for right, total in ((59, 59), (95, 100), (1, 7), (500, 510)):
        bound = lower_bound(right, total)
        assert binom.sf(right - 1, total, bound) == pytest.approx(0.05)
    assert lower_bound(0, 10) == 0


@pytest.mark.parametrize(("count", "proved"), [(58, False), (59, True), (200, True)])
def test_the_least_number_of_right_answers_that_proves_95_percent(count: int, proved: bool) -> None:
    found = choose_threshold(np.linspace(0.99, 0.7, count).tolist(), [True] * count, 0.95, fixed=False)
    assert found.guaranteed is proved
    assert found.accepted == (count if proved else found.accepted)


def test_the_walk_stops_before_the_wrong_answers() -> None:
    confidence = np.linspace(0.99, 0.5, 200).tolist()
    found = choose_threshold(confidence, [i < 120 for i in range(200)], 0.95, fixed=False)
    assert found.guaranteed
    assert 100 <= found.accepted <= 124
    assert found.value == confidence[found.accepted - 1]


def test_one_failure_ends_the_walk_even_where_more_answers_would_pass() -> None:
    # Trying on until something passes would spoil the guarantee: all 400 alone would prove 90 %.
    right = [i >= 26 for i in range(400)]
    assert lower_bound(sum(right), 400) > 0.9
    assert not choose_threshold(np.linspace(0.99, 0.6, 400).tolist(), right, 0.9, fixed=False).guaranteed


def test_answers_of_equal_confidence_are_accepted_or_not_together() -> None:
    # The first 70 alone would prove 95 %, all 140 of the tie do not.
    found = choose_threshold([0.9] * 140, [True] * 70 + [False] * 70, 0.95, fixed=False)
    assert not found.guaranteed
    assert found.accepted == 0
    both = choose_threshold([0.9] * 70 + [0.8] * 70, [True] * 70 + [False] * 70, 0.95, fixed=False)
    assert (both.value, both.accepted, both.guaranteed) == (0.9, 70, True)


def test_a_target_that_is_out_of_reach_says_so_with_numbers() -> None:
    found = choose_threshold([0.9] * 25 + [0.6] * 25, [True, False] * 25, 0.975, fixed=False)
    assert not found.guaranteed
    assert found.message.startswith("A precision of 97.5% is not reachable with these 50 calibration answers")
    assert "more gold alone would not change that" in found.message
    assert (found.basis, found.value, found.accepted, found.precision) == ("none", NEVER, 0, None)


@pytest.mark.parametrize("unproved", ["bound", "estimate", "nothing"])
def test_out_of_reach_with_this_gold_tells_how_much_more_there_would_have_to_be(unproved: Unproved) -> None:
    found = choose_threshold(np.linspace(0.8, 0.7, 30).tolist(), [True] * 30, 0.95, fixed=False, unproved=unproved)
    assert found.basis == "none" and found.accepted == 0
    needed = re.search(r"a proof needs about (\d+) more", found.message)
    assert needed is not None and 25 <= int(needed[1]) <= 40


def test_nothing_is_accepted_without_a_proof_where_only_a_proof_counts() -> None:
    confidence, right = [0.99] * 60, [True] * 59 + [False]
    assert choose_threshold(confidence, right, 0.95, fixed=False, unproved="estimate").accepted == 60
    assert choose_threshold(confidence, right, 0.95, fixed=False, unproved="nothing").accepted == 0


def test_a_target_that_is_met_but_not_proved_says_how_much_gold_would_prove_it() -> None:
    right = [True] * 59 + [False]
    found = choose_threshold([0.99] * 60, right, 0.95, fixed=False, unproved="estimate")
    assert not found.guaranteed
    assert found.accepted == 60
    assert found.precision == pytest.approx(59 / 60)
    needed = re.search(
        r"95% cannot be proved with 60 calibration answers \(a proof needs about (\d+) more\)", found.message
    )
    assert needed is not None
    more = 60 + int(needed[1])
    hits = [i >= round(more / 60) for i in range(more)]
    assert choose_threshold([0.99] * more, hits, 0.95, fixed=False).guaranteed


def test_what_was_seen_is_not_enough_where_the_confidence_promises_less() -> None:
    for unproved in ("bound", "estimate"):
        found = choose_threshold([0.7] * 20, [True] * 20, 0.95, fixed=False, unproved=unproved)
        assert (found.value, found.accepted, found.guaranteed) == (NEVER, 0, False)


@pytest.mark.parametrize("fixed", [True, False])
def test_without_calibration_answers(fixed: bool) -> None:
    found = choose_threshold([], [], 0.9, fixed=fixed)
    assert (found.value, found.guaranteed, found.accepted, found.precision) == (0.9 if fixed else NEVER, False, 0, None)
    assert ("0 calibration answers" in found.message) is not fixed


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=120),
    st.floats(0.55, 0.99),
    st.sampled_from(["bound", "estimate", "nothing"]),
)
def test_what_a_threshold_says_of_itself_is_true(
    answers: list[tuple[float, bool]], wanted: float, unproved: Unproved
) -> None:
    confidence, right = [c for c, _ in answers], [hit for _, hit in answers]
    found = choose_threshold(confidence, right, wanted, fixed=False, unproved=unproved)
    above = [hit for c, hit in answers if c >= found.value]
    assert found.accepted == len(above)
    assert found.precision == (pytest.approx(sum(above) / len(above)) if above else None)
    assert 0 <= found.value <= 1
    assert found.guaranteed == (found.message == "") == (found.basis == "proof")
    assert found.basis in {"proof", "none", unproved}
    if found.guaranteed:
        assert lower_bound(sum(above), len(above)) >= wanted
