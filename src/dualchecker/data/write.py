"""Files of a run, written so that a reader never sees half of one."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


def write_text(path: Path, text: str) -> None:
    """Write beside the target, then move over it: a kill leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    # Half a surrogate pair becomes its JSON escape rather than the end of the run.
    temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
    temporary.replace(path)


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """A file that is written bit by bit, and takes its place once all of it is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            yield stream
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Indented JSON; not-a-number becomes null, so that any reader accepts it."""
    write_text(path, json.dumps(_plain(value), ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    write_text(path, "".join(json.dumps(_plain(row), ensure_ascii=False) + "\n" for row in rows))


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows as Parquet; nested values are stored as JSON text."""
    import pyarrow
    import pyarrow.parquet

    columns = list(dict.fromkeys(key for row in rows for key in row))
    plain = [{key: _cell(row.get(key)) for key in columns} for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(plain), temporary)
    temporary.replace(path)


def _cell(value: Any) -> Any:
    return json.dumps(_plain(value), ensure_ascii=False) if isinstance(value, Mapping | list | tuple) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if hasattr(value, "item") and not isinstance(value, str | bytes):  # a numpy scalar
        value = value.item()
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
