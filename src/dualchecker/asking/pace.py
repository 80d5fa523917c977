"""The rhythm of requests: so many a minute, so many tokens a minute, and silence when the server asks for it."""

import asyncio
import time
from collections.abc import Awaitable, Callable


class Pace:
    """Spaces requests evenly and honours pauses that hold for everyone.

    Args:
        per_minute: Requests a minute; None for no limit.
        tokens_per_minute: Tokens a minute, of prompts and replies together; None for no limit.
        clock: Seconds that only ever grow.
        sleep: Waits so many seconds of that clock.
    """

    def __init__(
        self,
        per_minute: int | None,
        tokens_per_minute: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._gap = 60 / per_minute if per_minute else 0.0
        self._token_gap = 60 / tokens_per_minute if tokens_per_minute else 0.0
        self._clock, self._sleep = clock, sleep
        self._next_request = self._next_token = 0.0
        self._resume = 0.0
        self._pauses = 0

    @property
    def free(self) -> bool:
        """Whether nobody has to wait for a turn just now."""
        return not self._gap and not self._token_gap and self._clock() >= self._resume

    def pause(self, seconds: float) -> None:
        """Nobody sends for so many seconds, not even who has been given a turn already."""
        resume = self._clock() + seconds
        if resume > self._resume:
            self._resume = resume
            self._next_request = resume  # turns given before are void, and those who had them come again
            self._pauses += 1

    def now(self, tokens: int = 0) -> bool:
        """Take a turn if it can be taken at once."""
        now = self._clock()
        if max(self._next_request, self._next_token, self._resume) > now:
            return False
        self._take(now, tokens)
        return True

    async def turn(self, tokens: int = 0) -> None:
        """Wait until it is one's turn.

        Args:
            tokens: What the request will take, as far as is known; ``settle`` puts it right.
        """
        while True:
            pauses = self._pauses
            due = max(self._next_request, self._next_token, self._resume, self._clock())
            self._take(due, tokens)
            while (left := due - self._clock()) > 0:
                await self._sleep(left)
            if pauses == self._pauses:
                return
            # A pause was asked for meanwhile: it voids all turns, so that they are neither early nor all at once.
            self._next_token -= tokens * self._token_gap

    def settle(self, expected: int, used: int) -> None:
        """A request took other than expected: those to come wait longer, or less long."""
        self._next_token += (used - expected) * self._token_gap

    def _take(self, due: float, tokens: int) -> None:
        self._next_request = due + self._gap
        self._next_token = max(self._next_token, due) + tokens * self._token_gap
