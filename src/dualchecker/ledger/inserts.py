"""How values become rows: any number of them in one statement."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dualchecker.jsontext import json_bytes, json_text
from dualchecker.ledger.rows import (
    Attempt,
    Entry,
    Failure,
    Request,
    as_stored,
    failure_hash,
    reply_hash,
    reply_to_json,
)
from dualchecker.records import Reply

COLUMNS: Mapping[str, Sequence[str]] = {
    "requests": ("key", "prompt", "teacher", "payload", "created"),
    "attempts": ("key", "started", "seconds", "outcome", "status", "message"),
    "replies": ("key", "reply", "prompt_tokens", "completion_tokens", "cost", "created", "cached_tokens", "hash"),
    "failures": ("key", "kind", "message", "status", "prompt_tokens", "completion_tokens", "cost", "created", "hash"),
    "uses": ("record", "purpose", "rung", "key"),
}


def _insert(table: str) -> str:
    """One statement for any number of rows, given as one JSON array; what the table holds already stays.

    ``executemany`` would take Python's lock anew for every row, and wait for it milliseconds while another thread
    computes; so whole groups are written while the other thread goes on. ``INSERT OR IGNORE`` would also pass over
    rows that lack a value, in silence.
    """
    columns = COLUMNS[table]
    values = ", ".join(f"json_extract(value, '$[{place}]')" for place in range(len(columns)))
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM json_each(?) WHERE true"  # noqa: S608
        " ON CONFLICT DO NOTHING"
    )


INSERT: Mapping[str, str] = {table: _insert(table) for table in COLUMNS}


def rows_of(entries: Iterable[Entry], now: float) -> dict[str, list[Sequence[Any]]]:
    """Tries, with their requests and what came of them, as rows by table."""
    rows: dict[str, list[Sequence[Any]]] = {"requests": [], "attempts": [], "replies": [], "failures": []}
    for entry in entries:
        request, reply, failure = entry.request, entry.reply, entry.failure
        rows["requests"].append(_request_row(request, now))
        rows["attempts"].append(_attempt_row(entry.attempt))
        if reply is not None:
            rows["replies"].append(_reply_row(request.key, reply, as_stored(entry.cost), now))
        if failure is not None:
            rows["failures"].append(_failure_row(request.key, failure, as_stored(entry.cost), now))
    return rows


def as_json(rows: Sequence[Sequence[Any]]) -> str:
    """Rows for ``json_each``; half characters and NUL, which SQLite cannot hold, are replaced."""
    data = json_bytes(rows)  # half a character makes it all ASCII, with escapes
    if b"\\u" in data:
        data = json_bytes([[_clean(value) if isinstance(value, str) else value for value in row] for row in rows])
    return data.decode()


def _request_row(request: Request, now: float) -> Sequence[Any]:
    return request.key, request.prompt, request.teacher, json_text(request.payload), now


def _attempt_row(attempt: Attempt) -> Sequence[Any]:
    return attempt.key, attempt.started, attempt.seconds, attempt.outcome, attempt.status, attempt.message


def _reply_row(key: str, reply: Reply, cost: float, now: float) -> Sequence[Any]:
    text = reply_to_json(reply)
    tokens = (reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens)
    return key, text, tokens[0], tokens[1], cost, now, tokens[2], reply_hash(key, text, tokens, cost)


def _failure_row(key: str, failure: Failure, cost: float, now: float) -> Sequence[Any]:
    failure = replace(failure, kind=_clean(failure.kind), message=_clean(failure.message))
    tokens = (failure.prompt_tokens, failure.completion_tokens)
    digest = failure_hash(key, failure, cost)
    return key, failure.kind, failure.message, failure.status, *tokens, cost, now, digest


def _clean(text: str) -> str:
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
