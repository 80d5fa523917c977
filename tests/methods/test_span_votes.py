"""Self-consistency on spans: each span is voted on by itself."""

import pytest

from dualchecker.checking import span_examples
from dualchecker.methods.span_votes import elect_spans
from dualchecker.records import Answer, Found, Record, Span
from dualchecker.tasks import Extraction

TEXT = "Rain fell, so the dam broke and the road was shut."
TASK = Extraction("?", {"cause": "", "effect": ""})
RAIN, DAM, ROAD, BOTH = Span(0, 9, "cause"), Span(14, 27, "effect"), Span(32, 49, "effect"), Span(14, 49, "effect")


def answer(*spans: Span, stated: float | None = 0.9, ok: bool = True) -> Answer:
    found = tuple(Found(span, stated) for span in sorted(spans))
    label = TASK.write(TEXT, spans) if ok else None
    return Answer("r", label, "ok" if ok else "unparsed", "brief", spans=found)


def elected(*answers: Answer, task: Extraction = TASK) -> dict[Span | str, float]:
    item = elect_spans(Record("r", TEXT), answers, task)
    return {claim.span or f"no {claim.label}": claim.confidence.value for claim in item.spans}


def test_a_span_needs_half_of_the_answers_and_its_share_is_its_confidence() -> None:
    assert elected(answer(RAIN, DAM), answer(RAIN, DAM), answer(RAIN, ROAD), answer(RAIN, DAM, ROAD)) == {
        RAIN: 1.0,
        DAM: 0.75,
        ROAD: 0.5,
    }


def test_an_answer_that_cannot_be_read_counts_and_has_no_span() -> None:
    assert elected(answer(RAIN), answer(ok=False)) == {RAIN: 0.5, "no effect": 0.5}
    assert elected(answer(RAIN), answer(ok=False), answer(ok=False)) == {
        "no cause": 0.0,
        "no effect": pytest.approx(1 / 3),
    }


def test_of_overlapping_spans_of_a_label_the_surer_stays() -> None:
    item = elect_spans(Record("r", TEXT), [answer(RAIN, BOTH, stated=0.6), answer(RAIN, DAM, stated=0.8)], TASK)
    assert [claim.span for claim in item.spans] == [RAIN, DAM]
    assert [claim.span for claim in item.rivals] == [BOTH]
    assert item.answer is not None and {found.span for found in item.answer.spans} == {RAIN, DAM}
    assert (item.status, item.confidence.value) == ("accepted", 0.5)
    assert item.spans[0].confidence.signals == {"sample_share": 1.0, "stated": pytest.approx(0.7)}


def test_a_label_that_occurs_once_keeps_its_surest_span() -> None:
    once = Extraction("?", dict(TASK.labels), {"effect": "at_most_one"})
    assert elected(answer(RAIN, DAM, ROAD), answer(RAIN, ROAD), task=once) == {RAIN: 1.0, ROAD: 1.0}


def test_a_label_that_must_occur_is_left_open_without_a_majority() -> None:
    needed = Extraction("?", dict(TASK.labels), {"cause": "at_least_one"})
    item = elect_spans(Record("r", TEXT), [answer(DAM), answer(DAM, RAIN), answer(DAM)], needed)
    assert (item.status, item.reason) == ("abstained", "missing")
    assert [(claim.label, claim.status) for claim in item.spans] == [("cause", "abstained"), ("effect", "accepted")]


def test_without_a_usable_answer_it_has_failed() -> None:
    item = elect_spans(Record("r", TEXT), [answer(ok=False)], TASK)
    assert (item.status, item.reason, item.answer) == ("failed", "unparsed", None)
    assert elect_spans(Record("r", ""), [], TASK).reason == "empty_text"


def test_what_lost_the_vote_is_left_open_and_hidden_from_students() -> None:
    item = elect_spans(Record("r", TEXT), [answer(RAIN, DAM), answer(RAIN, ROAD), answer(RAIN), answer(RAIN)], TASK)
    assert {claim.span: claim.status for claim in item.rivals} == {DAM: "abstained", ROAD: "abstained"}
    (example,) = span_examples([item])
    assert {one.span: one.weight for one in example.spans} == {RAIN: 1.0, DAM: 0.0, ROAD: 0.0}
