"""Group commit: nobody is told before it is on disk, and a full disk is told to everybody."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from dualchecker.asking.commits import GroupCommit
from dualchecker.errors import LedgerError
from dualchecker.ledger import Attempt, Entry, Ledger, Request, Use
from dualchecker.records import Reply


def entry(name: str) -> Entry:
    return Entry(Request(name, "p", "t", {"n": name}), Attempt(name, 0.0, 0.1, "ok"), Reply(name))


class Slow:
    """A ledger whose disk is as slow as the test wants."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self.go, self.groups = ledger, threading.Event(), list[int]()

    def write(self, entries: Sequence[Entry], uses: Sequence[Use] = ()) -> None:
        assert self.go.wait(20)
        self.groups.append(len(entries))
        self._ledger.write(entries, uses)


async def test_who_is_told_finds_it_on_disk(ledger: Ledger) -> None:
    commits, seen = GroupCommit(ledger), list[Reply | None]()
    for name in ("a", "b"):
        commits.add(entry(name), lambda name=name: seen.append(ledger.reply(name)))  # type: ignore[misc]
    assert seen == []
    await commits.drain()
    assert seen == [Reply("a"), Reply("b")]
    commits.close()


async def test_what_comes_while_the_disk_is_busy_shares_one_transaction(ledger: Ledger) -> None:
    slow = Slow(ledger)
    commits = GroupCommit(slow)  # type: ignore[arg-type]
    commits.add(entry("first"))
    await asyncio.sleep(0)  # it is on its way
    for number in range(50):
        commits.add(entry(f"k{number}"))
    commits.add_uses([("r", "label", "brief", "first")])
    slow.go.set()
    await commits.drain()
    assert slow.groups == [1, 50]
    assert ledger.totals().requests == 51
    assert ledger.uses() == {("label", "brief"): 1}
    commits.close()


async def test_after_a_failure_nothing_more_is_taken(ledger: Ledger) -> None:
    class Full:
        def write(self, entries: Sequence[Entry], uses: Sequence[Use] = ()) -> None:
            raise LedgerError("The ledger cannot be written.", why="disk full")

    commits, told = GroupCommit(Full()), list[str]()  # type: ignore[arg-type]
    commits.add(entry("a"), lambda: told.append("a"))
    with pytest.raises(LedgerError, match="disk full"):
        await commits.drain()
    with pytest.raises(LedgerError, match="disk full"):
        commits.add(entry("b"))
    assert told == []
    commits.close()


async def test_an_interrupt_of_who_waits_does_not_stop_the_writing(ledger: Ledger) -> None:
    slow = Slow(ledger)
    commits = GroupCommit(slow)  # type: ignore[arg-type]
    commits.add(entry("a"))
    waiting = asyncio.create_task(commits.drain())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    slow.go.set()
    await commits.drain()
    assert ledger.reply("a") == Reply("a")
    commits.close()


async def test_closed_it_can_be_used_again(ledger: Ledger) -> None:
    commits = GroupCommit(ledger)
    for name in ("a", "b"):
        commits.add(entry(name))
        await commits.drain()
        commits.close()
        commits.close()
    assert ledger.totals().requests == 2
