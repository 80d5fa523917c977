"""Labels and predictions as rows of the files, where spans are asked for; offsets are code points of the text."""

from collections.abc import Mapping, Sequence
from typing import Any

from dualchecker.evaluation import spans_said
from dualchecker.records import Answer, Labelled, Record, Span, SpanLabel
from dualchecker.students import ScoredSpan

Rows = list[dict[str, Any]]


def span_label_rows(labels: Sequence[Labelled]) -> Rows:
    """What ``labels.jsonl`` and ``labels.parquet`` hold, one row a pool record.

    ``spans`` are all that were said, accepted or left open; ``absent`` are the labels that were said to have none.
    ``status`` of a record: ``accepted`` or ``abstained`` if all that was said about it is, else ``partial``; ``failed``
    without a usable answer.
    """
    rows = []
    for item in labels:
        answer, text = item.answer, item.record.text
        said = spans_said(item) if answer else ()
        absent = [one for one in item.spans if one.span is None]
        rows.append(
            {
                "id": item.record.id,
                "text": text,
                "spans": [{**_place(one.span, text), **_judged(one), "rung": one.rung} for one in said if one.span],
                "absent": [{"label": one.label, **_judged(one)} for one in absent],
                "status": _status(item, [*said, *absent]),
                "reason": item.reason or None,
                "rung": answer.rung if answer else None,
                "rationale": answer.rationale if answer else None,
                "request_key": answer.request_key if answer else None,
                "hallucinated": list(answer.hallucinated) if answer else [],
                "trail": [_step(one, text) for one in item.trail],
            }
        )
    return rows


def span_prediction_rows(records: Sequence[Record], said: Sequence[Sequence[ScoredSpan]]) -> Rows:
    """What ``predictions.jsonl`` holds: the spans that the student finds in each record, and how sure it is."""
    return [
        {"id": record.id, "spans": scored_spans(record.text, some)} for record, some in zip(records, said, strict=True)
    ]


def scored_spans(text: str, spans: Sequence[ScoredSpan]) -> Rows:
    """A student's spans of a text, each with its words and its probability."""
    return [{**_place(one.span, text), "probability": round(float(one.probability), 4)} for one in spans]


def read_spans(row: Mapping[str, Any], status: str | None = None) -> tuple[Span, ...] | None:
    """The spans of a row of ``labels.jsonl`` or ``predictions.jsonl``; None where there is no usable answer.

    Args:
        row: As written by ``span_label_rows`` or ``span_prediction_rows``.
        status: Only spans in this state.
    """
    if "trail" in row and row["rung"] is None:
        return None
    spans = [span for span in row["spans"] if status is None or span["status"] == status]
    return tuple(Span(span["start"], span["end"], span["label"]) for span in spans)


def _status(item: Labelled, said: Sequence[SpanLabel]) -> str:
    states = {one.status for one in said}
    return "partial" if item.status != "failed" and len(states) > 1 and "accepted" in states else item.status


def _place(span: Span, text: str) -> dict[str, Any]:
    return {"label": span.label, "start": span.start, "end": span.end, "quote": text[span.start : span.end]}


def _judged(one: SpanLabel) -> dict[str, Any]:
    return {
        "confidence": round(one.confidence.value, 4),
        "status": one.status,
        "reason": one.reason or None,
        "disputed": one.disputed,
    }


def _step(answer: Answer, text: str) -> dict[str, Any]:
    return {
        "rung": answer.rung,
        "outcome": answer.outcome,
        "spans": [
            {**_place(found.span, text), "stated": found.stated, "fit": round(found.fit, 4)} for found in answer.spans
        ],
        "hallucinated": list(answer.hallucinated),
        "request_key": answer.request_key,
        "teacher": answer.teacher,
        "notes": list(answer.notes),
    }
