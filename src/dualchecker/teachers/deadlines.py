"""One limit of time for many requests, with one timer for all of them.

A timer of its own costs a request a tenth of all that its sending and receiving takes.
"""

import asyncio
from typing import Any


class Deadlines:
    """Cancels tasks that have waited longer than they may.

    The limit is the same for all, so they are due in the order in which they began, and the timer is set for the first.

    Args:
        seconds: How long each may wait.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._due: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> asyncio.Task[Any]:
        """Note that the current task waits from now on; ``end`` must follow, whatever happens."""
        task = asyncio.current_task()
        assert task is not None, "only tasks can wait"
        loop = task.get_loop()
        self._due[task] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._sweep, loop)
        return task

    def is_late(self, task: asyncio.Task[Any]) -> bool:
        """Whether it was cancelled for being late, and for nothing else."""
        if task not in self._late:
            return False
        self._late.discard(task)
        return task.uncancel() == 0

    def end(self, task: asyncio.Task[Any]) -> None:
        """Note that it waits no longer."""
        self._due.pop(task, None)
        if task in self._late:
            self.is_late(task)

    def close(self) -> None:
        """Forget the timer, and all that wait."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._due.clear()

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        self._timer = None
        while self._due:
            task, due = next(iter(self._due.items()))
            if due > now:
                self._timer = loop.call_at(due, self._sweep, loop)
                return
            del self._due[task]
            if not task.cancelling():  # else it is on its way out already
                self._late.add(task)
                task.cancel()
