"""Records that a bench draws are written so that they are read again as they were."""

from pathlib import Path

from dualchecker.config import Columns
from dualchecker.data import write_jsonl
from dualchecker.data.span_sets import span_records
from dualchecker.records import Record, Span
from dualchecker.runs.bench.draws import _row
from dualchecker.tasks import Extraction

TASK = Extraction("Which?", {"cause": "", "effect": ""})


def record(name: str, spans: tuple[Span, ...] | None) -> Record:
    text = "💩 heavy rain\r\nmade it wet"
    return Record(name, text, "more", None if spans is None else TASK.write(text, spans), {"year": 1999}, spans=spans)


def test_spans(tmp_path: Path) -> None:
    both = (Span(2, 12, "cause"), Span(8, 12, "effect"))
    records = [record("a", both), record("b", ()), record("c", None)]
    write_jsonl(tmp_path / "pool.jsonl", map(_row, records))
    found, warnings = span_records(tmp_path / "pool.jsonl", Columns(), TASK, "pool", need=False)
    assert found == records and warnings == []
