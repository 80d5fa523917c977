"""Votes of judged chains, and what they are worth."""

import json

import numpy as np
import pytest

from dualchecker.students.reasoning import JudgedChain, Reasoned
from dualchecker.students.reasoning_votes import (
    calibration_from_json,
    calibration_to_json,
    fit_calibration,
    signals,
    vote,
)


def chains(*said: tuple[str | None, float | None]) -> list[JudgedChain]:
    return [JudgedChain("words", answer, right) for answer, right in said]


def test_each_chain_weighs_what_its_verdict_says() -> None:
    said = vote(chains(("4", 0.1), ("4", 0.2), ("5", 0.9), (None, 0.0)), "4")
    assert (said.answer, said.direct, len(said.chains)) == ("5", "4", 4)
    assert said.confidence == pytest.approx(0.9 / 1.2)
    assert dict(said.votes) == pytest.approx({"4": 0.25, "5": 0.75})


def test_without_verdicts_chains_are_equal() -> None:
    said = vote(chains(("4", None), ("5", None), ("4", None)), None)
    assert (said.answer, said.confidence) == ("4", pytest.approx(2 / 3))


def test_a_tie_is_settled_by_the_direct_answer_then_by_the_first_chain() -> None:
    assert vote(chains(("4", 0.5), ("5", 0.5)), "5").answer == "5"
    assert vote(chains(("4", 0.5), ("5", 0.5)), "6").answer == "4"


def test_chains_that_are_all_wrong_still_vote() -> None:
    said = vote(chains(("4", 0.0), ("4", 0.0), ("5", 0.0)), None)
    assert (said.answer, said.confidence) == ("4", pytest.approx(2 / 3))


def test_without_any_chain_the_direct_answer_stands_unsupported() -> None:
    assert vote(chains((None, 0.0)), "7") == Reasoned("7", 0.0, "7", tuple(chains((None, 0.0))))
    assert vote([], None).answer is None


def test_signals_that_are_not_there_are_missing() -> None:
    assert signals(vote([], None)) == {}
    plain = vote(chains(("4", None)), "5")
    assert signals(plain) == {"votes": 1.0, "direct": 0.0}
    judged = vote(chains(("4", 0.8), ("4", 0.6), ("5", 0.1)), "4")
    assert signals(judged) == pytest.approx({"votes": 1.4 / 1.5, "direct": 1.0, "verdict": 0.7})


def drawn(count: int, seed: int) -> tuple[list[Reasoned], list[bool]]:
    """Answers that are right half as often as their votes say."""
    rng = np.random.default_rng(seed)
    said, right = [], []
    for _ in range(count):
        share = rng.uniform(0.5, 1)
        said.append(vote(chains(("4", share), ("5", 1 - share)), "4"))
        right.append(bool(rng.random() < share / 2))
    return said, right


def test_calibration_learns_how_often_a_confidence_is_deserved_and_never_turns_it_round() -> None:
    calibration = fit_calibration(*drawn(400, 1))
    assert calibration is not None
    unseen, right = drawn(400, 2)
    chances = calibration.predict([signals(one) for one in unseen])
    assert (
        abs(chances.mean() - np.mean(right)) < 0.08 < abs(np.mean([one.confidence for one in unseen]) - np.mean(right))
    )
    order = np.argsort([one.confidence for one in unseen])
    assert (np.diff(chances[order]) >= -1e-9).all()
    weights = calibration.describe()
    assert all(weights[name] >= 0 for name in ("votes", "verdict", "direct"))


def test_calibration_goes_through_json() -> None:
    calibration = fit_calibration(*drawn(50, 1))
    assert calibration is not None
    again = calibration_from_json(json.loads(json.dumps(calibration_to_json(calibration))))
    rows = [signals(one) for one in drawn(20, 3)[0]]
    np.testing.assert_array_equal(again.predict(rows), calibration.predict(rows))
    assert again.fitted_on == 50


def test_no_answers_give_no_calibration() -> None:
    assert fit_calibration([], []) is None
    assert fit_calibration([vote([], None)], [False]) is None
