"""``dualchecker report``: write the report of a finished run again."""

import json
from pathlib import Path
from typing import Annotated

import typer


def report(
    place: Annotated[Path, typer.Argument(help="A run file or a run's folder.")] = Path("run.yaml"),
) -> None:
    """Write report.html again from a finished run's files, and show its tables."""
    from dualchecker.cli.display import console, print_result
    from dualchecker.config import load_config
    from dualchecker.data import read_rows, write_text
    from dualchecker.errors import DataError
    from dualchecker.evaluation import render_report

    folder = place if place.is_dir() else load_config(place).output_dir
    try:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{folder} holds no finished run.", fix="Finish it first: dualchecker run RUN_FILE") from None
    except ValueError as error:
        raise DataError(f"{folder / 'metrics.json'} is damaged.", why=str(error), fix="Run again.") from error
    rows = [row for _, row in read_rows(folder / "labels.jsonl")]
    write_text(folder / "report.html", render_report(metrics, rows))
    print_result(metrics)
    console.print(f"\nWritten: {folder / 'report.html'}", soft_wrap=True)
