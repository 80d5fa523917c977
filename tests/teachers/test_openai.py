"""The OpenAI-compatible teacher against a loopback server: what it sends, what it makes of every reply."""

import asyncio
import contextlib
import datetime
import json
import logging
import math
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from dualchecker.asking import Asker
from dualchecker.config import LimitsConfig, SeniorConfig
from dualchecker.errors import ConfigError, RequestFailed
from dualchecker.ledger import Ledger
from dualchecker.prompts import Prompt
from dualchecker.records import Reply
from dualchecker.tasks import Classification
from dualchecker.teachers import OpenAITeacher
from dualchecker.teachers.waits import retry_after
from servers import (
    Call,
    Gate,
    LoopbackServer,
    Step,
    answer,
    completion,
    error,
    redirect,
    refusing,
    say,
    slow_down,
    verdict,
)

KEY = "sk-very-secret-0123456789"

Serve = Callable[..., LoopbackServer]
Settings = Callable[..., SeniorConfig]
MakePrompts = Callable[..., list[Prompt]]


@pytest.fixture
async def teach(settings: Settings) -> AsyncIterator[Callable[..., OpenAITeacher]]:
    """``teach(server, key_env="X")``: a teacher on the server, closed when the test ends."""
    made: list[OpenAITeacher] = []

    def make(server: LoopbackServer, **more: object) -> OpenAITeacher:
        made.append(OpenAITeacher(settings(server, **more)))
        return made[-1]

    yield make
    for teacher in made:
        await teacher.aclose()


async def ask(teacher: OpenAITeacher, prompt: Prompt) -> Reply:
    return await teacher.ask(prompt, teacher.payload(prompt))


async def failure(teacher: OpenAITeacher, prompt: Prompt) -> RequestFailed:
    with pytest.raises(RequestFailed) as caught:
        await ask(teacher, prompt)
    return caught.value


def in_order(*steps: Step) -> Callable[[Call], Step]:
    """The first step for the first request, and so on; the last one for all that follow."""
    return lambda call: steps[min(call.number, len(steps)) - 1]


# What is sent


async def test_the_request_is_a_chat_completion(serve: Serve, teach: Any, make_prompts: MakePrompts) -> None:
    server = serve()
    [prompt] = make_prompts(1)
    teacher = teach(server)
    await ask(teacher, prompt)
    [call] = server.calls
    assert call.path == "/v1/chat/completions"
    assert call.body == json.loads(json.dumps(teacher.payload(prompt)))
    assert [m["role"] for m in call.messages] == ["system", "user"]
    assert call.body["model"] == "tiny" and call.body["stream"] is False and call.body["max_tokens"] == 400
    assert call.body["response_format"]["json_schema"]["schema"]["properties"]["label"]["enum"] == [
        "green",
        "not_green",
    ]
    assert call.body["logprobs"] is True
    assert "Authorization" not in call.headers


async def test_reasons_are_asked_for_without_logprobs(serve: Serve, teach: Any, explain_prompt: Prompt) -> None:
    server = serve()
    reply = await ask(teach(server), explain_prompt)
    [call] = server.calls
    assert "logprobs" not in call.body and "top_logprobs" not in call.body
    assert call.body["response_format"]["json_schema"]["schema"]["required"] == ["rationale"]
    assert "rationale" in json.loads(reply.text)


def test_settings_and_extra_shape_the_payload(make_prompts: MakePrompts) -> None:
    [prompt] = make_prompts(1)
    config = SeniorConfig(
        kind="openai",
        model="m",
        base_url="http://x/v1",
        temperature=None,
        structured=False,
        logprobs=False,
        max_tokens=77,
        extra={"reasoning_effort": "low", "max_tokens": 99, "stream": True},
    )
    payload = OpenAITeacher(config).payload(prompt)
    assert set(payload) == {"model", "messages", "max_tokens", "stream", "reasoning_effort"}
    assert payload["reasoning_effort"] == "low"
    assert payload["max_tokens"] == 99, "extra has the last word"
    assert payload["stream"] is False, "but a streamed reply could not be read"


@pytest.mark.parametrize("tail", ["", "/", "//", "/chat/completions", "/chat/completions/"])
async def test_the_base_url_may_end_as_people_write_it(
    serve: Serve, make_prompts: MakePrompts, settings: Settings, tail: str
) -> None:
    server = serve()
    teacher = OpenAITeacher(settings(server, base_url=server.base_url + tail))
    await ask(teacher, make_prompts(1)[0])
    await teacher.aclose()
    assert [call.path for call in server.calls] == ["/v1/chat/completions"]


async def test_a_query_in_the_base_url_stays_a_query(serve: Serve, make_prompts: MakePrompts, teach: Any) -> None:
    server = serve()
    await ask(teach(server, base_url=f"{server.base_url}?api-version=2026-01"), make_prompts(1)[0])
    assert server.calls[0].path == "/v1/chat/completions?api-version=2026-01"


# The key


async def test_the_key_is_read_when_asking_and_sent_as_a_header(
    serve: Serve, teach: Any, make_prompts: MakePrompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    monkeypatch.delenv("TEST_TEACHER_KEY", raising=False)
    teacher = teach(server, key_env="TEST_TEACHER_KEY")
    monkeypatch.setenv("TEST_TEACHER_KEY", f" {KEY}\n")
    await ask(teacher, make_prompts(1)[0])
    assert server.calls[0].headers["Authorization"] == f"Bearer {KEY}"
    assert KEY not in json.dumps(server.calls[0].body)


async def test_an_unset_key_is_named_and_nothing_is_sent(
    serve: Serve, teach: Any, make_prompts: MakePrompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    teacher = teach(server, key_env="TEST_TEACHER_KEY")
    for value in (None, "", "  "):
        monkeypatch.delenv("TEST_TEACHER_KEY", raising=False)
        if value is not None:
            monkeypatch.setenv("TEST_TEACHER_KEY", value)
        with pytest.raises(ConfigError, match=r"TEST_TEACHER_KEY.*export TEST_TEACHER_KEY="):
            await ask(teacher, make_prompts(1)[0])
    assert not server.calls


@pytest.mark.parametrize("value", [f"Bearer {KEY}", f"{KEY}\nX-Other: 1", f"{KEY}\x00", "sk-\udcff"])
async def test_what_cannot_be_a_key_is_refused_without_showing_it(
    serve: Serve, teach: Any, make_prompts: MakePrompts, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    server = serve()
    monkeypatch.setattr("os.environ", {"TEST_TEACHER_KEY": value})  # a real environment takes no NUL
    with pytest.raises(ConfigError, match="TEST_TEACHER_KEY") as caught:
        await ask(teach(server, key_env="TEST_TEACHER_KEY"), make_prompts(1)[0])
    assert KEY not in str(caught.value)
    assert not server.calls


def test_the_payload_holds_no_key_and_no_address(make_prompts: MakePrompts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_TEACHER_KEY", KEY)
    [prompt] = make_prompts(1)
    here, there = (
        OpenAITeacher(SeniorConfig(kind="openai", model="m", base_url=url, key_env="TEST_TEACHER_KEY", timeout=seconds))
        for url, seconds in (("http://secret-host.example:8000/v1", 5), ("https://other.example/v1", 50))
    )
    text = json.dumps(here.payload(prompt))
    assert KEY not in text and "secret-host" not in text and "TEST_TEACHER_KEY" not in text
    assert here.payload(prompt) == there.payload(prompt), "neither address nor timeout changes the key of a request"


def test_the_key_reaches_neither_the_ledger_nor_errors_nor_logs(
    serve: Serve,
    settings: Settings,
    make_prompts: MakePrompts,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Even from a server that repeats it in replies, errors, and at the place where a long message is cut."""
    monkeypatch.setenv("TEST_TEACHER_KEY", KEY)
    caplog.set_level(logging.DEBUG)

    def behaviour(call: Call) -> Step:
        if "number 0" in call.text:
            return say(verdict("green", rationale=f"I was called with {call.headers['Authorization']}."))
        if "number 1" in call.text:
            return error(400, f"{'x' * 490}{KEY}")
        if "number 2" in call.text:
            return Step(f"not JSON but {KEY}")
        return error(400, f"logprobs refused for {KEY}") if "logprobs" in call.body else answer(call)

    server = serve(behaviour)
    path = tmp_path / "run" / "ledger.sqlite"
    with Ledger.open(path) as ledger, Asker(ledger, LimitsConfig(retries=1, concurrency=1), backoff=0.001) as asker:
        teacher = OpenAITeacher(settings(server, key_env="TEST_TEACHER_KEY"))
        outcomes = asker.ask(teacher, make_prompts(4))
        written = b"".join(file.read_bytes() for file in path.parent.iterdir())
    written += b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert server.calls[0].headers["Authorization"] == f"Bearer {KEY}"
    assert [outcome.failure.kind if outcome.failure else "ok" for outcome in outcomes] == [
        "ok",
        "bad_request",
        "bad_body",
        "ok",
    ]
    assert b"[key]" in written, "the server did repeat it"
    for place in (written.decode("utf-8", "replace"), repr(outcomes), caplog.text, repr(vars(teacher))):
        assert KEY not in place
        assert KEY[:10] not in place
    assert "logprobs" in caplog.text, "what is left out is logged"


async def test_a_refused_key_is_fatal_and_not_repeated(
    serve: Serve, teach: Any, make_prompts: MakePrompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_TEACHER_KEY", "short")
    server = serve(lambda call: error(401, f"Incorrect API key provided: {call.headers['Authorization']}"))
    found = await failure(teach(server, key_env="TEST_TEACHER_KEY"), make_prompts(1)[0])
    assert (found.kind, found.fatal, found.retryable, found.status) == ("unauthorized", True, False, 401)
    assert "TEST_TEACHER_KEY" in found.fix
    assert "Incorrect API key provided: Bearer [key]" in found.why


async def test_a_short_key_may_occur_in_a_reply(
    serve: Serve, teach: Any, make_prompts: MakePrompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_TEACHER_KEY", "green")  # local servers take any word
    server = serve(lambda call: say(verdict("green")))
    reply = await ask(teach(server, key_env="TEST_TEACHER_KEY"), make_prompts(1)[0])
    assert json.loads(reply.text)["label"] == "green"


# Every status


@pytest.mark.parametrize(
    ("step", "kind", "fatal", "retryable", "words"),
    [
        (error(401, "bad key"), "unauthorized", True, False, "teacher.key_env"),
        (error(403, "not for you"), "unauthorized", True, False, "HTTP 403: not for you"),
        (error(404, "no such model"), "not_found", True, False, "'tiny'"),
        (error(405, "no POST here"), "not_found", True, False, "teacher.base_url"),
        (error(402, "Insufficient balance"), "quota_spent", True, False, "Top up"),
        (error(429, "spent", code="insufficient_quota"), "quota_spent", True, False, "Top up"),
        (slow_down(), "rate_limited", False, True, "limits.requests_per_minute"),
        (error(500, "oops"), "server_error", False, True, "HTTP 500: oops"),
        (error(503), "server_error", False, True, "server"),
        (error(408), "server_error", False, True, "server"),
        (error(400, "what is this"), "bad_request", False, False, "HTTP 400: what is this"),
        (error(413, "too big"), "too_long", False, False, "limits.max_prompt_tokens"),
        (
            error(400, "This model's maximum context length is 2048 tokens.", code="context_length_exceeded"),
            "too_long",
            False,
            False,
            "limits.max_prompt_tokens",
        ),
        (error(400, "The response was filtered", code="content_filter"), "refused", False, False, "refuses this text"),
        (error(403, "Your input was flagged"), "refused", False, False, "flagged"),
        (redirect("https://elsewhere.example/v1"), "redirect", True, False, "https://elsewhere.example/v1"),
    ],
)
async def test_every_status_has_a_name(
    serve: Serve,
    teach: Any,
    make_prompts: MakePrompts,
    step: Step,
    kind: str,
    fatal: bool,
    retryable: bool,
    words: str,
) -> None:
    server = serve(lambda call: step)
    found = await failure(teach(server), make_prompts(1)[0])
    assert (found.kind, found.fatal, found.retryable) == (kind, fatal, retryable)
    assert found.status == step.status
    assert words in str(found)
    assert len(server.calls) == 1, "one request, one try: trying again is the asker's business"


async def test_a_redirect_is_not_followed_with_the_key(
    serve: Serve, teach: Any, make_prompts: MakePrompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_TEACHER_KEY", KEY)
    other = serve()
    server = serve(lambda call: redirect(f"{other.base_url}/chat/completions"))
    found = await failure(teach(server, key_env="TEST_TEACHER_KEY"), make_prompts(1)[0])
    assert found.kind == "redirect"
    assert not other.calls


@pytest.mark.parametrize(
    "body",
    [
        "<html>Bad gateway</html>",
        '{"error": "just text"}',
        '{"detail": [{"loc": ["body", "model"], "msg": "missing", "input": {"text": "a secret text"}}]}',
        "[1, 2]",
        "[" * 100_000,
        '{"error": {"message": "half a character: \\ud83d"}}',
        "",
    ],
)
async def test_any_error_body_makes_a_readable_message(
    serve: Serve, teach: Any, make_prompts: MakePrompts, body: str
) -> None:
    server = serve(lambda call: Step(body, status=400))
    found = await failure(teach(server), make_prompts(1)[0])
    assert found.kind == "bad_request"
    str(found).encode()
    assert len(str(found)) < 900
    assert "a secret text" not in str(found), "FastAPI repeats the input; we do not"


# Retry-After


def in_the_future(seconds: float) -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "0.25"}, 0.25),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "-3"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"Retry-After": "Wed, 99 Oct 2015 07:28:00 GMT"}, None),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "Retry-After": "9"}, 1.5),
        ({"retry-after-ms": "x", "Retry-After": "9"}, 9),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0200"])
def test_retry_after_as_a_date(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")  # a date without a zone is not one of this machine's zone
    time.tzset()
    when = in_the_future(100)
    shifted = when.astimezone(datetime.timezone(datetime.timedelta(hours=2))) if zone == "+0200" else when
    text = format_datetime(shifted).rsplit(" ", 1)[0] + f" {zone}"
    seconds = retry_after({"Retry-After": text})
    monkeypatch.undo()
    time.tzset()
    assert seconds is not None and 90 < seconds <= 100


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_comes_with_the_failure(
    serve: Serve, teach: Any, make_prompts: MakePrompts, status: int
) -> None:
    server = serve(lambda call: error(status, headers={"Retry-After": "12"}))
    assert (await failure(teach(server), make_prompts(1)[0])).retry_after == 12


# Replies


async def test_a_reply_carries_text_usage_model_and_finish(
    serve: Serve, teach: Any, make_prompts: MakePrompts, task: Classification
) -> None:
    usage = {"prompt_tokens": 321, "completion_tokens": 45}
    server = serve(lambda call: say(verdict("green", 0.7, "Wärme"), usage=usage, finish="length", model="tiny-0613"))
    reply = await ask(teach(server), make_prompts(1)[0])
    assert (reply.prompt_tokens, reply.completion_tokens) == (321, 45)
    assert (reply.model, reply.finish, reply.label_probabilities) == ("tiny-0613", "length", None)
    parsed = task.parse(reply.text)
    assert (parsed.label, parsed.stated, parsed.rationale) == ("green", 0.7, "Wärme")


async def test_prices_make_costs(serve: Serve, teach: Any, make_prompts: MakePrompts) -> None:
    server = serve(lambda call: say(verdict("green"), usage={"prompt_tokens": 2_000, "completion_tokens": 500}))
    teacher = teach(server, price_input=1.0, price_output=4.0)
    [prompt] = make_prompts(1)
    assert teacher.cost(await ask(teacher, prompt)) == pytest.approx(0.004)
    words = sum(len(m["content"].split()) for m in prompt.messages)
    assert teacher.estimate(prompt) > (words * 1.0 + 400 * 4.0) / 1e6
    bare = teach(server, price_input=1.0, price_output=4.0, structured=False)
    assert teacher.estimate(prompt) > bare.estimate(prompt), "the schema is read as well"
    assert teach(server).estimate(prompt) == 0


@pytest.mark.parametrize(
    "usage",
    [
        {},
        {"prompt_tokens": None},
        {"prompt_tokens": "12"},
        {"prompt_tokens": -1, "completion_tokens": float("nan")},
        {"prompt_tokens": 1e300, "completion_tokens": 10**20},
    ],
)
async def test_odd_usage_counts_as_none(
    serve: Serve, teach: Any, make_prompts: MakePrompts, ledger: Ledger, usage: dict[str, Any]
) -> None:
    server = serve(lambda call: say(verdict("green"), usage=usage))
    reply = await ask(teach(server), make_prompts(1)[0])
    assert (reply.prompt_tokens, reply.completion_tokens) == (0, 0)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (say("", refusal="I cannot help with that."), "I cannot help with that."),
        (say(None, refusal="No."), "No."),
        (say("Half a ", finish="content_filter"), "Half a "),
        (say(None, finish="content_filter"), "Its content filter stopped the reply."),
        (say(None, refusal="No. " * 1000), ("No. " * 125)),
    ],
)
async def test_a_refusal_is_no_answer_and_keeps_its_words_and_tokens(
    serve: Serve, teach: Any, make_prompts: MakePrompts, step: Step, words: str
) -> None:
    server = serve(lambda call: step)
    found = await failure(teach(server), make_prompts(1)[0])
    assert (found.kind, found.retryable, found.fatal, found.tokens) == ("refused", False, False, (100, 10))
    assert found.why == words


@pytest.mark.parametrize("content", [None, "", []])
async def test_an_empty_message_is_a_named_outcome(
    serve: Serve, teach: Any, make_prompts: MakePrompts, task: Classification, content: Any
) -> None:
    server = serve(lambda call: say(content))
    assert task.parse((await ask(teach(server), make_prompts(1)[0])).text).outcome == "empty"


async def test_content_parts_are_joined(
    serve: Serve, teach: Any, make_prompts: MakePrompts, task: Classification
) -> None:
    parts: Any = [{"type": "text", "text": '{"label": '}, {"type": "text", "text": '"green"}'}, "?", {"type": "image"}]
    server = serve(lambda call: say(parts))
    assert task.parse((await ask(teach(server), make_prompts(1)[0])).text).label == "green"


async def test_prose_around_the_json_is_the_parser_s_business(
    serve: Serve, teach: Any, make_prompts: MakePrompts, task: Classification
) -> None:
    server = serve(lambda call: say(f"Sure! Here you are:\n```json\n{verdict('green')}\n```\nAnything else?"))
    parsed = task.parse((await ask(teach(server), make_prompts(1)[0])).text)
    assert (parsed.label, parsed.outcome, parsed.notes) == ("green", "ok", ("json_in_prose",))


async def test_half_a_character_does_not_travel_on(serve: Serve, teach: Any, make_prompts: MakePrompts) -> None:
    """A reply cut inside an emoji: JSON can spell half of it, files and databases cannot hold it."""
    body = json.dumps(completion("x")).replace('"x"', '"fine \\ud83d"').replace("tiny-2026", "m\\udc00")
    server = serve(lambda call: Step(body))
    reply = await ask(teach(server), make_prompts(1)[0])
    assert reply.text == "fine ?"
    assert reply.model.encode() == b"m?"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no JSON",
        "null",
        "[]",
        "{}",
        '{"choices": []}',
        '{"choices": [null]}',
        '{"choices": [{"message": null}]}',
        '{"choices": [{"message": "text"}]}',
        '{"choices": {"a": 1}}',
        '{"error": {"message": "upstream is down"}}',
        json.dumps(completion(verdict("green")))[:-30],
        "[" * 100_000,
    ],
)
async def test_a_body_that_is_no_completion_is_worth_another_try(
    serve: Serve, teach: Any, make_prompts: MakePrompts, body: str
) -> None:
    server = serve(lambda call: Step(body))
    found = await failure(teach(server), make_prompts(1)[0])
    assert (found.kind, found.retryable, found.fatal) == ("bad_body", True, False)
    assert "teacher.base_url" in found.fix


async def test_a_huge_body_is_not_read_to_its_end(serve: Serve, teach: Any, make_prompts: MakePrompts) -> None:
    server = serve(in_order(Step("x" * (17 * 2**20)), say("x" * (15 * 2**20)), say(verdict("green"))))
    teacher = teach(server)
    [prompt] = make_prompts(1)
    found = await failure(teacher, prompt)
    assert (found.kind, found.retryable) == ("bad_body", False), "it would be as long the next time, at the same price"
    assert "16 MB" in str(found)
    assert len((await ask(teacher, prompt)).text) == 15 * 2**20
    assert "green" in (await ask(teacher, prompt)).text, "the teacher goes on working"


# Connections


@pytest.mark.parametrize("step", [Step(completion(verdict("green")), cut=True), Step(drop=True)])
async def test_a_broken_connection_is_worth_another_try(
    serve: Serve, teach: Any, make_prompts: MakePrompts, step: Step
) -> None:
    server = serve(in_order(step, say(verdict("green"))))
    teacher = teach(server)
    found = await failure(teacher, make_prompts(1)[0])
    assert (found.kind, found.retryable, found.fatal) == ("connection_broken", True, False)
    assert "green" in (await ask(teacher, make_prompts(1)[0])).text


async def test_a_hanging_server_runs_into_the_timeout(serve: Serve, teach: Any, make_prompts: MakePrompts) -> None:
    server = serve(lambda call: Step(hang=True))
    found = await failure(teach(server, timeout=0.2), make_prompts(1)[0])
    assert (found.kind, found.retryable, found.fatal) == ("timeout", True, False)
    assert "within 0.2 s" in str(found) and "teacher.timeout" in found.fix


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "reason"), [("127.0.0.1", "Connection refused"), ("no-such-host.invalid", "Errno|resolution|not known")]
)
async def test_an_unreachable_server_is_named(
    serve: Serve, teach: Any, make_prompts: MakePrompts, host: str, reason: str
) -> None:
    address = f"http://{host}:{closed_port()}/v1"
    found = await failure(teach(serve(), base_url=address), make_prompts(1)[0])
    assert (found.kind, found.retryable) == ("unreachable", True)
    assert f"at {address} cannot be reached" in str(found) and "teacher.base_url" in found.fix
    assert re.search(reason, found.why) and "Unknown" not in found.why


async def test_a_server_that_never_accepts_is_unreachable(teach: Any, serve: Serve, make_prompts: MakePrompts) -> None:
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(8):  # they fill the queue of connections that wait to be accepted
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        address = f"http://127.0.0.1:{full.getsockname()[1]}/v1"
        found = await failure(teach(serve(), base_url=address, timeout=0.5), make_prompts(1)[0])
    assert found.kind == "unreachable"


@pytest.mark.parametrize(
    "address", ["localhost:8000/v1", "ftp://127.0.0.1/v1", "http://", "http://127.0.0.1:99999/v1", "nonsense"]
)
async def test_an_address_that_is_none_is_fatal(
    serve: Serve, teach: Any, make_prompts: MakePrompts, address: str
) -> None:
    found = await failure(teach(serve(), base_url=address), make_prompts(1)[0])
    assert (found.kind, found.fatal, found.retryable) == ("bad_url", True, False)
    assert address in str(found) and "https://api.openai.com/v1" in found.fix


async def test_a_password_in_the_address_is_not_shown(
    serve: Serve, teach: Any, make_prompts: MakePrompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(lambda call: error(404))
    address = server.base_url.replace("//", "//user:hunter2@")
    found = await failure(teach(server, base_url=address), make_prompts(1)[0])
    assert found.kind == "not_found" and server.base_url in str(found)
    assert server.calls[0].headers["Authorization"].startswith("Basic ")
    monkeypatch.setenv("TEST_TEACHER_KEY", KEY)
    both = await failure(teach(server, base_url=address, key_env="TEST_TEACHER_KEY"), make_prompts(1)[0])
    assert both.kind == "bad_url"
    assert "hunter2" not in f"{found} {both}"


async def test_https_to_a_plain_server_says_so(serve: Serve, teach: Any, make_prompts: MakePrompts) -> None:
    server = serve()
    found = await failure(teach(server, base_url=server.base_url.replace("http", "https")), make_prompts(1)[0])
    assert (found.kind, found.fatal, found.retryable) == ("tls", True, False)
    assert "plain http" in found.fix


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl command to make a certificate")
async def test_an_untrusted_certificate_is_fatal(
    serve: Serve, teach: Any, make_prompts: MakePrompts, tmp_path: Path
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        address = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        found = await failure(teach(serve(), base_url=address), make_prompts(1)[0])
    assert (found.kind, found.fatal, found.retryable) == ("tls", True, False)
    assert "SSL_CERT_FILE" in found.fix and "self-signed" in found.why.replace("self signed", "self-signed")


# Parameters that a server does not take


@pytest.mark.parametrize("param", [True, False])
@pytest.mark.parametrize(
    ("refused", "gone"),
    [
        (["response_format"], {"response_format"}),
        (["logprobs"], {"logprobs", "top_logprobs"}),
        (["top_logprobs"], {"logprobs", "top_logprobs"}),
        (["temperature"], {"temperature"}),
        (
            ["response_format", "logprobs", "temperature"],
            {"response_format", "logprobs", "top_logprobs", "temperature"},
        ),
    ],
)
async def test_refused_parameters_are_left_out_from_then_on(
    serve: Serve, teach: Any, make_prompts: MakePrompts, refused: list[str], gone: set[str], param: bool
) -> None:
    server = serve(refusing(*refused, param=param))
    teacher = teach(server, extra={"seed": 7})
    first, second = make_prompts(2)
    before = teacher.payload(first)
    assert "label" in (await ask(teacher, first)).text
    assert len(server.calls) == 1 + len(refused), "one more try for each refusal"
    assert set(server.calls[0].body) - set(server.calls[-1].body) == gone
    await ask(teacher, second)
    assert len(server.calls) == 2 + len(refused), "and none for what is known already"
    assert teacher.payload(first) == before, "what a server takes does not enter the key of a request"


async def test_max_tokens_is_renamed(serve: Serve, teach: Any, make_prompts: MakePrompts) -> None:
    server = serve(refusing("max_tokens", "temperature", instead="max_completion_tokens"))
    teacher = teach(server)
    for prompt in make_prompts(2):
        await ask(teacher, prompt)
    assert [("max_tokens" in c.body, c.body.get("max_completion_tokens")) for c in server.calls] == [
        (True, None),
        (False, 400),
        (False, 400),
        (False, 400),
    ]


async def test_requests_under_way_when_the_first_refusal_comes_are_sent_again(
    serve: Serve, teach: Any, make_prompts: MakePrompts
) -> None:
    """All were sent with the parameter, all are refused; only the first makes the teacher drop it."""
    gate = Gate(4, then=refusing("response_format"))

    async def behaviour(call: Call) -> Step:
        return await gate(call) if "response_format" in call.body else answer(call)

    server = serve(behaviour)
    teacher = teach(server)
    replies = await asyncio.gather(*(ask(teacher, prompt) for prompt in make_prompts(4)))
    assert all("label" in reply.text for reply in replies)
    assert len(server.calls) == 8


async def test_a_message_that_only_quotes_the_prompt_drops_nothing(
    serve: Serve, teach: Any, make_prompts: MakePrompts
) -> None:
    """Texts speak of temperatures and seeds; where the server names the parameter, only that counts."""
    step = error(400, "Invalid content: 'it keeps the temperature of the seed'", param="messages.[1].content")
    server = serve(lambda call: step)
    teacher = teach(server)
    assert (await failure(teacher, make_prompts(1)[0])).kind == "bad_request"
    assert len(server.calls) == 1
    await failure(teacher, make_prompts(1)[0])
    assert "temperature" in server.calls[1].body


async def test_a_server_that_refuses_for_ever_is_given_up(serve: Serve, teach: Any, make_prompts: MakePrompts) -> None:
    server = serve(lambda call: error(400, "logprobs, temperature, response_format and seed are not supported"))
    assert (await failure(teach(server), make_prompts(1)[0])).kind == "bad_request"
    assert len(server.calls) == 2


async def test_fastapi_names_refused_parameters_in_its_own_way(
    serve: Serve, teach: Any, make_prompts: MakePrompts
) -> None:
    body = {"detail": [{"type": "extra_forbidden", "loc": ["body", "logprobs"], "msg": "Extra inputs", "input": True}]}
    server = serve(lambda call: Step(body, status=422) if "logprobs" in call.body else answer(call))
    await ask(teach(server), make_prompts(1)[0])
    assert "logprobs" not in server.calls[-1].body and "response_format" in server.calls[-1].body


# Log-probabilities


def spell(text: str, cut: str, alternatives: dict[str, float]) -> list[dict[str, Any]]:
    """Tokens of ``text``: what stands before ``cut``, ``cut`` itself with alternatives, the rest."""
    before, after = text.split(cut, 1) if text.count(cut) == 1 else text.rsplit(cut, 1)
    top = [{"token": token, "logprob": math.log(p)} for token, p in alternatives.items()]
    plain = [{"token": token, "logprob": 0.0, "top_logprobs": []} for token in (before, cut, after)]
    plain[1] |= {"logprob": math.log(alternatives[cut]), "top_logprobs": top}
    return plain


async def test_label_probabilities_come_from_logprobs(serve: Serve, teach: Any, make_prompts: MakePrompts) -> None:
    text = '{"rationale": "x", "label": "green", "confidence": 0.5}'
    tokens = spell(text, "green", {"green": 0.6, "not": 0.3, "brown": 0.1})
    server = serve(lambda call: say(text, logprobs=tokens))
    reply = await ask(teach(server), make_prompts(1)[0])
    assert reply.label_probabilities == pytest.approx({"green": 2 / 3, "not_green": 1 / 3})
    assert reply.outside_mass == pytest.approx(0.1)


@pytest.mark.parametrize("logprobs", [None, {}, {"content": None}, {"content": "x"}, {"content": [1, None]}, "x", []])
async def test_logprobs_that_are_none_are_a_missing_signal(
    serve: Serve, teach: Any, make_prompts: MakePrompts, logprobs: Any
) -> None:
    body = completion(verdict("green"))
    body["choices"][0]["logprobs"] = logprobs
    server = serve(lambda call: Step(body))
    reply = await ask(teach(server), make_prompts(1)[0])
    assert reply.label_probabilities is None and reply.outside_mass is None


# Ending


async def test_it_can_be_closed_twice_and_used_again(serve: Serve, teach: Any, make_prompts: MakePrompts) -> None:
    server = serve()
    teacher = teach(server)
    await teacher.aclose()
    await ask(teacher, make_prompts(1)[0])
    await teacher.aclose()
    await teacher.aclose()
    await ask(teacher, make_prompts(1)[0])
    assert len(server.calls) == 2


def test_samples_are_requests_of_their_own(make_prompts: MakePrompts) -> None:
    usual = make_prompts(1)[0]
    base = {"kind": "openai", "model": "m", "base_url": "http://localhost:1/v1"}
    teacher = OpenAITeacher(SeniorConfig(**base, extra={"seed": 5, "temperature": 0.1}))
    first, second = (teacher.payload(replace(usual, sample=n, temperature=0.9)) for n in (1, 2))
    assert (first["temperature"], first["seed"], second["seed"]) == (0.9, 1, 2), "options do not make them equal"
    assert {k: v for k, v in first.items() if k != "seed"} == {k: v for k, v in second.items() if k != "seed"}
    plain = OpenAITeacher(SeniorConfig(**base)).payload(usual)
    assert plain["temperature"] == 0.0 and "seed" not in plain, "the usual answer is asked for as ever"
    own = OpenAITeacher(SeniorConfig(**base, temperature=None)).payload(replace(usual, sample=1))
    assert "temperature" not in own and own["seed"] == 1
