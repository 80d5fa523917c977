"""Calls that are answered together: who is settled when, and what a failure or a cancelled call does to the others."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from dualchecker.teachers.local_queue import Together

Settle = Callable[[int, "str | BaseException"], None]


def doubled(items: Sequence[str], settle: Settle, stopped: Callable[[], bool]) -> None:
    for number in reversed(range(len(items))):
        settle(number, items[number] * 2)


async def test_calls_are_grouped_and_each_gets_its_own_answer() -> None:
    groups: list[int] = []

    def work(items: Sequence[str], *more: Any) -> None:
        groups.append(len(items))
        doubled(items, *more)

    queue: Together[str, str] = Together(work)
    assert await asyncio.gather(*(queue.ask(word) for word in "abc")) == ["aa", "bb", "cc"]
    assert await queue.ask("d") == "dd"
    assert groups == [3, 1]
    await queue.aclose()


async def test_the_work_has_a_thread_of_its_own() -> None:
    names: list[str] = []

    def work(items: Sequence[str], *more: Any) -> None:
        names.append(threading.current_thread().name)
        doubled(items, *more)

    queue: Together[str, str] = Together(work)
    for word in "ab":
        await queue.ask(word)
    await queue.aclose()
    await queue.aclose()
    assert len(set(names)) == 1 and names[0] != threading.current_thread().name


async def test_one_item_may_fail_alone() -> None:
    def work(items: Sequence[str], settle: Settle, stopped: Callable[[], bool]) -> None:
        for number, item in enumerate(items):
            settle(number, ValueError(item) if item == "b" else item)

    queue: Together[str, str] = Together(work)
    found = await asyncio.gather(*(queue.ask(word) for word in "abc"), return_exceptions=True)
    assert found[::2] == ["a", "c"] and isinstance(found[1], ValueError)
    await queue.aclose()


async def test_work_that_breaks_off_fails_those_that_are_left() -> None:
    def work(items: Sequence[str], settle: Settle, stopped: Callable[[], bool]) -> None:
        settle(0, "settled")
        raise OSError("gone")

    queue: Together[str, str] = Together(work)
    first, second = await asyncio.gather(queue.ask("a"), queue.ask("b"), return_exceptions=True)
    assert first == "settled" and isinstance(second, OSError)
    await queue.aclose()


async def test_work_is_told_when_nobody_waits_any_more_and_not_before() -> None:
    seen: list[bool] = []
    begun, one_gone, all_gone = threading.Event(), threading.Event(), threading.Event()

    def work(items: Sequence[str], settle: Settle, stopped: Callable[[], bool]) -> None:
        begun.set()
        for event in (one_gone, all_gone):
            assert event.wait(60)
            seen.append(stopped())

    queue: Together[str, str] = Together(work)
    calls = [asyncio.create_task(queue.ask(word)) for word in "ab"]
    await asyncio.to_thread(begun.wait, 60)
    for call, event in zip(calls, (one_gone, all_gone), strict=True):
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        event.set()
        await asyncio.to_thread(lambda: None)
        while len(seen) < 1:
            await asyncio.sleep(0)
    await queue.aclose()
    assert seen == [False, True]


async def test_closing_ends_the_work_and_those_who_wait() -> None:
    begun = threading.Event()

    def work(items: Sequence[str], settle: Settle, stopped: Callable[[], bool]) -> None:
        begun.set()
        while not stopped():
            threading.Event().wait(0.001)

    queue: Together[str, str] = Together(work)
    call = asyncio.create_task(queue.ask("a"))
    await asyncio.to_thread(begun.wait, 60)
    await queue.aclose()
    with pytest.raises(asyncio.CancelledError):
        await call


def test_one_queue_serves_one_loop_after_another() -> None:
    queue: Together[str, str] = Together(doubled)
    for _ in range(2):
        assert asyncio.run(queue.ask("a")) == "aa"
    asyncio.run(queue.aclose())
