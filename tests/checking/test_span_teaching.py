"""What spans teach: as much as is believed of them, and no more."""

from dataclasses import replace

import pytest

from dualchecker.checking import gold_examples, span_examples
from dualchecker.records import Answer, Confidence, Found, Labelled, Record, Span, SpanLabel, Status, TaughtSpan

RECORD = Record("r", "the heavy rain made the road wet", spans=(Span(4, 14, "cause"),))
ANSWER = Answer("r", "[]", "ok", "brief", spans=(Found(Span(4, 14, "cause"), 0.8),))


def claim(start: int | None, end: int, sure: float, status: Status = "accepted", label: str = "cause") -> SpanLabel:
    span = None if start is None else Span(start, end, label)
    return SpanLabel(label, span, Confidence(sure), status)


def labelled(*spans: SpanLabel, rivals: tuple[SpanLabel, ...] = ()) -> Labelled:
    return Labelled(RECORD, ANSWER, Confidence(0.5), "abstained", (ANSWER,), spans=spans, rivals=rivals)


def taught(item: Labelled, doubtful: str = "weight") -> dict[Span, TaughtSpan]:
    return {one.span: one for example in span_examples([item], doubtful) for one in example.spans}


def test_a_span_teaches_with_its_squared_confidence() -> None:
    found = taught(labelled(claim(4, 14, 0.9)))
    assert found[Span(4, 14, "cause")] == TaughtSpan(Span(4, 14, "cause"), 0.9, pytest.approx(0.81))


def test_a_span_teaches_with_the_share_of_its_words_that_may_be_right() -> None:
    unsure = replace(claim(4, 14, 0.4, "abstained"), cover=0.8)
    assert taught(labelled(unsure))[Span(4, 14, "cause")] == TaughtSpan(Span(4, 14, "cause"), 0.8, pytest.approx(0.64))


def test_what_it_was_chosen_over_teaches_nothing() -> None:
    found = taught(labelled(claim(4, 14, 0.5), rivals=(claim(0, 14, 0.3), claim(4, 14, 0.45, label="effect"))))
    assert found == {Span(4, 14, "cause"): TaughtSpan(Span(4, 14, "cause"), 0.5, pytest.approx(0.25))}


def test_a_span_left_open_is_hidden_where_doubt_is_dropped() -> None:
    item = labelled(claim(4, 14, 0.9), claim(24, 28, 0.6, "abstained", "effect"))
    assert taught(item, "drop")[Span(24, 28, "effect")].weight == 0
    assert taught(item, "drop")[Span(4, 14, "cause")].weight > 0
    assert taught(item, "weight")[Span(24, 28, "effect")].weight == pytest.approx(0.36)


def test_a_given_up_span_in_whose_place_nothing_is_teaches_what_of_it_may_be_right() -> None:
    likely, unlikely = replace(claim(24, 28, 0.2, "abstained"), cover=0.6), claim(29, 32, 0.02, "abstained")
    found = taught(labelled(claim(4, 14, 0.9), rivals=(likely, unlikely)))
    assert found[Span(24, 28, "cause")].weight == pytest.approx(0.36)
    assert found[Span(29, 32, "cause")].weight == 0, "neither a span nor outside of any"


def test_a_span_that_may_be_missing_takes_weight_from_the_whole_text() -> None:
    sure = span_examples([labelled(claim(4, 14, 0.9), claim(None, 0, 0.97, label="effect"))])[0]
    unsure = span_examples([labelled(claim(4, 14, 0.9), claim(None, 0, 0.6, "abstained", "effect"))])[0]
    assert sure.weight == 1.0
    assert unsure.weight == pytest.approx(0.36)
    assert unsure.weight * unsure.spans[0].weight == pytest.approx(0.81), "the span itself counts as before"


def test_nothing_accepted_teaches_nothing_where_doubt_is_dropped() -> None:
    item = labelled(claim(4, 14, 0.6, "abstained"))
    assert span_examples([item], "drop") == []
    assert len(span_examples([item], "weight")) == 1


def test_an_answer_that_nothing_has_checked_teaches_as_it_is() -> None:
    plain = Labelled(RECORD, ANSWER, Confidence(0.8), "accepted", (ANSWER,))
    assert taught(plain) == {Span(4, 14, "cause"): TaughtSpan(Span(4, 14, "cause"), 1.0, pytest.approx(0.64))}
    silent = Answer("r", "[]", "ok", "brief", spans=(Found(Span(4, 14, "cause")),))
    assert taught(Labelled(RECORD, silent, Confidence(0.0), "accepted"))[Span(4, 14, "cause")].weight == 1.0


def test_failed_records_teach_nothing_and_an_empty_answer_teaches_that_there_is_nothing() -> None:
    failed = Labelled(RECORD, None, Confidence(0.0), "failed", reason="unparsed")
    empty = Labelled(RECORD, Answer("r", "[]", "ok", "brief"), Confidence(0.0), "accepted")
    (example,) = span_examples([failed, empty])
    assert example.spans == ()
    assert example.weight == 1.0


def test_gold_is_certain() -> None:
    (example,) = gold_examples([RECORD])
    assert example.spans == (TaughtSpan(Span(4, 14, "cause"), 1.0, 1.0),)
