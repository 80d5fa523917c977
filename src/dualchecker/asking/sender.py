"""One request from admission to the ledger: turns, retries, and what a failure means for the others."""

import asyncio
import random
import time
from collections.abc import Awaitable
from functools import partial
from typing import Any

from dualchecker.asking.breaker import Breaker
from dualchecker.asking.budget import Budget
from dualchecker.asking.commits import GroupCommit
from dualchecker.asking.hedging import Hedge
from dualchecker.asking.job import Item, Job
from dualchecker.asking.outcome import Limits
from dualchecker.asking.pace import Pace
from dualchecker.asking.window import Window
from dualchecker.errors import RequestFailed, TeacherError
from dualchecker.ledger import Attempt, Entry, Failure, Keys, Request
from dualchecker.prompts import Prompt
from dualchecker.prompts.prompt import estimate_tokens
from dualchecker.records import Reply
from dualchecker.teachers import Teacher
from dualchecker.teachers.base import FreeTeacher

_DONE_ALREADY = frozenset({"timeout", "bad_body"})
"""Failures after which the server has probably done, and charged for, the work: one more try, not all of them."""

FOR_GOOD = frozenset({"refused", "too_long"})
"""Failures that lie in the request itself: asked again, it would end the same way."""

_OVERLOADED = frozenset({429, 503, 529})

_RATE_LIMIT_FACTOR = 4
"""Rates are limited by the minute: with the default backoff, five pauses four times as long span one."""

_LONGEST_PAUSE = 60.0
_LONGEST_WAIT = 600.0
"""A server that asks for more than this (a daily limit) is not waited for."""


class Sender:
    """Sends requests to one teacher, and knows how it has been doing since the run began.

    Args:
        teacher: Whom to ask.
        limits: Concurrency, retries, hedging.
        pace: Shared by all teachers of a run, like what follows.
        budget: What may still be spent.
        commits: Puts on disk what came back.
        jitter: Of pauses.
        backoff: First pause before a retry, in seconds; doubles each time.
    """

    def __init__(
        self,
        teacher: Teacher,
        limits: Limits,
        pace: Pace,
        budget: Budget,
        commits: GroupCommit,
        jitter: random.Random,
        backoff: float,
    ) -> None:
        self.teacher, self._limits = teacher, limits
        self._pace, self._budget, self._commits = pace, budget, commits
        self._random, self._backoff = jitter, backoff
        self._window = Window(limits.concurrency)
        # What answers in this process is not sped up by being asked twice.
        hedged = limits.hedge is not None and not isinstance(teacher, FreeTeacher)
        self._hedge = Hedge(limits.hedge or 0.0, self._window) if hedged else None
        self._breaker = Breaker()
        self.keys = Keys(teacher.name)
        self._written = 0.0
        self._remarks = 0

    @property
    def tried(self) -> bool:
        """Whether the teacher has answered anything yet."""
        return self._breaker.answered

    def news(self) -> list[str]:
        """The teacher's remarks that have not been passed on."""
        fresh = list(getattr(self.teacher, "remarks", ()))[self._remarks :]
        self._remarks += len(fresh)
        return fresh

    async def send(self, job: Job[Any], item: Item) -> None:
        """Send one request until it is answered or given up; what comes of it is entered, and then read.

        Raises:
            TeacherError: Nothing can be asked (wrong key, wrong model, unreachable, every request fails).
            BudgetError: The request could cross a limit.
            LedgerError: The ledger cannot be written.
        """
        budget = self._budget
        price = self.teacher.estimate(item.prompt) if budget.counts_money else 0.0
        if not budget.enter(price):
            await budget.wait(price)
        try:
            await self._with_retries(job, item, price)
        except RequestFailed as failure:
            budget.settle(price, None)
            job.settle(item.key, failure, budget.spent)
            if not job.stopping:
                self._breaker.failure(failure)
        except BaseException:
            budget.settle(price, None)
            raise
        if self._commits.crowded:
            await self._commits.drain()

    async def _with_retries(self, job: Job[Any], item: Item, price: float) -> None:
        tries = dear = moves = 0
        while True:
            expected = await self._turn(item.prompt)
            try:
                if job.stopping:
                    raise asyncio.CancelledError
                await self._once(job, item, price, expected)
                return
            except RequestFailed as failure:
                if failure.elsewhere and not job.stopping and moves < self._limits.retries:
                    moves += 1
                    continue
                tries += 1
                dear += failure.kind in _DONE_ALREADY
                self._give_up_if_hopeless(job, failure, tries, dear)
                pause = self._pause(failure, tries)
            finally:
                self._window.leave()
            await asyncio.sleep(pause)

    async def _turn(self, prompt: Prompt) -> int:
        """Wait until the request may go; how many tokens it is expected to take, where those are limited."""
        if not self._window.enter():
            await self._window.wait()
        if self._pace.free:
            return 0
        expected = 0
        if self._pace.counts_tokens:
            expected = sum(estimate_tokens(message["content"]) for message in prompt.messages) + round(self._written)
        try:
            await self._pace.turn(expected)
        except asyncio.CancelledError:
            self._window.leave()
            raise
        return expected

    def _give_up_if_hopeless(self, job: Job[Any], failure: RequestFailed, tries: int, dear: int) -> None:
        if failure.retryable and (failure.retry_after or 0.0) > _LONGEST_WAIT:
            raise _too_long_a_wait(failure) from failure
        if job.stopping or not failure.retryable or tries > self._limits.retries or dear > 1:
            # A server that is not there is not there for the others either.
            failure.fatal = failure.fatal or failure.kind == "unreachable"
            raise failure

    def _pause(self, failure: RequestFailed, tries: int) -> float:
        """Seconds that this request waits; where the server meant everyone, all wait, and this one in its turn."""
        wait = failure.retry_after or 0.0
        limited = failure.kind == "rate_limited"
        if failure.status in _OVERLOADED or failure.kind == "timeout":
            self._window.overloaded()
        blind = _RATE_LIMIT_FACTOR if limited and failure.retry_after is None else 1
        pause: float = self._backoff * blind * 2 ** (tries - 1) * self._random.uniform(0.75, 1.25)
        pause = max(min(pause, _LONGEST_PAUSE), wait)
        if limited or wait:
            self._pace.pause(pause)
            return 0.0
        return pause

    async def _once(self, job: Job[Any], item: Item, price: float, expected: int) -> None:
        """One try, entered in the ledger whatever comes of it."""
        worker = asyncio.current_task()
        request = Request(item.key, item.prompt.hash, self.teacher.name, item.payload)
        started, clock = time.time(), time.perf_counter()
        job.sending.add(worker)
        try:
            reply, lost = await self._ask(item, price)
        except RequestFailed as failure:
            self._enter_failure(request, started, time.perf_counter() - clock, failure)
            raise
        finally:
            job.sending.discard(worker)
        seconds = time.perf_counter() - clock
        self._window.answered(seconds)
        self._breaker.success()
        if expected:
            self._written += 0.05 * (reply.completion_tokens - self._written)
            self._pace.settle(expected, reply.prompt_tokens + reply.completion_tokens or expected)
        # A server that does not count tokens is taken to have used all it might.
        counted = reply.prompt_tokens or reply.completion_tokens
        cost = self.teacher.cost(reply) if counted else self.teacher.estimate(item.prompt)
        if lost:
            attempt = Attempt(item.key, started, seconds, "hedge_lost", None, "Another answer came first.")
            self._commits.add(Entry(request, attempt))
            cost += self.teacher.estimate(item.prompt)
        entry = Entry(request, Attempt(item.key, started, seconds, "ok"), reply, cost=cost)
        self._commits.add(entry, partial(self._on_disk, job, item.key, reply, price * (1 + lost), cost))

    async def _ask(self, item: Item, price: float) -> tuple[Reply, int]:
        """The reply, and how many requests were left behind for it (0 or 1)."""
        teacher, prompt, payload, lost = self.teacher, item.prompt, item.payload, 0
        if self._hedge is None:
            return await teacher.ask(prompt, payload), 0

        def again() -> Awaitable[Reply] | None:
            nonlocal lost
            if not self._budget.set_aside(price):
                return None
            lost = 1
            return teacher.ask(prompt, payload)

        try:
            return await self._hedge.ask(teacher.ask(prompt, payload), again), lost
        except BaseException:
            self._budget.set_aside(-price * lost)
            raise

    def _on_disk(self, job: Job[Any], key: str, reply: Reply, price: float, cost: float) -> None:
        self._budget.settle(price, cost)
        job.settle(key, reply, self._budget.spent)

    def _enter_failure(self, request: Request, started: float, seconds: float, failure: RequestFailed) -> None:
        attempt = Attempt(request.key, started, seconds, failure.kind, failure.status, str(failure))
        prompt, completion = failure.tokens
        cost = self.teacher.cost(Reply("", prompt_tokens=prompt, completion_tokens=completion))
        self._budget.pay(cost)
        ended = None
        if failure.kind in FOR_GOOD:
            ended = Failure(failure.kind, str(failure), failure.status, prompt, completion)
        self._commits.add(Entry(request, attempt, failure=ended, cost=cost))


def _too_long_a_wait(failure: RequestFailed) -> TeacherError:
    seconds = failure.retry_after or 0.0
    wait = f"{seconds / 3600:.1f} hours" if seconds >= 5400 else f"{seconds / 60:.0f} minutes"
    return TeacherError(
        f"The teacher asks to wait {wait} before the next request; the run stops here.",
        why=failure.why,
        fix="Run the same command again after that: nothing that was answered is lost.",
    )
