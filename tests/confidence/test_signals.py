"""Signals: there or missing, never invented."""

from dataclasses import replace

import pytest

from dualchecker.confidence.signals import believed, read_signals
from dualchecker.records import Answer


def answer(label: str | None = "a", outcome: str = "ok", **more: object) -> Answer:
    return Answer("r", label, outcome, "brief", **more)  # type: ignore[arg-type]


def test_an_answer_that_offers_nothing_has_no_signals() -> None:
    assert read_signals(answer()) == {}
    assert read_signals(answer(), [answer()]) == {}
    assert read_signals(answer(label_probabilities={})) == {}


def test_everything_that_is_offered() -> None:
    own = answer(stated=0.9, label_probabilities={"a": 0.7, "b": 0.3}, neighbour_share=0.6)
    own = replace(own, sample_share=0.8, variant_share=0.5)
    trail = [answer("b"), answer(None, "unparsed"), own]
    assert read_signals(own, trail, student=0.4) == {
        "stated": 0.9,
        "label_probability": 0.7,
        "neighbour_share": 0.6,
        "repeat_share": 0.5,
        "sample_share": 0.8,
        "variant_share": 0.5,
        "student": 0.4,
    }


def test_zero_is_a_signal() -> None:
    own = answer(stated=0.0, label_probabilities={"b": 1.0}, neighbour_share=0.0)
    assert read_signals(own, student=0.0) == {
        "stated": 0.0, "label_probability": 0.0, "neighbour_share": 0.0, "student": 0.0
    }  # fmt: skip


@pytest.mark.parametrize(("others", "share"), [("aa", 1.0), ("ab", 2 / 3), ("bb", 1 / 3)])
def test_repeats_are_counted_among_usable_answers(others: str, share: float) -> None:
    trail = [answer(), *(answer(label) for label in others), answer(None, "timeout")]
    assert read_signals(trail[0], trail)["repeat_share"] == pytest.approx(share)


def test_an_answer_is_believed_by_what_it_states_else_by_its_probability() -> None:
    shares = {"a": 0.7, "b": 0.3}
    assert believed(answer(stated=0.9, label_probabilities=shares)) == 0.9
    assert believed(answer(stated=0.0, label_probabilities=shares)) == 0.0
    assert believed(answer(label_probabilities=shares)) == 0.7
    assert believed(answer()) is None
