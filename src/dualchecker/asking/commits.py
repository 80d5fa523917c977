"""Group commit: replies are on disk before they are used, and nobody waits for the disk one by one."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from dualchecker.ledger import Entry, Ledger, Use

_MOST_WAITING = 4096
"""Rows that wait for the disk before those who bring more have to wait too."""


def _nothing() -> None:
    return None


@dataclass(slots=True)
class _Group:
    """What goes to disk together, and who is told when it is there."""

    entries: list[Entry] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    told: list[Callable[[], None]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.entries) + len(self.uses)


class GroupCommit:
    """Writes to a ledger in a thread of its own, as much at a time as has come together while it wrote the last lot.

    So a lone reply is on disk at once, and under load hundreds share one transaction. All methods belong to one event
    loop.

    Args:
        ledger: Nobody else writes it meanwhile.
        on_error: Told if the ledger cannot be written; who waits to be told of a row will wait in vain.
    """

    def __init__(self, ledger: Ledger, on_error: Callable[[BaseException], None] = lambda error: None) -> None:
        self._ledger, self._on_error = ledger, on_error
        self._thread: ThreadPoolExecutor | None = None
        self._next = _Group()
        self._writing: asyncio.Task[None] | None = None
        self._error: BaseException | None = None

    def add(self, entry: Entry, then: Callable[[], None] = _nothing) -> None:
        """Enter a try; ``then`` is called when it is on disk, never before, and must not raise anything.

        Raises:
            LedgerError: An earlier group could not be written; nothing more will be.
        """
        self._next.entries.append(entry)
        self._next.told.append(then)
        self._begin()

    def after(self, then: Callable[[], None]) -> None:
        """Have something called when all that has been entered so far is on disk."""
        self._next.told.append(then)
        self._begin()

    def add_uses(self, uses: Sequence[Use]) -> None:
        """Enter who used what."""
        self._next.uses.extend(uses)
        self._begin()

    @property
    def crowded(self) -> bool:
        """Whether the disk is far behind, so that whoever brings more should ``drain`` first."""
        return len(self._next) > _MOST_WAITING

    async def drain(self) -> None:
        """Wait until everything is on disk.

        Raises:
            LedgerError: It cannot be written.
        """
        while self._writing is not None:
            # An interrupt of who waits must not stop the writing.
            await asyncio.shield(self._writing)
        self._raise()

    def close(self) -> None:
        """End the thread; the next to write starts another. Call ``drain`` before. May be called twice."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _begin(self) -> None:
        self._raise()
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="dualchecker-ledger")
        try:
            while len(self._next) or self._next.told:
                group, self._next = self._next, _Group()
                if len(group):
                    await loop.run_in_executor(self._thread, self._ledger.write, group.entries, group.uses)
                for then in group.told:
                    then()
        except BaseException as error:
            self._error = error
            self._on_error(error)
        finally:
            self._writing = None
