"""Hedging: a straggler is sent again, the first answer wins, and the other one is paid for."""

import asyncio
from typing import Any

import pytest

from dualchecker.asking.hedging import Hedge
from dualchecker.asking.window import Window
from dualchecker.errors import RequestFailed
from dualchecker.records import Reply


def knowing(latency: float, most: int = 8) -> Window:
    """A window that has seen so many seconds as the median."""
    window = Window(most)
    for _ in range(32):
        window.answered(latency)
    assert window.latency == latency
    return window


class Server:
    """Answers requests when it is told to, in whatever order."""

    def __init__(self) -> None:
        self.asked: list[asyncio.Future[Reply]] = []

    async def send(self) -> Reply:
        self.asked.append(asyncio.get_running_loop().create_future())
        return await self.asked[-1]


async def until(condition: Any) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came to that")


async def start(hedge: Hedge, server: Server, window: Window, allowed: bool = True) -> "asyncio.Task[Reply]":
    assert window.enter()
    task = asyncio.create_task(hedge.ask(server.send(), lambda: server.send() if allowed else None))
    await until(lambda: server.asked)
    return task


async def test_a_quick_answer_is_taken_as_it_is() -> None:
    window, server = knowing(5.0), Server()
    task = await start(Hedge(3.0, window), server, window)
    server.asked[0].set_result(Reply("first"))
    assert (await task).text == "first"
    assert len(server.asked) == 1


@pytest.mark.parametrize("winner", [0, 1])
async def test_of_two_the_first_answer_counts_and_the_other_is_let_go(winner: int) -> None:
    window, server = knowing(0.001), Server()
    task = await start(Hedge(3.0, window), server, window)
    await until(lambda: len(server.asked) == 2)
    assert window.in_flight == 2
    server.asked[winner].set_result(Reply(f"number {winner}"))
    assert (await task).text == f"number {winner}"
    assert server.asked[1 - winner].cancelled()
    assert window.in_flight == 1, "the caller's own place"


async def test_a_failure_of_one_leaves_it_to_the_other() -> None:
    window, server = knowing(0.001), Server()
    task = await start(Hedge(3.0, window), server, window)
    await until(lambda: len(server.asked) == 2)
    server.asked[0].set_exception(RequestFailed("no", kind="server_error"))
    await asyncio.sleep(0.01)
    assert not task.done()
    server.asked[1].set_result(Reply("second"))
    assert (await task).text == "second"


async def test_if_both_fail_it_has_failed() -> None:
    window, server = knowing(0.001), Server()
    task = await start(Hedge(3.0, window), server, window)
    await until(lambda: len(server.asked) == 2)
    for one in server.asked:
        one.set_exception(RequestFailed("no", kind="server_error"))
    with pytest.raises(RequestFailed):
        await task
    assert window.in_flight == 1


async def test_without_money_there_is_no_second_request() -> None:
    window, server = knowing(0.001), Server()
    task = await start(Hedge(3.0, window), server, window, allowed=False)
    await asyncio.sleep(0.02)
    assert len(server.asked) == 1
    server.asked[0].set_result(Reply("first"))
    assert (await task).text == "first"
    assert window.in_flight == 1


async def test_the_second_request_waits_for_a_place_like_any_other() -> None:
    window, server = knowing(0.001, most=1), Server()
    task = await start(Hedge(3.0, window), server, window)
    await asyncio.sleep(0.02)
    assert len(server.asked) == 1
    server.asked[0].set_result(Reply("first"))
    assert (await task).text == "first"
    assert window.in_flight == 1


async def test_where_many_are_slow_few_are_sent_again() -> None:
    window, server = knowing(0.001, most=64), Server()
    hedge = Hedge(3.0, window)
    tasks = []
    for _ in range(30):
        assert window.enter()
        tasks.append(asyncio.create_task(hedge.ask(server.send(), server.send)))
    await asyncio.sleep(0.1)
    assert 31 <= len(server.asked) <= 33
    for one in server.asked:
        if not one.done():
            one.set_result(Reply("late"))
    await asyncio.gather(*tasks)


async def test_an_interrupt_takes_both_with_it() -> None:
    window, server = knowing(0.001), Server()
    task = await start(Hedge(3.0, window), server, window)
    await until(lambda: len(server.asked) == 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all(one.cancelled() for one in server.asked)
    assert window.in_flight == 1
