"""Many requests in batch files: sent once, waited for over days and processes, and read as if asked one by one.

A batch is noted in the ledger before it is sent, with its keys; so whenever a run is killed, the next one knows what
is under way. The one step that cannot be known from here, whether a batch was made whose creation was never heard of,
is looked up at the provider, where our own name for the batch stands in its metadata.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dualchecker.asking import batch_words as words
from dualchecker.asking.batch_calls import Calls, Patience, Sleep
from dualchecker.asking.batch_results import Results, Settle
from dualchecker.asking.progress import Progress, Silent
from dualchecker.asking.request_files import FileLimits, remove, write_requests
from dualchecker.errors import BudgetError, LedgerError, RequestFailed
from dualchecker.ledger import Batch, BatchBook, Ledger
from dualchecker.ledger.batches import BY_HAND, CREATING, PREPARED, UPLOADED
from dualchecker.prompts import Prompt
from dualchecker.teachers.batch_files import BatchFiles, RemoteBatch

Admit = Callable[[str, bool], None]

_SLOWER, _SLOWEST = 1.3, 10
"""Looks at batches grow rarer, up to so many times the first pause."""

_FULL = "token_limit_exceeded"
"""The provider takes no more until other batches have ended."""


async def ask_in_batches(
    files: BatchFiles,
    items: Mapping[str, tuple[Prompt, dict[str, Any]]],
    ledger: Ledger,
    settle: Settle,
    progress: Progress | None = None,
    *,
    patience: Patience | None = None,
    poll: float = 30.0,
    retries: int = 5,
    admit: Admit | None = None,
    limits: FileLimits | None = None,
    least: int = 0,
    seed: int = 0,
    sleep: Sleep = asyncio.sleep,
) -> None:
    """Settle every item by batch files, or say what is still under way.

    While it runs, nobody else may write the ledger but ``settle``.

    Args:
        files: The teacher's way to ask by batch.
        items: Prompt and payload by the request's key; none of them has a reply in the ledger. It is looked into
            again for every result, and may make prompts anew; ``settle`` may take out what is settled.
        ledger: Remembers batches.
        settle: Told of each item's reply, or of the failure that is left after all retries, with the seconds since its
            batch was prepared. When it returns, the ledger holds it on disk.
        progress: Told about batches.
        patience: How long to wait.
        poll: Seconds between looks at the batches; grows to ten times as much.
        retries: In how many further batches a request is sent that failed for reasons which may pass.
        admit: Told of an item before it is sent (False), or that an earlier run has sent it (True); may refuse the
            former with a ``BudgetError``. It is told once of each.
        limits: Of one file.
        least: Where ``admit`` refuses, fewer requests than this are not sent: each batch may take a day, and what the
            one before it has left of the money would be enough for ever fewer.
        seed: For the jitter of pauses.
        sleep: Waits before a call is tried again.

    Raises:
        BatchPending: Batches are under way, and the patience is at its end; or files wait to be sent by hand.
        BudgetError: The rest may not be sent; what was, is settled.
        TeacherError: The provider takes no such batches, refuses the key, ...; nothing is lost.
    """
    results = Results(files, items, ledger, settle, retries)
    batches = _Batches(files, items, BatchBook(ledger), ledger.path.parent / "batch", results, progress or Silent())
    batches.admit, batches.patience, batches.poll = admit or (lambda key, sent: None), patience or Patience(None), poll
    batches.limits, batches.least, batches.random = limits or FileLimits(), least, random.Random(seed)
    batches.call = Calls(retries, seed, sleep=sleep)
    try:
        await batches.run()
    except OSError as error:
        raise LedgerError(
            f"The files of batches in {batches.folder} cannot be written or read.",
            why=str(error),
            fix="Free some room or mend the permissions, then run again: nothing is lost, and nothing is paid twice.",
        ) from error


def held_by_batches(ledger: Ledger) -> frozenset[str]:
    """Keys of the requests that are under way in batches, or may be: asked one by one they would be paid for twice."""
    book = BatchBook(ledger)
    sent = [batch for batch in book.open() if batch.state not in (PREPARED, UPLOADED)]
    return frozenset(book.under_way(sent))


class _Batches:
    """The state of one call.

    Attributes:
        open: Batches that may still bring a result for one of the items.
        under_way: Keys of the items that are in them, each with its batch.
        admitted: Keys of the items that were let in.
        refusal: Why no more may be sent for now.
        full: Whether the provider takes no more until a batch has ended.
        silent: How often in a row a look at the batches has failed.
    """

    admit: Admit
    patience: Patience
    poll: float
    limits: FileLimits
    least: int
    random: random.Random
    call: Calls

    def __init__(
        self,
        files: BatchFiles,
        items: Mapping[str, tuple[Prompt, dict[str, Any]]],
        book: BatchBook,
        folder: Path,
        results: Results,
        progress: Progress,
    ) -> None:
        self.files, self.items, self.book, self.folder = files, items, book, folder
        self.results, self.progress = results, progress
        self.open: dict[int, Batch] = {}
        self.under_way: dict[str, int] = {}
        self.admitted: set[str] = set()
        self.refusal: BudgetError | None = None
        self.full = False
        self.silent = 0
        self.said: dict[int, tuple[str, int]] = {}

    async def run(self) -> None:
        await self.results.take_kept()
        self._stop_if_fatal()
        await self._resume()
        while True:
            await self._send_new()
            if self.files.by_hand and self.under_way:
                raise words.to_be_sent(list(self.open.values()), self.folder, len(self.under_way))
            if not self.open:
                if self.refusal is not None:
                    raise self.refusal
                return
            await self._wait_for_one()

    # What earlier runs have left.

    async def _resume(self) -> None:
        """Take up batches that hold items; let go of those that were prepared and never sent."""
        for batch in self.book.open(self.files.name):
            waiting = self.book.under_way([batch])
            keys = [key for key in waiting if key in self.items and key not in self.results.settled]
            here = batch.address == self.files.address
            if here:
                batch = await self._found(batch)
            if batch.state in (PREPARED, UPLOADED) and not batch.remote:  # nothing is paid for that; it is made anew
                self.book.note(batch, state="dropped", ended=True)
                remove([self.folder / batch.file])
            elif keys and not here:
                raise words.elsewhere(batch, self.files.address)
            elif keys:
                self._enter(batch, keys)
            elif self.book.all_settled(batch):  # a run was killed just before it could note that
                self.book.note(batch, ended=True)
        if self.open and not self.files.by_hand:
            self.progress.note(f"Going on with {words.named(self.open.values())} of an earlier run.")

    async def _found(self, batch: Batch) -> Batch:
        """A batch whose creation was begun and never heard of, as it is now known to be."""
        if batch.state != CREATING or batch.remote:
            return batch
        remote = await self.call(lambda: self.files.find(batch.input_file, batch.token, batch.created))
        if remote is None:
            return self.book.note(batch, state=UPLOADED)
        return self.book.note(batch, state=remote.status, remote=remote.id)

    def _enter(self, batch: Batch, keys: Iterable[str]) -> None:
        for key in keys:
            self._let_in(key, sent=True)
            self.under_way[key] = batch.id
        self.open[batch.id] = batch

    def _let_in(self, key: str, *, sent: bool) -> None:
        if key not in self.admitted:
            self.admit(key, sent)
            self.admitted.add(key)

    # Sending.

    async def _send_new(self) -> None:
        """Write what is neither settled nor under way into files, and send them."""
        self.refusal = None
        lines = self._lines()
        state = BY_HAND if self.files.by_hand else PREPARED
        taken = {batch.file for batch in self.book.all() if batch.state != "dropped"}
        while not (self.full and self.open) and (file := write_requests(self.folder, lines, self.limits, taken)):
            if self.refusal is not None and len(file.keys) < self.least:
                remove([file.path])
                self.refusal = words.too_few(len(file.keys), self._waiting(), self.least, self.refusal)
                return  # what is under way may leave money for more
            taken.add(file.path.name)
            name, address = self.files.name, self.files.address
            batch = self.book.add(name, address, file.path.name, file.digest, state, file.keys)
            self._enter(batch, file.keys)
            await asyncio.sleep(0)  # an interrupt is heard between files
            if not self.files.by_hand:
                await self._send(batch)

    def _lines(self) -> Iterator[tuple[str, bytes]]:
        for key in self.items:
            if key in self.results.settled or key in self.under_way:
                continue
            try:
                self._let_in(key, sent=False)
            except BudgetError as refusal:
                self.refusal = refusal
                return
            yield key, self.files.line(key, self.items[key][1])

    def _waiting(self) -> int:
        """How many requests are neither settled nor under way."""
        return sum(key not in self.results.settled and key not in self.under_way for key in self.items)

    async def _send(self, batch: Batch) -> None:
        """Upload a file of requests, and have it done."""
        path = self.folder / batch.file
        name = await self.call(lambda: self.files.upload(path))
        batch = self.book.note(batch, state=UPLOADED, input_file=name)
        remote = await self.call(lambda: self._create(batch.id))
        self.open[batch.id] = self.book.note(batch, state=remote.status, remote=remote.id)
        self.progress.stage("batch", f"{remote.id}: {batch.total:,} requests sent")

    async def _create(self, number: int) -> RemoteBatch:
        """Make a batch, unless that was begun before and did succeed."""
        batch = self.book.get(number)
        if batch.state == CREATING:
            found = await self.files.find(batch.input_file, batch.token, batch.created)
            if found is not None:
                return found
        self.book.note(batch, state=CREATING)
        return await self.files.create(batch.input_file, batch.token)

    # Waiting.

    async def _wait_for_one(self) -> None:
        """Look at the batches until one has ended, and settle what it brought."""
        pause = self.poll
        while True:
            ended = 0
            for batch in list(self.open.values()):
                found = await self._look(batch)
                if found is not None:
                    await self._finish(batch, *found)
                    ended += 1
            self._stop_if_fatal()
            if ended:
                return
            if not await self.patience.wait(pause * self.random.uniform(0.9, 1.1)):
                raise words.pending(list(self.open.values()), len(self.under_way))
            pause = min(pause * _SLOWER, self.poll * _SLOWEST)

    async def _look(self, batch: Batch) -> tuple[RemoteBatch, list[Path]] | None:
        """A batch that has ended, with the files that it brought; None while it has not."""
        try:
            remote = await self.call(lambda: self.files.get(batch.remote))
            if not remote.ended:
                self._tell(batch, remote)
                self.silent = 0
                return None
            paths = [self.folder / f"results-{name}.jsonl" for name in remote.files]
            for name, path in zip(remote.files, paths, strict=True):
                await self.call(lambda name=name, path=path: self.files.download(name, path))  # type: ignore[misc]
        except RequestFailed as failure:
            # A night's wait outlasts a broken line; but not any number of them.
            self.silent += 1
            if not failure.retryable or self.silent > self.call.retries:
                raise
            self.progress.note(f"No news of the batch {batch.remote}: {failure.what} {failure.why}".rstrip())
            return None
        self.silent = 0
        return remote, paths

    def _tell(self, batch: Batch, remote: RemoteBatch) -> None:
        """Say how a batch is doing, when that has changed by a tenth."""
        total, done = remote.total or batch.total, remote.done + remote.failed
        now = (remote.status, 10 * done // max(total, 1))
        if self.said.get(batch.id) != now:
            self.said[batch.id] = now
            self.book.note(batch, state=remote.status, done=remote.done, failed=remote.failed)
            state = remote.status.replace("_", " ")
            self.progress.stage("batch", f"{remote.id}: {state}, {done:,} of {total:,} requests")

    async def _finish(self, batch: Batch, remote: RemoteBatch, paths: list[Path]) -> None:
        """Settle what an ended batch has brought; what it has not is sent again, within limits."""
        mine = {key for key, number in self.under_way.items() if number == batch.id}
        if remote.status == "failed" and not paths:
            await self._refused(batch, remote)
            return
        # Noted before the results are read, so that this batch counts among the tries.
        self.book.note(batch, state=remote.status, done=remote.done, failed=remote.failed, message=remote.message)
        strangers = await self.results.take_files(paths, mine, batch.created)
        self.book.note(batch, ended=True)
        self._close(batch)
        remove([*paths, self.folder / batch.file])
        self.full = False
        left = len(mine - self.results.settled)
        again = f", {left:,} not done" if left else ""
        self.progress.stage("batch", f"{remote.id}: {remote.status}, {len(mine) - left:,} settled{again}")
        if strangers:
            self.progress.note(f"{strangers:,} lines in the results of {remote.id} are of no request of this run.")
        if remote.status == "cancelled" and left:
            raise words.cancelled(remote)

    async def _refused(self, batch: Batch, remote: RemoteBatch) -> None:
        """A batch of which nothing was done: too much at once, or something wrong with all of it."""
        message = remote.message or "The provider gives no reason."
        self.book.note(batch, state="failed", ended=True, message=message)
        self._close(batch)
        remove([self.folder / batch.file])
        if _FULL not in remote.codes or (batch.total == 1 and not self.open):
            raise words.refused(remote, message)
        if not self.full:
            self.progress.note(f"The provider takes no more at once for now; the rest follows. {message}")
        self.full = True
        if not self.open:  # not even this one alone
            self.limits = FileLimits(batch.total // 2, self.limits.size)
            await self.call.sleep(self.poll)

    def _close(self, batch: Batch) -> None:
        self.open.pop(batch.id, None)
        self.under_way = {key: number for key, number in self.under_way.items() if number != batch.id}

    def _stop_if_fatal(self) -> None:
        if self.results.fatal is not None:
            raise self.results.fatal
