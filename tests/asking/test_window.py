"""The window: opens while the server keeps up, closes when it objects, never beyond what was allowed."""

import asyncio

import pytest

from dualchecker.asking.window import Window


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def simulate(window: Window, clock: Clock, rounds: int, latency: float = 1.0, slots: int = 10**6) -> list[float]:
    """A client that always wants more, and a server that works on ``slots`` requests at a time; limits by round."""
    limits = []
    for _ in range(rounds):
        sent = 0
        while window.enter():
            sent += 1
        waits = max(sent / slots, 1.0)  # what is beyond its slots queues
        clock.now += latency * waits
        for _ in range(sent):
            window.leave()
            window.answered(latency * waits)
        limits.append(window.limit)
    return limits


def test_slow_start_doubles_with_each_round_trip_up_to_the_limit() -> None:
    clock = Clock()
    window = Window(300, clock=clock)
    assert window.limit == 32
    assert simulate(window, clock, 5) == [64, 128, 256, 300, 300]


def test_a_small_limit_is_the_window_from_the_start() -> None:
    window = Window(3)
    assert [window.enter() for _ in range(4)] == [True, True, True, False]


def test_a_window_that_nobody_fills_does_not_grow() -> None:
    window = Window(300)
    for _ in range(500):
        assert window.enter()
        window.leave()
        window.answered(0.1)
    assert window.limit == 32


def test_overload_closes_it_by_a_third_and_once_in_a_cooldown() -> None:
    clock = Clock()
    window = Window(100, clock=clock)
    simulate(window, clock, 3)
    assert window.limit == 100
    for _ in range(50):  # all that were under way come back with the same objection
        window.overloaded()
    assert window.limit == pytest.approx(70)
    clock.now += 1.01
    window.overloaded()
    assert window.limit == pytest.approx(49)


def test_after_overload_it_grows_by_one_each_round_trip() -> None:
    clock = Clock()
    window = Window(100, clock=clock)
    window.overloaded()
    before = window.limit
    limits = simulate(window, clock, 5)
    assert before < limits[0] <= before + 1.1
    assert limits[-1] <= before + 5.5
    assert limits == sorted(limits)


def test_it_never_closes_altogether() -> None:
    clock = Clock()
    window = Window(2, clock=clock)
    for _ in range(30):
        clock.now += 10
        window.overloaded()
    assert window.limit == 1
    assert window.enter()


def test_where_a_wider_window_only_queues_it_goes_back() -> None:
    """A server with 40 slots that never objects: latency grows with the window, throughput does not."""
    clock = Clock()
    window = Window(1000, clock=clock)
    limits = simulate(window, clock, 30, slots=40)
    assert max(limits) <= 160
    assert max(limits[3:]) <= 100, limits


def test_where_throughput_grows_with_the_window_latency_does_not_hold_it_back() -> None:
    """A server that batches: each request takes longer in company, but many more are done."""
    clock = Clock()
    window = Window(256, clock=clock)
    for _ in range(12):
        sent = 0
        while window.enter():
            sent += 1
        took = 1 + sent / 200
        clock.now += took
        for _ in range(sent):
            window.leave()
            window.answered(took)
    assert window.limit == 256


async def test_who_waits_gets_the_next_place_and_who_is_first_goes_first() -> None:
    window = Window(1)
    assert window.enter()
    order: list[str] = []

    async def come(name: str, *, first: bool = False) -> None:
        await window.wait(first=first)
        order.append(name)
        window.leave()

    tasks = [asyncio.create_task(come("a")), asyncio.create_task(come("b"))]
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(come("c", first=True)))
    await asyncio.sleep(0)
    assert not window.enter(), "nobody overtakes who waits"
    window.leave()
    await asyncio.gather(*tasks)
    assert order == ["c", "a", "b"]
    assert window.in_flight == 0


async def test_a_place_given_to_who_has_gone_is_not_lost() -> None:
    window = Window(1)
    assert window.enter()
    gone = asyncio.create_task(window.wait())
    await asyncio.sleep(0)
    window.leave()  # the place is given, and in the same moment it is wanted no more
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert window.in_flight == 0
    assert window.enter()


async def test_who_goes_while_others_leave_takes_no_place_with_him() -> None:
    window = Window(1)
    assert window.enter()
    gone = asyncio.create_task(window.wait())
    await asyncio.sleep(0)
    gone.cancel()
    window.leave()  # passes over who is going, before he has seen it
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert window.in_flight == 0
