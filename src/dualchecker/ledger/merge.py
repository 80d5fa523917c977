"""Several ledgers as one: what any of them has paid for is not paid again."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from dualchecker.errors import LedgerError
from dualchecker.ledger.batches import BatchBook
from dualchecker.ledger.inserts import COLUMNS
from dualchecker.ledger.store import SAVE, Ledger
from dualchecker.ledger.verify import Damage, verify

_COLUMNS = COLUMNS

_TAKE = {
    # What was pruned in one may be there in the other.
    "requests": "ON CONFLICT (key) DO UPDATE SET payload = excluded.payload WHERE requests.payload = ''",
    "replies": "ON CONFLICT (key) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in COLUMNS["replies"] if name != "key")
    + " WHERE excluded.created < replies.created",
    "uses": "ON CONFLICT DO NOTHING",
}


@dataclass(frozen=True, slots=True)
class Merged:
    """What one source brought.

    Attributes:
        source: The file.
        rows: Rows that were not there before, by table.
        twice: Requests that both had an answer of their own to; the earlier one is kept.
        given_up: What the answers cost that were not kept. The ledger no longer counts it.
        refused: Damage in the source. All rows of a request with damage are left out.
        under_way: Batches of the source that are still with a provider. Their results go to the source.
    """

    source: str
    rows: dict[str, int]
    twice: int
    given_up: float
    refused: tuple[Damage, ...]
    under_way: int = 0


def merge(target: Ledger, sources: Sequence[Ledger]) -> list[Merged]:
    """Take over what the sources hold; all of it, or nothing if this is killed. Again, it changes nothing.

    Raises:
        LedgerError: The target cannot be written, or the file of a source is damaged as a whole.
    """
    with ExitStack() as stack:
        damages = []
        for source in sources:
            stack.enter_context(source.snapshot())  # what is verified is what is copied
            damages.append(_damages(source))
        db = stack.enter_context(target.transaction())
        return [_take(db, source, found) for source, found in zip(sources, damages, strict=True)]


def _damages(source: Ledger) -> tuple[Damage, ...]:
    found = verify(source).damages
    whole = [damage for damage in found if not damage.key]
    if whole:
        raise LedgerError(
            f"The ledger {source.path} is damaged as a file; nothing was merged.",
            why=f"{whole[0].table}: {whole[0].what}",
            fix=SAVE,
        )
    return found


def _take(db: sqlite3.Connection, source: Ledger, damages: tuple[Damage, ...]) -> Merged:
    bad = {damage.key for damage in damages}
    rows: dict[str, int] = {}
    twice, given_up = 0, 0.0
    for table, names in _COLUMNS.items():
        columns = ", ".join(names)
        db.execute(f"CREATE TEMP TABLE incoming AS SELECT {columns} FROM {table} WHERE 0")  # noqa: S608
        marks = ", ".join("?" * len(names))
        db.executemany(f"INSERT INTO incoming VALUES ({marks})", _sound_rows(source, table, columns, bad))  # noqa: S608
        if table == "replies":
            twice, given_up = _answered_twice(db)
        before = _count(db, table)
        db.execute(_take_over(table, columns))
        rows[table] = _count(db, table) - before
        db.execute("DROP TABLE incoming")
    if source.has("batch_lines"):  # paid for, and not yet read by a run
        before = _count(db, "batch_lines")
        lines = source.read("SELECT key, hash, line FROM batch_lines WHERE NOT used ORDER BY id")
        sound = (row for row in lines if row[0] not in bad)
        db.executemany("INSERT INTO batch_lines (key, hash, line) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", sound)
        rows["batch_lines"] = _count(db, "batch_lines") - before
    return Merged(str(source.path), rows, twice, given_up, damages, len(BatchBook(source).open()))


def _sound_rows(source: Ledger, table: str, columns: str, bad: set[str]) -> Iterator[Any]:
    place = _COLUMNS[table].index("key")
    order = "id" if table in ("attempts", "failures") else "key"
    for row in source.read(f"SELECT {columns} FROM {table} ORDER BY {order}"):  # noqa: S608
        if table == "uses" or row[place] not in bad:  # who needed a request is true whatever became of it
            yield row


def _take_over(table: str, columns: str) -> str:
    source, end = "incoming WHERE true", _TAKE.get(table, "")
    if table == "attempts":  # nothing names a try, so equal ones are the same
        source = f"(SELECT {columns} FROM incoming EXCEPT SELECT {columns} FROM attempts)"  # noqa: S608
        end = "ORDER BY started"
    elif table == "failures":
        same = "one.key = incoming.key AND one.hash = incoming.hash AND one.created = incoming.created"
        source = f"incoming WHERE NOT EXISTS (SELECT 1 FROM failures AS one WHERE {same})"  # noqa: S608
    return f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {source} {end}"  # noqa: S608


def _answered_twice(db: sqlite3.Connection) -> tuple[int, float]:
    """How many requests have two answers, and what the later ones cost."""
    later = "CASE WHEN one.created < replies.created THEN replies.cost ELSE one.cost END"
    sql = (
        f"SELECT count(*), ifnull(sum({later}), 0.0) FROM incoming AS one JOIN replies USING (key)"  # noqa: S608
        " WHERE one.created <> replies.created OR one.reply <> replies.reply"
    )
    count, cost = db.execute(sql).fetchone()
    return int(count), float(cost)


def _count(db: sqlite3.Connection, table: str) -> int:
    return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608
