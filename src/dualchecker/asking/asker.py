"""Asks many prompts at once, each distinct one exactly once in the life of a ledger."""

import asyncio
import random
from collections.abc import Callable, Collection, Iterable, Iterator, Sized
from contextlib import ExitStack, contextmanager
from typing import Any, Self, TypeVar, cast, overload

from dualchecker.asking import batch_words
from dualchecker.asking.batch_calls import Patience
from dualchecker.asking.batch_job import work_in_batches
from dualchecker.asking.batches import held_by_batches
from dualchecker.asking.budget import Budget
from dualchecker.asking.commits import GroupCommit
from dualchecker.asking.job import Item, Job
from dualchecker.asking.loop import LoopThread
from dualchecker.asking.memory import few_collections
from dualchecker.asking.outcome import Limits, Outcome, Usage
from dualchecker.asking.pace import Pace
from dualchecker.asking.progress import Progress, Silent
from dualchecker.asking.sender import Sender
from dualchecker.ledger import Ledger, Use
from dualchecker.prompts import Prompt
from dualchecker.teachers import Teacher
from dualchecker.teachers.batch_files import BatchFiles

T = TypeVar("T")

_IN_A_ROW = 8
"""Requests that one worker may send before others, and interrupts, have their turn for certain."""


class Asker:
    """Sends prompts to teachers through a ledger.

    A reply in the ledger is used without asking. Everything else is sent by a fixed set of workers, as many at once as
    the server takes, retried with growing, jittered pauses (or as long as the server asks), and entered in the ledger
    before it is used. Prompts may be made as they are needed: of a long series only some hundreds exist at a time.

    Args:
        ledger: Where requests and replies live.
        limits: Concurrency, rates, retries, budget. ``max_cost`` and ``max_requests`` hold for the whole life of the
            ledger; a request that failed counts for neither, unless the teacher charged for it.
        progress: Told about replies.
        seed: For the jitter of pauses.
        backoff: First pause before a retry, in seconds; doubles each time.
    """

    def __init__(
        self,
        ledger: Ledger,
        limits: Limits,
        progress: Progress | None = None,
        *,
        seed: int = 0,
        backoff: float = 0.5,
    ) -> None:
        self._ledger, self._limits = ledger, limits
        self._progress: Progress = progress or Silent()
        self._seed, self._random = seed, random.Random(seed)
        self._backoff = backoff
        self._loop = LoopThread()
        self._pace = Pace(limits.requests_per_minute, limits.tokens_per_minute)
        totals = ledger.totals()
        self._budget = Budget(limits.max_cost, limits.max_requests, totals.cost, totals.requests)
        self._commits = GroupCommit(ledger, self._budget.give_up)
        self._senders: list[Sender] = []
        self._counting: list[Usage] = []
        self._patience = Patience(limits.batch_wait)
        self._held: frozenset[str] = frozenset()

    @property
    def ledger(self) -> Ledger:
        return self._ledger

    @contextmanager
    def counting(self) -> Iterator[Usage]:
        """Counts what is asked inside; one may stand within another."""
        usage = Usage()
        self._counting.append(usage)
        try:
            yield usage
        finally:
            self._counting.pop()

    def used_again(self, uses: Collection[Use]) -> None:
        """Count requests, as (record, purpose, rung, key), whose answers the caller has kept."""
        for usage in self._counting:
            usage.keys.update(key for *_, key in uses)
            usage.uses.update(uses)

    @overload
    def ask(self, teacher: Teacher, prompts: Iterable[Prompt], purpose: str = "label") -> list[Outcome]: ...
    @overload
    def ask(
        self, teacher: Teacher, prompts: Iterable[Prompt], purpose: str = "label", *, read: Callable[[Outcome], T]
    ) -> list[T]: ...
    def ask(
        self,
        teacher: Teacher,
        prompts: Iterable[Prompt],
        purpose: str = "label",
        *,
        read: Callable[[Outcome], Any] = lambda outcome: outcome,
    ) -> list[Any]:
        """The outcome of every prompt, in order.

        Args:
            teacher: Whom to ask.
            prompts: Equal ones are asked once. They are drawn as they are needed, in the thread that asks, and must
                not ask anything themselves.
            purpose: Enters the ledger's trail.
            read: Makes of each outcome, in that thread too and as soon as it is known, what is returned in its place,
                so that prompts and replies need not all be kept.

        Raises:
            TeacherError: Nothing can be asked (wrong key, wrong model, unreachable, every request fails).
            BudgetError: The next request could cross a limit. Replies so far are in the ledger.
            LedgerError: The ledger cannot be written.
        """
        sender = self._sender(teacher)
        job = Job(
            teacher=teacher,
            purpose=purpose,
            source=iter(prompts),
            total=len(prompts) if isinstance(prompts, Sized) else None,
            read=read,
            ledger=self._ledger,
            progress=self._progress,
            keys=sender.keys,
            used=self._use,
            ahead=self._limits.concurrency,
        )
        if job.total != 0:
            with few_collections():
                self._loop.run(self._work(job, sender))
        return cast("list[Any]", job.results)

    def health(self) -> list[str]:
        """How the addresses of each teacher have been doing, a line each, where a teacher has several."""
        found = (getattr(sender.teacher, "endpoints", None) for sender in self._senders)
        return [line for endpoints in found if endpoints is not None for line in endpoints.summary()]

    def close(self) -> None:
        """Close the teachers' connections and the loop. May be called twice."""
        senders, self._senders = self._senders, []
        with ExitStack() as stack:  # all of it, even if some of it fails
            stack.callback(self._loop.close)
            stack.callback(self._commits.close)
            for sender in reversed(senders):
                stack.callback(lambda one: self._loop.run(one.aclose()), sender.teacher)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _sender(self, teacher: Teacher) -> Sender:
        for sender in self._senders:
            if sender.teacher is teacher:
                return sender
        commits, budget = self._commits, self._budget
        self._senders.append(Sender(teacher, self._limits, self._pace, budget, commits, self._random, self._backoff))
        return self._senders[-1]

    def _use(self, uses: list[Use]) -> None:
        self._ledger.using(uses)
        self._commits.add_uses(uses)
        self.used_again(uses)

    async def _work(self, job: Job[Any], sender: Sender) -> None:
        try:
            if (files := getattr(job.teacher, "batch", None)) is not None:
                await self._in_batches(job, sender, files)
                return
            self._held = held_by_batches(self._ledger)
            item = await job.next()
            if item is None:  # the ledger has all the answers
                return
            # The first of all goes alone: what is wrong with a key, a model or a schema shows before more is sent.
            if not sender.tried:
                self._refuse_held(item)
                await sender.send(job, item)
                item = None
                self._tell(sender)
            await self._at_once(job, sender, item)
        finally:
            job.stopping = True
            await self._commits.drain()
            self._tell(sender)
            job.report(self._budget.spent, last=True)
        if job.error is not None:
            raise job.error

    async def _at_once(self, job: Job[Any], sender: Sender, first: Item | None) -> None:
        """Send what is left with as many workers as may ever be needed; ``first`` has been taken already."""
        items = [first, *[None] * (self._limits.concurrency - 1)]
        workers = [asyncio.create_task(self._worker(job, sender, item)) for item in items]
        try:
            ended, left = await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
            # After an error nothing new is sent, but what is under way will be charged for: let it arrive.
            for worker in left - job.sending:
                worker.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        finally:  # interrupted: what is under way is asked again next time
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        for worker in sorted(ended, key=asyncio.Task.cancelled):
            worker.result()  # raises what ended the work, before what was merely stopped by it

    async def _worker(self, job: Job[Any], sender: Sender, item: Item | None) -> None:
        sent = 0
        try:
            while (item := item or await job.next()) is not None:
                self._refuse_held(item)
                await sender.send(job, item)
                item = None
                sent += 1
                if sent % _IN_A_ROW == 0:  # a teacher in process never waits for anything, and Ctrl-C must be heard
                    await asyncio.sleep(0)
        except BaseException:
            job.stopping = True  # at once, so that no other worker sends anything more
            raise

    async def _in_batches(self, job: Job[Any], sender: Sender, files: BatchFiles) -> None:
        limits, patience = self._limits, self._patience
        await work_in_batches(
            job, sender, files, self._budget, self._commits, patience=patience, least=limits.batch_least,
            poll=limits.batch_poll, retries=limits.retries, seed=self._seed,
        )  # fmt: skip

    def _refuse_held(self, item: Item) -> None:
        if item.key in self._held:
            raise batch_words.held()

    def _tell(self, sender: Sender) -> None:
        for remark in sender.news():
            self._progress.note(remark)
