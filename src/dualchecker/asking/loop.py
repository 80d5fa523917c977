"""An event loop in a thread of its own, so that a plain program or a notebook can wait for many requests."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs coroutines from synchronous code; one loop for its whole life, so that connections stay open."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def _start(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, name="dualchecker-asking", daemon=True).start()
        return self._loop

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for a coroutine; an interrupt in the waiting thread cancels it cleanly first."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._start())
        try:
            return future.result()
        except BaseException:
            if not future.done():
                done = threading.Event()
                future.add_done_callback(lambda _: done.set())
                future.cancel()
                done.wait(timeout=5)
            raise

    def close(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._loop = None
