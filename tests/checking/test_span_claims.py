"""What answers claim together, and which claims stand."""

from dataclasses import replace

import pytest

from dualchecker.checking.span_claims import (
    SpanClimb,
    about,
    all_claims,
    gather_claims,
    is_right,
    select_claims,
    strict_f1,
)
from dualchecker.records import Answer, Confidence, Found, Record, Span, SpanLabel
from dualchecker.tasks import Extraction

TASK = Extraction("q", {"cause": "", "effect": ""}, {"effect": "at_most_one"})
RATES = {"cause": 0.1, "effect": 0.4}


def answer(*spans: Span, rung: str = "brief", stated: float | None = None, fit: float = 1.0) -> Answer:
    return Answer("r", "[]", "ok", rung, spans=tuple(Found(span, stated, fit) for span in spans))


def claim(label: str, start: int | None, end: int = 0, sure: float = 0.5) -> SpanLabel:
    span = None if start is None else Span(start, end, label)
    return SpanLabel(label, span, Confidence(sure, {"repeat_share": sure}), "abstained")


def climb(*trail: Answer) -> SpanClimb:
    return SpanClimb(Record("r", "x" * 40), list(trail))


def test_one_answer_claims_its_spans_and_that_other_labels_have_none() -> None:
    claims = gather_claims(climb(answer(Span(2, 5, "cause"), stated=0.7)), TASK, RATES)
    assert [(c.label, c.span) for c in claims] == [("cause", Span(2, 5, "cause")), ("effect", None)]
    assert claims[0].confidence.signals == {"stated": 0.7}, "nothing else is known of a single answer"
    assert claims[1].confidence.signals == {"base_rate": 0.4}


def test_answers_vote_for_exactly_the_same_span_and_partly_for_one_that_overlaps() -> None:
    exact, longer = Span(2, 6, "cause"), Span(2, 10, "cause")
    found = gather_claims(
        climb(answer(exact), answer(exact, rung="wide"), answer(longer, rung="reconsider")), TASK, RATES
    )
    by_span = {c.span: c.confidence.signals for c in found}
    assert by_span[exact]["repeat_share"] == pytest.approx(2 / 3)
    assert by_span[exact]["latest"] == pytest.approx(0.5), "the last answer has half of both in common"
    assert by_span[exact]["overlap_share"] == pytest.approx((1 + 1 + 0.5) / 3)
    assert by_span[longer]["latest"] == 1.0
    assert {c.span: c.rung for c in found}[exact] == "wide"


def test_samples_vote_and_may_bring_spans_of_their_own() -> None:
    state = climb(answer(Span(2, 6, "cause")))
    state.sampled = [answer(Span(2, 6, "cause")), answer(Span(20, 24, "cause"))]
    by_span = {c.span: c.confidence.signals for c in gather_claims(state, TASK, RATES)}
    assert by_span[Span(2, 6, "cause")]["sample_share"] == 0.5
    assert by_span[Span(20, 24, "cause")]["sample_share"] == 0.5
    assert "repeat_share" not in by_span[Span(2, 6, "cause")], "one answer does not repeat itself"


def test_a_quote_that_fits_badly_says_so_and_an_unusable_answer_says_nothing() -> None:
    state = climb(answer(Span(2, 6, "cause"), fit=0.9), Answer("r", None, "unparsed", "wide"))
    (first, _) = gather_claims(state, TASK, RATES)
    assert first.confidence.signals == {"fit": 0.9}
    assert gather_claims(climb(Answer("r", None, "unparsed", "brief")), TASK, RATES) == []


def test_of_overlapping_spans_of_one_label_the_surest_stands() -> None:
    claims = [claim("cause", 0, 5, 0.6), claim("cause", 3, 9, 0.8), claim("cause", 20, 25, 0.4)]
    kept, rivals = select_claims(claims, TASK)
    assert [c.span for c in kept] == [Span(3, 9, "cause"), Span(20, 25, "cause")]
    assert [c.span for c in rivals] == [Span(0, 5, "cause")]


def test_spans_of_different_labels_may_nest() -> None:
    kept, rivals = select_claims([claim("cause", 0, 20, 0.9), claim("effect", 5, 8, 0.9)], TASK)
    assert len(kept) == 2
    assert not rivals


def test_a_label_that_occurs_once_keeps_its_surest_span() -> None:
    kept, rivals = select_claims([claim("effect", 0, 5, 0.6), claim("effect", 10, 15, 0.7)], TASK)
    assert [c.span for c in kept] == [Span(10, 15, "effect")]
    assert [c.span for c in rivals] == [Span(0, 5, "effect")]


def test_an_unlikely_span_leaves_its_label_without_one_unless_it_must_occur() -> None:
    claims = [claim("effect", 0, 5, 0.2)]
    kept, rivals = select_claims(claims, TASK)
    assert [(c.label, c.span, c.confidence.value) for c in kept] == [("effect", None, 0.8)]
    assert rivals == claims
    assert all_claims(kept, rivals) == claims, "what was derived does not become evidence"
    must = Extraction("q", {"effect": ""}, {"effect": "exactly_one"})
    assert [c.span for c in select_claims(claims, must)[0]] == [Span(0, 5, "effect")]


def test_a_claim_is_right_if_people_marked_exactly_that() -> None:
    record = Record("r", "x" * 40, spans=(Span(2, 6, "cause"),))
    assert is_right(claim("cause", 2, 6), record)
    assert not is_right(claim("cause", 2, 7), record)
    assert not is_right(claim("effect", 2, 6), record)
    assert is_right(claim("effect", None), record)
    assert not is_right(claim("cause", None), record)


def test_spans_and_missing_ones_of_a_label_are_judged_apart() -> None:
    assert len(set(about([claim("cause", 2, 6), claim("cause", None), claim("effect", 2, 6)]))) == 3


def test_strict_f1_counts_what_is_missing_and_what_is_invented() -> None:
    records = [Record("a", "x" * 9, spans=(Span(0, 2, "cause"), Span(4, 6, "effect"))), Record("b", "y", spans=())]
    assert strict_f1([[claim("cause", 0, 2)], [claim("cause", 0, 1)]], records) == pytest.approx(2 * 1 / (2 + 2))
    assert strict_f1([[]], [records[1]]) == 1.0


def test_the_answer_kept_is_the_one_that_has_most_of_what_stands() -> None:
    state = climb(answer(Span(2, 6, "cause")), answer(Span(8, 9, "cause"), rung="wide"))
    state.kept = [claim("cause", 2, 6, 0.9)]
    assert state.best == 0
    assert state.confidence == 0.9
    assert climb(Answer("r", None, "unparsed", "brief")).best is None


def test_a_label_is_as_likely_to_have_none_as_its_spans_characters_are_outside_of_any() -> None:
    claims = [replace(claim("cause", 0, 5, 0.25), cover=0.7), replace(claim("cause", 10, 15, 0.2), cover=0.8)]
    (none,), rivals = select_claims(claims, Extraction("q", {"cause": ""}))
    assert none.span is None
    assert none.confidence.value == pytest.approx(0.2)
    assert none.cover is None
    assert rivals == claims


def test_how_likely_a_span_must_be_is_learnt() -> None:
    claims = [claim("cause", 0, 5, 0.25)]
    assert select_claims(claims, TASK)[0][0].span is None
    assert select_claims(claims, TASK, 0.2)[0][0].span == Span(0, 5, "cause")
