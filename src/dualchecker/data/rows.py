"""Rows to records: column mapping, ids, labels."""

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from dualchecker.errors import DataError
from dualchecker.records import Record


class ColumnNames(Protocol):
    """Which column holds what; ``config.Columns`` is one."""

    @property
    def id(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def detail(self) -> str | None: ...
    @property
    def label(self) -> str: ...


def _string(value: Any) -> str | None:
    if value is None or value != value:  # not-a-number is how some writers of Parquet spell "nothing"
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    # JSON can spell a NUL and half a surrogate pair, which hardly any reader takes.
    return str(value).replace("\x00", "").encode("utf-8", "replace").decode()


def _label(value: Any, blank: str | None) -> str | None:
    """A label as text; a list of labels as JSON text."""
    if isinstance(value, list | tuple):
        return json.dumps([_string(item) for item in value], ensure_ascii=False)
    text = _string(value)
    return text.strip() if text and text.strip() else None if text is None else blank


def _need(column: str, rows: Sequence[tuple[int, Mapping[str, Any]]], source: str, role: str) -> None:
    known = list(dict.fromkeys(key for _, row in rows for key in row))
    if column not in known:
        close = difflib.get_close_matches(column, known, n=1)
        spans = role == "label" and ("spans" in known or {"data", "annotations"} <= set(known) or "ner" in known)
        raise DataError(
            f"{source} has no column {column!r}, which should hold the {role}.",
            why=f"Its columns are {', '.join(map(repr, known)) or 'none at all'}.",
            fix=f"Set data.columns.{role}: {(close or ['NAME'])[0]} in the run file (with predict: --{role})."
            + (" If spans are what people marked, set task.kind: extraction." if spans else ""),
        )


def to_records(
    rows: Sequence[tuple[int, Mapping[str, Any]]],
    columns: ColumnNames,
    *,
    source: str,
    need_label: bool,
    blank_label: str | None = None,
) -> tuple[list[Record], list[str]]:
    """Records, and warnings about what was odd but can be lived with.

    A missing id column is filled with row numbers. Records with an empty text are kept (the pool counts them as
    failed) when no label is needed, and dropped with a warning when one is. ``blank_label`` is what an empty label
    (not a missing one) stands for; by default it is none.

    Raises:
        DataError: A column is missing, an id occurs twice, or a needed label is empty; says which rows.
    """
    warnings: list[str] = []
    _need(columns.text, rows, source, "text")
    if need_label:
        _need(columns.label, rows, source, "label")
    has_id = any(columns.id in row for _, row in rows)
    if not has_id:
        warnings.append(f"{source} has no column {columns.id!r}: rows are numbered instead.")
    if columns.detail and columns.detail != "detail":
        _need(columns.detail, rows, source, "detail")

    records: list[Record] = []
    first_at: dict[str, int] = {}
    empty: list[int] = []
    known = {columns.id, columns.text, columns.label, columns.detail}
    for number, row in rows:
        raw_id = _string(row.get(columns.id)) if has_id else f"row-{number}"
        if raw_id is None or not raw_id.strip():
            raise DataError(f"Row {number} of {source} has no id.", fix="Give every row an id, or drop the column.")
        if raw_id in first_at:
            raise DataError(
                f"{source} holds the id {raw_id!r} twice (rows {first_at[raw_id]} and {number}).",
                fix="Make ids unique, or drop the column to have rows numbered.",
            )
        first_at[raw_id] = number
        text = _string(row.get(columns.text)) or ""
        label = _label(row.get(columns.label), blank_label)
        if not text.strip():
            empty.append(number)
            if need_label:
                continue
        elif need_label and label is None:
            raise DataError(
                f"Row {number} of {source} has no label.", fix="Human-labelled files need one on every row."
            )
        detail = _string(row.get(columns.detail)) if columns.detail else None
        records.append(
            Record(
                id=raw_id,
                text=text,
                detail=detail if detail and detail.strip() else None,
                label=label,
                meta={key: value for key, value in row.items() if key not in known},
            )
        )
    if empty:
        what = "were dropped" if need_label else "count as failed"
        warnings.append(f"{source}: {len(empty)} rows with an empty text {what} (first: row {empty[0]}).")
    return records, warnings
