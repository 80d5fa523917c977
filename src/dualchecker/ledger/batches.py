"""Which requests are with the provider in batches, so that none is sent twice and none is lost.

A batch is noted before it is sent, with the keys of its requests, and again at every step after that.
"""

import secrets
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dualchecker.jsontext import json_text
from dualchecker.ledger.hashing import content_hash
from dualchecker.ledger.inserts import as_json

if TYPE_CHECKING:
    from dualchecker.ledger.store import Ledger

BATCH_TABLES = """
CREATE TABLE IF NOT EXISTS batches (
    id INTEGER PRIMARY KEY,
    token TEXT NOT NULL UNIQUE,        -- our own name for it; stands in its metadata at the provider
    teacher TEXT NOT NULL,
    address TEXT NOT NULL,             -- of the server; empty for one that goes by hand
    file TEXT NOT NULL,                -- of requests, in the folder of batches
    digest TEXT NOT NULL,              -- SHA-256 of that file
    state TEXT NOT NULL,               -- prepared, uploaded, creating, by_hand, dropped, forgotten, or the provider's
    ended INTEGER NOT NULL DEFAULT 0,  -- 1: its requests are no longer under way
    input_file TEXT NOT NULL DEFAULT '',
    remote TEXT NOT NULL DEFAULT '',   -- the provider's name for it
    total INTEGER NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL,
    updated REAL NOT NULL,
    message TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS batch_keys (
    key TEXT NOT NULL,
    batch INTEGER NOT NULL,
    answered INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (key, batch)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS batch_keys_by_batch ON batch_keys (batch);
CREATE TABLE IF NOT EXISTS batch_lines (  -- results that no run has read yet
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,         -- of the line
    line TEXT NOT NULL,                -- emptied when it is used
    used INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS batch_lines_by_key ON batch_lines (key);
"""

PREPARED, UPLOADED, CREATING, BY_HAND = "prepared", "uploaded", "creating", "by_hand"
_NO_TRY = ("dropped", "forgotten", "failed")
"""States of batches whose requests were never worked on, as far as anyone knows."""

_PART = 500
_COLUMNS = (
    "id, token, teacher, address, file, digest, state, ended, input_file, remote, total, done, failed, created, message"
)


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as the ledger knows it; times in seconds since 1970."""

    id: int
    token: str
    teacher: str
    address: str
    file: str
    digest: str
    state: str
    ended: bool
    input_file: str
    remote: str
    total: int
    done: int
    failed: int
    created: float
    message: str


class BatchBook:
    """The batches of a ledger.

    Args:
        ledger: Nobody else may write it while a method runs.
    """

    def __init__(self, ledger: "Ledger") -> None:
        self._ledger = ledger

    def all(self) -> list[Batch]:
        """Every batch there ever was, the oldest first; none in a ledger from before there were batches."""
        if not self._ledger.rows("SELECT 1 FROM sqlite_master WHERE name = 'batches'"):
            return []
        return [_batch(row) for row in self._ledger.rows(f"SELECT {_COLUMNS} FROM batches ORDER BY id")]  # noqa: S608

    def open(self, teacher: str | None = None) -> list[Batch]:
        """Those whose requests are under way, or about to be; of one teacher, or of all."""
        return [batch for batch in self.all() if not batch.ended and teacher in (None, batch.teacher)]

    def is_idle(self, teacher: str) -> bool:
        """Whether no batch of a teacher is open, and no result waits to be read."""
        return not self.open(teacher) and not self._ledger.rows("SELECT 1 FROM batch_lines WHERE NOT used LIMIT 1")

    def under_way(self, batches: Iterable[Batch]) -> dict[str, int]:
        """Keys of the requests in these batches that wait for an answer, each with its batch."""
        found: dict[str, int] = {}
        for batch in batches:
            rows = self._ledger.rows("SELECT key FROM batch_keys WHERE batch = ? AND NOT answered", (batch.id,))
            found.update((key, batch.id) for (key,) in rows)
        return found

    def add(self, teacher: str, address: str, file: str, digest: str, state: str, keys: Collection[str]) -> Batch:
        """Note a batch with its keys before anything is sent."""
        now, token = time.time(), secrets.token_hex(12)
        with self._ledger.transaction() as db:
            number = db.execute(
                "INSERT INTO batches (token, teacher, address, file, digest, state, total, created, updated)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (token, teacher, address, file, digest, state, len(keys), now, now),
            ).lastrowid
            db.execute(
                "INSERT INTO batch_keys (key, batch) SELECT value, ? FROM json_each(?)", (number, json_text(list(keys)))
            )
        return self.get(int(number or 0))

    def get(self, number: int) -> Batch:
        return _batch(self._ledger.rows(f"SELECT {_COLUMNS} FROM batches WHERE id = ?", (number,))[0])  # noqa: S608

    def note(
        self,
        batch: Batch,
        *,
        state: str | None = None,
        ended: bool = False,
        input_file: str | None = None,
        remote: str | None = None,
        done: int | None = None,
        failed: int | None = None,
        message: str | None = None,
    ) -> Batch:
        """Write down what has become of a batch; what is not given stays. Ended once, it stays ended."""
        with self._ledger.transaction() as db:
            db.execute(
                "UPDATE batches SET state = ifnull(?, state), ended = max(ended, ?),"
                " input_file = ifnull(?, input_file), remote = ifnull(?, remote), done = ifnull(?, done),"
                " failed = ifnull(?, failed), message = ifnull(?, message), updated = ? WHERE id = ?",
                (state, ended, input_file, remote, done, failed, message, time.time(), batch.id),
            )
        return self.get(batch.id)

    def all_settled(self, batch: Batch) -> bool:
        """Whether the ledger knows how each request of a batch has ended."""
        return not self._ledger.rows(
            "SELECT 1 FROM batch_keys WHERE batch = ? AND NOT answered AND key NOT IN (SELECT key FROM replies)"
            " AND key NOT IN (SELECT key FROM failures WHERE NOT forgotten) LIMIT 1",
            (batch.id,),
        )

    def tries(self, keys: Collection[str]) -> dict[str, int]:
        """In how many batches each request has come to an end, or is just coming to one."""
        found: dict[str, int] = {}
        for part in _parts(list(keys)):
            marks, states = ",".join("?" * len(part)), ",".join("?" * len(_NO_TRY))
            rows = self._ledger.rows(
                "SELECT key, count(*) FROM batch_keys JOIN batches ON batches.id = batch"  # noqa: S608
                f" WHERE key IN ({marks}) AND state NOT IN ({states}) GROUP BY key",
                (*part, *_NO_TRY),
            )
            found.update(dict(rows))
        return found

    def known(self, keys: Collection[str]) -> set[str]:
        """Those of the keys that were ever in a batch."""
        found: set[str] = set()
        for part in _parts(list(keys)):
            marks = ",".join("?" * len(part))
            rows = self._ledger.rows(f"SELECT DISTINCT key FROM batch_keys WHERE key IN ({marks})", part)  # noqa: S608
            found.update(key for (key,) in rows)
        return found

    def keep(self, lines: Iterable[tuple[str, str]]) -> list[str]:
        """Keep results, as (key, line), until a run asks for them; the lines that were not there before."""
        by_hash = {content_hash(line): (key, line) for key, line in lines}
        rows = as_json([(key, digest, line) for digest, (key, line) in by_hash.items()])
        with self._ledger.transaction() as db:
            new = db.execute(
                "INSERT OR IGNORE INTO batch_lines (key, hash, line)"
                " SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]')"
                " FROM json_each(?) RETURNING hash",
                (rows,),
            ).fetchall()
        return [by_hash[digest][1] for (digest,) in new]

    def kept(self) -> Iterator[Mapping[str, list[str]]]:
        """Results that no run has read yet, as lines by key; all lines of a key are in one portion."""
        last = ""
        while True:
            rows = self._ledger.rows(
                "SELECT DISTINCT key FROM batch_lines WHERE NOT used AND key > ? ORDER BY key LIMIT ?", (last, _PART)
            )
            if not rows:
                return
            keys = [key for (key,) in rows]
            last, found = keys[-1], dict[str, list[str]]()
            marks = ",".join("?" * len(keys))
            sql = f"SELECT key, line FROM batch_lines WHERE NOT used AND key IN ({marks}) ORDER BY id"  # noqa: S608
            for key, line in self._ledger.rows(sql, keys):
                found.setdefault(key, []).append(line)
            yield found

    def settle_known(self) -> None:
        """Let go of results whose requests are settled in the ledger, as a run that was killed may have left them."""
        rows = self._ledger.rows("SELECT DISTINCT key FROM batch_lines WHERE NOT used")
        for part in _parts([key for (key,) in rows]):
            if settled := {*self._ledger.replies(part), *self._ledger.failures(part)}:
                self.used(settled)

    def used(self, keys: Collection[str]) -> None:
        """The kept results of these requests have been read; batches that go by hand end with their last request."""
        given = json_text(list(keys))
        with self._ledger.transaction() as db:
            db.execute(
                "UPDATE batch_lines SET used = 1, line = '' WHERE key IN (SELECT value FROM json_each(?))", (given,)
            )
            db.execute(
                "UPDATE batch_keys SET answered = 1 WHERE key IN (SELECT value FROM json_each(?))"
                " AND batch IN (SELECT id FROM batches WHERE state = ? AND NOT ended)",
                (given, BY_HAND),
            )
            db.execute(
                "UPDATE batches SET updated = ?, done = (SELECT count(*) FROM batch_keys WHERE batch = id AND answered)"
                " WHERE state = ? AND NOT ended",
                (time.time(), BY_HAND),
            )
            db.execute("UPDATE batches SET ended = 1 WHERE state = ? AND done = total", (BY_HAND,))


def _batch(row: Sequence[object]) -> Batch:
    values = list(row)
    values[7] = bool(values[7])
    return Batch(*values)  # type: ignore[arg-type]


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), _PART):
        yield keys[start : start + _PART]
