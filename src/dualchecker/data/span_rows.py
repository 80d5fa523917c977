"""Rows with spans in any of the known shapes, made alike: a text, and its spans as objects."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dualchecker.data.files import Numbered, Row
from dualchecker.data.rows import ColumnNames
from dualchecker.data.spans import is_gliner, is_task, read_gliner, read_inline, read_offsets, read_task
from dualchecker.errors import DataError
from dualchecker.records import Span

INLINE = "inline"
"""The value of ``data.columns.spans`` that says that tags in the texts mark the spans."""


@dataclass(frozen=True)
class SpanColumns:
    """Where the rows made alike hold what; ``label`` holds the spans as JSON text."""

    id: str
    text: str
    detail: str | None
    label: str = "spans"


def span_rows(
    rows: Sequence[Numbered], columns: ColumnNames, spans: str, source: str, notes: Counter[str]
) -> tuple[list[Numbered], SpanColumns]:
    """Rows made alike, and where they hold what.

    The shape is told by the rows themselves: tasks of Label Studio, GLiNER's words, a column ``spans``; or tagged texts
    where ``spans`` is ``inline``. CoNLL files arrive as rows with spans.

    Args:
        rows: As read.
        columns: Where the run file says that rows hold what.
        spans: Likewise, for the spans.
        source: Names the file in errors.
        notes: Takes the counts of peculiarities.

    Raises:
        DataError: Spans that cannot be read; says where and why.
    """
    tasks = any(is_task(row) for _, row in rows)
    words = not tasks and any(is_gliner(row) for _, row in rows)
    tagged = not tasks and not words and spans == INLINE
    column, text = spans if spans != INLINE else "spans", columns.text
    found = SpanColumns(columns.id, text, columns.detail, column)
    result: list[Numbered] = []
    for number, row in rows:
        fields = dict(_fields(row))
        if tasks and columns.id not in fields and "id" in row:
            fields[columns.id] = row["id"]
        name = fields.get(columns.id)
        where = f"{source}, record {name!r}" if name not in (None, "") else f"{source}, row {number}"
        if words:
            if not is_gliner(row):
                raise DataError(f"{where} has no tokenized_text and ner, which other rows have.", fix="Mend the row.")
            given: list[Span] | None
            fields = {key: value for key, value in fields.items() if key not in ("text", "tokenized_text", "ner")}
            fields[text], given = read_gliner(row, where)
        elif not isinstance(fields.get(text), str):
            given = None  # what reads the rows next says that there is no text
            fields.pop(column, None)
        elif tasks:
            given = read_task(row, fields[text], where, notes)
        elif tagged:
            fields[text], given = read_inline(fields[text], where)
        else:
            given = read_offsets(fields[text], fields.get(column), where, notes)
        if given is not None:
            fields[text], given = _without_nul(fields[text], given)
            fields[column] = json.dumps([[s.start, s.end, s.label] for s in given], ensure_ascii=True)
        result.append((number, fields))
    if tagged and all(row[column] == "[]" for _, row in result if column in row):
        for _, row in result:  # no tag anywhere: texts that nobody has annotated
            row.pop(column, None)
    return result, found


def _fields(row: Row) -> Mapping[str, Any]:
    return row["data"] if is_task(row) else row


def _without_nul(text: str, spans: list[Span]) -> tuple[str, list[Span]]:
    """Texts are kept without NUL characters, so the spans move."""
    if "\x00" not in text:
        return text, spans
    moved = [
        Span(s.start - text.count("\x00", 0, s.start), s.end - text.count("\x00", 0, s.end), s.label) for s in spans
    ]
    return text.replace("\x00", ""), moved
