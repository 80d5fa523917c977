"""A scriptable OpenAI-compatible server on the loopback interface, inside a test or as a process of its own.

Inside a test::

    def behaviour(call: Call) -> Step:
        return error(500) if call.attempt == 1 else answer(call)

    with LoopbackServer(behaviour) as server:
        ...                      # server.base_url, server.calls, server.count("some text"), server.most_at_once

As a process (it answers every prompt with a label computed from the prompt's own text, always the same)::

    python tests/servers.py --port-file PORT --log LOG --latency 0.05

``PORT`` appears when the server listens. ``LOG`` gets one JSON line when a request has arrived and one when its reply
has been written: ``{"event": "received" | "finished" | "broken", "id": 7, "key": "<hash of the messages>", "time":
<monotonic>}``. A client that was killed leaves requests that are never finished, or are ``broken``.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from aiohttp import web

_BLOCK = re.compile(r"<(text(?:-\d+)?)>\n((?:(?!</\1>).)*)\n</\1>(?:\nReason: [^\n]*)?(?:\n+Label: ([^\n]+))?", re.S)
_NAMES = re.compile(r'"label": one of (\[.*?\])', re.S)


@dataclass(frozen=True)
class Call:
    """One request as it arrived.

    Attributes:
        number: Counts all requests of this server, from 1.
        attempt: Counts the requests with these messages, from 1.
        key: Hash of the messages, or of the body of a request without messages.
        messages: The messages.
        body: The whole JSON body.
        headers: The HTTP headers.
        path: Path and query.
        time: When it arrived (monotonic).
    """

    number: int
    attempt: int
    key: str
    messages: list[dict[str, str]]
    body: dict[str, Any]
    headers: Mapping[str, str]
    path: str
    time: float

    @property
    def text(self) -> str:
        """All messages in one string."""
        return "\n".join(str(message.get("content")) for message in self.messages)


@dataclass(frozen=True)
class Step:
    """What the server does with one request.

    Attributes:
        body: A JSON value, or text or bytes to send as they are.
        status: HTTP status.
        headers: More headers.
        delay: Seconds to wait first.
        hang: Never answer (until the server stops).
        cut: Send half of the body, then break the connection.
        drop: Break the connection before anything is sent.
        stall: Send half of the body, then nothing more (until the server stops).
        kind: The content type.
    """

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    hang: bool = False
    cut: bool = False
    drop: bool = False
    stall: bool = False
    kind: str = "application/json"


Behaviour = Callable[[Call], Step | Awaitable[Step]]


def completion(
    content: str | None,
    *,
    finish: str = "stop",
    usage: Mapping[str, Any] | None = None,
    logprobs: list[dict[str, Any]] | None = None,
    refusal: str | None = None,
    model: str = "tiny-2026",
) -> dict[str, Any]:
    """A chat completion with this content."""
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if refusal is not None:
        message["refusal"] = refusal
    choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": finish}
    if logprobs is not None:
        choice["logprobs"] = {"content": logprobs}
    body: dict[str, Any] = {"id": "x", "object": "chat.completion", "model": model, "choices": [choice]}
    body["usage"] = {"prompt_tokens": 100, "completion_tokens": 10} if usage is None else usage
    return body


def page(title: str, status: int = 200) -> Step:
    """A page for people."""
    text = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Step(text, status=status, kind="text/html; charset=utf-8")


def say(content: str | None, **more: Any) -> Step:
    """Answer 200 with this content."""
    return Step(completion(content, **more))


def verdict(label: str, confidence: object = 0.9, rationale: str = "Because.") -> str:
    """The JSON that a well-behaved model writes."""
    return json.dumps({"rationale": rationale, "label": label, "confidence": confidence}, ensure_ascii=False)


def answer(call: Call) -> Step:
    """Answer with a label computed from the prompt's own text: always the same one for the same messages.

    The label is that of the demonstration with the most words in common; without demonstrations a hash decides.
    """
    names = _NAMES.search(call.text)
    labels = json.loads(names[1]) if names else []
    blocks = [(match[2], match[3]) for match in _BLOCK.finditer(call.text)]
    asked = next((text for text, label in reversed(blocks) if label is None), call.text)
    usage = {"prompt_tokens": len(call.text) // 4, "completion_tokens": 30}
    if not labels:
        return say(json.dumps({"rationale": f"Its words decide: {asked[:40]}"}), usage=usage)
    words = set(re.findall(r"\w{4,}", asked.lower()))
    scores = dict.fromkeys(labels, 0.0)
    for text, label in blocks:
        if label in scores:
            theirs = set(re.findall(r"\w{4,}", text.lower()))
            scores[label] = max(scores[label], len(words & theirs) / max(len(words | theirs), 1))
    digest = hashlib.sha256(asked.encode("utf-8", "replace")).digest()
    for place, label in enumerate(labels):  # breaks ties, and makes the confidences spread
        scores[label] += 0.1 * digest[place % 32] / 255
    best = max(labels, key=lambda label: (scores[label], label))
    confidence = round(0.5 + 0.5 * scores[best] / (sum(scores.values()) or 1), 3)
    return say(verdict(best, confidence, f"Nearest by words: {best}."), usage=usage)


def error(
    status: int,
    message: str = "no",
    *,
    headers: Mapping[str, str] | None = None,
    param: str | None = None,
    code: str | None = None,
) -> Step:
    """An error body as OpenAI's API writes it."""
    body = {"error": {"message": message, "type": "error", "param": param, "code": code}}
    return Step(body, status=status, headers=headers or {})


def slow_down(header: str | None = None, value: str = "") -> Step:
    """429, with ``Retry-After`` or another header, or without."""
    return error(429, "Rate limit reached.", headers={header: value} if header else None)


def redirect(to: str, status: int = 307) -> Step:
    """Send elsewhere."""
    return Step("", status=status, headers={"Location": to})


def refusing(*names: str, then: Behaviour = answer, instead: str = "", param: bool = True) -> Behaviour:
    """400 while the body holds one of the parameters, one at a time; ``instead`` is named as the one to use."""

    def behave(call: Call) -> Step | Awaitable[Step]:
        for name in names:
            if name in call.body:
                hint = f" Use '{instead}' instead." if instead else ""
                message = f"Unsupported parameter: '{name}' is not supported with this model.{hint}"
                return error(400, message, param=name if param else None, code="unsupported_parameter")
        return then(call)

    return behave


class Gate:
    """Holds requests until so many are there at the same time, then lets these go: concurrency without clocks."""

    def __init__(self, parties: int, then: Behaviour = answer) -> None:
        self._parties, self._then = parties, then
        self._barrier: asyncio.Barrier | None = None

    async def __call__(self, call: Call) -> Step:
        self._barrier = self._barrier or asyncio.Barrier(self._parties)
        await self._barrier.wait()
        step = self._then(call)
        return step if isinstance(step, Step) else await step


class LoopbackServer:
    """Serves ``POST /v1/chat/completions`` on 127.0.0.1, on a port of its own, in a thread of its own.

    Args:
        behaviour: What to do with each request; by default ``answer``.
        log: File that gets a line for every request as it arrives and ends.
    """

    def __init__(self, behaviour: Behaviour | None = None, *, log: Path | None = None) -> None:
        self._behaviour = behaviour or answer
        self._log = log
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopped: asyncio.Event | None = None
        self._seen: Counter[str] = Counter()
        self.calls: list[Call] = []
        self.port = 0
        self.at_once = self.most_at_once = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def by_content(self) -> dict[str, int]:
        """How often each hash of messages has arrived."""
        return dict(self._seen)

    def count(self, text: str) -> int:
        """How many requests held this text."""
        return sum(text in call.text for call in list(self.calls))

    def start(self) -> Self:
        ready = threading.Event()
        failure: list[BaseException] = []

        def run() -> None:
            async def main() -> None:
                try:
                    await self._serve(ready.set)
                except BaseException as error:
                    failure.append(error)
                    ready.set()
                    raise

            asyncio.run(main())

        self._thread = threading.Thread(target=run, name="loopback-server", daemon=True)
        self._thread.start()
        if not ready.wait(20) or failure:
            raise RuntimeError(f"the loopback server did not start: {failure}")
        return self

    def stop(self) -> None:
        """Break all connections and end the thread. May be called twice."""
        loop, stopped, thread = self._loop, self._stopped, self._thread
        if loop is not None and stopped is not None and thread is not None and thread.is_alive():
            with contextlib.suppress(RuntimeError):  # it has just ended by itself
                loop.call_soon_threadsafe(stopped.set)
            thread.join(20)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    async def _serve(self, ready: Callable[[], None]) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=256 * 2**20)
        app.router.add_get("/health", _health)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, handler_cancellation=True)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", self.port)
            await site.start()
            self.port = runner.addresses[0][1]
            ready()
            await self._stopped.wait()
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        call = self._receive(request, json.loads(await request.read()))
        ended = "broken"
        try:
            response = await self._respond(request, call)
            if request.transport is not None and not request.transport.is_closing():
                ended = "finished"
            return response
        finally:
            self._note(ended, call)
            self.at_once -= 1

    def _receive(self, request: web.Request, body: dict[str, Any]) -> Call:
        messages = body.get("messages") or []
        text = json.dumps(messages or body, sort_keys=True, separators=(",", ":"))
        key = hashlib.sha256(text.encode()).hexdigest()
        self._seen[key] += 1
        number, headers = len(self.calls) + 1, dict(request.headers)
        call = Call(number, self._seen[key], key, messages, body, headers, request.path_qs, time.monotonic())
        self.calls.append(call)
        self._note("received", call)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        return call

    def _note(self, event: str, call: Call) -> None:
        if self._log is None:
            return
        line = json.dumps({"event": event, "id": call.number, "key": call.key, "time": time.monotonic()})
        with self._lock, self._log.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    async def _respond(self, request: web.Request, call: Call) -> web.StreamResponse:
        given = self._behaviour(call)
        step = given if isinstance(given, Step) else await given
        if step.delay:
            await asyncio.sleep(step.delay)
        if step.hang:
            assert self._stopped is not None
            await self._stopped.wait()
            raise web.HTTPServiceUnavailable
        if step.drop:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        data = _data(step.body)
        response = web.StreamResponse(status=step.status, headers={"Content-Type": step.kind, **step.headers})
        response.content_length = len(data)
        await response.prepare(request)
        if step.cut or step.stall:
            await response.write(data[: len(data) // 2])
            if step.stall:
                assert self._stopped is not None
                await self._stopped.wait()
            assert request.transport is not None
            request.transport.close()
            return response
        await response.write(data)
        await response.write_eof()
        return response


def _data(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode("utf-8", "surrogatepass")


async def _health(request: web.Request) -> web.StreamResponse:
    return web.json_response({"status": "ok"})


def _main() -> None:
    parser = argparse.ArgumentParser(description="A loopback OpenAI-compatible server with made-up, steady answers.")
    parser.add_argument("--port-file", type=Path, required=True, help="gets the port when the server listens")
    parser.add_argument("--log", type=Path, help="gets a line when a request arrives and one when it has ended")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each reply")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()

    def behaviour(call: Call) -> Step:
        step = answer(call)
        return Step(step.body, delay=options.latency)

    server = LoopbackServer(behaviour, log=options.log)
    server.port = options.port

    def ready() -> None:
        part = options.port_file.with_name(options.port_file.name + ".part")
        part.write_text(str(server.port), encoding="utf-8")
        part.replace(options.port_file)  # whoever sees the file sees the whole number

    async def main() -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(server._serve(ready))
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(main())


if __name__ == "__main__":
    _main()
