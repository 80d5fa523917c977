"""An event loop in a thread of its own, so that a plain program or a notebook can wait for many requests."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future, wait
from typing import Any, TypeVar

T = TypeVar("T")

_TICK = 0.5
"""Windows delivers Ctrl-C only between waits, so no single wait may be long."""

_PATIENCE = 10.0
"""Seconds that an interrupted coroutine gets to stop; a second Ctrl-C ends the wait at once."""


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's where it is installed (the extra ``uvloop``), else Python's own."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


class LoopThread:
    """Runs coroutines from synchronous code; one loop from the first call to ``close``, so that connections stay open.

    Works where the calling thread already runs an event loop (a notebook): the two have nothing to do with each other.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def _start(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            loop = new_loop()
            thread = threading.Thread(target=loop.run_forever, name="dualchecker-asking", daemon=True)
            thread.start()
            self._loop, self._thread = loop, thread  # both or neither, whenever an interrupt comes
        return self._loop

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for a coroutine. An interrupt of the waiting thread cancels it and waits until it has stopped.

        So nothing of the coroutine touches the ledger any more when the caller sees the interrupt.
        """
        # Not run_coroutine_threadsafe: its future counts as done the moment it is cancelled, before the task is.
        loop = self._start()
        outcome: Future[T] = Future()
        tasks: list[asyncio.Task[T]] = []

        def begin() -> None:
            task = loop.create_task(coroutine)
            tasks.append(task)
            task.add_done_callback(settle)

        def settle(task: asyncio.Task[T]) -> None:
            if task.cancelled():
                outcome.set_exception(asyncio.CancelledError())
            elif (error := task.exception()) is not None:
                outcome.set_exception(error)
            else:
                outcome.set_result(task.result())

        def cancel() -> None:
            for task in tasks:
                task.cancel()

        try:
            loop.call_soon_threadsafe(begin)
            while not wait([outcome], timeout=_TICK).done:
                if self._thread is None or not self._thread.is_alive():  # something in it has called sys.exit, say
                    if tasks and tasks[0].done():
                        settle(tasks[0])
                    else:
                        outcome.set_exception(RuntimeError("the thread that asks has ended before its work"))
        except BaseException:
            loop.call_soon_threadsafe(cancel)
            wait([outcome], timeout=_PATIENCE)
            raise
        return outcome.result()

    def close(self) -> None:
        """Stop the loop and its thread. May be called twice."""
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        if loop is None or thread is None:
            return
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_PATIENCE)
        if not thread.is_alive():  # else something blocks it; the thread is a daemon and ends with the program
            loop.close()
