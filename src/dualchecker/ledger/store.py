"""The ledger: every request to a teacher and everything that came back, in one SQLite file.

A run is a pure function of its inputs and its ledger: what is in it is never asked, nor paid, again.
"""

import contextlib
import math
import os
import sqlite3
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Self

from dualchecker.errors import LedgerError
from dualchecker.jsontext import json_text
from dualchecker.ledger.inserts import INSERT, INSERT_REQUESTS, as_json, requests_of, rows_of
from dualchecker.ledger.lock import acquire, release
from dualchecker.ledger.rows import Entry, Failure, Totals, reply_from_json
from dualchecker.ledger.schema import prepare
from dualchecker.records import Reply

Use = tuple[str, str, str, str]
"""(record, purpose, rung, key): who used which request, and what for."""

_IF_NOT_WRITTEN = "Free some room or mend the permissions, then run again: what is in the ledger is kept."
_IF_NOT_READ = (
    "`dualchecker ledger verify` names what is damaged; `sqlite3 OLD .recover | sqlite3 NEW` saves what can be saved."
)
SAVE = (
    "Save what can be saved with `sqlite3 OLD .recover | sqlite3 NEW`, check it with `dualchecker ledger verify NEW` "
    "and put it in the place of the old one; or bring back a backup."
)
"""What to do about a damaged file, as opposed to damaged rows."""

_DAMAGED = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}

_UNREADABLE = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite raises for a damaged file; what it says of it may itself be no text."""

_AT_ONCE = 512
"""Payloads in one statement: SQLite takes no more than a gigabyte at a time."""

_AMONG = "key IN (SELECT value FROM json_each(?))"
"""Any number of keys, given as one JSON array; the table is gone through once at most."""


class Ledger:
    """One SQLite file (WAL). Open it with ``Ledger.open``; use it as a context manager.

    Only one process may write a ledger at a time; any number may read it meanwhile.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        lock: IO[str] | None,
        reader: sqlite3.Connection | None = None,
    ) -> None:
        self._db, self.path, self._lock = connection, path, lock
        # Answers are looked up beside the writing, which they need not wait for: what is not yet whole is not seen.
        self._reader = reader or connection
        self._writing = threading.Lock()  # one connection: two threads must not share a transaction

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
            db = _open_to_read(file) if read_only else _open(file, "mode=rwc", read_only=False)
            try:
                reader = None if read_only else _connect(file, "mode=ro")
            except BaseException:
                db.close()
                raise
        except (*_UNREADABLE, OSError) as error:
            release(lock)
            raise _not_opened(file, error) from error
        except BaseException:
            release(lock)
            raise
        return cls(db, file, lock, reader)

    def close(self) -> None:
        self._reader.close()
        self._db.close()
        release(self._lock)
        self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """What is done inside happens whole or not at all.

        Raises:
            LedgerError: It cannot be written; then none of it is there.
        """
        with self._writing, self._told("written", _IF_NOT_WRITTEN):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk has already rolled back
                    self._db.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """All that is read inside is of one moment, whatever another process writes meanwhile. May be nested."""
        if self._db.in_transaction:
            yield
            return
        with self._reading():
            self._db.execute("BEGIN")
        try:
            yield
        finally:
            with contextlib.suppress(sqlite3.Error):  # of a damaged file, whose damage has been told
                self._db.execute("ROLLBACK")

    @contextlib.contextmanager
    def scratch(self, name: str, query: str, values: Sequence[Any] = ()) -> Iterator[None]:
        """A table beside the ledger with what a query finds, to read from while inside."""
        self.rows(f"CREATE TEMP TABLE {name} AS {query}", values)
        try:
            yield
        finally:
            self.rows(f"DROP TABLE {name}")

    def vacuum(self) -> None:
        """Give the room of removed rows back to the disk. A kill leaves the file as it was.

        Raises:
            LedgerError: There is no room for the second copy that this takes for a while.
        """
        with self._writing, self._told("made smaller", "It is sound, and only larger than it need be: free some room."):
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def has(self, table: str) -> bool:
        """Whether there is such a table: an older ledger that is only read may lack one."""
        return bool(self.rows("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)))

    def size(self) -> int:
        """Bytes on disk, with what is still in its log."""
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.is_file())

    def read(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        """The rows of a query one by one, so that not all of them need fit into memory.

        Raises:
            LedgerError: They cannot be read.
        """
        with self._reading():
            for row in self._db.execute(sql, values):  # noqa: UP028 (it would close the cursor of a closed ledger)
                yield row

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query.

        Raises:
            LedgerError: They cannot be read.
        """
        with self._reading():
            return self._db.execute(sql, values).fetchall()

    def _look_up(self, sql: str, keys: Sequence[str], *, twice: bool = False) -> list[Any]:
        values = _keys(keys)
        with self._reading():
            return self._reader.execute(sql, (*values, *values) if twice else values).fetchall() if keys else []

    @contextlib.contextmanager
    def sound(self) -> Iterator[None]:
        """Values that are read and reckoned with inside may be damaged, though SQLite reads the file.

        Raises:
            LedgerError: No sum can be made of them.
        """
        try:
            yield
        except (TypeError, ValueError, OverflowError) as error:
            raise LedgerError(
                f"The ledger {self.path} is damaged: a row holds what cannot stand there.",
                why=str(error),
                fix=_IF_NOT_READ,
            ) from error

    def _reading(self) -> contextlib.AbstractContextManager[None]:
        return self._told("read", _IF_NOT_READ)

    @contextlib.contextmanager
    def _told(self, done: str, fix: str) -> Iterator[None]:
        try:
            yield
        except _UNREADABLE as error:
            raise LedgerError(f"The ledger {self.path} cannot be {done}.", why=str(error), fix=fix) from error

    def reply(self, key: str) -> Reply | None:
        """The reply to a request, if it was ever answered."""
        return self.replies([key]).get(key)

    def replies(self, keys: Sequence[str]) -> dict[str, Reply]:
        """The replies to those of the requests that were answered."""
        rows = self._look_up(f"SELECT key, reply FROM replies WHERE {_AMONG}", keys)  # noqa: S608
        return {key: self._reply(key, text) for key, text in rows}

    def reply_to_prompt(self, prompt_hash: str, rung: str = "") -> Reply | None:
        """The first reply to the same messages, whatever model and settings they were sent with.

        Args:
            prompt_hash: Of the messages.
            rung: Prefer the reply that this rung got: a senior teacher may be sent the same messages as another.
        """
        rows = self.rows(
            "SELECT key, reply FROM replies JOIN requests USING (key) WHERE prompt = ? ORDER BY replies.created, key",
            (prompt_hash,),
        )
        if len(rows) > 1:  # only then is it worth the search
            users = f"SELECT DISTINCT key FROM uses WHERE rung = ? AND {_AMONG}"  # noqa: S608
            asked = {key for (key,) in self.rows(users, (rung, *_keys([key for key, _ in rows])))}
            rows.sort(key=lambda row: row[0] not in asked)  # stable: the first reply stays the first
        return self._reply(*rows[0]) if rows else None

    def _reply(self, key: str, text: str) -> Reply:
        try:
            return reply_from_json(text)
        except (ValueError, TypeError, AttributeError) as error:
            raise LedgerError(
                f"The ledger {self.path} holds a reply that cannot be read: that to the request {key}.",
                why=str(error),
                fix=_IF_NOT_READ,
            ) from error

    def results(self, keys: Sequence[str]) -> dict[str, Reply | Failure]:
        """How those of the requests ended that ended for good: with a reply, or without one."""
        rows = self._look_up(
            f"SELECT key, reply FROM replies WHERE {_AMONG}"  # noqa: S608
            f" UNION ALL SELECT key, NULL FROM failures WHERE NOT forgotten AND {_AMONG}",
            keys,
            twice=True,
        )
        found: dict[str, Reply | Failure] = {key: self._reply(key, text) for key, text in rows if text is not None}
        if ended := [key for key, text in rows if text is None and key not in found]:
            found.update(self.failures(ended))
        return found

    def failures(self, keys: Sequence[str]) -> dict[str, Failure]:
        """How those of the requests ended that ended for good without an answer."""
        rows = self._look_up(
            "SELECT key, kind, message, status, prompt_tokens, completion_tokens FROM failures"  # noqa: S608
            f" WHERE NOT forgotten AND {_AMONG} ORDER BY id",
            keys,
        )
        return {row[0]: Failure(*row[1:]) for row in rows}

    def write(self, entries: Iterable[Entry], uses: Iterable[Use] = ()) -> None:
        """Enter tries with their requests and what came of them, and who used what, in one transaction.

        When this returns, all of it is on disk and survives the process. What the ledger holds already stays.

        Raises:
            LedgerError: It cannot be written; then none of it is there.
        """
        entries, now = list(entries), time.time()
        rows = rows_of(entries, now)
        rows["uses"] = list(uses)
        with self.transaction() as db:
            for start in range(0, len(entries), _AT_ONCE):
                db.execute(INSERT_REQUESTS, requests_of(entries[start : start + _AT_ONCE], now))
            for table, some in rows.items():
                if some:
                    db.execute(INSERT[table], (as_json(some),))

    def using(self, uses: Sequence[Use]) -> None:
        """Called before requests are used; a ledger that meters its users may refuse here."""

    def record_uses(self, uses: Iterable[Use]) -> None:
        """Note who used which request, where nothing else is to be written."""
        self.write((), uses)

    def forget_failures(self) -> int:
        """Let requests that ended for good without an answer be asked again; how many there were.

        Their attempts stay in the ledger, and what they cost stays counted.
        """
        with self.transaction() as db:
            return db.execute("UPDATE failures SET forgotten = 1 WHERE NOT forgotten").rowcount

    def totals(self, keys: Collection[str] | None = None) -> Totals:
        """Everything in the ledger, or what these requests took (whichever run paid for them)."""
        where, values = ("", ()) if keys is None else (f" WHERE {_AMONG}", _keys(keys))
        columns = "count(*), ifnull(sum(prompt_tokens), 0), ifnull(sum(completion_tokens), 0)"
        answered = self.rows(f"SELECT {columns}, ifnull(sum(cached_tokens), 0) FROM replies{where}", values)  # noqa: S608
        failed = self.rows(f"SELECT {columns} FROM failures{where}", values)  # noqa: S608
        requests, prompt, completion, cached = answered[0]
        costs = f"SELECT cost FROM replies{where} UNION ALL SELECT cost FROM failures{where}"  # noqa: S608
        # Exact: the same in whichever order the replies came.
        with self.sound():
            cost = math.fsum(value for (value,) in self.read(costs, (*values, *values)))
        attempts = sum(self.outcomes(keys).values())
        return Totals(requests, attempts, prompt + failed[0][1], completion + failed[0][2], cost, cached)

    def outcomes(self, keys: Collection[str] | None = None) -> dict[str, int]:
        """How often each attempt outcome occurred, in all or at these requests; the most frequent first."""
        where, values = ("", ()) if keys is None else (f" WHERE {_AMONG}", _keys(keys))
        sql = f"SELECT outcome, count(*) FROM attempts{where} GROUP BY outcome ORDER BY 2 DESC, 1"  # noqa: S608
        return dict(self.rows(sql, values))

    def uses(self) -> dict[tuple[str, str], int]:
        """Number of uses by (purpose, rung)."""
        rows = self.rows("SELECT purpose, rung, count(*) FROM uses GROUP BY purpose, rung")
        return {(purpose, rung): count for purpose, rung, count in rows}


def _keys(keys: Collection[str]) -> tuple[str]:
    return (json_text(list(keys)),)


def _not_opened(file: Path, error: Exception) -> LedgerError:
    damaged = getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED  # the rest of the number says more of the same
    return LedgerError(
        f"The ledger {file} cannot be opened{': it is damaged, or no ledger' if damaged else ''}.",
        why=str(error),
        fix=SAVE if damaged else "Check that the folder is writable and has room.",
    )


def _connect(file: Path, mode: str) -> sqlite3.Connection:
    # Used by the thread that asks while the main thread waits for it.
    address = f"{file.resolve().as_uri()}?{mode}"
    return sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False, timeout=30)


def _open(file: Path, mode: str, *, read_only: bool) -> sqlite3.Connection:
    db = _connect(file, mode)
    try:
        prepare(db, file, read_only=read_only)
    except BaseException:
        db.close()
        raise
    return db


def _open_to_read(file: Path) -> sqlite3.Connection:
    """Where nothing can be written beside the file (no right, no room), it has to be taken as unchanging."""
    if file.with_name(file.name + "-wal").exists():  # somebody writes it, or was killed
        return _open(file, "mode=ro", read_only=True)
    if not os.access(file.parent, os.W_OK):
        return _open(file, "immutable=1", read_only=True)
    try:
        return _open(file, "mode=ro", read_only=True)
    except sqlite3.OperationalError:
        return _open(file, "immutable=1", read_only=True)
