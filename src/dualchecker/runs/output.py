"""The files of a run."""

from collections.abc import Sequence
from typing import Any

import yaml

from dualchecker.data import write_json, write_jsonl, write_table, write_text
from dualchecker.evaluation import render_report
from dualchecker.methods import Distilled
from dualchecker.records import Labelled, Record
from dualchecker.runs.label_sets import label_set_rows
from dualchecker.runs.parts import Parts
from dualchecker.students import Student, model_card


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


def prediction_rows(student: Student, records: Sequence[Record]) -> list[dict[str, Any]]:
    """What ``predictions.jsonl`` holds: what the student says of each test record, and how sure it is."""
    rows = zip(records, student.predict(records), strict=True)
    return [
        {"id": record.id, "label": student.labels[p.argmax()], "probability": round(float(p.max()), 4)}
        for record, p in rows
    ]


def write_outputs(parts: Parts, outcome: Distilled, student: Student, metrics: dict[str, Any]) -> None:
    """Everything but the ledger, which is there already."""
    folder, config = parts.config.output_dir, parts.config
    rows = label_set_rows(outcome.labels, label_rows) if parts.task.multiple else label_rows(outcome.labels)
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
        teacher=parts.teacher_name,
        calibration=metrics["student"].get("calibration"),
        multiple=parts.task.multiple,
    )
    about = {"question": config.task.question, "columns": config.data.columns.model_dump()}
    write_jsonl(folder / "predictions.jsonl", prediction_rows(student, parts.dataset.test))
    student.save(folder / "student", card, about)
    write_text(folder / "report.html", render_report(metrics, rows))
    # Last: its presence says that the run is complete.
    write_json(folder / "metrics.json", metrics)
