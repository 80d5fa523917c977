"""One clock for all requests of a connection: a timer of its own for each costs as much as sending it."""

import asyncio


class Watchdog:
    """Ends what takes longer than a fixed time, up to an eighth later.

    ``with watchdog:`` in a task cancels what it does inside when its time is over, and raises TimeoutError. One such
    block a task at a time; any number of tasks.

    Args:
        seconds: The longest that anything may take.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        # In order of their deadlines, as all have the same time.
        self._deadlines: dict[asyncio.Task[object], float] = {}
        self._ended: set[asyncio.Task[object]] = set()
        self._looking: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        self._deadlines[task] = loop.time() + self._seconds
        if self._looking is None:
            self._looking = loop.call_later(self._seconds / 8, self._look)

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._deadlines.pop(task, None)
        if task in self._ended:
            self._ended.discard(task)
            # Who else has cancelled the task meanwhile is not to be deprived of that.
            if task.uncancel() == 0 and kind is asyncio.CancelledError:
                raise TimeoutError

    def close(self) -> None:
        """Look no more; nothing may be watched then."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for task, deadline in list(self._deadlines.items()):
            if deadline > now:
                break
            del self._deadlines[task]
            self._ended.add(task)
            task.cancel()
        self._looking = loop.call_later(self._seconds / 8, self._look) if self._deadlines else None
