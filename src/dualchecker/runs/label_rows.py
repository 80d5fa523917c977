"""Labels and predictions as rows of the files, where a text as a whole is labelled."""

from collections.abc import Sequence
from typing import Any

from dualchecker.records import Labelled, Record
from dualchecker.students import Probabilities


def label_rows(labels: Sequence[Labelled]) -> list[dict[str, Any]]:
    """What ``labels.jsonl`` and ``labels.parquet`` hold, one row a pool record."""
    rows = []
    for item in labels:
        answer = item.answer
        rows.append(
            {
                "id": item.record.id,
                "label": item.label,
                "confidence": round(item.confidence.value, 4),
                "status": item.status,
                "reason": item.reason or None,
                "rung": answer.rung if answer else None,
                "rationale": answer.rationale if answer else None,
                "request_key": answer.request_key if answer else None,
                "disputed": item.disputed,
                "signals": {name: round(value, 4) for name, value in item.confidence.signals.items()},
                "distribution": {k: round(v, 4) for k, v in item.distribution.items()} if item.distribution else None,
                "trail": [
                    {
                        "rung": a.rung,
                        "label": a.label,
                        "outcome": a.outcome,
                        "stated": a.stated,
                        "request_key": a.request_key,
                        "teacher": a.teacher,
                        "notes": list(a.notes),
                        "outside_mass": a.outside_mass,
                        "order_spread": a.order_spread,
                    }
                    for a in item.trail
                ],
                "text": item.record.text,
            }
        )
    return rows


def prediction_rows(labels: Sequence[str], records: Sequence[Record], said: Probabilities) -> list[dict[str, Any]]:
    """What ``predictions.jsonl`` holds: what the student says of each test record, and how sure it is.

    Args:
        labels: Order of the columns.
        records: Of the test set.
        said: By the student, shape (len(records), len(labels)).
    """
    return [
        {"id": record.id, "label": labels[p.argmax()], "probability": round(float(p.max()), 4)}
        for record, p in zip(records, said, strict=True)
    ]
