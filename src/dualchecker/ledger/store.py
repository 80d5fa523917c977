"""The ledger: every request to a teacher and everything that came back, in one SQLite file.

A run is a pure function of its inputs and its ledger: what is in it is never asked, nor paid, again.
"""

import contextlib
import os
import sqlite3
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Self

from dualchecker.errors import LedgerError
from dualchecker.jsontext import json_text
from dualchecker.ledger.lock import acquire, release
from dualchecker.ledger.rows import (
    Attempt,
    Entry,
    Failure,
    Request,
    Totals,
    failure_hash,
    reply_from_json,
    reply_hash,
    reply_to_json,
)
from dualchecker.ledger.schema import prepare
from dualchecker.records import Reply

Use = tuple[str, str, str, str]
"""(record, purpose, rung, key): who used which request, and what for."""

_COLUMNS = {
    "requests": ("key", "prompt", "teacher", "payload", "created"),
    "attempts": ("key", "started", "seconds", "outcome", "status", "message"),
    "replies": ("key", "reply", "prompt_tokens", "completion_tokens", "cost", "created", "cached_tokens", "hash"),
    "failures": ("key", "kind", "message", "status", "prompt_tokens", "completion_tokens", "cost", "created", "hash"),
    "uses": ("record", "purpose", "rung", "key"),
}


def _insert(table: str) -> str:
    """One statement for any number of rows, given as one JSON array.

    ``executemany`` would take Python's lock anew for every row, and wait for it milliseconds while another thread
    computes; so whole groups are written while the other thread goes on.
    """
    columns = _COLUMNS[table]
    values = ", ".join(f"json_extract(value, '$[{place}]')" for place in range(len(columns)))
    return f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) SELECT {values} FROM json_each(?)"  # noqa: S608


_INSERT = {table: _insert(table) for table in _COLUMNS}


class Ledger:
    """One SQLite file (WAL). Open it with ``Ledger.open``; use it as a context manager.

    Only one process may write a ledger at a time; any number may read it meanwhile.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, lock: IO[str] | None) -> None:
        self._db, self.path, self._lock = connection, path, lock

    @classmethod
    def open(cls, path: str | Path, *, read_only: bool = False) -> Self:
        """Open or create a ledger.

        Raises:
            LedgerBusyError: Another process is writing it.
            LedgerError: The file is missing (read-only), damaged, no ledger, from a newer version, or not writable.
        """
        file = Path(path)
        lock = None
        if read_only and not file.is_file():
            raise LedgerError(f"There is no ledger {file}.", fix="Check the path.")
        try:
            if not read_only:
                file.parent.mkdir(parents=True, exist_ok=True)
                lock = acquire(file)
            # One connection, used by the thread that asks while the main thread waits for it.
            target = f"{file.resolve().as_uri()}?{_read_mode(file)}" if read_only else str(file)
            db = sqlite3.connect(target, uri=read_only, isolation_level=None, check_same_thread=False, timeout=30)
            try:
                prepare(db, file, read_only=read_only)
            except BaseException:
                db.close()
                raise
        except (sqlite3.Error, OSError) as error:
            release(lock)
            raise LedgerError(
                f"The ledger {file} cannot be opened.",
                why=str(error),
                fix="Check that the folder is writable, has room, and that the file is a ledger.",
            ) from error
        except BaseException:
            release(lock)
            raise
        return cls(db, file, lock)

    def close(self) -> None:
        self._db.close()
        release(self._lock)
        self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                if self._db.in_transaction:  # a full disk has already rolled back
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise LedgerError(
                f"The ledger {self.path} cannot be written.",
                why=str(error),
                fix="Free some room or mend the permissions, then run again: what is in the ledger is kept.",
            ) from error

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise LedgerError(
                f"The ledger {self.path} cannot be read.",
                why=str(error),
                fix="If it is damaged, `sqlite3 OLD .recover | sqlite3 NEW` saves what can be saved.",
            ) from error

    def reply(self, key: str) -> Reply | None:
        """The reply to a request, if it was ever answered."""
        return self.replies([key]).get(key)

    def replies(self, keys: Sequence[str]) -> dict[str, Reply]:
        """The replies to those of the requests that were answered."""
        found = {}
        for marks, part in _portions(keys):
            rows = self._rows(f"SELECT key, reply FROM replies WHERE key IN ({marks})", part)  # noqa: S608
            found.update({key: reply_from_json(text) for key, text in rows})
        return found

    def reply_to_prompt(self, prompt_hash: str, rung: str = "") -> Reply | None:
        """The first reply to the same messages, whatever model and settings they were sent with.

        Args:
            prompt_hash: Of the messages.
            rung: Prefer the reply that this rung got: a senior teacher may be sent the same messages as another.
        """
        rows = self._rows(
            "SELECT reply FROM replies JOIN requests USING (key) WHERE prompt = ? ORDER BY"
            " EXISTS (SELECT 1 FROM uses WHERE uses.key = requests.key AND uses.rung = ?) DESC, replies.created, key"
            " LIMIT 1",
            (prompt_hash, rung),
        )
        return reply_from_json(rows[0][0]) if rows else None

    def failures(self, keys: Sequence[str]) -> dict[str, Failure]:
        """How those of the requests ended that ended for good without an answer."""
        found = {}
        for marks, part in _portions(keys):
            rows = self._rows(
                "SELECT key, kind, message, status, prompt_tokens, completion_tokens FROM failures"  # noqa: S608
                f" WHERE NOT forgotten AND key IN ({marks}) ORDER BY id",
                part,
            )
            found.update({row[0]: Failure(*row[1:]) for row in rows})
        return found

    def write(self, entries: Iterable[Entry], uses: Iterable[Use] = ()) -> None:
        """Enter tries with their requests and what came of them, and who used what, in one transaction.

        When this returns, all of it is on disk and survives the process. What the ledger holds already stays.

        Raises:
            LedgerError: It cannot be written; then none of it is there.
        """
        now = time.time()
        rows: dict[str, list[Sequence[Any]]] = {"requests": [], "attempts": [], "replies": [], "failures": []}
        for entry in entries:
            request, attempt, reply, failure = entry.request, entry.attempt, entry.reply, entry.failure
            rows["requests"].append(_request_row(request, now))
            rows["attempts"].append(_attempt_row(attempt))
            if reply is not None:
                rows["replies"].append(_reply_row(request.key, reply, entry.cost, now))
            if failure is not None:
                rows["failures"].append(_failure_row(request.key, failure, entry.cost, now))
        rows["uses"] = list(uses)
        with self._transaction() as db:
            for table, some in rows.items():
                if some:
                    db.execute(_INSERT[table], (_rows_as_json(some),))

    def using(self, uses: Sequence[Use]) -> None:
        """Called before requests are used; a ledger that meters its users may refuse here."""

    def record_uses(self, uses: Iterable[Use]) -> None:
        """Note who used which request, where nothing else is to be written."""
        self.write((), uses)

    def forget_failures(self) -> int:
        """Let requests that ended for good without an answer be asked again; how many there were.

        Their attempts stay in the ledger, and what they cost stays counted.
        """
        with self._transaction() as db:
            return db.execute("UPDATE failures SET forgotten = 1 WHERE NOT forgotten").rowcount

    def totals(self, keys: Collection[str] | None = None) -> Totals:
        """Everything in the ledger, or what these requests took (whichever run paid for them)."""
        columns = "ifnull(sum(prompt_tokens), 0), ifnull(sum(completion_tokens), 0), ifnull(sum(cost), 0)"
        answered = f"SELECT count(*), {columns}, ifnull(sum(cached_tokens), 0) FROM replies"  # noqa: S608
        failed = f"SELECT 0, {columns}, 0 FROM failures"  # noqa: S608
        sums = [0.0] * 5
        for where, part in [("", [])] if keys is None else _where(keys):
            for sql in (answered, failed):
                sums = [total + value for total, value in zip(sums, self._rows(sql + where, part)[0], strict=True)]
        attempts = sum(self.outcomes(keys).values())
        return Totals(int(sums[0]), attempts, int(sums[1]), int(sums[2]), sums[3], int(sums[4]))

    def outcomes(self, keys: Collection[str] | None = None) -> dict[str, int]:
        """How often each attempt outcome occurred, in all or at these requests; the most frequent first."""
        if keys is None:
            return dict(self._rows("SELECT outcome, count(*) FROM attempts GROUP BY outcome ORDER BY 2 DESC"))
        counts: Counter[str] = Counter()
        for marks, part in _portions(keys):
            rows = self._rows(
                f"SELECT outcome, count(*) FROM attempts WHERE key IN ({marks}) GROUP BY outcome",  # noqa: S608
                part,
            )
            counts.update(dict(rows))
        return dict(counts.most_common())

    def uses(self) -> dict[tuple[str, str], int]:
        """Number of uses by (purpose, rung)."""
        rows = self._rows("SELECT purpose, rung, count(*) FROM uses GROUP BY purpose, rung")
        return {(purpose, rung): count for purpose, rung, count in rows}

    transaction, rows = _transaction, _rows


def _where(keys: Collection[str]) -> Iterator[tuple[str, list[str]]]:
    for marks, part in _portions(keys):
        yield f" WHERE key IN ({marks})", part


def _portions(keys: Collection[str]) -> Iterator[tuple[str, list[str]]]:
    """The keys in parts, each with its question marks: SQLite limits the variables of one statement."""
    ordered = sorted(keys)  # so that sums of costs do not differ in their last digit from run to run
    for start in range(0, len(ordered), 500):
        part = ordered[start : start + 500]
        yield ",".join("?" * len(part)), part


def _read_mode(file: Path) -> str:
    """How to open for reading: where nothing may be written beside the file, it has to be taken as unchanging."""
    alone = not file.with_name(file.name + "-wal").exists()
    return "immutable=1" if alone and not os.access(file.parent, os.W_OK) else "mode=ro"


def _request_row(request: Request, now: float) -> Sequence[Any]:
    return request.key, request.prompt, request.teacher, json_text(request.payload), now


def _attempt_row(attempt: Attempt) -> Sequence[Any]:
    return attempt.key, attempt.started, attempt.seconds, attempt.outcome, attempt.status, attempt.message


def _reply_row(key: str, reply: Reply, cost: float, now: float) -> Sequence[Any]:
    text = reply_to_json(reply)
    tokens = (reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens)
    return key, text, tokens[0], tokens[1], cost, now, tokens[2], reply_hash(key, text, tokens, cost)


def _failure_row(key: str, failure: Failure, cost: float, now: float) -> Sequence[Any]:
    failure = replace(failure, message=_clean(failure.message))
    tokens = (failure.prompt_tokens, failure.completion_tokens)
    digest = failure_hash(key, failure, cost)
    return key, failure.kind, failure.message, failure.status, *tokens, cost, now, digest


def _rows_as_json(rows: Sequence[Sequence[Any]]) -> str:
    """Rows for ``json_each``; half characters and NUL, which SQLite cannot hold, are replaced."""
    return json_text([[_clean(value) if isinstance(value, str) else value for value in row] for row in rows])


def _clean(text: str) -> str:
    return (
        text
        if text.isascii() and "\0" not in text
        else text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    )
