"""How many requests may be under way at once: slow start, additive increase, multiplicative decrease."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

_START = 32
"""Requests under way from the start, where so many are allowed: what any hosted model takes."""

_SHRINK = 0.7
"""What is left of the window when the server is overloaded."""

_STEP = 1.5
"""The window has grown so much since it was last compared: time to see what that has brought."""

_GAIN, _DELAY = 0.2, 0.5
"""Shares of the growth: with less than this of it in throughput, and more than this of it in latency, the server only
queues what it is sent."""

_HOLD = 20
"""Rounds without growth after the server was seen to queue; then it is tried again."""

_SHORTEST_COOLDOWN = 1.0
"""Seconds."""

_SHORTEST_ROUND = 16
"""Answers from which a median means something."""


@dataclass(frozen=True, slots=True)
class _Level:
    """How the server did at one size of the window: requests a second, and the median latency in seconds."""

    limit: float
    throughput: float
    latency: float


class Window:
    """Admits requests to a server, and learns how many it takes.

    It opens by one with every answer until the server first objects (slow start), then by one each round trip (AIMD).
    It closes by a third on overload, at most once in a cooldown: replies that were under way at the time bring no
    news. Servers that never object are watched: where a wider window brings latency and no throughput, it goes back.

    Args:
        most: Never more than this at once.
        clock: Seconds that only ever grow.
    """

    def __init__(self, most: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self.limit = float(min(_START, most))
        self.in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._slow_start = True
        self._latencies: list[float] = []
        self._round = self.limit  # answers until it ends: as many as were under way when it began
        self._began = clock()
        self._level: _Level | None = None
        self._hold = 0
        self._full = False
        self._shrunk = -_SHORTEST_COOLDOWN
        self.latency = 0.0
        """Median of the latest round, in seconds; 0 before the first one has ended."""

    def enter(self) -> bool:
        """Take a place if there is one; who gets none must ``wait``."""
        if self._waiting or self.in_flight >= int(self.limit):
            self._full = True
            return False
        self.in_flight += 1
        return True

    async def wait(self, *, first: bool = False) -> None:
        """Wait for a place and take it; ``first`` goes before those who wait already."""
        if self.enter():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if first:
            self._waiting.appendleft(turn)
        else:
            self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the place was given in the same moment
                self.leave()
            else:
                with contextlib.suppress(ValueError):  # it has been passed over already
                    self._waiting.remove(turn)
            raise

    def leave(self) -> None:
        """Give the place back."""
        self.in_flight -= 1
        self._admit()

    def answered(self, seconds: float) -> None:
        """A request was answered after so many seconds: there may be room for more."""
        # A window that nobody fills says nothing about a wider one.
        if self._full and not self._hold and self.limit < self._most:
            self.limit = min(self.limit + (1.0 if self._slow_start else 1.0 / self.limit), self._most)
        self._latencies.append(seconds)
        if len(self._latencies) >= max(self._round, _SHORTEST_ROUND):
            self._end_of_round()

    def overloaded(self) -> None:
        """The server objected, or failed under the load."""
        now = self._clock()
        if now - self._shrunk < max(_SHORTEST_COOLDOWN, self.latency):
            return
        self._shrunk = now
        self._slow_start = False
        self.limit = max(self.limit * _SHRINK, 1.0)
        self._level = None

    def _end_of_round(self) -> None:
        """Compare with the last level; after a doubling that brought nothing but waiting, go back to it."""
        now = self._clock()
        here = _Level(self._round, len(self._latencies) / max(now - self._began, 1e-9), median(self._latencies))
        self._latencies, self._began, self._round, self.latency = [], now, self.limit, here.latency
        full, self._full = self._full, False
        self._hold = max(self._hold - 1, 0)
        if not full or self._hold:
            return
        before = self._level
        if before is None or here.limit <= before.limit:
            self._level = here
        elif here.limit >= before.limit * _STEP:
            growth = here.limit / before.limit - 1
            gain, delay = here.throughput / before.throughput - 1, here.latency / before.latency - 1
            if gain < _GAIN * growth and delay > _DELAY * growth:
                self.limit, self._slow_start, self._hold = before.limit, False, _HOLD
                self._level = None
            else:
                self._level = here

    def _admit(self) -> None:
        while self._waiting and self.in_flight < int(self.limit):
            turn = self._waiting.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)
