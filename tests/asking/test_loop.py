"""The thread with the event loop: results, errors, interrupts, ends."""

import asyncio
import signal
import threading
from concurrent.futures import wait
from typing import Any

import pytest

from dualchecker.asking.loop import LoopThread, new_loop


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "dualchecker-asking"]


def interrupt() -> None:
    """Ctrl-C, as the main thread gets it."""
    ident = threading.main_thread().ident
    assert ident is not None
    signal.pthread_kill(ident, signal.SIGINT)


async def give(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def fail(error: BaseException) -> None:
    await asyncio.sleep(0)
    raise error


def test_it_returns_what_the_coroutine_returns_in_one_loop_for_its_whole_life() -> None:
    async def where() -> tuple[asyncio.AbstractEventLoop, str]:
        return asyncio.get_running_loop(), threading.current_thread().name

    loops = LoopThread()
    assert loops.run(give(7)) == 7
    assert loops.run(where()) == loops.run(where())
    assert loops.run(where())[1] == "dualchecker-asking"
    loops.close()


@pytest.mark.parametrize("error", [ValueError("x"), TimeoutError("y"), asyncio.CancelledError()])
def test_it_raises_what_the_coroutine_raises(error: BaseException) -> None:
    loops = LoopThread()
    with pytest.raises(type(error)):
        loops.run(fail(error))
    assert loops.run(give(1)) == 1
    loops.close()


def test_an_interrupt_waits_until_the_coroutine_has_stopped() -> None:
    """Else its tasks would still write to the ledger while the caller already closes it."""
    events: list[str] = []

    async def work() -> None:
        threading.Timer(0.2, interrupt).start()  # by then the caller waits
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(20):  # tidying up takes the loop some turns
                await asyncio.sleep(0.002)
            events.append("stopped")

    loops = LoopThread()
    with pytest.raises(KeyboardInterrupt):
        loops.run(work())
    assert events == ["stopped"]
    assert loops.run(give(3)) == 3, "the loop goes on"
    loops.close()


def test_an_interrupt_before_the_coroutine_begins_is_heard_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    loops = LoopThread()
    loops.run(give(0))
    free, waits, entered = threading.Event(), [], []

    async def work() -> None:
        entered.append(1)
        await asyncio.Event().wait()

    def interrupted_wait(*args: Any, **more: Any) -> Any:
        waits.append(1)
        if len(waits) == 1:
            raise KeyboardInterrupt
        free.set()
        return wait(*args, **more)

    assert loops._loop is not None
    loops._loop.call_soon_threadsafe(free.wait)  # the loop is busy, so that the task is not even created yet
    monkeypatch.setattr("dualchecker.asking.loop.wait", interrupted_wait)
    with pytest.raises(KeyboardInterrupt):
        loops.run(work())
    monkeypatch.undo()
    assert not entered
    assert loops.run(give(1)) == 1
    loops.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_loop_is_an_error_and_no_endless_wait() -> None:
    inner: list[asyncio.Task[None]] = []

    async def work() -> None:
        asyncio.current_task()._log_destroy_pending = False  # type: ignore[union-attr]  # it stays behind, as meant
        inner.append(asyncio.create_task(fail(SystemExit(4))))
        await inner[0]

    loops = LoopThread()
    with pytest.raises(SystemExit, match="3"):
        loops.run(fail(SystemExit(3)))
    loops.close()
    with pytest.raises((RuntimeError, SystemExit), match=r"has ended before its work|4"):  # uvloop hands on the cause
        loops.run(work())
    assert isinstance(inner[0].exception(), SystemExit)
    loops.close()
    assert loops.run(give(1)) == 1
    loops.close()


def test_closing_ends_the_thread_and_may_be_done_twice() -> None:
    loops = LoopThread()
    loops.close()
    loops.run(give(1))
    assert threads()
    loops.close()
    loops.close()
    assert not threads()
    assert loops.run(give(2)) == 2, "and it can be used again"
    loops.close()


def test_uvloop_is_used_where_it_is_installed() -> None:
    uvloop = pytest.importorskip("uvloop", reason="the extra uvloop is not installed")
    loop = new_loop()
    try:
        assert isinstance(loop, uvloop.Loop)
        assert loop.run_until_complete(asyncio.sleep(0, "ran")) == "ran"
    finally:
        loop.close()
