"""Calls that come one by one, answered together: by one thread, beside the event loop."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, TypeVar

_QUIET = 0.004
"""Seconds without a new call after which nobody else is expected: a batch takes far longer than that."""

T = TypeVar("T")
R = TypeVar("R")

Work = Callable[[Sequence[T], Callable[[int, "R | BaseException"], None], Callable[[], bool]], None]
"""Answers all items in the calling thread: told how to settle each, and whether anybody still waits."""


class Together(Generic[T, R]):
    """Collects calls until none comes for a moment, and has them answered together.

    Calls that come while a group is worked on make up the next one. A call that is cancelled is not waited for; when
    all calls of a group are, its work is told to stop.

    Args:
        work: Does the work; one group at a time, always in the same thread.
    """

    def __init__(self, work: "Work[T, R]") -> None:
        self._work = work
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._task: asyncio.Task[None] | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._closed = False

    async def ask(self, item: T) -> R:
        """What the work settles the item with."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self._waiting.append((item, future))
        self._closed = False
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._groups())
        return await future

    async def aclose(self) -> None:
        """Stop after the batch under way, and wait for that. May be called twice."""
        self._closed = True
        for _, future in self._waiting:
            future.cancel()
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.to_thread(thread.shutdown)

    async def _groups(self) -> None:
        while self._waiting:
            count = -1
            while count != len(self._waiting):
                count = len(self._waiting)
                await asyncio.sleep(_QUIET)
            group = [(item, future) for item, future in self._waiting if not future.done()]
            self._waiting.clear()
            if group:
                await self._answer([item for item, _ in group], [future for _, future in group])

    async def _answer(self, items: Sequence[T], futures: Sequence[asyncio.Future[R]]) -> None:
        loop = asyncio.get_running_loop()

        def settle(number: int, result: "R | BaseException") -> None:
            with suppress(RuntimeError):  # the loop is gone, and with it whoever waited
                loop.call_soon_threadsafe(_settle, futures[number], result)

        def stopped() -> bool:
            return self._closed or all(future.cancelled() for future in futures)

        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="dualchecker-model")
        error: BaseException | None = None
        try:
            await loop.run_in_executor(self._thread, self._work, items, settle, stopped)
        except Exception as failed:
            error = failed
        for future in futures:  # by now all that the work has settled are
            if error is not None:
                _settle(future, error)
            elif not future.done():
                future.cancel()


def _settle(future: "asyncio.Future[R]", result: "R | BaseException") -> None:
    if future.done():
        return
    if isinstance(result, BaseException):
        future.set_exception(result)
    else:
        future.set_result(result)
