"""What servers, proxies and networks do wrong, and what the teacher calls it."""

import asyncio
import gzip
import json
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from dualchecker.config import SeniorConfig
from dualchecker.errors import RequestFailed
from dualchecker.prompts import Prompt
from dualchecker.records import Reply
from dualchecker.teachers import OpenAITeacher
from servers import Call, LoopbackServer, Step, answer, completion, error, page, redirect, say, verdict

Serve = Callable[..., LoopbackServer]
Settings = Callable[..., SeniorConfig]
MakePrompts = Callable[..., list[Prompt]]

GOOD = json.dumps(completion(verdict("green"))).encode()


@pytest.fixture
async def teach(settings: Settings) -> AsyncIterator[Callable[..., OpenAITeacher]]:
    made: list[OpenAITeacher] = []

    def make(server: LoopbackServer | None = None, **more: object) -> OpenAITeacher:
        config = settings(server, **more) if server else SeniorConfig.model_validate({**PLAIN, **more})
        made.append(OpenAITeacher(config))
        return made[-1]

    yield make
    for teacher in made:
        await teacher.aclose()


PLAIN = {"kind": "openai", "model": "tiny", "timeout": 20}


async def ask(teacher: OpenAITeacher, prompt: Prompt) -> Reply:
    return await teacher.ask(prompt, teacher.payload(prompt))


async def failure(teacher: OpenAITeacher, prompt: Prompt) -> RequestFailed:
    with pytest.raises(RequestFailed) as caught:
        await ask(teacher, prompt)
    return caught.value


@asynccontextmanager
async def raw_server(reply: Callable[[int], bytes | None]) -> AsyncIterator[str]:
    """Answers each request with bytes, counted from 1 over all connections, and closes; None keeps silent for ever."""
    seen = 0
    writers: list[asyncio.StreamWriter] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        writers.append(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        await reader.readexactly(length)
        seen += 1
        if (data := reply(seen)) is not None:
            writer.write(data)
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        for writer in writers:
            writer.close()


def http(body: bytes, *headers: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *headers, "", ""]).encode("latin-1") + body


# Packed bodies


def deflated(data: bytes, wbits: int) -> bytes:
    packer = zlib.compressobj(wbits=wbits)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("gzip", gzip.compress(GOOD)),
        ("gzip", gzip.compress(GOOD[:50]) + gzip.compress(GOOD[50:])),
        ("x-gzip", gzip.compress(GOOD)),
        ("deflate", zlib.compress(GOOD)),
        ("deflate", deflated(GOOD, -15)),
        ("identity", GOOD),
    ],
)
async def test_packed_bodies_are_unpacked(
    serve: Serve, teach: Any, make_prompts: MakePrompts, encoding: str, data: bytes
) -> None:
    server = serve(lambda call: Step(data, headers={"Content-Encoding": encoding}))
    assert json.loads((await ask(teach(server), make_prompts(1)[0])).text)["label"] == "green"
    assert server.calls[0].headers["Accept-Encoding"] == "gzip, deflate"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_bomb_does_not_go_off(serve: Serve, teach: Any, make_prompts: MakePrompts, encoding: str) -> None:
    """Two gigabytes in two megabytes."""
    piece = bytes(64 * 2**20)
    data = gzip.compress(piece, 9) * 32 if encoding == "gzip" else deflated(piece, -15)
    del piece
    server = serve(lambda call: Step(data, headers={"Content-Encoding": encoding}))
    teacher, [prompt] = teach(server), make_prompts(1)
    tracemalloc.start()
    try:
        found = await failure(teacher, prompt)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (found.kind, found.retryable) == ("bad_body", False)
    assert "larger than 16 MB" in str(found)
    assert peak < 80 * 2**20


@pytest.mark.parametrize(
    ("encoding", "data", "words"),
    [
        ("br", b"\x0b\x02\x80abc\x03", "packed as 'br', and only gzip, deflate"),
        ("gzip, gzip", gzip.compress(gzip.compress(GOOD)), "packed as 'gzip, gzip'"),
        ("gzip", GOOD, "cannot be unpacked"),
        ("deflate", b"\xff\xff\xff", "cannot be unpacked"),
        ("gzip", gzip.compress(GOOD)[:-20], "its end is missing"),
    ],
)
async def test_what_cannot_be_unpacked_says_so(
    serve: Serve, teach: Any, make_prompts: MakePrompts, encoding: str, data: bytes, words: str
) -> None:
    server = serve(lambda call: Step(data, headers={"Content-Encoding": encoding}))
    found = await failure(teach(server), make_prompts(1)[0])
    assert (found.kind, found.retryable) == ("bad_body", True)
    assert words in str(found)


# Bodies of other kinds


async def test_a_page_where_answers_should_be_means_a_wrong_address(
    serve: Serve, teach: Any, make_prompts: MakePrompts
) -> None:
    server = serve(lambda call: page("Sign in &amp; <b>go on</b>"))
    found = await failure(teach(server), make_prompts(1)[0])
    assert (found.kind, found.fatal) == ("bad_body", True)
    assert "an HTML page titled 'Sign in & go on'" in found.why and "Is teacher.base_url right?" in found.fix


async def test_a_page_between_answers_does_not_end_the_run(serve: Serve, teach: Any, make_prompts: MakePrompts) -> None:
    server = serve(lambda call: answer(call) if call.number == 1 else page("Maintenance"))
    teacher, prompts = teach(server), make_prompts(2)
    await ask(teacher, prompts[0])
    found = await failure(teacher, prompts[1])
    assert (found.kind, found.fatal, found.retryable) == ("bad_body", False, True)


async def test_a_gateway_s_page_is_named_by_its_title(serve: Serve, teach: Any, make_prompts: MakePrompts) -> None:
    found = await failure(teach(serve(lambda call: page("502 Bad Gateway", 502))), make_prompts(1)[0])
    assert (found.kind, found.status, found.retryable) == ("server_error", 502, True)
    assert found.why == "HTTP 502: an HTML page titled '502 Bad Gateway'"


@pytest.mark.parametrize("body", ["", "  \n"])
async def test_an_empty_body_is_said_to_be_empty(
    serve: Serve, teach: Any, make_prompts: MakePrompts, body: str
) -> None:
    found = await failure(teach(serve(lambda call: Step(body, status=201))), make_prompts(1)[0])
    assert (found.kind, found.retryable, found.why) == ("bad_body", True, "It is empty.")


async def test_an_error_sent_as_a_success_says_what_it_says(
    serve: Serve, teach: Any, make_prompts: MakePrompts
) -> None:
    server = serve(lambda call: Step({"error": {"message": "upstream is down", "code": 502}}))
    found = await failure(teach(server), make_prompts(1)[0])
    assert (found.kind, found.retryable, found.why) == ("bad_body", True, "It says: upstream is down")
    inside = completion(None)
    inside["choices"][0] |= {"finish_reason": "error", "error": {"message": "provider gave up"}}
    found = await failure(teach(serve(lambda call: Step(inside))), make_prompts(1)[0])
    assert (found.kind, found.why) == ("bad_body", "It says: provider gave up")


@pytest.mark.parametrize(
    ("charset", "data", "text"),
    [
        ("latin-1", "häßlich".encode("latin-1"), "häßlich"),
        ("", b"caf\xe9", "caf\N{REPLACEMENT CHARACTER}"),
        ("no-such-charset", b"caf\xe9", "caf\N{REPLACEMENT CHARACTER}"),
        ("base64", b"caf\xe9", "caf\N{REPLACEMENT CHARACTER}"),
        ("utf-16", '{"a": "ä"}'.encode("utf-16"), None),
    ],
)
async def test_text_that_is_not_utf_8_is_read_as_far_as_it_can_be(
    serve: Serve, teach: Any, make_prompts: MakePrompts, charset: str, data: bytes, text: str | None
) -> None:
    kind = f"application/json; charset={charset}" if charset else "application/json"
    whole = GOOD.replace(b"Because.", data) if text else GOOD.decode().encode("utf-16")
    server = serve(lambda call: Step(whole, kind=kind))
    reply = await ask(teach(server), make_prompts(1)[0])
    assert json.loads(reply.text)["rationale"] == (text or "Because.")


async def test_content_that_is_an_object_is_read_as_the_text_it_stands_for(
    serve: Serve, teach: Any, make_prompts: MakePrompts
) -> None:
    content: Any = {"label": "green", "confidence": 0.9}
    reply = await ask(teach(serve(lambda call: say(content))), make_prompts(1)[0])
    assert json.loads(reply.text) == content


# Streams


def events(*values: Any) -> str:
    return "".join(f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n" for value in values)


def delta(text: str | None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"model": "tiny", "choices": [{"delta": {"content": text, **more}, "finish_reason": finish}]}


async def test_a_stream_that_nobody_asked_for_is_put_together(
    serve: Serve, teach: Any, make_prompts: MakePrompts
) -> None:
    text = verdict("green", rationale="A line\u2028break.")
    usage = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
    parts = [delta("", role="assistant"), *(delta(letter) for letter in text), delta(None, "stop"), usage, "[DONE]"]
    server = serve(lambda call: Step(": hello\n" + events(*parts), kind="text/event-stream"))
    reply = await ask(teach(server), make_prompts(1)[0])
    assert (reply.text, reply.finish, reply.model) == (text, "stop", "tiny")
    assert (reply.prompt_tokens, reply.completion_tokens) == (7, 3)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (events(delta('{"label": "gre')), "the stream has no end"),
        (events(delta("x"), "{half"), "an event that is no JSON: '{half'"),
        (events(delta("x"), {"error": {"message": "overloaded"}}), "It says: overloaded"),
        ("data: [DONE]\n\n", "the stream has no end"),
    ],
)
async def test_a_broken_stream_is_named(
    serve: Serve, teach: Any, make_prompts: MakePrompts, body: str, words: str
) -> None:
    found = await failure(teach(serve(lambda call: Step(body, kind="text/event-stream"))), make_prompts(1)[0])
    assert (found.kind, found.retryable) == ("bad_body", True)
    assert words in str(found)


async def test_a_refusal_in_a_stream_is_a_refusal(serve: Serve, teach: Any, make_prompts: MakePrompts) -> None:
    body = events(delta(None, refusal="I can"), delta(None, "stop", refusal="not."))
    found = await failure(teach(serve(lambda call: Step(body))), make_prompts(1)[0])
    assert (found.kind, found.why) == ("refused", "I cannot.")


# Connections


async def test_a_server_that_stops_in_the_middle_runs_into_the_timeout(
    serve: Serve, teach: Any, make_prompts: MakePrompts
) -> None:
    server = serve(lambda call: Step(completion(verdict("green")), stall=True))
    found = await failure(teach(server, timeout=0.2), make_prompts(1)[0])
    assert (found.kind, found.retryable) == ("timeout", True)


async def test_a_server_that_accepts_and_keeps_silent_runs_into_the_timeout(
    teach: Any, make_prompts: MakePrompts
) -> None:
    async with raw_server(lambda number: None) as address:
        found = await failure(teach(base_url=address, timeout=0.2), make_prompts(1)[0])
    assert found.kind == "timeout"


async def test_a_body_without_a_length_may_end_with_the_connection(teach: Any, make_prompts: MakePrompts) -> None:
    async with raw_server(lambda number: http(GOOD, "Content-Type: application/json")) as address:
        assert "green" in (await ask(teach(base_url=address), make_prompts(1)[0])).text


async def test_a_body_shorter_than_announced_is_a_broken_connection(teach: Any, make_prompts: MakePrompts) -> None:
    async with raw_server(lambda number: http(GOOD[:-9], f"Content-Length: {len(GOOD)}")) as address:
        found = await failure(teach(base_url=address), make_prompts(1)[0])
    assert (found.kind, found.retryable, found.fatal) == ("connection_broken", True, False)


async def test_a_connection_closed_unanswered_is_not_sent_again_by_itself(
    teach: Any, make_prompts: MakePrompts
) -> None:
    """The server may have done the work: whether to pay for it again is for the asker, and the ledger, to see."""
    seen: list[int] = []

    def reply(number: int) -> bytes:
        seen.append(number)
        return b""

    async with raw_server(reply) as address:
        found = await failure(teach(base_url=address), make_prompts(1)[0])
    assert (found.kind, found.retryable) == ("connection_broken", True)
    assert "before it answered" in found.why
    assert seen == [1]


@pytest.mark.parametrize(
    "headers",
    [
        ["X-Bomb: " + "x" * 2**20],
        [f"X-Bomb-{number}: {'y' * 1000}" for number in range(20_000)],
        ["Content-Length: many"],
    ],
)
async def test_headers_that_are_none_end_the_request_and_no_more(
    teach: Any, make_prompts: MakePrompts, headers: list[str]
) -> None:
    async with raw_server(lambda number: http(GOOD, *headers)) as address:
        found = await failure(teach(base_url=address), make_prompts(1)[0])
    assert (found.kind, found.retryable, found.fatal) == ("bad_body", True, False)
    assert "no valid HTTP" in str(found) and len(str(found)) < 600


async def test_what_is_no_http_at_all_is_named(teach: Any, make_prompts: MakePrompts) -> None:
    async with raw_server(lambda number: b"220 mail.example ESMTP\r\n") as address:
        found = await failure(teach(base_url=address), make_prompts(1)[0])
    assert found.kind == "bad_body" and "no valid HTTP" in str(found)


async def test_a_name_that_cannot_be_resolved_is_in_the_message(teach: Any, make_prompts: MakePrompts) -> None:
    found = await failure(teach(base_url="http://no-such-host.invalid/v1"), make_prompts(1)[0])
    assert (found.kind, found.retryable) == ("unreachable", True)
    assert "name 'no-such-host.invalid'" in found.why and "network" in found.fix


# Waits and limits


@pytest.mark.parametrize(
    ("message", "limit"),
    [
        ("This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.", 4096),
        ("maximum context length is 128,000 tokens", 128_000),
        ("the request exceeds the available context size (2048 tokens), try increasing it", 2048),
        ("prompt is too long: 210000 tokens > 200000 maximum", 200_000),
        ("Too many tokens: the maximum is 512 tokens", 512),
        ("The prompt is too long.", None),
        ("maximum context length is 99999999999999999999999 tokens", None),
    ],
)
async def test_a_stated_limit_comes_with_the_failure(
    serve: Serve, teach: Any, make_prompts: MakePrompts, message: str, limit: int | None
) -> None:
    found = await failure(teach(serve(lambda call: error(400, message))), make_prompts(1)[0])
    assert (found.kind, found.limit) == ("too_long", limit)


async def test_allowances_that_are_spent_say_how_long_to_wait(
    serve: Serve, teach: Any, make_prompts: MakePrompts
) -> None:
    headers = {"x-ratelimit-reset-requests": "6s", "x-ratelimit-remaining-requests": "0"}
    found = await failure(teach(serve(lambda call: error(429, headers=headers))), make_prompts(1)[0])
    assert (found.kind, found.retry_after) == ("rate_limited", 6)


# First calls


@pytest.mark.parametrize(
    ("step", "kind", "words"),
    [
        (error(400, "API key not valid. Please pass a valid API key."), "unauthorized", "wants a key"),
        (error(400, "The model `tiny` does not exist", code="model_not_found"), "not_found", "teacher.model"),
        (error(400, "Invalid model: tiny"), "not_found", "teacher.model"),
        (error(400, "max_tokens is too large: 400", param="max_tokens"), "bad_request", "leave out teacher.max_tokens"),
        (error(400, "Unrecognized argument 'colour'"), "bad_request", "leave out teacher.extra.colour"),
    ],
)
async def test_what_would_fail_every_request_is_said_at_the_first(
    serve: Serve, teach: Any, make_prompts: MakePrompts, step: Step, kind: str, words: str
) -> None:
    found = await failure(teach(serve(lambda call: step), extra={"colour": "red"}), make_prompts(1)[0])
    assert (found.kind, found.fatal) == (kind, True)
    assert words in str(found)


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (error(403, "Request blocked."), "forbidden"),
        (error(400, "The model tiny could not be found in 'a text that says so'"), "bad_request"),
        (error(400, "max_tokens is too large", param="max_tokens"), "bad_request"),
        (error(400, "no API key, says the text"), "bad_request"),
    ],
)
async def test_what_others_got_past_is_about_one_text(
    serve: Serve, teach: Any, make_prompts: MakePrompts, step: Step, kind: str
) -> None:
    server = serve(lambda call: answer(call) if call.number == 1 else step)
    teacher, prompts = teach(server), make_prompts(2)
    await ask(teacher, prompts[0])
    found = await failure(teacher, prompts[1])
    assert (found.kind, found.fatal, found.retryable) == (kind, False, False)


# Remarks


def refusing_both(call: Call) -> Step:
    for name in ("response_format", "logprobs"):
        if name in call.body:
            return error(400, f"{name} is not supported", param=name)
    return say(verdict("green"))


async def test_what_a_server_does_not_take_is_remarked_once(
    serve: Serve, teach: Any, make_prompts: MakePrompts
) -> None:
    teacher = teach(serve(refusing_both))
    assert list(teacher.remarks) == []
    for prompt in make_prompts(5):
        await ask(teacher, prompt)
    assert list(teacher.remarks) == [
        "tiny does not take response_format: replies are read from plain text.",
        "tiny does not take logprobs: there are no label probabilities, so one signal of the confidence is missing.",
    ]


async def test_what_a_server_takes_and_ignores_is_remarked_after_three_replies(
    serve: Serve, teach: Any, make_prompts: MakePrompts
) -> None:
    teacher = teach(serve(lambda call: say("I think it is green.")))
    prompts = make_prompts(5)
    for prompt in prompts[:2]:
        await ask(teacher, prompt)
    assert list(teacher.remarks) == []
    for prompt in prompts[2:]:
        await ask(teacher, prompt)
    assert [remark.partition(":")[0] for remark in teacher.remarks] == [
        "tiny takes response_format and ignores it",
        "tiny takes logprobs and ignores it",
    ]


async def test_one_reply_that_heeds_them_is_enough(serve: Serve, teach: Any, make_prompts: MakePrompts) -> None:
    entry = {"token": "x", "logprob": -0.1, "top_logprobs": []}

    def behaviour(call: Call) -> Step:
        return say(verdict("green"), logprobs=[entry]) if call.number == 2 else say("Green.")

    teacher = teach(serve(behaviour))
    for prompt in make_prompts(4):
        await ask(teacher, prompt)
    assert list(teacher.remarks) == []


async def test_tokens_from_the_server_s_cache_are_kept(serve: Serve, teach: Any, make_prompts: MakePrompts) -> None:
    usages: list[dict[str, Any]] = [
        {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 64}},
        {"prompt_tokens": 100, "completion_tokens": 5, "prompt_cache_hit_tokens": 32, "prompt_cache_miss_tokens": 68},
        {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": None},
        {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 900}},
    ]
    teacher = teach(serve(lambda call: say(verdict("green"), usage=usages[call.number - 1])))
    assert [(await ask(teacher, prompt)).cached_tokens for prompt in make_prompts(4)] == [64, 32, 0, 100]


async def test_nothing_secret_of_the_address_is_repeated(
    serve: Serve, settings: Any, make_prompts: MakePrompts
) -> None:
    """Neither by a redirect nor by a body that repeats where the request went."""
    for step in (
        redirect("http://user:hunter22222@elsewhere/v1?api-key=s3cret-of-ours"),
        error(401, "no access: /v1/chat/completions?api-key=s3cret-of-ours"),
    ):
        server = serve(lambda call, step=step: step)  # type: ignore[misc]
        config = settings(server, base_url=f"{server.base_url}?api-key=s3cret-of-ours")
        with pytest.raises(RequestFailed) as caught:
            prompt = make_prompts(1)[0]
            teacher = OpenAITeacher(config)
            await teacher.ask(prompt, teacher.payload(prompt))
        await teacher.aclose()
        assert "s3cret" not in str(caught.value) and "hunter" not in str(caught.value)


async def test_what_an_unreadable_reply_took_is_known(serve: Serve, settings: Any, make_prompts: MakePrompts) -> None:
    body = {"choices": [], "usage": {"prompt_tokens": 120, "completion_tokens": 30}}
    teacher, prompt = OpenAITeacher(settings(serve(lambda call: Step(body)))), make_prompts(1)[0]
    with pytest.raises(RequestFailed) as caught:
        await teacher.ask(prompt, teacher.payload(prompt))
    await teacher.aclose()
    assert (caught.value.kind, caught.value.tokens) == ("bad_body", (120, 30))
