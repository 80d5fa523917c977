"""What breaks on our side: the disk, the caller's own code, an interrupt. Nothing that is paid for is lost by it."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from dualchecker.asking import Asker, Outcome, Silent
from dualchecker.config import LimitsConfig
from dualchecker.errors import BudgetError, ConfigError, LedgerError, RequestFailed
from dualchecker.ledger import Ledger, Use
from dualchecker.prompts import Prompt
from dualchecker.records import Reply
from dualchecker.teachers.base import FreeTeacher

MakePrompts = Callable[..., list[Prompt]]


class Model(FreeTeacher):
    """Answers after a moment; ``charge`` for each reply."""

    name = "model"
    rungs = frozenset({"brief"})

    def __init__(self, charge: float = 0.0, fail: Callable[[int], RequestFailed | None] = lambda number: None) -> None:
        self._charge, self._fail = charge, fail
        self.asked = self.finished = 0

    def payload(self, prompt: Prompt) -> dict[str, Any]:
        return {"messages": [dict(message) for message in prompt.messages]}

    async def ask(self, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        self.asked += 1
        number = self.asked
        await asyncio.sleep(0.002)
        if (failure := self._fail(number)) is not None:
            raise failure
        self.finished += 1
        return Reply('{"label": "green"}', prompt_tokens=10, completion_tokens=10)

    def cost(self, reply: Reply) -> float:
        return self._charge * (reply.completion_tokens / 10)

    def estimate(self, prompt: Prompt) -> float:
        return self._charge


class Filling(Ledger):
    """A ledger on a disk that is full after some transactions."""

    room = 3

    def write(self, entries: Any, uses: Sequence[Use] = ()) -> None:
        if self.room <= 0:
            raise LedgerError("The ledger cannot be written.", why="disk is full")
        self.room -= 1
        super().write(entries, uses)


def within(seconds: float, work: Callable[[], Any]) -> Any:
    """What the work returns or raises; it must end in that time."""
    ended: list[Any] = []

    def run() -> None:
        try:
            ended.append(work())
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert ended, "it hangs"
    return ended[0]


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("limits", [{"max_requests": 12}, {"max_cost": 12.0}, {}], ids=str)
def test_a_full_disk_ends_the_run_however_near_a_limit_is(
    tmp_path: Any, make_prompts: MakePrompts, limits: dict[str, Any], concurrency: int
) -> None:
    with Filling.open(tmp_path / "ledger.sqlite") as ledger:
        asker = Asker(ledger, LimitsConfig(concurrency=concurrency, **limits))
        ended = within(30, lambda: asker.ask(Model(1.0), make_prompts(60)))
        assert isinstance(ended, LedgerError | BudgetError)
        asker.close()


@pytest.mark.parametrize("where", ["read", "progress"])
def test_an_error_of_the_callers_loses_nothing_that_was_paid_for(
    ledger: Ledger, make_prompts: MakePrompts, where: str
) -> None:
    class Breaking(Silent):
        def asking(self, done: int, total: int, **more: Any) -> None:
            if where == "progress" and done > 3:
                raise BrokenPipeError("head has seen enough")

    def read(outcome: Outcome) -> str:
        if where == "read" and outcome.place == 5:
            raise ValueError("a bug")
        return outcome.key

    teacher = Model()
    with Asker(ledger, LimitsConfig(concurrency=8), Breaking()) as asker:
        with pytest.raises(ValueError if where == "read" else BrokenPipeError):
            asker.ask(teacher, make_prompts(200), read=read)
        assert ledger.totals().requests == teacher.finished
        assert teacher.asked == teacher.finished
        assert where == "progress" or teacher.asked < 200, "nothing more is sent"
        where = ""
        assert len(asker.ask(teacher, make_prompts(20), read=lambda outcome: outcome.key)) == 20


def test_a_series_that_raises_ends_the_run_and_keeps_what_came(ledger: Ledger, make_prompts: MakePrompts) -> None:
    def some() -> Iterator[Prompt]:
        yield from make_prompts(70)
        raise ValueError("no more")

    teacher = Model()
    with Asker(ledger, LimitsConfig(concurrency=4)) as asker:
        with pytest.raises(ValueError, match="no more"):
            asker.ask(teacher, some())
        assert ledger.totals().requests == teacher.finished > 0
        assert len(asker.ask(teacher, make_prompts(5))) == 5


def test_what_a_failed_request_took_is_counted_now_and_by_the_next_run(
    ledger: Ledger, make_prompts: MakePrompts
) -> None:
    """A reply that cannot be read was charged for: money limits see it, in whichever run."""

    def fail(number: int) -> RequestFailed | None:
        return RequestFailed("half", kind="bad_body", retryable=True, tokens=(10, 10)) if number % 2 == 0 else None

    limits = LimitsConfig(concurrency=1, max_cost=8.0, retries=3)
    with Asker(ledger, limits, backoff=0.0) as asker, pytest.raises(BudgetError):
        asker.ask(Model(1.0, fail), make_prompts(30))
    assert ledger.totals().cost <= 8.0
    assert ledger.totals().requests < ledger.totals().cost, "not all of it was for answers"
    with Asker(ledger, limits, backoff=0.0) as asker, pytest.raises(BudgetError):
        asker.ask(Model(1.0), make_prompts(30, first=100))


def test_tokens_that_are_counted_otherwise_than_estimated_are_learnt_from(
    ledger: Ledger, make_prompts: MakePrompts
) -> None:
    class Dear(Model):
        def cost(self, reply: Reply) -> float:
            return 3.0  # three times the estimate

    with Asker(ledger, LimitsConfig(concurrency=8, max_cost=20.0)) as asker, pytest.raises(BudgetError):
        asker.ask(Dear(1.0), make_prompts(50))
    assert ledger.totals().cost <= 20.0


def test_refusals_are_read_when_they_are_on_disk(ledger: Ledger, make_prompts: MakePrompts) -> None:
    def fail(number: int) -> RequestFailed:
        return RequestFailed("no", kind="refused")

    def read(outcome: Outcome) -> bool:
        return bool(ledger.failures([outcome.key]))

    teacher = Model(fail=lambda number: None if number == 1 else fail(number))
    with Asker(ledger, LimitsConfig(concurrency=4)) as asker:
        assert asker.ask(teacher, make_prompts(10), read=read) == [False, *[True] * 9]


def test_after_a_timeout_the_other_addresses_are_tried_no_more_often_than_the_same_one(
    ledger: Ledger, make_prompts: MakePrompts
) -> None:
    """The server has probably done the work, and charges for each try."""

    def fail(number: int) -> RequestFailed:
        return RequestFailed("late", kind="timeout", retryable=True, elsewhere=True)

    teacher = Model(fail=fail)
    with Asker(ledger, LimitsConfig(concurrency=1), backoff=0.0) as asker:
        asker.ask(teacher, make_prompts(1))
    assert teacher.asked == 2


def test_fewer_tokens_a_minute_than_one_prompt_takes_are_a_mistake(ledger: Ledger, make_prompts: MakePrompts) -> None:
    """It would look like a hang."""
    with Asker(ledger, LimitsConfig(tokens_per_minute=10)) as asker, pytest.raises(ConfigError, match="one request"):
        asker.ask(Model(), make_prompts(3))
