"""Several addresses behind one teacher: shares, rests, trials, and what a failure of one means for all."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pydantic import ValidationError

from dualchecker.asking import Asker
from dualchecker.config import LimitsConfig, SeniorConfig, TeacherConfig
from dualchecker.errors import ConfigError, RequestFailed
from dualchecker.ledger import Ledger
from dualchecker.prompts import Prompt
from dualchecker.teachers import OpenAITeacher
from dualchecker.teachers.endpoints import Endpoint, Endpoints
from servers import Call, Gate, LoopbackServer, Step, answer, error, refusing, say, verdict

Serve = Callable[..., LoopbackServer]
MakePrompts = Callable[..., list[Prompt]]


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def config_of(*addresses: str, **more: object) -> SeniorConfig:
    places = [{"base_url": address} for address in addresses]
    return SeniorConfig.model_validate({"kind": "openai", "model": "tiny", "timeout": 20, "endpoints": places, **more})


def endpoints(count: int = 2, **more: Any) -> tuple[Endpoints, Clock]:
    clock = Clock()
    made = Endpoints(config_of(*(f"http://host{n}/v1" for n in range(count))), "/x", clock=clock, **more)
    return made, clock


def failing(kind: str, *, retryable: bool = True, fatal: bool = False, after: float | None = None) -> RequestFailed:
    return RequestFailed("It failed.", kind=kind, retryable=retryable, fatal=fatal, retry_after=after)


async def used(those: Endpoints, outcome: RequestFailed | None = None) -> int:
    """Which endpoint one request went to; it ends with the outcome."""
    found: list[int] = []

    async def ask(endpoint: Endpoint) -> None:
        found.append(endpoint.number)
        if outcome is not None:
            raise outcome

    if outcome is None:
        await those.use(ask)
    else:
        with pytest.raises(RequestFailed):
            await those.use(ask)
    return found[0]


async def test_requests_one_after_the_other_take_turns() -> None:
    those, _ = endpoints(3)
    assert [await used(those) for _ in range(6)] == [0, 1, 2, 0, 1, 2]


async def test_the_one_with_the_fewest_under_way_is_asked() -> None:
    those, _ = endpoints(2)
    held = {0: asyncio.Event(), 1: asyncio.Event()}
    seen: list[int] = []

    async def ask(endpoint: Endpoint) -> None:
        seen.append(endpoint.number)
        await held[endpoint.number].wait()

    under_way = [asyncio.create_task(those.use(ask)) for _ in range(4)]
    await asyncio.sleep(0)
    assert Counter(seen) == {0: 2, 1: 2}
    held[1].set()
    await asyncio.gather(*(task for task, number in zip(under_way, seen, strict=True) if number == 1))
    assert [await used(those) for _ in range(2)] == [1, 1], "the first one is still busy"
    held[0].set()
    await asyncio.gather(*under_way)


async def test_who_asks_to_slow_down_rests_alone_and_as_long_as_it_says() -> None:
    those, clock = endpoints(2)
    failure = failing("rate_limited", after=30)
    assert await used(those, failure) == 0
    assert (failure.elsewhere, failure.retry_after, failure.retryable) == (True, None, True)
    assert {await used(those) for _ in range(4)} == {1}
    clock.now += 29
    assert await used(those) == 1
    clock.now += 2
    assert {await used(those), await used(those)} == {0, 1}


async def test_when_all_rest_the_wait_is_that_of_the_first_to_be_ready() -> None:
    those, clock = endpoints(2)
    await used(those, failing("rate_limited", after=30))
    clock.now += 10
    second = failing("rate_limited", after=50)
    assert await used(those, second) == 1
    assert (second.elsewhere, second.retry_after) == (False, 20)
    assert await used(those) == 0, "asked all the same, it is the one that is due first"


async def test_an_unreachable_one_is_out_and_tried_again_by_one_request() -> None:
    those, clock = endpoints(2)
    failure = failing("unreachable")
    assert await used(those, failure) == 0
    assert failure.elsewhere and those.all[0].out
    assert {await used(those) for _ in range(3)} == {1}
    clock.now += 2
    trial = asyncio.Event()
    seen: list[int] = []

    async def ask(endpoint: Endpoint) -> None:
        seen.append(endpoint.number)
        if endpoint.number == 0:
            await trial.wait()

    tasks = [asyncio.create_task(those.use(ask)) for _ in range(5)]
    await asyncio.sleep(0)
    assert Counter(seen) == {0: 1, 1: 4}, "one request tries it, the others go where answers come from"
    trial.set()
    await asyncio.gather(*tasks)
    assert not those.all[0].out
    assert {await used(those), await used(those)} == {0, 1}


async def test_rests_grow_while_trials_fail_and_not_with_requests_that_were_under_way() -> None:
    those, clock = endpoints(2, seed=3)
    rests = []
    for _ in range(12):
        assert await used(those, failing("unreachable")) == 0
        for _ in range(20):  # sent before it was known to be away
            those._failed(those.all[0], failing("unreachable"))
        rests.append(those.all[0].rests_until - clock.now)
        clock.now = those.all[0].rests_until
        those.all[1].picked = those._turn + 1
    assert rests == sorted(rests[:8]) + rests[8:]
    assert rests[0] < 1.3 and 1.4 < rests[1] < 2.6 and all(220 < rest < 380 for rest in rests[9:])
    assert await used(those) == 0
    those.all[1].picked = those._turn + 1
    assert await used(those, failing("unreachable")) == 0
    assert those.all[0].rests_until - clock.now < 1.3, "an answer makes the next rest short again"


async def test_the_seed_draws_the_jitter() -> None:
    async def rest(seed: int) -> float:
        those, clock = endpoints(2, seed=seed)
        await used(those, failing("unreachable"))
        return those.all[0].rests_until - clock.now

    assert await rest(1) == await rest(1) != await rest(2)


@pytest.mark.parametrize("kind", ["server_error", "timeout", "connection_broken", "bad_body"])
async def test_three_failures_in_a_row_put_one_out_and_fewer_do_not(kind: str) -> None:
    those, _ = endpoints(2)
    for outcome in (failing(kind), None, failing(kind), None, failing(kind), None, failing(kind)):
        assert await used(those, outcome) == 0
        assert await used(those) == 1
        assert (those.all[0].out, those.all[0].in_a_row) == (False, int(outcome is not None)) or outcome is None
    for _ in range(2):
        await used(those, failing(kind))
        await used(those)
    assert those.all[0].out
    assert those.remarks == ["The address http://host0/v1 is left out for a while: It failed."]


@pytest.mark.parametrize("kind", ["bad_request", "refused", "too_long", "forbidden"])
async def test_failures_about_one_text_say_nothing_against_the_address(kind: str) -> None:
    those, _ = endpoints(2)
    for _ in range(8):
        failure = failing(kind, retryable=False)
        await used(those, failure)
        assert not (failure.elsewhere or failure.retryable)
    assert not any(one.out for one in those.all)


async def test_a_failure_where_only_the_same_address_is_ready_is_not_elsewhere() -> None:
    those, _ = endpoints(2)
    await used(those, failing("rate_limited", after=30))
    failure = failing("server_error")
    assert await used(those, failure) == 1
    assert (failure.elsewhere, failure.retryable, failure.retry_after) == (False, True, None)


async def test_a_wrong_key_is_fatal_only_if_all_are_wrong() -> None:
    those, _ = endpoints(2)
    first = failing("unauthorized", retryable=False, fatal=True)
    await used(those, first)
    assert (first.fatal, first.retryable, first.elsewhere) == (False, True, True)
    assert those.remarks
    second = failing("unauthorized", retryable=False, fatal=True)
    assert await used(those, second) == 1
    assert (second.fatal, second.retryable, second.elsewhere) == (True, False, False)


async def test_a_wrong_key_beside_one_that_rests_is_waited_for() -> None:
    those, _ = endpoints(2)
    await used(those, failing("rate_limited", after=7))
    wrong = failing("unauthorized", retryable=False, fatal=True)
    assert await used(those, wrong) == 1
    assert (wrong.fatal, wrong.retryable, wrong.retry_after) == (False, True, 7)


async def test_one_address_alone_is_always_asked_and_its_failures_stay_as_they_are() -> None:
    those, _ = endpoints(1)
    for failure in (
        failing("rate_limited", after=30),
        failing("unreachable"),
        failing("unauthorized", retryable=False, fatal=True),
    ):
        before = (failure.retryable, failure.fatal, failure.retry_after, failure.elsewhere)
        assert await used(those, failure) == 0
        assert (failure.retryable, failure.fatal, failure.retry_after, failure.elsewhere) == before
    assert those.remarks == [] and those.summary() == []


async def test_a_request_that_is_cancelled_frees_its_place() -> None:
    those, clock = endpoints(2)
    assert [await used(those, failing("unreachable")), await used(those)] == [0, 1]
    clock.now += 2
    task = asyncio.create_task(those.use(lambda endpoint: asyncio.sleep(3600)))
    await asyncio.sleep(0)
    assert those.all[0].in_flight == 1 and not those.all[0].is_ready(clock.now)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert those.all[0].in_flight == 0 and those.all[0].is_ready(clock.now)


async def test_the_summary_has_a_line_for_each_address() -> None:
    those, _ = endpoints(2)
    await used(those, failing("unreachable"))
    await used(those)
    assert those.summary() == ["http://host0/v1: requests 1, unreachable 1, left out", "http://host1/v1: requests 1"]


# The run file


def test_addresses_are_base_url_first_then_endpoints() -> None:
    config = config_of("http://b/v1", base_url="http://a/v1", key_env="A")
    assert [(place.base_url, place.key_env) for place in config.addresses] == [
        ("http://a/v1", "A"),
        ("http://b/v1", None),
    ]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": "exemplar", "model": None}, "endpoints belong to a teacher of kind openai"),
        ({"key_env": "A"}, "give each of the endpoints its key_env"),
        ({"base_url": "http://a/v1/"}, "stands there twice"),
        ({"endpoints": [{"base_url": ""}]}, "at least 1 character"),
        ({"endpoints": [{"key_env": "A"}]}, "Field required"),
        ({"endpoints": [], "base_url": None}, "needs both model and base_url"),
    ],
)
def test_endpoints_that_do_not_fit_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        config_of("http://a/v1", **settings)


def test_a_senior_without_an_address_has_the_teacher_s() -> None:
    base = {"kind": "openai", "model": "m", "endpoints": [{"base_url": "http://a/v1"}, {"base_url": "http://b/v1"}]}
    shared = TeacherConfig.model_validate({**base, "senior": {"kind": "openai", "model": "big"}})
    assert shared.senior is not None and shared.senior.endpoints == shared.endpoints
    own = TeacherConfig.model_validate(
        {**base, "senior": {"kind": "openai", "model": "big", "endpoints": [{"base_url": "http://c/v1"}]}}
    )
    assert own.senior is not None and [one.base_url for one in own.senior.addresses] == ["http://c/v1"]


# With servers


@pytest.fixture
async def teach() -> AsyncIterator[Callable[..., OpenAITeacher]]:
    made: list[OpenAITeacher] = []

    def make(*servers: LoopbackServer, **more: object) -> OpenAITeacher:
        made.append(OpenAITeacher(config_of(*(server.base_url for server in servers), **more)))
        return made[-1]

    yield make
    for teacher in made:
        await teacher.aclose()


def test_the_request_is_the_same_whichever_address_answers(make_prompts: MakePrompts) -> None:
    [prompt] = make_prompts(1)
    one, two = (OpenAITeacher(config_of(*hosts)) for hosts in (["http://a/v1"], ["http://b/v1", "http://c/v1"]))
    assert one.payload(prompt) == two.payload(prompt)
    assert "http" not in json.dumps({**one.payload(prompt), "messages": []})


async def test_what_one_server_does_not_take_another_still_gets(
    serve: Serve, teach: Any, make_prompts: MakePrompts
) -> None:
    plain, able = serve(refusing("logprobs")), serve()
    teacher = teach(plain, able)
    for prompt in make_prompts(6):
        await teacher.ask(prompt, teacher.payload(prompt))
    assert ["logprobs" in call.body for call in plain.calls] == [True, False, False, False]
    assert ["logprobs" in call.body for call in able.calls] == [True, True, True]
    assert any(plain.base_url in remark and "logprobs" in remark for remark in teacher.remarks)


async def test_each_key_goes_to_its_own_address(
    serve: Serve, teach: Any, make_prompts: MakePrompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY_A", "key-of-the-first")
    monkeypatch.setenv("KEY_B", "key-of-the-second")
    server, other = serve(), serve()
    places = [{"base_url": server.base_url, "key_env": name} for name in ("KEY_A", "KEY_B")]
    teacher = teach(endpoints=[*places, {"base_url": other.base_url}])
    for prompt in make_prompts(3):
        await teacher.ask(prompt, teacher.payload(prompt))
    sent = [call.headers["Authorization"] for call in server.calls]
    assert sent == ["Bearer key-of-the-first", "Bearer key-of-the-second"]
    assert "Authorization" not in other.calls[0].headers
    assert [one.name for one in teacher.endpoints.all[:2]] == [
        f"{server.base_url} (key KEY_A)",
        f"{server.base_url} (key KEY_B)",
    ]


async def test_a_key_that_is_missing_is_said_before_anything_is_sent(
    serve: Serve, teach: Any, make_prompts: MakePrompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KEY_B", raising=False)
    server = serve()
    teacher = teach(endpoints=[{"base_url": server.base_url}, {"base_url": server.base_url, "key_env": "KEY_B"}])
    [prompt] = make_prompts(1)
    with pytest.raises(ConfigError, match="KEY_B"):
        await teacher.ask(prompt, teacher.payload(prompt))
    assert not server.calls


def test_one_of_two_keys_may_be_wrong(
    serve: Serve, make_prompts: MakePrompts, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY_A", "key-that-is-wrong")
    monkeypatch.setenv("KEY_B", "key-that-is-right")
    server = serve(lambda call: error(401) if "wrong" in call.headers["Authorization"] else answer(call))
    places = [{"base_url": server.base_url, "key_env": name} for name in ("KEY_A", "KEY_B")]
    teacher = OpenAITeacher(config_of(endpoints=places))
    with Asker(ledger, LimitsConfig(concurrency=4, retries=3), backoff=0.001) as asker:
        outcomes = asker.ask(teacher, make_prompts(12))
    assert all(outcome.reply is not None for outcome in outcomes)
    assert [remark for remark in teacher.remarks if "KEY_A" in remark]


async def test_requests_are_spread_evenly(serve: Serve, teach: Any, make_prompts: MakePrompts) -> None:
    """Eight at a time over two servers, which both wait until their four are there."""
    first, second = serve(Gate(4)), serve(Gate(4))
    teacher = teach(first, second)
    await asyncio.gather(*(teacher.ask(prompt, teacher.payload(prompt)) for prompt in make_prompts(8)))
    assert (len(first.calls), len(second.calls)) == (4, 4)


def test_one_server_dies_midway_and_nothing_is_lost(serve: Serve, make_prompts: MakePrompts, ledger: Ledger) -> None:
    dying: list[LoopbackServer] = []

    def behaviour(call: Call) -> Step:
        return answer(call) if call.number <= 10 else Step(drop=True)

    dying.append(serve(behaviour))
    living = serve(lambda call: say(verdict("green")))
    teacher = OpenAITeacher(config_of(dying[0].base_url, living.base_url))
    prompts = make_prompts(120)
    with Asker(ledger, LimitsConfig(concurrency=6, retries=4), backoff=0.001) as asker:
        outcomes = asker.ask(teacher, prompts)
    assert [outcome.failure for outcome in outcomes] == [None] * 120
    dead, alive = teacher.endpoints.all
    assert dead.answered == 10 and alive.answered == 110
    assert dead.out and any(dead.name in remark for remark in teacher.remarks)
    assert len(dying[0].calls) < 30, "a server that fails is left alone"
