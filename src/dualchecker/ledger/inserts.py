"""How values become rows: any number of them in one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dualchecker.jsontext import json_bytes
from dualchecker.ledger.rows import (
    Attempt,
    Entry,
    Failure,
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
    "failures": (
        "key",
        "kind",
        "message",
        "status",
        "prompt_tokens",
        "completion_tokens",
        "cost",
        "created",
        "hash",
        "forgotten",
    ),
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


INSERT_REQUESTS = (
    "INSERT INTO requests (key, prompt, teacher, payload, created) SELECT json_extract(value, '$[0]'),"
    " json_extract(value, '$[1]'), json_extract(value, '$[2]'),"
    " CAST(substr(?2, json_extract(value, '$[3]'), json_extract(value, '$[4]')) AS TEXT), json_extract(value, '$[5]')"
    " FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING"
)
"""As above, with the payloads beside the array, one behind the other: they are most of what is written, and JSON within
JSON would have to be escaped and read again."""


def requests_of(entries: Sequence[Entry], now: float) -> tuple[str, bytes]:
    """The values of ``INSERT_REQUESTS``: rows that say where each payload begins (from 1) and how long it is."""
    payloads: list[bytes] = []
    rows: list[Sequence[Any]] = []
    start = 1
    for request in (entry.request for entry in entries):
        payload = json_bytes(request.payload)
        payloads.append(payload)
        rows.append((request.key, request.prompt, request.teacher, start, len(payload), now))
        start += len(payload)
    return as_json(rows), b"".join(payloads)


def rows_of(entries: Sequence[Entry], now: float) -> dict[str, list[Sequence[Any]]]:
    """Tries, and what came of them, as rows by table."""
    rows: dict[str, list[Sequence[Any]]] = {"attempts": [], "replies": [], "failures": []}
    for entry in entries:
        request, reply, failure = entry.request, entry.reply, entry.failure
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
    return key, failure.kind, failure.message, failure.status, *tokens, cost, now, digest, int(failure.again)


def _clean(text: str) -> str:
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
