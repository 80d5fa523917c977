"""The files of a run."""

from typing import Any

import yaml

from dualchecker.data import write_json, write_jsonl, write_table, write_text
from dualchecker.evaluation import render_report
from dualchecker.methods import Distilled
from dualchecker.runs.kinds.base import Parts


def write_outputs(parts: Parts, outcome: Distilled, student: Any, tested: Any, metrics: dict[str, Any]) -> None:
    """Everything but the ledger, which is there already.

    Args:
        parts: Of the run.
        outcome: Of its method.
        student: Trained.
        tested: What the student says of the test records; None where there are none.
        metrics: Of the run.
    """
    folder = parts.config.output_dir
    rows = parts.kind.label_rows(outcome.labels)
    write_text(folder / "run.yaml", parts.config.resolved().to_yaml())
    write_text(
        folder / "template.yaml", yaml.safe_dump(outcome.template.to_dict(), sort_keys=False, allow_unicode=True)
    )
    write_jsonl(folder / "labels.jsonl", rows)
    write_table(folder / "labels.parquet", rows)
    write_jsonl(folder / "predictions.jsonl", parts.kind.prediction_rows(parts, tested) if tested is not None else [])
    parts.kind.save_student(parts, student, metrics)
    write_text(folder / "report.html", render_report(metrics, rows))
    # Last: its presence says that the run is complete.
    write_json(folder / "metrics.json", metrics)
