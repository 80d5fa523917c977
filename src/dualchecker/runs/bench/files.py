"""The files of a bench."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dualchecker.data import write_text
from dualchecker.evaluation.bench import Comparison
from dualchecker.evaluation.bench_page import render_bench
from dualchecker.evaluation.bench_tables import cell_rows, markdown, summary_rows


def write_tables(folder: Path, comparison: Comparison) -> None:
    """The tables as Markdown, CSV and a page."""
    write_text(folder / "bench.csv", _csv(cell_rows(comparison)))
    write_text(folder / "summary.csv", _csv(summary_rows(comparison)))
    write_text(folder / "bench.html", render_bench(comparison))
    write_text(folder / "bench.md", markdown(comparison))


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
