"""The files of a run."""

from collections.abc import Sequence
from typing import Any

import yaml

from dualchecker.data import write_json, write_jsonl, write_table, write_text
from dualchecker.evaluation import render_report
from dualchecker.methods import Distilled
from dualchecker.records import Labelled
from dualchecker.runs.parts import Parts
from dualchecker.students import Student, model_card
from dualchecker.tasks.multilabel import YES


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
                    }
                    for a in item.trail
                ],
                "text": item.record.text,
            }
        )
    return rows


def label_set_rows(decided: Sequence[Labelled]) -> list[dict[str, Any]]:
    """The same where several labels may apply: one row a pool record, with all of its decisions.

    ``status`` of a record: ``accepted`` or ``failed`` if all of its decisions are, ``abstained`` if none is accepted,
    else ``partial``.
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
            for item, row in zip(items, label_rows(items), strict=True)
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


def write_outputs(parts: Parts, outcome: Distilled, student: Student, metrics: dict[str, Any]) -> None:
    """Everything but the ledger, which is there already."""
    folder, config = parts.config.output_dir, parts.config
    rows = label_set_rows(outcome.labels) if parts.task.multiple else label_rows(outcome.labels)
    write_text(folder / "run.yaml", config.resolved().to_yaml())
    write_text(
        folder / "template.yaml", yaml.safe_dump(outcome.template.to_dict(), sort_keys=False, allow_unicode=True)
    )
    write_jsonl(folder / "labels.jsonl", rows)
    write_table(folder / "labels.parquet", rows)
    card = model_card(
        kind=student.kind,
        base=metrics["student"]["base"],
        task_question=config.task.question,
        labels=config.task.labels,
        counts={"gold": len(parts.fence.gold), **metrics["student"]["taught"]},
        metrics=metrics["student"]["test"] or {},
        seed=config.student.seed,
        teacher=parts.teacher.name,
        multiple=parts.task.multiple,
    )
    about = {"question": config.task.question, "columns": config.data.columns.model_dump()}
    student.save(folder / "student", card, about)
    write_text(folder / "report.html", render_report(metrics, rows))
    # Last: its presence says that the run is complete.
    write_json(folder / "metrics.json", metrics)
