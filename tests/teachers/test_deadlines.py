"""One timer for many that wait."""

import asyncio

import pytest

from dualchecker.teachers.deadlines import Deadlines


async def wait(deadlines: Deadlines, event: asyncio.Event) -> str:
    task = deadlines.begin()
    try:
        await event.wait()
        return "in time"
    except asyncio.CancelledError:
        if deadlines.is_late(task):
            return "late"
        raise
    finally:
        deadlines.end(task)


async def test_who_waits_too_long_is_late_and_the_others_are_not() -> None:
    deadlines, never, now = Deadlines(0.05), asyncio.Event(), asyncio.Event()
    now.set()
    late = [asyncio.create_task(wait(deadlines, never)) for _ in range(3)]
    assert await asyncio.gather(*(asyncio.create_task(wait(deadlines, now)) for _ in range(3))) == ["in time"] * 3
    assert await asyncio.gather(*late) == ["late"] * 3
    assert not any(task.cancelling() for task in late)
    second = asyncio.create_task(wait(deadlines, never))
    assert await second == "late", "the timer is set again"
    assert not deadlines._due and not deadlines._late and deadlines._timer is None


async def test_a_task_may_wait_again_after_it_was_late() -> None:
    deadlines, never, now = Deadlines(0.02), asyncio.Event(), asyncio.Event()
    now.set()
    assert [await wait(deadlines, never), await wait(deadlines, never), await wait(deadlines, now)] == [
        "late",
        "late",
        "in time",
    ]


async def test_a_cancellation_from_outside_stays_one() -> None:
    deadlines = Deadlines(3600)
    task = asyncio.create_task(wait(deadlines, asyncio.Event()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not deadlines._due
    deadlines.close()


async def test_a_cancellation_from_outside_in_the_same_moment_wins() -> None:
    deadlines = Deadlines(3600)
    task = asyncio.create_task(wait(deadlines, asyncio.Event()))
    await asyncio.sleep(0)
    deadlines._due[task] = 0.0
    deadlines._sweep(asyncio.get_running_loop())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not deadlines._due and not deadlines._late
    deadlines.close()


async def test_one_that_is_on_its_way_out_is_left_alone() -> None:
    deadlines = Deadlines(3600)
    task = asyncio.create_task(wait(deadlines, asyncio.Event()))
    await asyncio.sleep(0)
    task.cancel()
    deadlines._due[task] = 0.0
    deadlines._sweep(asyncio.get_running_loop())
    assert not deadlines._late
    with pytest.raises(asyncio.CancelledError):
        await task
    deadlines.close()
