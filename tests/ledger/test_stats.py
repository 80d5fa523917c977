"""The numbers of a ledger."""

from pathlib import Path

import pytest

from dualchecker.ledger import Attempt, Entry, Ledger, Request, stats
from dualchecker.ledger.stats import Part
from dualchecker.records import Reply
from ledgers import asked, batch, key, sample


@pytest.fixture
def ledger(tmp_path: Path):
    with Ledger.open(tmp_path / "ledger.sqlite") as opened:
        yield opened


def test_an_empty_ledger(ledger: Ledger) -> None:
    found = stats(ledger)
    assert (found.requests, found.totals.requests, found.totals.cost) == (0, 0, 0.0)
    assert (found.first, found.last, found.seconds) == (None, None, {})
    assert found.teachers == found.purposes == [] and found.failures == found.attempts == {}


def test_what_was_asked_and_what_it_took(ledger: Ledger) -> None:
    sample(ledger)
    ledger.record_uses([("a", "explain", "explain", key("a")), ("x", "label", "brief", key("a"))])
    other = Request("k2", "p", "senior", {})
    reply = Reply("s", prompt_tokens=100, completion_tokens=9)
    ledger.write([Entry(other, Attempt("k2", 300, 4, "ok"), reply, cost=2.0)])
    found = stats(ledger)
    assert found.requests == 6 and found.totals == ledger.totals()
    assert found.totals.cost == 4.0 and found.totals.cached_tokens == 12
    assert found.failures == {"refused": 1} and found.forgotten == 0
    assert found.attempts == {"ok": 4, "rate_limited": 3, "refused": 1, "timeout": 1}
    assert found.teachers == [Part(("senior",), 1, 1, 100, 9, 2.0), Part(("t",), 5, 3, 39, 10, 2.0)]
    assert found.purposes == [
        Part(("explain", "explain"), 1, 1, 10, 3, 0.5),
        Part(("label", "brief"), 4, 3, 39, 10, 2.0),  # a request that two records used is one
        Part(("label", "wide"), 1, 0, 0, 0, 0.0),
    ]
    assert found.last == 304.0 and found.first is not None and found.size == ledger.path.stat().st_size + wal(ledger)


def wal(ledger: Ledger) -> int:
    return ledger.path.with_name(ledger.path.name + "-wal").stat().st_size


def test_failures_that_may_be_asked_again_are_counted_apart(ledger: Ledger) -> None:
    sample(ledger)
    ledger.forget_failures()
    found = stats(ledger)
    assert found.failures == {} and found.forgotten == 1 and found.totals.cost == 2.0


def test_batches_and_what_they_brought(ledger: Ledger) -> None:
    assert (stats(ledger).batches, stats(ledger).unread) == ((0, 0), 0)
    batch(ledger, "x").keep([(key("x"), "result")])
    assert (stats(ledger).batches, stats(ledger).unread) == ((1, 1), 1)


def test_seconds_are_those_of_tries_that_were_answered(ledger: Ledger) -> None:
    ledger.write(asked(f"{n}", "x", seconds=n) for n in range(1, 201))
    ledger.write([asked("slow", outcome="timeout", seconds=600)])
    assert stats(ledger).seconds == {"p50": 100, "p90": 180, "p99": 198, "max": 200}
