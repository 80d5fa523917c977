"""Small ledgers, and ways to damage them, for tests."""

import contextlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from dualchecker.ledger import Attempt, Entry, Failure, Ledger, Request, request_key
from dualchecker.ledger.batches import PREPARED, BatchBook
from dualchecker.records import Reply

TEACHER = "t"


def payload(name: str) -> dict[str, object]:
    return {"model": "m", "messages": [{"role": "user", "content": f"About {name}: 緑 \ud800"}], "temperature": 0.5}


def key(name: str) -> str:
    """The key of the request about ``name``."""
    return request_key(TEACHER, payload(name))


def asked(
    name: str,
    text: str | None = None,
    *,
    outcome: str = "ok",
    failure: Failure | None = None,
    cost: float = 0.5,
    started: float = 100.0,
    seconds: float = 0.25,
) -> Entry:
    """A try at the request about ``name``, answered with ``text``."""
    request = Request(key(name), f"prompt of {name}", TEACHER, payload(name))
    reply = None if text is None else Reply(text, None, "stop", 10, 3, "m", cached_tokens=4)
    attempt = Attempt(request.key, started, seconds, outcome, 200 if outcome == "ok" else 429, "" if reply else "slow")
    return Entry(request, attempt, reply, failure, cost)


def sample(ledger: Ledger, names: Iterable[str] = ("a", "b", "c")) -> None:
    """Answered requests with a use each; one that ended for good without an answer; one that is not answered yet."""
    for number, name in enumerate(names):
        use = (name, "label", "brief", key(name))
        ledger.write([asked(name, outcome="rate_limited")], [use])
        ledger.write([asked(name, f"answer to {name}", started=200.0 + number, seconds=1.0 + number)])
    refused = Failure("refused", "I will not", 400, 9, 1)
    ledger.write([asked("bad", outcome="refused", failure=refused)], [("bad", "label", "brief", key("bad"))])
    ledger.write([asked("later", outcome="timeout")], [("later", "label", "wide", key("later"))])


def rows(file: Path) -> dict[str, list[tuple[object, ...]]]:
    """All that a ledger holds, row by row, but for the numbers of its rows."""
    columns = {
        "requests": "key, prompt, teacher, payload, created",
        "attempts": "key, started, seconds, outcome, status, message",
        "replies": "key, reply, prompt_tokens, completion_tokens, cost, created, cached_tokens, hash",
        "failures": "key, kind, message, status, prompt_tokens, completion_tokens, cost, created, hash, forgotten",
        "uses": "record, purpose, rung, key",
    }
    with contextlib.closing(sqlite3.connect(file)) as db:
        return {name: sorted(db.execute(f"SELECT {some} FROM {name}"), key=repr) for name, some in columns.items()}


def change(file: Path, sql: str, *values: object) -> None:
    """Write to a ledger from outside, as nothing should."""
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        assert db.execute(sql, values).rowcount, "nothing was changed"


def batch(ledger: Ledger, *names: str) -> BatchBook:
    """A batch with the requests about ``names``, which is with the provider."""
    book = BatchBook(ledger)
    book.add(TEACHER, "http://here.example", "file", "digest", PREPARED, [key(name) for name in names])
    return book
