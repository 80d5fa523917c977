"""The rhythm of requests: so many a minute, and silence when the server asks for it."""

import asyncio
import time


class Pace:
    """Spaces requests evenly and honours pauses that hold for everyone.

    Args:
        per_minute: Requests a minute; None for no limit.
    """

    def __init__(self, per_minute: int | None) -> None:
        self._gap = 60 / per_minute if per_minute else 0.0
        self._next = 0.0
        self._resume = 0.0

    def pause(self, seconds: float) -> None:
        """Nobody sends for so many seconds (a ``Retry-After``); at most ten minutes."""
        self._resume = max(self._resume, time.monotonic() + min(seconds, 600))

    async def turn(self) -> None:
        """Wait until it is one's turn."""
        while (wait := self._resume - time.monotonic()) > 0:  # noqa: ASYNC110 - the end may move while we sleep
            await asyncio.sleep(wait)
        if self._gap:
            now = time.monotonic()
            slot = max(self._next, now)
            self._next = slot + self._gap
            await asyncio.sleep(slot - now)
