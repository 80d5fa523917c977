"""The rhythm of requests: so many a minute, and silence when the server asks for it."""

import asyncio
import time
from collections.abc import Awaitable, Callable


class Pace:
    """Spaces requests evenly and honours pauses that hold for everyone.

    Args:
        per_minute: Requests a minute; None for no limit.
        clock: Seconds that only ever grow.
        sleep: Waits so many seconds of that clock.
    """

    def __init__(
        self,
        per_minute: int | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._gap = 60 / per_minute if per_minute else 0.0
        self._clock, self._sleep = clock, sleep
        self._next = 0.0
        self._resume = 0.0
        self._pauses = 0

    def pause(self, seconds: float) -> None:
        """Nobody sends for so many seconds, not even who has been given a turn already."""
        resume = self._clock() + seconds
        if resume > self._resume:
            self._resume = self._next = resume
            self._pauses += 1

    async def turn(self) -> None:
        """Wait until it is one's turn."""
        while True:
            pauses, due = self._pauses, max(self._next, self._clock())
            self._next = due + self._gap
            while (left := due - self._clock()) > 0:
                await self._sleep(left)
            if pauses == self._pauses:
                return
            # A pause was asked for meanwhile: it voids all turns, so that they are neither early nor all at once.
