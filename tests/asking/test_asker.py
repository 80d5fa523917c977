"""Many requests at once through a ledger: once each, within limits, through every kind of trouble."""

import asyncio
import itertools
import json
import re
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from dualchecker.asking import Asker, Outcome, Silent
from dualchecker.config import LimitsConfig, SeniorConfig
from dualchecker.errors import BudgetError, ConfigError, RequestFailed, TeacherError
from dualchecker.ledger import Ledger
from dualchecker.prompts import Prompt, Rung
from dualchecker.records import Reply
from dualchecker.teachers import OpenAITeacher
from dualchecker.teachers.base import FreeTeacher
from servers import Call, Gate, LoopbackServer, Step, answer, completion, error, redirect, say, slow_down, verdict

MakePrompts = Callable[..., list[Prompt]]
Serve = Callable[..., LoopbackServer]


@pytest.fixture
def open_asker(ledger: Ledger) -> Iterator[Callable[..., Asker]]:
    """``open_asker(retries=1)``: an asker on the ledger with these limits and very short pauses."""
    made: list[Asker] = []

    def make(*, backoff: float = 0.001, progress: Any = None, **limits: object) -> Asker:
        made.append(Asker(ledger, LimitsConfig.model_validate(limits), progress, backoff=backoff))
        return made[-1]

    yield make
    for asker in made:
        asker.close()


@pytest.fixture
def teach(settings: Callable[..., SeniorConfig]) -> Callable[..., OpenAITeacher]:
    return lambda server, **more: OpenAITeacher(settings(server, **more))


class FakeTeacher(FreeTeacher):
    """A teacher in process; it never waits for anything, unless ``reply`` does."""

    name = "fake"
    rungs = frozenset({"brief"})

    def __init__(self, reply: Callable[[Prompt], Reply] | None = None, price: float = 0.0) -> None:
        self._reply = reply or (lambda prompt: Reply(verdict("green"), prompt_tokens=1))
        self._price = price
        self.asked: list[str] = []

    def payload(self, prompt: Prompt) -> dict[str, Any]:
        return {"messages": [dict(message) for message in prompt.messages]}

    async def ask(self, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        self.asked.append(prompt.record_id)
        return self._reply(prompt)

    def estimate(self, prompt: Prompt) -> float:
        return self._price


def labels(outcomes: list[Outcome]) -> list[str]:
    """Label of each outcome, or the kind of its failure."""
    return [json.loads(o.reply.text)["label"] if o.reply else o.failure.kind if o.failure else "?" for o in outcomes]


def attempts(ledger: Ledger) -> list[tuple[str, int | None, str]]:
    with sqlite3.connect(ledger.path) as db:
        return db.execute("SELECT outcome, status, message FROM attempts ORDER BY id").fetchall()


def by_number(call: Call) -> Step:
    """``green`` for even numbers."""
    number = re.findall(r"Device number (\d+)", call.text)[-1]
    return say(verdict("green" if int(number) % 2 == 0 else "not_green", rationale=number))


def failing(*numbers: int, step: Step, times: int = 10**9) -> Callable[[Call], Step]:
    """``step`` for these devices (the first ``times`` times), ``by_number`` for the others."""

    def behave(call: Call) -> Step:
        number = int(re.findall(r"Device number (\d+)", call.text)[-1])
        return step if number in numbers and call.attempt <= times else by_number(call)

    return behave


# Once each


def test_each_distinct_prompt_is_asked_once_and_outcomes_keep_their_order(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts, ledger: Ledger
) -> None:
    server = serve(by_number)
    prompts = make_prompts(6)
    mixed = [prompts[i] for i in (5, 0, 1, 0, 4, 2, 3, 5, 5)]
    outcomes = open_asker(concurrency=3).ask(teach(server), mixed)
    assert [outcome.prompt for outcome in outcomes] == mixed
    assert [json.loads(o.reply.text)["rationale"] for o in outcomes] == ["5", "0", "1", "0", "4", "2", "3", "5", "5"]
    assert list(server.by_content.values()) == [1] * 6
    assert len({outcome.key for outcome in outcomes}) == 6
    assert ledger.totals().requests == ledger.totals().attempts == 6


def test_what_is_in_the_ledger_is_never_asked_again(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts, ledger: Ledger
) -> None:
    server = serve()
    first = open_asker().ask(teach(server), make_prompts(4))
    path = ledger.path
    ledger.close()
    with Ledger.open(path) as reopened, Asker(reopened, LimitsConfig()) as asker:
        again = asker.ask(teach(server), make_prompts(6))
        assert reopened.totals().requests == 6
        server.stop()
        assert asker.ask(teach(server), make_prompts(6)) == again, "and with the server gone it still is there"
    assert [o.reply for o in again[:4]] == [o.reply for o in first]
    assert list(server.by_content.values()) == [1] * 6


def test_failures_are_asked_again_the_next_time(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts
) -> None:
    server = serve(failing(1, step=error(500), times=2))
    asker = open_asker(retries=1)
    assert labels(asker.ask(teach(server), make_prompts(3))) == ["green", "server_error", "green"]
    assert labels(asker.ask(teach(server), make_prompts(3))) == ["green", "not_green", "green"]
    assert sorted(server.by_content.values()) == [1, 1, 3]


def test_no_prompts_no_requests(open_asker: Any, ledger: Ledger) -> None:
    assert open_asker().ask(FakeTeacher(), []) == []
    assert ledger.totals().attempts == 0
    assert not [t for t in threading.enumerate() if t.name == "dualchecker-asking"]


def test_the_ledger_knows_what_each_request_was_for(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts, ledger: Ledger
) -> None:
    asker, teacher = open_asker(), teach(serve())
    asker.ask(teacher, make_prompts(3), "calibrate")
    asker.ask(teacher, make_prompts(2), "label")
    asker.ask(teacher, make_prompts(2, rung=Rung("wide", full_guide=True)), "label")
    assert ledger.uses() == {("calibrate", "brief"): 3, ("label", "brief"): 2, ("label", "wide"): 2}


def test_another_model_is_another_request(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts, ledger: Ledger
) -> None:
    server, asker = serve(), open_asker()
    for settings in ({"model": "a"}, {"model": "b"}, {"model": "a", "timeout": 7}, {"model": "a", "temperature": 1}):
        asker.ask(teach(server, **settings), make_prompts(1))
    assert len(server.calls) == 3, "a timeout does not change an answer"


# Retries


def test_a_server_error_is_tried_again_and_every_try_is_on_record(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts, ledger: Ledger
) -> None:
    server = serve(failing(0, step=error(503, "warming up"), times=2))
    outcomes = open_asker(retries=2).ask(teach(server), make_prompts(1))
    assert labels(outcomes) == ["green"]
    assert [(o, s) for o, s, _ in attempts(ledger)] == [("server_error", 503), ("server_error", 503), ("ok", None)]
    assert "HTTP 503: warming up" in attempts(ledger)[0][2]
    assert ledger.outcomes() == {"server_error": 2, "ok": 1}


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_one_record_that_always_fails_fails_alone(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts, retries: int
) -> None:
    server = serve(failing(2, step=error(500, "cannot")))
    outcomes = open_asker(retries=retries).ask(teach(server), make_prompts(5))
    assert labels(outcomes) == ["green", "not_green", "server_error", "not_green", "green"]
    assert "HTTP 500: cannot" in str(outcomes[2].failure)
    assert server.count("text to label:\n<text>\nDevice number 2 ") == retries + 1


def test_pauses_double_and_have_an_end(
    open_asker: Any, make_prompts: MakePrompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    async def note(seconds: float, *rest: object) -> None:
        if seconds:
            pauses.append(seconds)

    def fail(prompt: Prompt) -> Reply:
        raise RequestFailed("no", kind="server_error", retryable=True)

    monkeypatch.setattr("dualchecker.asking.asker.asyncio.sleep", note)
    outcomes = open_asker(retries=10, backoff=0.5).ask(FakeTeacher(fail), make_prompts(1))
    assert labels(outcomes) == ["server_error"]
    assert len(pauses) == 10
    for number, pause in enumerate(pauses[:7]):
        assert 0.75 <= pause / (0.5 * 2**number) <= 1.25
    assert pauses[8:] == [60, 60]
    assert len({pause / 2**number for number, pause in enumerate(pauses[:7])}) == 7, "jittered"


def test_a_refused_request_is_not_tried_again(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts
) -> None:
    server = serve(failing(1, step=error(400, "odd characters")))
    assert labels(open_asker().ask(teach(server), make_prompts(3))) == ["green", "bad_request", "green"]
    assert list(server.by_content.values()) == [1, 1, 1]


def test_a_truncated_body_is_tried_once_more(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts, ledger: Ledger
) -> None:
    """Once, not ``retries`` times: the server has done the work, and charges for it."""
    half = Step(json.dumps(completion(verdict("green")))[:-40])
    server = serve(failing(0, step=half, times=1))
    assert labels(open_asker().ask(teach(server), make_prompts(1))) == ["green"]
    server = serve(failing(3, step=half))
    assert labels(open_asker(retries=9).ask(teach(server), make_prompts(2, first=3))) == ["bad_body", "green"]
    assert ledger.outcomes() == {"bad_body": 3, "ok": 2}


@pytest.mark.parametrize("step", [Step(completion(verdict("green")), cut=True), Step(drop=True)])
def test_a_connection_broken_on_the_way_is_tried_again(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts, ledger: Ledger, step: Step
) -> None:
    server = serve(failing(0, step=step, times=3))
    assert labels(open_asker().ask(teach(server), make_prompts(1))) == ["green"]
    assert ledger.outcomes() == {"connection_broken": 3, "ok": 1}


@pytest.mark.parametrize(("retries", "tries"), [(0, 1), (5, 2)])
def test_a_request_that_hangs_times_out_while_others_go_on(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts, retries: int, tries: int
) -> None:
    server = serve(failing(1, step=Step(hang=True)))
    outcomes = open_asker(retries=retries).ask(teach(server, timeout=0.8), make_prompts(4))
    assert labels(outcomes) == ["green", "timeout", "green", "not_green"]
    assert server.count("text to label:\n<text>\nDevice number 1 ") == tries


# 429


def test_too_many_requests_without_a_header_is_tried_again(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts, ledger: Ledger
) -> None:
    server = serve(failing(0, 1, step=slow_down(), times=2))
    assert labels(open_asker().ask(teach(server), make_prompts(4))) == ["green", "not_green"] * 2
    assert ledger.outcomes() == {"ok": 4, "rate_limited": 4}


def test_too_many_requests_for_ever_is_a_named_failure(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts
) -> None:
    server = serve(failing(1, step=slow_down()))
    outcomes = open_asker(retries=2).ask(teach(server), make_prompts(3))
    assert labels(outcomes) == ["green", "rate_limited", "green"]
    assert "limits.requests_per_minute" in str(outcomes[1].failure)


@pytest.mark.parametrize(("header", "value"), [("Retry-After", "0.4"), ("retry-after-ms", "400")])
def test_retry_after_is_honoured(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts, header: str, value: str
) -> None:
    """By everybody: after the first request is told to wait, the second is not sent earlier either."""
    server = serve(lambda call: slow_down(header, value) if call.number == 1 else by_number(call))
    assert labels(open_asker(concurrency=1).ask(teach(server), make_prompts(2))) == ["green", "not_green"]
    first, *later = [call.time for call in server.calls]
    assert len(later) == 2
    assert min(later) - first >= 0.4


def test_being_told_to_wait_stops_all_workers(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts
) -> None:
    """One is told to wait while another is under way: the next request of that other one waits as well."""
    both_there = asyncio.Barrier(2)

    async def behave(call: Call) -> Step:
        if call.number in (1, 4, 5):
            return by_number(call)
        await both_there.wait()
        return slow_down("Retry-After", "0.4") if call.number == 2 else Step(by_number(call).body, delay=0.05)

    server = serve(behave)
    asker, teacher = open_asker(concurrency=2), teach(server)
    asker.ask(teacher, make_prompts(1, first=90))  # the first of all goes alone
    outcomes = asker.ask(teacher, make_prompts(3))
    assert labels(outcomes) == ["green", "not_green", "green"]
    _, first, _, *later = [call.time for call in server.calls]
    assert len(later) == 2
    assert min(later) - first >= 0.4


@pytest.mark.parametrize(
    ("retry_after", "low", "high"), [(None, 0.75 * 4, 1.25 * 4), (0.0, 0.75, 1.25), (0.9, 0.9, 1.25), (7.0, 7, 7)]
)
def test_how_long_everybody_waits_when_told_to_slow_down(
    open_asker: Any, make_prompts: MakePrompts, retry_after: float | None, low: float, high: float
) -> None:
    """As long as the server says; four times the usual pause where it says nothing, since rates go by the minute."""
    told: list[int] = []
    pauses: list[float] = []

    def reply(prompt: Prompt) -> Reply:
        if not told:
            told.append(1)
            raise RequestFailed("slower", kind="rate_limited", retryable=True, retry_after=retry_after)
        return Reply(verdict("green"))

    asker = open_asker(backoff=1.0)
    asker._pace.pause = pauses.append
    asker.ask(FakeTeacher(reply), make_prompts(1))
    assert len(pauses) == 1 and low <= pauses[0] <= high


def test_retry_after_as_a_date_is_honoured(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts
) -> None:
    date = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    arrived: list[float] = []

    def behave(call: Call) -> Step:
        arrived.append(time.time())
        return slow_down("Retry-After", format_datetime(date, usegmt=True)) if call.attempt == 1 else by_number(call)

    assert labels(open_asker().ask(teach(serve(behave)), make_prompts(1))) == ["green"]
    assert arrived[0] < date.timestamp() <= arrived[1] + 0.01  # two clocks, the wall's and the loop's


def test_a_wait_of_hours_ends_the_run_and_says_when_to_come_back(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts, ledger: Ledger
) -> None:
    server = serve(failing(1, step=slow_down("Retry-After", "9000")))
    with pytest.raises(TeacherError, match=r"asks to wait 2\.5 hours.*same command again") as caught:
        open_asker(concurrency=1).ask(teach(server), make_prompts(3))
    assert not isinstance(caught.value, RequestFailed)
    assert ledger.totals().requests == 1
    assert len(server.calls) == 2


def test_a_wait_that_would_not_help_is_not_waited_for(open_asker: Any, make_prompts: MakePrompts) -> None:
    def reply(prompt: Prompt) -> Reply:
        raise RequestFailed("no", kind="bad_request", retry_after=9000.0)

    assert labels(open_asker().ask(FakeTeacher(reply), make_prompts(2))) == ["bad_request"] * 2


# What ends a run


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (error(401, "Incorrect API key"), r"refused the key.*HTTP 401.*environment variable TEST_TEACHER_KEY"),
        (error(403, "no access"), r"refused the key.*HTTP 403.*environment variable TEST_TEACHER_KEY"),
        (error(404, "no such model"), r"knows no model 'tiny'.*HTTP 404.*Check teacher\.model and teacher\.base_url"),
        (error(429, "spent", code="insufficient_quota"), r"quota is spent.*Top up the account"),
        (redirect("https://elsewhere.example"), r"redirects elsewhere.*https://elsewhere\.example.*final address"),
    ],
)
def test_what_would_fail_for_all_ends_the_run_at_once(
    serve: Serve,
    teach: Any,
    open_asker: Any,
    make_prompts: MakePrompts,
    monkeypatch: pytest.MonkeyPatch,
    step: Step,
    words: str,
) -> None:
    monkeypatch.setenv("TEST_TEACHER_KEY", "sk-0123456789abcdef")
    server = serve(lambda call: step)
    with pytest.raises(TeacherError, match=words) as caught:
        open_asker(concurrency=2).ask(teach(server, key_env="TEST_TEACHER_KEY"), make_prompts(30))
    assert caught.value.exit_code == 5
    assert len(server.calls) <= 2, "no more than were under way"


def test_an_unset_key_ends_the_run_before_anything_is_sent(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TEST_TEACHER_KEY", raising=False)
    server = serve()
    with pytest.raises(ConfigError, match="TEST_TEACHER_KEY"):
        open_asker().ask(teach(server, key_env="TEST_TEACHER_KEY"), make_prompts(3))
    assert not server.calls


def test_a_closed_port_ends_the_run(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts, ledger: Ledger
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(TeacherError, match=rf"{address} cannot be reached.*teacher\.base_url") as caught:
        open_asker(retries=2, concurrency=1).ask(teach(serve(), base_url=address), make_prompts(5))
    assert "refused" in str(caught.value).lower()
    assert ledger.outcomes() == {"unreachable": 3}, "tried again first: servers are restarted"


def test_twenty_failures_in_a_row_end_the_run(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts, ledger: Ledger
) -> None:
    server = serve(lambda call: error(500, "disk full"))
    with pytest.raises(TeacherError, match=r"20 requests in a row.*disk full.*same command again") as caught:
        open_asker(retries=1, concurrency=1).ask(teach(server), make_prompts(40))
    assert not isinstance(caught.value, RequestFailed)
    assert len(server.calls) == 40
    assert ledger.outcomes() == {"server_error": 40}


def test_twenty_in_a_row_count_over_several_calls(open_asker: Any, make_prompts: MakePrompts) -> None:
    """The rungs of a small pool are asked in small portions; a dead server must not see all of them."""

    def fail(prompt: Prompt) -> Reply:
        raise RequestFailed("no", kind="server_error")

    asker, teacher = open_asker(), FakeTeacher(fail)
    asker.ask(teacher, make_prompts(19))
    asker.ask(FakeTeacher(fail), make_prompts(19))  # another teacher has a count of its own
    with pytest.raises(TeacherError, match="20 requests in a row"):
        asker.ask(teacher, make_prompts(19))
    assert len(teacher.asked) == 20
    asker.ask(teacher, make_prompts(19))  # when the cause is mended, counting begins anew


@pytest.mark.parametrize("concurrency", [1, 8])
def test_one_success_between_failures_lets_the_run_go_on(
    open_asker: Any, make_prompts: MakePrompts, concurrency: int
) -> None:
    def reply(prompt: Prompt) -> Reply:
        if int(prompt.record_id[1:]) % 15:
            raise RequestFailed("no", kind="server_error")
        return Reply(verdict("green"))

    outcomes = open_asker(concurrency=concurrency).ask(FakeTeacher(reply), make_prompts(60))
    assert labels(outcomes).count("server_error") == 56
    assert labels(outcomes).count("green") == 4


@pytest.mark.parametrize("kind", ["bad_request", "too_long", "refused"])
def test_refused_texts_are_facts_about_records_once_anything_was_answered(
    open_asker: Any, make_prompts: MakePrompts, kind: str
) -> None:
    def reply(prompt: Prompt) -> Reply:
        if prompt.record_id != "r0":
            raise RequestFailed("no", kind=kind)
        return Reply(verdict("green"))

    asker, teacher = open_asker(concurrency=1), FakeTeacher(reply)
    with pytest.raises(TeacherError, match="20 requests in a row"):
        asker.ask(teacher, make_prompts(40, first=100))  # nothing was ever answered: the settings must be wrong
    assert labels(asker.ask(teacher, make_prompts(41))) == ["green"] + [kind] * 40


def test_a_mistake_in_a_teacher_is_not_swallowed(open_asker: Any, make_prompts: MakePrompts) -> None:
    def reply(prompt: Prompt) -> Reply:
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError, match="a bug"):
        open_asker().ask(FakeTeacher(reply), make_prompts(9))


def test_a_worker_that_waits_for_its_turn_sends_nothing_once_the_run_ends(
    open_asker: Any, make_prompts: MakePrompts
) -> None:
    both_there, ended = asyncio.Event(), asyncio.Event()
    turns: list[int] = []

    def reply(prompt: Prompt) -> Reply:
        if prompt.record_id == "r90":
            return Reply(verdict("green"))
        ended.set()  # wakes the other worker before anybody can stop it
        raise RequestFailed("no", kind="unauthorized", fatal=True)

    async def turn(tokens: int) -> None:
        turns.append(1)
        if len(turns) == 1:
            await both_there.wait()
        else:
            both_there.set()
            await ended.wait()

    asker, teacher = open_asker(concurrency=2, requests_per_minute=100_000), FakeTeacher(reply)
    asker.ask(teacher, make_prompts(1, first=90))  # the first of all goes alone
    asker._pace.turn = turn
    with pytest.raises(TeacherError):
        asker.ask(teacher, make_prompts(5))
    assert turns == [1, 1]
    assert teacher.asked == ["r90", "r0"]


def test_what_is_under_way_when_a_run_ends_is_kept(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts, ledger: Ledger
) -> None:
    """It was sent and will be charged for; only an interrupt leaves it behind."""
    first_answered = asyncio.Event()

    async def behave(call: Call) -> Step:
        if call.number == 1:
            return by_number(call)
        if "text to label:\n<text>\nDevice number 0 " in call.text:
            await gate.wait()
            first_answered.set()
            return error(401)
        await gate.wait()
        await first_answered.wait()
        return Step(by_number(call).body, delay=0.1)  # the client has long seen the 401 by then

    gate = asyncio.Barrier(3)
    server = serve(behave)
    asker, teacher = open_asker(concurrency=3), teach(server)
    asker.ask(teacher, make_prompts(1, first=90))  # the first of all goes alone
    with pytest.raises(TeacherError, match="wants a key"):
        asker.ask(teacher, make_prompts(9))
    assert len(server.calls) == 4
    assert ledger.totals().requests == 3


# Budget


def priced(call: Call) -> Step:
    """0.10 for each reply at the prices below."""
    return say(verdict("green"), usage={"prompt_tokens": 0, "completion_tokens": 100})


PRICES = {"price_output": 1000.0, "max_tokens": 100}
"""Completions cost 0.10 at most, prompts nothing: estimates are exact."""


@pytest.mark.parametrize("concurrency", [1, 4])
def test_max_cost_stops_before_the_call_that_would_cross_it_and_goes_on_when_raised(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts, ledger: Ledger, concurrency: int
) -> None:
    server = serve(priced)
    teacher = teach(server, **PRICES)
    with pytest.raises(BudgetError, match=r"limits\.max_cost = 0\.35.*0\.3000.*0\.1000.*[Rr]aise") as caught:
        open_asker(max_cost=0.35, concurrency=concurrency).ask(teacher, make_prompts(8))
    assert caught.value.exit_code == 6
    assert len(server.calls) == 3
    assert ledger.totals().cost == pytest.approx(0.3)
    with pytest.raises(BudgetError):
        open_asker(max_cost=0.35, concurrency=concurrency).ask(teach(server, **PRICES), make_prompts(8))
    assert len(server.calls) == 3, "the limit holds for the life of the ledger"
    outcomes = open_asker(max_cost=0.8, concurrency=concurrency).ask(teach(server, **PRICES), make_prompts(8))
    assert labels(outcomes) == ["green"] * 8, "to the last cent"
    assert list(server.by_content.values()) == [1] * 8


def test_near_the_limit_real_costs_are_waited_for(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts
) -> None:
    """Estimates are ten times too high: all fit into the budget, though never two at a time."""
    server = serve(lambda call: say(verdict("green"), usage={"prompt_tokens": 0, "completion_tokens": 10}))
    outcomes = open_asker(max_cost=0.15, concurrency=8).ask(teach(server, **PRICES), make_prompts(6))
    assert labels(outcomes) == ["green"] * 6
    assert server.most_at_once == 1


def test_a_server_that_does_not_count_is_taken_to_have_used_all_it_might(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts, ledger: Ledger
) -> None:
    server = serve(lambda call: say(verdict("green"), usage={}))
    with pytest.raises(BudgetError):
        open_asker(max_cost=0.25, concurrency=1).ask(teach(server, **PRICES), make_prompts(8))
    assert len(server.calls) == 2
    assert ledger.totals().cost == pytest.approx(0.2)


def test_cached_replies_need_no_budget(serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts) -> None:
    server = serve(priced)
    open_asker().ask(teach(server, **PRICES), make_prompts(3))
    for limits in ({"max_cost": 0.0}, {"max_requests": 1}):
        assert labels(open_asker(**limits).ask(teach(server, **PRICES), make_prompts(3))) == ["green"] * 3
    assert len(server.calls) == 3


def test_a_free_teacher_needs_no_budget(open_asker: Any, make_prompts: MakePrompts) -> None:
    assert labels(open_asker(max_cost=0.0).ask(FakeTeacher(), make_prompts(3))) == ["green"] * 3


def test_no_budget_at_all_asks_nothing(serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts) -> None:
    server = serve(priced)
    with pytest.raises(BudgetError):
        open_asker(max_cost=0.0).ask(teach(server, **PRICES), make_prompts(3))
    assert not server.calls


@pytest.mark.parametrize("concurrency", [1, 4])
def test_max_requests_counts_what_was_answered_in_the_life_of_the_ledger(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts, ledger: Ledger, concurrency: int
) -> None:
    server = serve(failing(0, step=error(500), times=2))
    limits = {"max_requests": 3, "concurrency": concurrency, "retries": 0}
    with pytest.raises(BudgetError, match=r"limits\.max_requests = 3 is reached.*Raise"):
        open_asker(**limits).ask(teach(server), make_prompts(8))
    assert ledger.totals().requests == 3
    with pytest.raises(BudgetError):
        open_asker(**limits).ask(teach(server), make_prompts(8))
    assert ledger.totals().requests == 3
    outcomes = open_asker(max_requests=8, concurrency=concurrency).ask(teach(server), make_prompts(8))
    assert [o.failure for o in outcomes] == [None] * 8


def test_the_budget_holds_over_calls_and_teachers(open_asker: Any, make_prompts: MakePrompts) -> None:
    asker = open_asker(max_requests=5, concurrency=1)
    asker.ask(FakeTeacher(), make_prompts(3))
    other = FakeTeacher()
    with pytest.raises(BudgetError):
        asker.ask(other, make_prompts(9, first=50))
    assert len(other.asked) == 2


# Rhythm


@pytest.mark.parametrize("concurrency", [1, 4])
def test_concurrency_is_reached_and_never_exceeded(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts, concurrency: int
) -> None:
    """The server answers only when as many requests are there as may be: fewer would wait until the timeout."""
    gate = Gate(concurrency)
    server = serve(lambda call: answer(call) if call.number == 1 else gate(call))
    asker, teacher = open_asker(concurrency=concurrency), teach(server)
    asker.ask(teacher, make_prompts(1, first=90))  # the first of all goes alone
    outcomes = asker.ask(teacher, make_prompts(concurrency * 3))
    assert not [o.failure for o in outcomes if o.failure]
    assert server.most_at_once == concurrency


def test_requests_per_minute_space_the_requests(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts, ledger: Ledger
) -> None:
    server = serve(failing(0, step=error(500), times=1))
    open_asker(requests_per_minute=1500, concurrency=8).ask(teach(server), make_prompts(5))
    with sqlite3.connect(ledger.path) as db:
        started = sorted(row[0] for row in db.execute("SELECT started FROM attempts"))
    assert len(started) == 6, "tries count, not prompts"
    gaps = [b - a for a, b in itertools.pairwise(started)]
    assert min(gaps) >= 0.04 - 0.005  # 60 / 1500, between two clocks


# Interrupts and notebooks


def interrupt() -> None:
    """Ctrl-C, as the main thread gets it."""
    ident = threading.main_thread().ident
    assert ident is not None
    signal.pthread_kill(ident, signal.SIGINT)


def test_an_interrupt_leaves_the_ledger_consistent_and_usable(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts, ledger: Ledger
) -> None:
    interrupted = threading.Event()

    async def behave(call: Call) -> Step:
        if interrupted.is_set() or call.number <= 3:
            return by_number(call)
        if call.number == 5:  # two workers, both under way
            interrupted.set()
            interrupt()
        return Step(hang=True)

    server = serve(behave)
    asker, teacher = open_asker(concurrency=2), teach(server)
    with pytest.raises(KeyboardInterrupt):
        asker.ask(teacher, make_prompts(12))
    after = ledger.totals()
    assert (after.requests, after.attempts) == (3, 3), "what was under way is left behind"
    with sqlite3.connect(ledger.path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert labels(asker.ask(teacher, make_prompts(12))) == ["green", "not_green"] * 6
    assert ledger.totals().attempts == 12
    assert sorted(server.by_content.values()) == [1] * 10 + [2] * 2


def test_an_interrupt_is_heard_though_the_teacher_never_waits(
    open_asker: Any, make_prompts: MakePrompts, ledger: Ledger
) -> None:
    def reply(prompt: Prompt) -> Reply:
        if prompt.record_id == "r5":
            interrupt()
        time.sleep(0.01)  # an embedding, say
        return Reply(verdict("green"))

    teacher = FakeTeacher(reply)
    with pytest.raises(KeyboardInterrupt):
        open_asker(concurrency=4).ask(teacher, make_prompts(300))
    asked = len(teacher.asked)
    assert 6 <= asked < 300
    assert ledger.totals().requests == asked, "each that was answered is on record, and nothing goes on behind"


def test_it_works_inside_a_running_loop(serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts) -> None:
    """As in a notebook."""

    async def cell() -> list[Outcome]:
        await asyncio.sleep(0)
        return open_asker().ask(teach(serve()), make_prompts(3))  # type: ignore[no-any-return]

    assert [o.failure for o in asyncio.run(cell())] == [None] * 3


def test_it_can_be_closed_twice_and_used_again(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts
) -> None:
    asker, teacher = open_asker(requests_per_minute=100_000, max_requests=100), teach(serve())
    asker.ask(teacher, make_prompts(3))
    asker.close()
    asker.close()
    assert not [t for t in threading.enumerate() if t.name == "dualchecker-asking"]
    assert len(asker.ask(teacher, make_prompts(6))) == 6


def test_closing_closes_all_teachers_though_one_fails(open_asker: Any, make_prompts: MakePrompts) -> None:
    closed: list[str] = []

    class Closing(FakeTeacher):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        async def aclose(self) -> None:
            closed.append(self.name)
            if self.name == "a":
                raise OSError("cannot")

    asker = open_asker()
    for name in "ab":
        asker.ask(Closing(name), make_prompts(1))
    with pytest.raises(OSError, match="cannot"):
        asker.close()
    assert closed == ["a", "b"]
    assert not [t for t in threading.enumerate() if t.name == "dualchecker-asking"]


# Progress


def test_progress_is_told_about_every_request(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts
) -> None:
    class Notes(Silent):
        def __init__(self) -> None:
            self.seen: list[tuple[int, int, int, int, float]] = []

        def asking(self, done: int, total: int, *, fresh: int, failed: int, cost: float) -> None:
            self.seen.append((done, total, fresh, failed, round(cost, 2)))

    server = serve(lambda call: error(400) if "text to label:\n<text>\nDevice number 4 " in call.text else priced(call))
    open_asker().ask(teach(server, **PRICES), make_prompts(2))
    notes = Notes()
    prompts = make_prompts(5)
    open_asker(concurrency=1, progress=notes).ask(teach(server, **PRICES), [*prompts, *prompts])
    assert notes.seen[-1] == (10, 10, 3, 1, 0.4)
    assert notes.seen == sorted(notes.seen)


def test_the_ledger_file_is_readable_by_others_meanwhile(
    serve: Serve, teach: Any, open_asker: Any, make_prompts: MakePrompts, ledger: Ledger
) -> None:
    """``status`` looks into the ledger of a running run: while a request is under way, the ones before it are there."""

    async def behave(call: Call) -> Step:
        deadline = time.monotonic() + 20
        with Ledger.open(Path(ledger.path), read_only=True) as reader:
            while reader.totals().requests < call.number - 1:
                assert time.monotonic() < deadline, "the reply before is not on disk"
                await asyncio.sleep(0.005)
        return answer(call)

    outcomes = open_asker(concurrency=1).ask(teach(serve(behave)), make_prompts(4))
    assert [outcome.failure for outcome in outcomes] == [None] * 4


def test_what_a_part_uses_is_counted_whether_it_is_new_or_not(
    open_asker: Callable[..., Asker], make_prompts: MakePrompts
) -> None:
    asker, teacher = open_asker(), FakeTeacher()
    prompts = make_prompts(4)
    asker.ask(teacher, prompts[:1])
    with asker.counting() as whole:
        with asker.counting() as first:
            asker.ask(teacher, prompts[:2])
        with asker.counting() as second:
            asker.ask(teacher, prompts[1:3], "judge")
    asker.ask(teacher, prompts[3:])
    assert [len(usage.keys) for usage in (first, second, whole)] == [2, 2, 3]
    assert asker.ledger.totals(whole.keys).requests == 3 and asker.ledger.totals().requests == 4
    rung = prompts[0].rung
    assert whole.by_purpose() == {f"judge/{rung}": 2, f"label/{rung}": 2}
