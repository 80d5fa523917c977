"""A teacher that costs next to nothing: OpenAI's chat completions with a fixed latency, in a process of its own.

It answers every prompt with a verdict, on asyncio's bare protocols, so that what is measured is the client.

    python benchmarks/loopback.py --latency 0.05 --labels green,not_green

prints its port when it listens, and ends when its standard input does. ``GET /v1/tally`` says when requests arrived,
when the last answer went out and how many were open at most: one clock for clients of any make.
"""

import argparse
import array
import asyncio
import contextlib
import http.client
import json
import random
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"content-length: *(\d+)", re.I)


def _reply(label: str) -> bytes:
    said = json.dumps({"rationale": "Its purpose, as the text states it, decides.", "label": label, "confidence": 0.9})
    message = {"role": "assistant", "content": said}
    body = {
        "id": "x",
        "object": "chat.completion",
        "model": "loopback",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 600, "completion_tokens": 40, "total_tokens": 640},
    }
    return _page(body)


def _page(body: Any) -> bytes:
    data = json.dumps(body).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data)


class _Tally:
    """What has been asked and answered so far, by the clock of the event loop."""

    def __init__(self) -> None:
        self.arrivals = array.array("d")
        self.last, self.open, self.most = 0.0, 0, 0

    def arrived(self, now: float) -> None:
        self.arrivals.append(now)
        self.open += 1
        if self.open > self.most:
            self.most = self.open

    def answered(self, now: float) -> None:
        self.last = now
        self.open -= 1


class _Connection(asyncio.Protocol):
    """One client; requests come one after the other, as HTTP/1.1 has it without pipelining."""

    def __init__(self, replies: list[bytes], latency: float, slow: float, factor: float, tally: _Tally) -> None:
        self._replies, self._latency, self._slow, self._factor = replies, latency, slow, factor
        self._tally = tally
        self._data = b""
        self._random = random.Random()
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data = self._data + data if self._data else data
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return
        found = _LENGTH.search(self._data, 0, end)
        size = end + 4 + (int(found[1]) if found else 0)
        if len(self._data) < size:
            return
        if self._data.startswith(b"GET /v1/tally "):
            self._data = self._data[size:]
            tally = self._tally
            self._write(_page({"arrivals": list(tally.arrivals), "last": tally.last, "most": tally.most}))
            return
        body, self._data = self._data[end + 4 : size], self._data[size:]
        self._tally.arrived(self._loop.time())
        # Slow for no reason of its own, as a server is: the same request sent again may be quick.
        wait = self._latency * (self._factor if self._random.random() < self._slow else 1)
        self._loop.call_later(wait, self._send, self._replies[zlib.crc32(body) % len(self._replies)])

    def _send(self, reply: bytes) -> None:
        self._tally.answered(self._loop.time())
        self._write(reply)

    def _write(self, reply: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(reply)


async def _serve(options: argparse.Namespace) -> None:
    replies = [_reply(label) for label in options.labels.split(",")]
    loop, tally = asyncio.get_running_loop(), _Tally()
    server = await loop.create_server(
        lambda: _Connection(replies, options.latency, options.slow, options.factor, tally),
        "127.0.0.1",
        0,
        backlog=2048,
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


@contextlib.contextmanager
def teacher(latency: float, labels: str, *, slow: float = 0.0, factor: float = 20.0) -> Iterator[str]:
    """The address of such a server, which runs until the block is left."""
    command = [sys.executable, str(Path(__file__)), "--latency", str(latency), "--labels", labels]
    command += ["--slow", str(slow), "--factor", str(factor)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.kill()
        process.wait()


def span(base_url: str, count: int) -> tuple[float, int, int]:
    """Seconds from the first of so many requests to the last answer, requests beyond these, and the most at once.

    Those beyond are taken to be the earliest: a client that tries the server out does so before it works.
    """
    connection = http.client.HTTPConnection(urlsplit(base_url).netloc)
    with contextlib.closing(connection):
        connection.request("GET", "/v1/tally")
        tally = json.loads(connection.getresponse().read())
    more = len(tally["arrivals"]) - count
    if more < 0:
        raise ValueError(f"{-more} of {count} requests did not arrive.")
    return tally["last"] - tally["arrivals"][more], more, tally["most"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds")
    parser.add_argument("--labels", default="green,not_green")
    parser.add_argument("--slow", type=float, default=0.0, help="share of the requests that are slow")
    parser.add_argument("--factor", type=float, default=20.0, help="how much slower they are")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
