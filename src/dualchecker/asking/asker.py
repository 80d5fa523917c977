"""Asks many prompts at once, each distinct one exactly once in the life of a ledger."""

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dualchecker.asking.loop import LoopThread
from dualchecker.asking.pace import Pace
from dualchecker.asking.progress import Progress, Silent
from dualchecker.errors import BudgetError, RequestFailed, TeacherError
from dualchecker.ledger import Attempt, Ledger, content_hash
from dualchecker.prompts import Prompt
from dualchecker.records import Reply
from dualchecker.teachers import Teacher

_GIVE_UP_AFTER = 20
"""So many failed requests with no success between them end the run: more would fail the same way, at a price."""

_TIMEOUT_TRIES = 2


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


@dataclass(slots=True)
class _Batch:
    """The state of one call of ``ask``."""

    teacher: Teacher
    todo: Iterator[tuple[str, Prompt, dict[str, Any]]]
    results: dict[str, Reply | RequestFailed]
    total: int
    cached: int
    failed: int = 0
    failed_in_a_row: int = 0


class Asker:
    """Sends prompts to teachers through a ledger.

    A reply in the ledger is used without asking. Everything else is sent by a fixed set of workers, retried with
    growing, jittered pauses (or as long as the server asks), and entered in the ledger before it is used.

    Args:
        ledger: Where requests and replies live.
        limits: Concurrency, rate, retries, budget.
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
        self._spent, self._sent = totals.cost, totals.requests
        self._reserved = 0.0
        self._teachers: list[Teacher] = []

    @property
    def ledger(self) -> Ledger:
        return self._ledger

    def ask(self, teacher: Teacher, prompts: Sequence[Prompt], purpose: str = "label") -> list[Outcome]:
        """The outcome of every prompt, in order.

        Args:
            teacher: Whom to ask.
            prompts: Equal ones are asked once.
            purpose: Enters the ledger's trail.

        Raises:
            TeacherError: Nothing can be asked (wrong key, wrong model, unreachable, every request fails).
            BudgetError: The next request would cross a limit. Replies so far are in the ledger.
        """
        if teacher not in self._teachers:
            self._teachers.append(teacher)
        payloads = [teacher.payload(prompt) for prompt in prompts]
        keys = [content_hash({"teacher": teacher.name, "body": payload}) for payload in payloads]
        distinct = {key: (prompt, payload) for key, prompt, payload in zip(keys, prompts, payloads, strict=True)}
        self._ledger.record_uses((p.record_id, purpose, p.rung, k) for p, k in zip(prompts, keys, strict=True))
        known = self._ledger.replies(list(distinct))
        todo = [(key, prompt, payload) for key, (prompt, payload) in distinct.items() if key not in known]
        results: dict[str, Reply | RequestFailed] = {**known}
        if todo:
            self._ledger.open_requests((key, prompt.hash, teacher.name, payload) for key, prompt, payload in todo)
            batch = _Batch(teacher, iter(todo), results, len(distinct), len(known))
            self._loop.run(self._work(batch))
        outcomes = []
        for key, prompt in zip(keys, prompts, strict=True):
            result = results[key]
            failed = isinstance(result, RequestFailed)
            outcomes.append(Outcome(prompt, key, None if failed else result, result if failed else None))  # type: ignore[arg-type]
        return outcomes

    def close(self) -> None:
        """Close the teachers' connections and the loop."""
        for teacher in self._teachers:
            self._loop.run(teacher.aclose())
        self._teachers.clear()
        self._loop.close()

    async def _work(self, batch: _Batch) -> None:
        count = min(self._limits.concurrency, batch.total - batch.cached)
        workers = [asyncio.create_task(self._worker(batch)) for _ in range(count)]
        try:
            await asyncio.gather(*workers)
        finally:
            # After an error the others are stopped; what they had in flight is asked again next time.
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _worker(self, batch: _Batch) -> None:
        for key, prompt, payload in batch.todo:
            reserved = self._reserve(batch.teacher, prompt)
            try:
                result: Reply | RequestFailed = await self._with_retries(batch.teacher, key, prompt, payload)
                batch.failed_in_a_row = 0
            except RequestFailed as failure:
                if failure.fatal:
                    raise
                result = failure
                batch.failed += 1
                # "Not recorded" is a fact about one record, not a sign of trouble.
                batch.failed_in_a_row += failure.kind not in ("not_recorded", "bad_request")
                if batch.failed_in_a_row >= _GIVE_UP_AFTER:
                    raise TeacherError(
                        f"{batch.failed_in_a_row} requests in a row have failed; the run stops here.",
                        why=str(failure),
                        fix="When the cause is mended, run the same command again: nothing that was answered is lost.",
                    ) from failure
            finally:
                self._reserved -= reserved
            batch.results[key] = result
            done = len(batch.results)
            self._progress.asking(done, batch.total, fresh=done - batch.cached, failed=batch.failed, cost=self._spent)

    def _reserve(self, teacher: Teacher, prompt: Prompt) -> float:
        """Set the estimated price aside, or refuse *before* the call that would cross the limit."""
        price = teacher.estimate(prompt)
        limit, most = self._limits.max_cost, self._limits.max_requests
        if limit is not None and self._spent + self._reserved + price > limit:
            raise BudgetError(
                f"The next request could take the cost over limits.max_cost = {limit:g} (spent: {self._spent:.4f}).",
                fix="Raise limits.max_cost and run the same command again: what is paid for is kept.",
            )
        if most is not None and self._sent >= most:
            raise BudgetError(
                f"limits.max_requests = {most} is reached.",
                fix="Raise it and run the same command again: what is answered is kept.",
            )
        self._sent += 1
        self._reserved += price
        return price

    async def _with_retries(self, teacher: Teacher, key: str, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        tries = 0
        while True:
            await self._pace.turn()
            started, clock = time.time(), time.perf_counter()
            try:
                reply = await teacher.ask(prompt, payload)
            except RequestFailed as failure:
                seconds = time.perf_counter() - clock
                self._ledger.record_attempt(Attempt(key, started, seconds, failure.kind, failure.status, str(failure)))
                tries += 1
                allowed = _TIMEOUT_TRIES if failure.kind == "timeout" else self._limits.retries + 1
                if not failure.retryable or tries >= allowed:
                    # A server that is not there is not there for the others either.
                    failure.fatal = failure.fatal or failure.kind == "unreachable"
                    raise
                pause = self._backoff * 2 ** (tries - 1) * self._random.uniform(0.75, 1.25)
                if failure.retry_after is not None:
                    pause = max(failure.retry_after, 0.01)
                    self._pace.pause(pause)
                await asyncio.sleep(min(pause, 60))
                continue
            cost = teacher.cost(reply)
            self._ledger.record_attempt(Attempt(key, started, time.perf_counter() - clock, "ok", 200), reply, cost)
            self._spent += cost
            return reply
