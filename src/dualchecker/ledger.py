"""The ledger: every request to a teacher and everything that came back, in one SQLite file.

A run is a pure function of its inputs and its ledger: what is in it is never asked, nor paid, again.
"""

import contextlib
import hashlib
import json
import os
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Self

from dualchecker.errors import LedgerBusyError, LedgerError
from dualchecker.records import Reply

SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS requests (
    key TEXT PRIMARY KEY,      -- hash of everything that changes the output
    prompt TEXT NOT NULL,      -- hash of the messages alone
    teacher TEXT NOT NULL,
    payload TEXT NOT NULL,     -- JSON; holds no key and no address
    created REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS requests_by_prompt ON requests (prompt);
CREATE TABLE IF NOT EXISTS attempts (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL REFERENCES requests (key),
    started REAL NOT NULL,
    seconds REAL NOT NULL,
    outcome TEXT NOT NULL,     -- ok, or the name of the failure
    status INTEGER,
    message TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS replies (
    key TEXT PRIMARY KEY REFERENCES requests (key),
    reply TEXT NOT NULL,       -- JSON of the Reply
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    cost REAL NOT NULL,
    created REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uses (
    record TEXT NOT NULL,      -- which record was asked about
    purpose TEXT NOT NULL,     -- what for: label, calibrate, explain, ...
    rung TEXT NOT NULL,
    key TEXT NOT NULL,
    PRIMARY KEY (record, purpose, rung, key)
) WITHOUT ROWID;
"""


def _json(value: Any) -> str:
    """JSON that SQLite takes: half a surrogate pair, which a server may send, stays an escape."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def _reply(text: str) -> Reply:
    fields = json.loads(text)
    return Reply(**{**fields, "notes": tuple(fields.get("notes", ()))})


def content_hash(value: Any) -> str:
    """SHA-256 over canonical JSON, as 64 hex digits."""
    canonical = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Totals:
    """What a ledger holds: distinct answered requests, tries, tokens, and money in the currency of the prices."""

    requests: int
    attempts: int
    prompt_tokens: int
    completion_tokens: int
    cost: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one request."""

    key: str
    started: float
    seconds: float
    outcome: str
    status: int | None = None
    message: str = ""


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
                lock = _acquire(file)
            # One connection, used by the thread that asks while the main thread waits for it.
            target = f"{file.resolve().as_uri()}?{_read_mode(file)}" if read_only else str(file)
            db = sqlite3.connect(target, uri=read_only, isolation_level=None, check_same_thread=False, timeout=30)
            try:
                _prepare(db, file, read_only)
            except BaseException:
                db.close()
                raise
        except (sqlite3.Error, OSError) as error:
            _release(lock)
            raise LedgerError(
                f"The ledger {file} cannot be opened.",
                why=str(error),
                fix="Check that the folder is writable, has room, and that the file is a ledger.",
            ) from error
        except BaseException:
            _release(lock)
            raise
        return cls(db, file, lock)

    def close(self) -> None:
        self._db.close()
        _release(self._lock)
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
            found.update({key: _reply(text) for key, text in rows})
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
        return _reply(rows[0][0]) if rows else None

    def open_requests(self, rows: Iterable[tuple[str, str, str, Mapping[str, Any]]]) -> None:
        """Enter requests (key, prompt hash, teacher, payload) that are about to be sent."""
        now = time.time()
        values = [(k, p, t, _json(b), now) for k, p, t, b in rows]
        with self._transaction() as db:
            db.executemany("INSERT OR IGNORE INTO requests VALUES (?, ?, ?, ?, ?)", values)

    def record_uses(self, rows: Iterable[tuple[str, str, str, str]]) -> None:
        """Note which (record, purpose, rung) used which request."""
        with self._transaction() as db:
            db.executemany("INSERT OR IGNORE INTO uses VALUES (?, ?, ?, ?)", list(rows))

    def record_attempt(self, attempt: Attempt, reply: Reply | None = None, cost: float = 0.0) -> None:
        """One try, and its reply if it succeeded, in one transaction: a reply is on disk before it is used."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO attempts (key, started, seconds, outcome, status, message) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    attempt.key,
                    attempt.started,
                    attempt.seconds,
                    attempt.outcome,
                    attempt.status,
                    attempt.message.encode("utf-8", "replace").decode(),
                ),
            )
            if reply is not None:
                body = _json(asdict(reply))
                db.execute(
                    "INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?, ?, ?)",
                    (attempt.key, body, reply.prompt_tokens, reply.completion_tokens, cost, time.time()),
                )

    def totals(self, keys: Collection[str] | None = None) -> Totals:
        """Everything in the ledger, or what these requests took (whichever run paid for them)."""
        if keys is not None:
            return self._totals_of(keys)
        row = self._rows(
            "SELECT count(*), ifnull(sum(prompt_tokens), 0), ifnull(sum(completion_tokens), 0), ifnull(sum(cost), 0)"
            " FROM replies"
        )[0]
        attempts = self._rows("SELECT count(*) FROM attempts")[0][0]
        return Totals(row[0], attempts, row[1], row[2], row[3])

    def _totals_of(self, keys: Collection[str]) -> Totals:
        sums = [0.0] * 4
        for marks, part in _portions(keys):
            row = self._rows(
                "SELECT count(*), ifnull(sum(prompt_tokens), 0), ifnull(sum(completion_tokens), 0),"  # noqa: S608
                f" ifnull(sum(cost), 0) FROM replies WHERE key IN ({marks})",
                part,
            )[0]
            sums = [total + value for total, value in zip(sums, row, strict=True)]
        attempts = sum(self.outcomes(keys).values())
        return Totals(int(sums[0]), attempts, int(sums[1]), int(sums[2]), sums[3])

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


def _portions(keys: Collection[str]) -> Iterator[tuple[str, list[str]]]:
    """The keys in parts, each with its question marks: SQLite limits the variables of one statement."""
    ordered = sorted(keys)  # so that sums of costs do not differ in their last digit from run to run
    for start in range(0, len(ordered), 500):
        part = ordered[start : start + 500]
        yield ",".join("?" * len(part)), part


def _prepare(db: sqlite3.Connection, file: Path, read_only: bool) -> None:
    if not read_only:
        db.execute("PRAGMA journal_mode=WAL")
        # NORMAL survives a killed process; only a power cut can lose the last moments.
        db.execute("PRAGMA synchronous=NORMAL")
        db.executescript(_SCHEMA)
        db.execute("INSERT OR IGNORE INTO meta VALUES ('schema_version', ?)", (str(SCHEMA_VERSION),))
    row = db.execute("SELECT value FROM meta WHERE name = 'schema_version'").fetchone()
    version = row[0] if row else "?"
    if not version.isdecimal() or int(version) > SCHEMA_VERSION:
        raise LedgerError(
            f"The ledger {file} has the format {version}; this version reads up to {SCHEMA_VERSION}.",
            fix="Upgrade dualchecker.",
        )


def _read_mode(file: Path) -> str:
    """How to open for reading: where nothing may be written beside the file, it has to be taken as unchanging."""
    alone = not file.with_name(file.name + "-wal").exists()
    return "immutable=1" if alone and not os.access(file.parent, os.W_OK) else "mode=ro"


def _acquire(file: Path) -> IO[str]:
    """Hold an operating-system lock beside the ledger; the system frees it even when the process is killed."""
    handle = file.with_name(file.name + ".lock").open("a+", encoding="utf-8")
    try:
        if sys.platform == "win32":
            import msvcrt

            handle.seek(0)
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.seek(0)
        holder = handle.read().strip()
        handle.close()
        raise LedgerBusyError(
            f"Another process is writing {file}.",
            why=f"It is held by process {holder}." if holder else "",
            fix="Wait for it to end, stop it, or give this run another output folder.",
        ) from None
    handle.seek(0)
    handle.truncate()
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


def _release(lock: IO[str] | None) -> None:
    if lock is not None:
        lock.close()
