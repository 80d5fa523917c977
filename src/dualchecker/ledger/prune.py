"""Removing what no longer serves. What is removed has been paid for, and is paid again if it is asked again."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dualchecker.ledger.store import Ledger

_ROWS = ("requests", "replies", "failures", "attempts", "uses")
_NOT_UNDER_WAY = "key NOT IN (SELECT key FROM batch_keys JOIN batches ON batches.id = batch WHERE NOT ended)"


@dataclass(frozen=True, slots=True)
class Selection:
    """What to remove. What is with a provider in a batch stays, whatever is chosen.

    Attributes:
        unused: Requests that no run of this ledger used: after a merge, or once uses were removed.
        failures: Requests without an answer, so that they are asked as if for the first time.
        payloads: Not whole requests, but what was sent. Their answers are found by their keys as before.
        before: Only what was first asked before this time (seconds since 1970); alone, all of that.
    """

    unused: bool = False
    failures: bool = False
    payloads: bool = False
    before: float | None = None


@dataclass(frozen=True, slots=True)
class Pruned:
    """What goes.

    Attributes:
        rows: Rows by table.
        payloads: Payloads that are emptied, of requests that stay.
        cost: What the answers and failures that go have cost.
        freed: About how many bytes of text go.
    """

    rows: dict[str, int]
    payloads: int
    cost: float
    freed: int


def would_prune(ledger: Ledger, selection: Selection) -> Pruned:
    """What ``prune`` would remove; changes nothing."""
    with ledger.snapshot(), _chosen(ledger, selection):
        return _sums(ledger)


def prune(ledger: Ledger, selection: Selection) -> Pruned:
    """Remove it, all or nothing, and give its room back to the disk.

    Raises:
        LedgerError: The ledger cannot be written, or not be made smaller.
    """
    with _chosen(ledger, selection):
        pruned = _sums(ledger)
        with ledger.transaction() as db:
            for table in (*_ROWS, "batch_keys", "batch_lines"):
                db.execute(f"DELETE FROM {table} WHERE key IN (SELECT key FROM gone)")  # noqa: S608
            db.execute("UPDATE requests SET payload = '' WHERE key IN (SELECT key FROM emptied)")
    ledger.vacuum()
    return pruned


@contextmanager
def _chosen(ledger: Ledger, selection: Selection) -> Iterator[None]:
    """The keys of requests that go in ``gone``, of those that only lose their payload in ``emptied``."""
    ways = []
    if selection.unused:
        ways.append("key NOT IN (SELECT key FROM uses)")
    if selection.failures:
        ways.append("key NOT IN (SELECT key FROM replies)")
    if not ways:
        ways.append("false" if selection.payloads or selection.before is None else "true")
    early = "true" if selection.before is None else "created < ?"
    values = () if selection.before is None else (selection.before,)
    if ledger.has("batch_keys"):
        early += f" AND {_NOT_UNDER_WAY}"
    whole = f"SELECT key FROM requests WHERE ({' OR '.join(ways)}) AND {early}"  # noqa: S608
    text = "payload <> ''" if selection.payloads else "false"
    part = f"SELECT key FROM requests WHERE {text} AND {early} AND key NOT IN (SELECT key FROM gone)"  # noqa: S608
    with ledger.scratch("gone", whole, values), ledger.scratch("emptied", part, values):
        yield


def _sums(ledger: Ledger) -> Pruned:
    def number(what: str, table: str, keys: str = "gone") -> float:
        sql = f"SELECT ifnull({what}, 0) FROM {table} WHERE key IN (SELECT key FROM {keys})"  # noqa: S608
        ((value,),) = ledger.read(sql)
        return float(value)

    rows = {table: int(number("count(*)", table)) for table in _ROWS}
    size = "sum(length(CAST({} AS BLOB)))".format
    texts = number(size("payload"), "requests") + number(size("reply"), "replies")
    texts += number(size("message"), "attempts") + number(size("payload"), "requests", "emptied")
    cost = number("sum(cost)", "replies") + number("sum(cost)", "failures")
    return Pruned(rows, int(number("count(*)", "requests", "emptied")), cost, int(texts))
