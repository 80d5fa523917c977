"""Spans as rows of ``labels.jsonl``, and back."""

import pytest

from dualchecker.records import Answer, Confidence, Found, Labelled, Record, Span, SpanLabel, Status
from dualchecker.runs.span_rows import read_spans, span_label_rows, span_prediction_rows
from dualchecker.students import ScoredSpan

RECORD = Record("r", "Ｒain 🌧 made it wet.")
RAIN, WET = Span(0, 6, "cause"), Span(15, 18, "effect")


def answer(*spans: Span, stated: float | None = None, **more: object) -> Answer:
    found = tuple(Found(span, stated) for span in spans)
    return Answer("r", "[]", "ok", "brief", request_key="k", teacher="t", spans=found, **more)  # type: ignore[arg-type]


def claim(label: str, span: Span | None, status: Status, reason: str = "") -> SpanLabel:
    return SpanLabel(label, span, Confidence(0.87654), status, reason, rung="wide")


def test_each_span_has_its_words_and_its_own_fate() -> None:
    kept = answer(RAIN, hallucinated=("snow",))
    spans = (claim("cause", RAIN, "accepted"), claim("effect", None, "abstained", "missing"))
    item = Labelled(RECORD, kept, Confidence(0.8), "abstained", (kept,), reason="missing", spans=spans)
    (row,) = span_label_rows([item])
    assert row["status"] == "partial" and row["reason"] == "missing" and row["hallucinated"] == ["snow"]
    assert row["spans"] == [
        {
            "label": "cause", "start": 0, "end": 6, "quote": "Ｒain 🌧", "confidence": 0.8765, "status": "accepted",
            "reason": None, "disputed": False, "rung": "wide",
        }
    ]  # fmt: skip
    assert [(one["label"], one["status"], one["reason"]) for one in row["absent"]] == [
        ("effect", "abstained", "missing")
    ]
    assert row["trail"][0]["spans"] == [
        {"label": "cause", "start": 0, "end": 6, "quote": "Ｒain 🌧", "stated": None, "fit": 1.0}
    ]
    assert read_spans(row) == read_spans(row, "accepted") == (RAIN,) and read_spans(row, "abstained") == ()


def test_where_nothing_checked_the_answer_its_spans_are_as_sure_as_it_says() -> None:
    said = answer(RAIN, WET, stated=0.4)
    (row,) = span_label_rows([Labelled(RECORD, said, Confidence(0.4), "accepted", (said,))])
    assert row["status"] == "accepted" and row["absent"] == []
    assert [(one["quote"], one["confidence"], one["status"]) for one in row["spans"]] == [
        ("Ｒain 🌧", 0.4, "accepted"),
        ("wet", 0.4, "accepted"),
    ]


@pytest.mark.parametrize("spans", [(), (RAIN,)])
def test_no_span_is_an_answer_and_no_answer_is_none(spans: tuple[Span, ...]) -> None:
    said = answer(*spans)
    (row,) = span_label_rows([Labelled(RECORD, said, Confidence(0.0), "accepted", (said,))])
    assert read_spans(row) == spans
    broken = Answer("r", None, "unparsed", "brief", hallucinated=("snow",))
    (row,) = span_label_rows([Labelled(RECORD, None, Confidence(0.0), "failed", (broken,), reason="unparsed")])
    assert row["status"] == "failed" and row["spans"] == [] and row["rung"] is None
    assert row["trail"][0]["outcome"] == "unparsed" and row["trail"][0]["hallucinated"] == ["snow"]
    assert read_spans(row) is None


def test_predictions_can_be_read_again() -> None:
    rows = span_prediction_rows([RECORD, RECORD], [(ScoredSpan(WET, 0.123456),), ()])
    assert rows[0]["spans"] == [{"label": "effect", "start": 15, "end": 18, "quote": "wet", "probability": 0.1235}]
    assert [read_spans(row) for row in rows] == [(WET,), ()]
