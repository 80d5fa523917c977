"""Asks many prompts at once, each distinct one exactly once in the life of a ledger."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from dualchecker.asking.loop import LoopThread
from dualchecker.asking.pace import Pace
from dualchecker.asking.progress import Progress, Silent
from dualchecker.errors import BudgetError, RequestFailed, TeacherError
from dualchecker.ledger import Attempt, Entry, Ledger, Request, request_key
from dualchecker.prompts import Prompt
from dualchecker.records import Reply
from dualchecker.teachers import Teacher

_GIVE_UP_AFTER = 20
"""So many failed requests with no success between them end the run: more would fail the same way, at a price."""

_ABOUT_ONE_RECORD = frozenset({"bad_request", "refused", "too_long"})
"""Failures that say nothing about the next request, once the teacher has answered any."""

_DONE_ALREADY = frozenset({"timeout", "bad_body"})
"""Failures after which the server has probably done, and charged for, the work: one more try, not all of them."""

_RATE_LIMIT_FACTOR = 4
"""Rates are limited by the minute: with the default backoff, five pauses four times as long span one."""

_LONGEST_PAUSE = 60.0
_LONGEST_WAIT = 600.0
"""A server that asks for more than this (a daily limit) is not waited for."""


class Limits(Protocol):
    """What a run may use; ``config.LimitsConfig`` is one."""

    @property
    def max_cost(self) -> float | None: ...
    @property
    def max_requests(self) -> int | None: ...
    @property
    def concurrency(self) -> int: ...
    @property
    def requests_per_minute(self) -> int | None: ...
    @property
    def retries(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one prompt: a reply, or the failure that is left after all retries."""

    prompt: Prompt
    key: str
    reply: Reply | None = None
    failure: RequestFailed | None = None


@dataclass
class Usage:
    """The requests that a part of a run has used, whether they were answered now or long ago.

    Attributes:
        keys: Of the distinct requests.
        uses: Which (record, purpose, rung, key) they served.
    """

    keys: set[str] = field(default_factory=set)
    uses: set[tuple[str, str, str, str]] = field(default_factory=set)

    def by_purpose(self) -> dict[str, int]:
        """Number of uses by ``purpose/rung``."""
        counts = Counter(f"{purpose}/{rung}" for _, purpose, rung, _ in self.uses)
        return dict(sorted(counts.items()))


@dataclass(slots=True)
class _Health:
    """How a teacher has been doing since the run began."""

    answered: bool = False
    failed_in_a_row: int = 0


@dataclass(slots=True)
class _Batch:
    """The state of one call of ``ask``. Only the loop's thread touches it while workers run."""

    teacher: Teacher
    health: _Health
    todo: Iterator[tuple[str, Prompt, dict[str, Any]]]
    results: dict[str, Reply | RequestFailed]
    total: int
    cached: int
    failed: int = 0
    stopping: bool = False
    waiting: set["asyncio.Task[None] | None"] = field(default_factory=set)  # workers whose request is under way
    settled: asyncio.Event = field(default_factory=asyncio.Event)  # set whenever a request has ended


class Asker:
    """Sends prompts to teachers through a ledger.

    A reply in the ledger is used without asking. Everything else is sent by a fixed set of workers, retried with
    growing, jittered pauses (or as long as the server asks), and entered in the ledger before it is used.

    Args:
        ledger: Where requests and replies live.
        limits: Concurrency, rate, retries, budget. ``max_cost`` and ``max_requests`` hold for the whole life of the
            ledger; a request that failed counts for neither.
        progress: Told about every reply.
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
        self._random = random.Random(seed)
        self._backoff = backoff
        self._loop = LoopThread()
        self._pace = Pace(limits.requests_per_minute)
        totals = ledger.totals()
        self._spent, self._answered = totals.cost, totals.requests
        self._reserved, self._under_way = 0.0, 0
        self._teachers: list[tuple[Teacher, _Health]] = []
        self._counting: list[Usage] = []

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

    def used_again(self, uses: Collection[tuple[str, str, str, str]]) -> None:
        """Count requests, as (record, purpose, rung, key), whose answers the caller has kept."""
        for usage in self._counting:
            usage.keys.update(key for *_, key in uses)
            usage.uses.update(uses)

    def ask(self, teacher: Teacher, prompts: Sequence[Prompt], purpose: str = "label") -> list[Outcome]:
        """The outcome of every prompt, in order.

        Args:
            teacher: Whom to ask.
            prompts: Equal ones are asked once.
            purpose: Enters the ledger's trail.

        Raises:
            TeacherError: Nothing can be asked (wrong key, wrong model, unreachable, every request fails).
            BudgetError: The next request could cross a limit. Replies so far are in the ledger.
        """
        health = self._health(teacher)
        payloads = [teacher.payload(prompt) for prompt in prompts]
        keys = [request_key(teacher.name, payload) for payload in payloads]
        distinct: dict[str, tuple[Prompt, dict[str, Any]]] = {}
        for key, prompt, payload in zip(keys, prompts, payloads, strict=True):
            distinct.setdefault(key, (prompt, payload))
        uses = [(p.record_id, purpose, p.rung, k) for p, k in zip(prompts, keys, strict=True)]
        self._ledger.record_uses(uses)
        self.used_again(uses)
        known = self._ledger.replies(list(distinct))
        todo = [(key, prompt, payload) for key, (prompt, payload) in distinct.items() if key not in known]
        results: dict[str, Reply | RequestFailed] = {**known}
        if todo:
            batch = _Batch(teacher, health, iter(todo), results, len(distinct), len(known))
            self._loop.run(self._work(batch))
        return [_outcome(prompt, key, results[key]) for key, prompt in zip(keys, prompts, strict=True)]

    def close(self) -> None:
        """Close the teachers' connections and the loop. May be called twice."""
        teachers, self._teachers = self._teachers, []
        with ExitStack() as stack:  # all of it, even if some of it fails
            stack.callback(self._loop.close)
            for teacher, _ in reversed(teachers):
                stack.callback(lambda one: self._loop.run(one.aclose()), teacher)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _health(self, teacher: Teacher) -> _Health:
        for known, health in self._teachers:
            if known is teacher:
                return health
        self._teachers.append((teacher, _Health()))
        return self._teachers[-1][1]

    async def _work(self, batch: _Batch) -> None:
        count = min(self._limits.concurrency, batch.total - batch.cached)
        workers = [asyncio.create_task(self._worker(batch)) for _ in range(count)]
        try:
            ended, left = await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
            # After an error nothing new is sent, but what is under way will be charged for: let it arrive.
            for worker in left - batch.waiting:
                worker.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        finally:  # interrupted: what is under way is asked again next time
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        for worker in sorted(ended, key=asyncio.Task.cancelled):
            worker.result()  # raises what ended the work, before what was merely stopped by it

    async def _worker(self, batch: _Batch) -> None:
        try:
            for key, prompt, payload in batch.todo:
                # A teacher in process never waits for anything; without this an interrupt would not be heard.
                await asyncio.sleep(0)
                if batch.stopping:
                    return
                await self._settle(batch, key, prompt, payload)
        except BaseException:
            batch.stopping = True  # at once, so that no other worker sends anything more
            raise

    async def _settle(self, batch: _Batch, key: str, prompt: Prompt, payload: dict[str, Any]) -> None:
        """One request from admission to its reply or failure."""
        price = batch.teacher.estimate(prompt)
        await self._admit(batch, price)
        try:
            batch.results[key] = await self._with_retries(batch, key, prompt, payload)
        except RequestFailed as failure:
            batch.results[key] = failure
            self._count_failure(batch, failure)
        finally:
            self._under_way -= 1
            self._reserved = self._reserved - price if self._under_way else 0.0
            batch.settled.set()
        done = len(batch.results)
        self._progress.asking(done, batch.total, fresh=done - batch.cached, failed=batch.failed, cost=self._spent)

    async def _admit(self, batch: _Batch, price: float) -> None:
        """Set the estimated price aside, or refuse *before* the call that could cross a limit.

        Estimates are cautious, so near a limit first wait for what the requests under way really cost.
        """
        while (refusal := self._over_limit(price)) is not None:
            if not self._under_way:
                raise refusal
            batch.settled.clear()
            await batch.settled.wait()
        self._under_way += 1
        self._reserved += price

    def _over_limit(self, price: float) -> BudgetError | None:
        limit, most = self._limits.max_cost, self._limits.max_requests
        if limit is not None and self._spent + self._reserved + price > limit + 1e-9:
            return BudgetError(
                f"The next request could take the cost over limits.max_cost = {limit:g}.",
                why=f"Spent so far: {self._spent:.4f}; the next request may cost up to {price:.4f}.",
                fix="Raise limits.max_cost and run the same command again: what is paid for is kept.",
            )
        if most is not None and self._answered + self._under_way >= most:
            return BudgetError(
                f"limits.max_requests = {most} is reached.",
                fix="Raise it and run the same command again: what is answered is kept.",
            )
        return None

    def _count_failure(self, batch: _Batch, failure: RequestFailed) -> None:
        """Note a request that is given up; end the run where the others would fare no better."""
        batch.failed += 1
        if batch.stopping:
            return
        if failure.fatal:
            raise failure
        health = batch.health
        if failure.kind == "not_recorded" or (health.answered and failure.kind in _ABOUT_ONE_RECORD):
            return
        health.failed_in_a_row += 1
        if health.failed_in_a_row >= _GIVE_UP_AFTER:
            health.failed_in_a_row = 0
            raise TeacherError(
                f"{_GIVE_UP_AFTER} requests in a row have failed; the run stops here.",
                why=f"The last one: {failure}",
                fix="When the cause is mended, run the same command again: nothing that was answered is lost.",
            ) from failure

    async def _with_retries(self, batch: _Batch, key: str, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        tries = dear = 0
        while True:
            await self._pace.turn()
            if batch.stopping:
                raise asyncio.CancelledError
            try:
                return await self._once(batch, key, prompt, payload)
            except RequestFailed as failure:
                tries += 1
                dear += failure.kind in _DONE_ALREADY
                wait = failure.retry_after or 0.0
                if failure.retryable and wait > _LONGEST_WAIT:
                    raise _too_long_a_wait(failure, wait) from failure
                if batch.stopping or not failure.retryable or tries > self._limits.retries or dear > 1:
                    # A server that is not there is not there for the others either.
                    failure.fatal = failure.fatal or failure.kind == "unreachable"
                    raise
                limited = failure.kind == "rate_limited"
                blind = _RATE_LIMIT_FACTOR if limited and failure.retry_after is None else 1
                pause = self._backoff * blind * 2 ** (tries - 1) * self._random.uniform(0.75, 1.25)
                pause = max(min(pause, _LONGEST_PAUSE), wait)
                if limited or wait:  # meant for everyone
                    self._pace.pause(pause)
                else:
                    await asyncio.sleep(pause)

    async def _once(self, batch: _Batch, key: str, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        """One try, entered in the ledger whatever comes of it."""
        teacher, worker = batch.teacher, asyncio.current_task()
        started, clock = time.time(), time.perf_counter()
        batch.waiting.add(worker)
        try:
            reply = await teacher.ask(prompt, payload)
        except RequestFailed as failure:
            seconds = time.perf_counter() - clock
            attempt = Attempt(key, started, seconds, failure.kind, failure.status, str(failure))
            self._ledger.write([Entry(Request(key, prompt.hash, teacher.name, payload), attempt)])
            raise
        finally:
            batch.waiting.discard(worker)
        # A server that does not count tokens is taken to have used all it might.
        counted = reply.prompt_tokens or reply.completion_tokens
        cost = teacher.cost(reply) if counted else teacher.estimate(prompt)
        attempt = Attempt(key, started, time.perf_counter() - clock, "ok")
        request = Request(key, prompt.hash, teacher.name, payload)
        self._ledger.write([Entry(request, attempt, reply, cost=cost)])
        self._spent += cost
        self._answered += 1
        batch.health.answered, batch.health.failed_in_a_row = True, 0
        return reply


def _outcome(prompt: Prompt, key: str, result: Reply | RequestFailed) -> Outcome:
    if isinstance(result, RequestFailed):
        return Outcome(prompt, key, failure=result)
    return Outcome(prompt, key, result)


def _too_long_a_wait(failure: RequestFailed, seconds: float) -> TeacherError:
    wait = f"{seconds / 3600:.1f} hours" if seconds >= 5400 else f"{seconds / 60:.0f} minutes"
    return TeacherError(
        f"The teacher asks to wait {wait} before the next request; the run stops here.",
        why=failure.why,
        fix="Run the same command again after that: nothing that was answered is lost.",
    )
