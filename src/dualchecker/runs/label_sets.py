"""Decisions as rows of ``labels.jsonl``: one a record, with all that was decided about it."""

from collections.abc import Callable, Sequence
from typing import Any

from dualchecker.records import Labelled
from dualchecker.tasks.multilabel import YES

Rows = list[dict[str, Any]]


def label_set_rows(decided: Sequence[Labelled], as_rows: Callable[[Sequence[Labelled]], Rows]) -> Rows:
    """One row for each pool record.

    ``status`` of a record: ``accepted`` or ``failed`` if all of its decisions are, ``abstained`` if none is accepted,
    else ``partial``.

    Args:
        decided: Decisions, record by record.
        as_rows: One row for each decision, as where one label is chosen.
    """
    by_record: dict[str, list[Labelled]] = {}
    for item in decided:
        by_record.setdefault(item.record.whole.id, []).append(item)
    rows = []
    for items in by_record.values():
        first = next((item.answer for item in items if item.answer), None)
        states = {item.status for item in items}
        parts = {
            item.record.about or "": {name: value for name, value in row.items() if name not in ("id", "text")}
            for item, row in zip(items, as_rows(items), strict=True)
        }
        for part in parts.values():
            answer = part.pop("label")
            part["applies"] = None if answer is None else answer == YES
            for step in part["trail"]:
                step["applies"] = None if step["label"] is None else step["label"] == YES
                del step["label"]
            # A chance that the label applies says all that a distribution over yes and no does.
            spread = part.pop("distribution")
            part["probability"] = spread[YES] if spread else None
        said = {label: part for label, part in parts.items() if part["applies"]}
        rows.append(
            {
                "id": items[0].record.whole.id,
                "labels": [name for name, part in said.items() if part["status"] == "accepted"],
                "doubtful": [name for name, part in parts.items() if part["status"] != "accepted"],
                "status": next(iter(states))
                if len(states) == 1
                else "partial"
                if "accepted" in states
                else "abstained",
                "rationale": first.rationale if first else None,
                "decisions": parts,
                "text": items[0].record.text,
            }
        )
    return rows
