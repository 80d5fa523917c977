"""The rhythm of requests, on a clock that moves only when somebody waits."""

import asyncio
import heapq
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualchecker.asking.pace import Pace


class Clock:
    """Time stands still until every task waits; then it jumps to the next end of a wait."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (self.now + seconds, next(self._order), future))
        await future

    async def run(self, *tasks: "asyncio.Task[None]") -> None:
        while True:
            for _ in range(20):  # let everything that can go on, go on
                await asyncio.sleep(0)
            if all(task.done() for task in tasks):
                return
            self.now, _, future = heapq.heappop(self._waiting)
            future.set_result(None)


def sent(per_minute: int | None, count: int, pauses: tuple[tuple[float, float], ...] = ()) -> list[float]:
    """When ``count`` waiting requests are sent, in seconds; ``pauses`` are (when asked for, how long)."""

    async def main() -> list[float]:
        clock = Clock()
        pace = Pace(per_minute, clock=clock, sleep=clock.sleep)
        times: list[float] = []

        async def request() -> None:
            await pace.turn()
            times.append(clock.now - 1000)

        async def ask_for_pause(when: float, seconds: float) -> None:
            if when:
                await clock.sleep(when)
            pace.pause(seconds)

        disturbing = [asyncio.create_task(ask_for_pause(*pause)) for pause in pauses]
        await clock.run(*disturbing, *[asyncio.create_task(request()) for _ in range(count)])
        return times

    return asyncio.run(main())


def test_without_a_limit_nobody_waits() -> None:
    assert sent(None, 50) == [0.0] * 50


def test_requests_are_spaced_evenly() -> None:
    assert sent(60, 5) == pytest.approx([0, 1, 2, 3, 4])
    assert sent(600, 11)[-1] == pytest.approx(1)


def test_what_was_not_used_is_not_made_up_for() -> None:
    """A limit by the minute must hold after a quiet time as well: no burst."""

    async def main() -> list[float]:
        clock = Clock()
        pace = Pace(60, clock=clock, sleep=clock.sleep)
        times = []

        async def requests() -> None:
            await pace.turn()
            clock.now += 100
            for _ in range(3):
                await pace.turn()
                times.append(clock.now - 1100)

        await clock.run(asyncio.create_task(requests()))
        return times

    assert asyncio.run(main()) == pytest.approx([0, 1, 2])


def test_a_pause_holds_for_everyone() -> None:
    assert sent(None, 4, pauses=((0.0, 5.0),)) == pytest.approx([5, 5, 5, 5])


def test_a_pause_holds_for_who_has_a_turn_already() -> None:
    """Ten turns are given at once, one a second; after two are used the server asks for four seconds of silence."""
    times = sent(60, 6, pauses=((1.5, 4.0),))
    assert times == pytest.approx([0, 1, 5.5, 6.5, 7.5, 8.5])


def test_the_longer_of_two_pauses_counts() -> None:
    assert sent(None, 1, pauses=((0.0, 5.0), (0.0, 2.0))) == pytest.approx([5])
    assert sent(None, 1, pauses=((0.0, 2.0), (1.0, 5.0))) == pytest.approx([6])


@given(
    st.integers(1, 600),
    st.integers(1, 30),
    st.lists(st.tuples(st.floats(0, 20), st.floats(0, 20)), max_size=4),
)
def test_no_two_requests_are_too_near_and_none_falls_into_a_pause(
    per_minute: int, count: int, pauses: list[tuple[float, float]]
) -> None:
    times = sent(per_minute, count, tuple(pauses))
    assert len(times) == count, "all are sent in the end"
    ordered = sorted(times)
    assert all(b - a >= 60 / per_minute - 1e-6 for a, b in itertools.pairwise(ordered))
    for when, seconds in pauses:
        # At the very moment of the pause's beginning either may come first.
        assert not any(when + 1e-9 < time < when + seconds - 1e-9 for time in times)


async def test_tokens_given_back_do_not_give_back_the_gap_between_requests() -> None:
    now = [0.0]

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    pace = Pace(60, 60_000, clock=lambda: now[0], sleep=sleep)
    for _ in range(30):
        await pace.turn(1000)
        pace.settle(1000, 100)
    assert now[0] == pytest.approx(29.0)


async def test_tokens_a_minute_space_the_requests_by_what_they_really_take() -> None:
    now = [0.0]

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    pace = Pace(None, 60_000, clock=lambda: now[0], sleep=sleep)  # a thousand a second
    for _ in range(10):
        await pace.turn(100)
        pace.settle(100, 500)
    assert now[0] == pytest.approx(4.5)
    assert not pace.now(100)
    now[0] += 0.5
    assert pace.now(100)
