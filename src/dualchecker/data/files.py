"""JSON, JSON lines, CSV / TSV, Parquet and CoNLL files as rows."""

import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dualchecker.data.spans.conll import CONLL_ENDINGS, read_conll
from dualchecker.errors import DataError

Row = dict[str, Any]
Numbered = tuple[int, Row]
"""A row with its place in the file: the line for text files, the row (from 1) for Parquet and JSON."""


def read_rows(path: str | Path) -> list[Numbered]:
    """All rows of a ``.jsonl`` / ``.ndjson``, ``.json`` (a list), ``.csv``, ``.tsv``, ``.parquet`` or CoNLL file.

    A CoNLL file (``.conll``, ``.bio``, ``.iob``) gives rows with ``text``, ``spans`` and perhaps ``id``.

    Raises:
        DataError: The file is missing, empty, of another kind, not UTF-8, or a line of it is broken (says which).
    """
    file = Path(path)
    if not file.is_file():
        raise DataError(f"There is no data file {file}.", fix="Check the path; relative ones start at the run file.")
    suffix = file.suffix.lower()
    readers = {".jsonl": _jsonl, ".ndjson": _jsonl, ".json": _json, ".csv": _csv, ".tsv": _csv, ".parquet": _parquet}
    readers |= dict.fromkeys(CONLL_ENDINGS, _conll)
    if suffix not in readers:
        raise DataError(
            f"The data file {file} has the unknown ending {suffix or '(none)'!r}.",
            fix=f"Use one of {', '.join(readers)}.",
        )
    try:
        rows = list(readers[suffix](file))
    except OSError as error:
        raise DataError(f"The data file {file} cannot be read.", why=str(error)) from error
    if not rows:
        raise DataError(f"The data file {file} holds no rows.", fix="Put one record on each line.")
    return rows


def _text(file: Path) -> str:
    data = file.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError(
            f"The data file {file} is not valid UTF-8.",
            why=f"Line {line}, byte {error.start}: {data[error.start : error.start + 4]!r}.",
            fix="Save it as UTF-8 (for instance: iconv -f latin1 -t utf-8 IN > OUT).",
        ) from None


def _jsonl(file: Path) -> Iterator[Numbered]:
    # Not splitlines(): that also splits at U+2028 and friends, which may stand inside a JSON string.
    for number, line in enumerate(_text(file).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"Line {number} of {file} is not valid JSON.", why=str(error), fix="Mend or remove the line."
            ) from None
        if not isinstance(row, dict):
            raise DataError(f"Line {number} of {file} is no JSON object.", why=f"It is a {type(row).__name__}.")
        yield number, row


def _json(file: Path) -> Iterator[Numbered]:
    try:
        rows = json.loads(_text(file))
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{file} is not valid JSON.", why=str(error), fix="If each line is a record by itself, name it .jsonl."
        ) from None
    if not isinstance(rows, list):
        raise DataError(f"{file} is no list of records.", why=f"It is a {type(rows).__name__}.")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise DataError(f"Record {number} of {file} is no JSON object.", why=f"It is a {type(row).__name__}.")
        yield number, row


def _conll(file: Path) -> Iterator[Numbered]:
    yield from read_conll(_text(file), file.name)


def _csv(file: Path) -> Iterator[Numbered]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # texts may be longer than the default 128 kB
    delimiter = "\t" if file.suffix.lower() == ".tsv" else ","
    reader = csv.DictReader(io.StringIO(_text(file), newline=""), delimiter=delimiter, strict=True)
    try:
        columns = reader.fieldnames or []
        twice = next((name for name in columns if columns.count(name) > 1), None)
        if twice is not None:
            raise DataError(f"The header of {file} names the column {twice!r} twice.", fix="Rename or remove one.")
        for row in reader:
            if None in row:
                raise DataError(
                    f"Line {reader.line_num} of {file} has more fields than the header has columns.",
                    fix="Quote fields that contain the separator.",
                )
            yield reader.line_num, dict(row)
    except csv.Error as error:
        raise DataError(f"Line {reader.line_num} of {file} is not valid CSV.", why=str(error)) from None


def _parquet(file: Path) -> Iterator[Numbered]:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(file)
    except pyarrow.ArrowException as error:
        raise DataError(f"The data file {file} is not valid Parquet.", why=str(error)) from None
    yield from enumerate(table.to_pylist(), 1)
