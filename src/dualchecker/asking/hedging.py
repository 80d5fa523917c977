"""A second request for a straggler: dearer, and quicker where some requests hang for no reason of their own."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from dualchecker.asking.window import Window
from dualchecker.errors import RequestFailed
from dualchecker.records import Reply

_SHARE = 0.1
"""At most this part of the requests is sent twice: where all are slow, none is a straggler."""


class Hedge:
    """Decides which requests are sent again, and takes the answer that comes first.

    Args:
        factor: A request that takes so many times the median is a straggler.
        window: Of the server; the second request takes a place in it like any other, the next that becomes free.
    """

    def __init__(self, factor: float, window: Window) -> None:
        self._factor, self._window = factor, window
        self._requests = self._hedged = 0

    async def ask(self, first: Awaitable[Reply], again: Callable[[], Awaitable[Reply] | None]) -> Reply:
        """The first answer; the request that is left behind is cancelled, and will be charged all the same.

        Args:
            first: The request.
            again: Sends it again; None if there is no money for that.

        Raises:
            RequestFailed: All that were sent have failed.
        """
        self._requests += 1
        if not self._window.latency or self._hedged >= _SHARE * self._requests:
            return await first
        one = asyncio.ensure_future(first)
        try:
            done, _ = await asyncio.wait({one}, timeout=self._factor * self._window.latency)
            return one.result() if done else await self._race(one, again)
        finally:
            await _end(one)

    async def _race(self, one: "asyncio.Future[Reply]", again: Callable[[], Awaitable[Reply] | None]) -> Reply:
        place = asyncio.ensure_future(self._window.wait(first=True))
        try:
            either: set[asyncio.Future[Any]] = {one, place}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            second = None if one.done() else again()
            if second is None:
                return await one
            self._hedged += 1
            other = asyncio.ensure_future(second)
            try:
                await asyncio.wait({one, other}, return_when=asyncio.FIRST_COMPLETED)
                quick, slow = (one, other) if one.done() else (other, one)
                failure = quick.exception()
                if failure is None:
                    return quick.result()
                try:
                    return await slow
                except RequestFailed as both:
                    if isinstance(failure, RequestFailed):  # both were charged
                        both.tokens = (both.tokens[0] + failure.tokens[0], both.tokens[1] + failure.tokens[1])
                    raise
            finally:
                await _end(other)
        finally:
            await _end(place)
            if not place.cancelled() and place.exception() is None:
                self._window.leave()


async def _end(task: "asyncio.Future[Any]") -> None:
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # it has been seen: asyncio need not warn of it
