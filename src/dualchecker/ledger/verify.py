"""Whether a ledger is what was written: the file, each row, and how rows belong together."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dualchecker.errors import LedgerError
from dualchecker.jsontext import from_json
from dualchecker.ledger.hashing import content_hash, request_key
from dualchecker.ledger.rows import Failure, failure_hash, reply_from_json, reply_hash
from dualchecker.ledger.store import Ledger

_OTHER = "its hash is another"
_NO_REQUEST = "there is no request with its key"
_BELONGING = (
    ("replies", "SELECT key FROM replies WHERE key NOT IN (SELECT key FROM requests)", _NO_REQUEST),
    ("failures", "SELECT DISTINCT key FROM failures WHERE key NOT IN (SELECT key FROM requests)", _NO_REQUEST),
    ("attempts", "SELECT DISTINCT key FROM attempts WHERE key NOT IN (SELECT key FROM requests)", _NO_REQUEST),
    (
        "replies",
        "SELECT DISTINCT key FROM attempts WHERE outcome = 'ok' AND key NOT IN (SELECT key FROM replies)"
        " AND key NOT IN (SELECT key FROM failures)",
        "an attempt brought a reply, which is not there",
    ),
)


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is not as it was written.

    Attributes:
        table: Where; ``file`` where it is no matter of rows.
        key: Of the request; empty where no single row can be named.
        what: What is wrong with it.
    """

    table: str
    key: str
    what: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What was looked at, and what was found.

    Attributes:
        rows: How many rows were read, by table.
        not_covered: Rows that carry nothing to check them by: replies of version 1 (no hash), and requests whose
            payload was pruned.
        not_sent: Uses of requests that were never sent. That is no damage: a run notes what it needs before it asks.
        damages: What is wrong; empty where all is right.
    """

    rows: Mapping[str, int]
    not_covered: Mapping[str, int]
    not_sent: int
    damages: tuple[Damage, ...]

    @property
    def sound(self) -> bool:
        return not self.damages

    @property
    def unreadable(self) -> bool:
        """Whether there is damage that lies in no single row, so that it cannot be left out."""
        return any(not damage.key for damage in self.damages)


def verify(ledger: Ledger) -> Verified:
    """Check everything that can be checked, reading only; a run may go on writing meanwhile.

    SQLite's own check of the file; the hash of each reply, failure and unread result of a batch; the key of each
    request, from its teacher and payload; and that replies, failures and attempts have their requests.
    """
    checking = _Checking(ledger)
    with ledger.snapshot():
        checking.file()
        checking.each("requests", "SELECT {key}, {teacher}, {payload} FROM requests", _request_is_right)
        checking.each(
            "replies",
            "SELECT {key}, {reply}, prompt_tokens, completion_tokens, cached_tokens, cost, {hash} FROM replies",
            _reply_is_right,
        )
        checking.each(
            "failures",
            "SELECT {key}, {kind}, {message}, status, prompt_tokens, completion_tokens, cost, {hash} FROM failures",
            _failure_is_right,
        )
        if ledger.has("batch_lines"):
            checking.each("batch_lines", "SELECT {key}, {line}, {hash} FROM batch_lines WHERE NOT used", _line_is_right)
        checking.each("attempts", "SELECT {key}, {outcome} FROM attempts", lambda *row: None)
        for table, sql, what in _BELONGING:
            checking.belonging(table, sql, what)
        not_sent = checking.number("SELECT count(*) FROM uses WHERE key NOT IN (SELECT key FROM requests)")
    return Verified(checking.rows, checking.not_covered, not_sent, tuple(checking.damages))


@dataclass(slots=True)
class _Checking:
    ledger: Ledger
    rows: dict[str, int] = field(default_factory=dict)
    not_covered: dict[str, int] = field(default_factory=dict)
    damages: list[Damage] = field(default_factory=list)

    def file(self) -> None:
        for (said,) in self._read("file", "PRAGMA integrity_check"):
            if said != "ok":
                self.damages.append(Damage("file", "", str(said)))

    def each(self, table: str, sql: str, check: Callable[..., str | None]) -> None:
        """Every row of a table. Texts are read as bytes: damaged ones need not be texts."""
        self.rows[table] = 0
        for row in self._read(table, sql.format_map(_AsBytes())):
            self.rows[table] += 1
            values = [value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value for value in row]
            try:
                wrong = check(*values)
            except _NotCovered:
                self.not_covered[table] = self.not_covered.get(table, 0) + 1
                continue
            except (ValueError, TypeError, AttributeError, RecursionError) as error:
                wrong = f"it cannot be read: {error}"
            if wrong:
                self.damages.append(Damage(table, _printable(values[0]), _printable(wrong)))

    def belonging(self, table: str, sql: str, what: str) -> None:
        for (key,) in self._read(table, sql.replace("key FROM", "CAST(key AS BLOB) FROM", 1)):
            self.damages.append(Damage(table, _printable(key), what))

    def number(self, sql: str) -> int:
        return sum(count for (count,) in self._read("uses", sql))

    def _read(self, table: str, sql: str) -> Iterator[Any]:
        """As far as it goes: what SQLite cannot read is damage, and no reason to look no further."""
        try:
            yield from self.ledger.read(sql)
        except LedgerError as error:
            self.damages.append(Damage(table, "", f"it cannot be read to its end: {error.why}"))


class _NotCovered(Exception):
    """The row carries nothing to check it by."""


class _AsBytes(dict[str, str]):
    def __missing__(self, column: str) -> str:
        return f"CAST({column} AS BLOB)"


def _request_is_right(key: str, teacher: str, payload: str) -> str | None:
    if not payload:
        raise _NotCovered
    right = request_key(teacher, from_json(payload)) == key
    return None if right else "its key is not the hash of its teacher and payload"


def _reply_is_right(
    key: str, text: str, prompt: int, completion: int, cached: int, cost: float, seen: str
) -> str | None:
    if not seen:
        reply_from_json(text)
        raise _NotCovered
    return None if reply_hash(key, text, (prompt, completion, cached), cost) == seen else _OTHER


def _failure_is_right(
    key: str, kind: str, message: str, status: int | None, prompt: int, completion: int, cost: float, seen: str
) -> str | None:
    right = failure_hash(key, Failure(kind, message, status, prompt, completion), cost) == seen
    return None if right else _OTHER


def _line_is_right(key: str, line: str, seen: str) -> str | None:
    return None if content_hash(line) == seen else _OTHER


def _printable(value: Any) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.encode("utf-8", "replace").decode()
