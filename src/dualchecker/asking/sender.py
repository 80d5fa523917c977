"""One request from admission to the ledger: turns, retries, and what a failure means for the others."""

import asyncio
import random
import time
from collections.abc import Awaitable
from functools import partial
from typing import Any

from dualchecker.asking.accounts import Accounts
from dualchecker.asking.breaker import Breaker
from dualchecker.asking.budget import Budget
from dualchecker.asking.commits import GroupCommit
from dualchecker.asking.hedging import Hedge
from dualchecker.asking.job import Item, Job
from dualchecker.asking.outcome import Limits
from dualchecker.asking.pace import Pace
from dualchecker.asking.window import Window
from dualchecker.errors import ConfigError, RequestFailed, TeacherError
from dualchecker.ledger import Keys, Request
from dualchecker.prompts import Prompt
from dualchecker.records import Reply
from dualchecker.teachers import Teacher
from dualchecker.teachers.base import FreeTeacher

_DONE_ALREADY = frozenset({"timeout", "bad_body"})
"""Failures after which the server has probably done, and charged for, the work: one more try, not all of them."""

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
        self.accounts = Accounts(teacher, budget, commits)
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
        budget, price = self._budget, self.accounts.price(item.prompt)
        if not budget.enter(price):
            await budget.wait(price)
        try:
            await self._with_retries(job, item, price)
        except RequestFailed as failure:
            budget.settle(price, None)
            self._commits.after(partial(self._settle, job, item.key, failure))
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
                again = failure.kind in _DONE_ALREADY
                dear += again
                self._warn(failure)
                if failure.elsewhere and not again and not job.stopping and moves < self._limits.retries:
                    moves += 1
                    continue
                tries += 1
                self._give_up_if_hopeless(job, failure, tries, dear)
                self._budget.check()
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
        try:
            expected = self._expected(prompt)
            await self._pace.turn(expected)
        except BaseException:
            self._window.leave()
            raise
        return expected

    def _expected(self, prompt: Prompt) -> int:
        """Tokens that a request will take, with a reply as long as replies have been; 0 where they are not limited."""
        most = self._limits.tokens_per_minute
        if most is None:
            return 0
        expected = prompt.size + round(self._written)
        if expected > most:
            raise ConfigError(
                f"limits.tokens_per_minute = {most} is less than one request takes: about {expected} tokens.",
                fix="Set it to what your account allows, or make prompts shorter (limits.max_prompt_tokens).",
            )
        return expected

    def _warn(self, failure: RequestFailed) -> None:
        """Tell the window what a failure means for all, even if this request is given up."""
        if failure.status in _OVERLOADED or failure.kind == "timeout":
            self._window.overloaded()

    def _give_up_if_hopeless(self, job: Job[Any], failure: RequestFailed, tries: int, dear: int) -> None:
        if failure.retryable and (failure.retry_after or 0.0) > _LONGEST_WAIT:
            raise _too_long_a_wait(failure) from failure
        if job.stopping or not failure.retryable or tries > self._limits.retries or dear > 1:
            if failure.retryable and failure.retry_after:  # meant for those that come after it, too
                self._pace.pause(failure.retry_after)
            # A server that is not there is not there for the others either.
            failure.fatal = failure.fatal or failure.kind == "unreachable"
            raise failure

    def _pause(self, failure: RequestFailed, tries: int) -> float:
        """Seconds that this request waits; where the server meant everyone, all wait, and this one in its turn."""
        wait = failure.retry_after or 0.0
        limited = failure.kind == "rate_limited"
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
            self.accounts.failed(request, started, time.perf_counter() - clock, failure)
            raise
        finally:
            job.sending.discard(worker)
        seconds = time.perf_counter() - clock
        self._window.answered(seconds)
        self._breaker.success()
        if expected:
            self._written += 0.05 * (reply.completion_tokens - self._written)
            self._pace.settle(expected, reply.prompt_tokens + reply.completion_tokens or expected)
        cost = self.accounts.cost(item.prompt, reply)
        if lost:
            cost += self.accounts.left_behind(request, started, seconds, item.prompt)
        self._budget.known(price * (1 + lost), cost)
        settle = partial(self._on_disk, job, item.key, reply, cost)
        self.accounts.answered(request, started, seconds, reply, cost, settle)

    async def _ask(self, item: Item, price: float) -> tuple[Reply, int]:
        """The reply, and how many requests were left behind for it (0 or 1)."""
        teacher, prompt, payload, lost = self.teacher, item.prompt, item.payload, 0
        if self._hedge is None:
            return await teacher.ask(prompt, payload), 0

        def again() -> Awaitable[Reply] | None:
            nonlocal lost
            # The server's word to wait, and the rates, hold for a second request too.
            if not self._pace.now(self._expected(prompt)) or not self._budget.set_aside(price):
                return None
            lost = 1
            return teacher.ask(prompt, payload)

        try:
            return await self._hedge.ask(teacher.ask(prompt, payload), again), lost
        except BaseException:
            self._budget.set_aside(-price * lost)
            raise

    def _on_disk(self, job: Job[Any], key: str, reply: Reply, cost: float) -> None:
        self._budget.settle(cost, cost)
        self._settle(job, key, reply)

    def _settle(self, job: Job[Any], key: str, result: Reply | RequestFailed) -> None:
        job.settle(key, result, self._budget.spent)


def _too_long_a_wait(failure: RequestFailed) -> TeacherError:
    seconds = failure.retry_after or 0.0
    wait = f"{seconds / 3600:.1f} hours" if seconds >= 5400 else f"{seconds / 60:.0f} minutes"
    return TeacherError(
        f"The teacher asks to wait {wait} before the next request; the run stops here.",
        why=failure.why,
        fix="Run the same command again after that: nothing that was answered is lost.",
    )
