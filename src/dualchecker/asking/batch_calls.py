"""How long to wait for a provider of batches, and how often to try a call again."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TypeVar

from dualchecker.errors import RequestFailed

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[object]]

_LONGEST_PAUSE = 60.0
_LONGEST_WAIT = 600.0
"""A provider that asks for more than this is not waited for."""


class Patience:
    """How long a run may wait for batches, in all.

    Args:
        seconds: None for as long as it takes.
        sleep: Waits so many seconds.
    """

    def __init__(self, seconds: float | None, *, sleep: Sleep = asyncio.sleep) -> None:
        self._left, self._sleep = seconds, sleep

    async def wait(self, seconds: float) -> bool:
        """Wait, or for as long as is left; False if nothing is."""
        if self._left is not None:
            if self._left <= 0:
                return False
            seconds = min(seconds, self._left)
            self._left -= seconds
        await self._sleep(seconds)
        return True


class Calls:
    """Tries calls again, with growing pauses, where that may help.

    Args:
        retries: How often.
        seed: For the jitter of pauses.
        sleep: Waits so many seconds.
    """

    def __init__(self, retries: int, seed: int, *, sleep: Sleep = asyncio.sleep) -> None:
        self.retries, self.sleep = retries, sleep
        self._random = random.Random(seed)

    async def __call__(self, call: Callable[[], Awaitable[T]]) -> T:
        """What the call gives.

        Raises:
            RequestFailed: The last failure, or the first that will not pass.
        """
        for tries in count(1):
            try:
                return await call()
            except RequestFailed as failure:
                wait = failure.retry_after or 0.0
                if not failure.retryable or tries > self.retries or wait > _LONGEST_WAIT:
                    raise
                pause = min(2.0 ** (tries - 1) * self._random.uniform(0.75, 1.25), _LONGEST_PAUSE)
                await self.sleep(max(pause, wait))
        raise AssertionError("a count has no end")
