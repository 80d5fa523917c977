"""The watchdog: what takes too long ends with a timeout, and nothing else does."""

import asyncio

import pytest

from dualchecker.teachers.watchdog import Watchdog


async def test_what_takes_too_long_ends_and_the_task_goes_on() -> None:
    watchdog = Watchdog(0.02)

    async def work() -> str:
        for _ in range(2):
            with pytest.raises(TimeoutError), watchdog:
                await asyncio.Event().wait()
        await asyncio.sleep(0.01)
        return "went on"

    assert await asyncio.gather(*(work() for _ in range(5))) == ["went on"] * 5
    watchdog.close()


async def test_what_is_quick_is_left_alone() -> None:
    watchdog = Watchdog(0.05)

    async def work() -> None:
        for _ in range(50):
            with watchdog:
                await asyncio.sleep(0.002)

    await asyncio.gather(*(work() for _ in range(5)))
    watchdog.close()


async def test_errors_and_cancelling_pass_as_they_are() -> None:
    watchdog = Watchdog(5)

    async def fail() -> None:
        with watchdog:
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await fail()
    waiting = asyncio.create_task(_wait(watchdog))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    watchdog.close()


async def test_who_is_cancelled_in_the_moment_of_the_timeout_stays_cancelled() -> None:
    watchdog = Watchdog(0.01)
    waiting = asyncio.create_task(_wait(watchdog))
    await asyncio.sleep(0)
    watchdog._deadlines[waiting] = 0.0
    watchdog._look()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    watchdog.close()


async def _wait(watchdog: Watchdog) -> None:
    with watchdog:
        await asyncio.Event().wait()
