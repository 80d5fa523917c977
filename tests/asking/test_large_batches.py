"""More requests than one file may hold, without holding them in memory."""

import asyncio
import os
import tracemalloc
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from batch_server import BatchServer
from dualchecker.asking.batch_calls import Calls
from dualchecker.asking.batches import ask_in_batches
from dualchecker.asking.request_files import FileLimits, read_results, write_requests
from dualchecker.config import SeniorConfig
from dualchecker.errors import RequestFailed
from dualchecker.ledger import Attempt, Entry, Ledger, Request
from dualchecker.prompts import Prompt
from dualchecker.prompts.prompt import Shown
from dualchecker.records import Reply
from dualchecker.teachers import OpenAITeacher
from servers import Call, Step, say

MANY = 120_000


class Made(Mapping[str, tuple[Prompt, dict[str, Any]]]):
    """Prompts that exist only while they are looked at."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __getitem__(self, key: str) -> tuple[Prompt, dict[str, Any]]:
        number = int(key)
        if not 0 <= number < self._count:
            raise KeyError(key)
        messages = [{"role": "user", "content": f"Text {number}?"}]
        prompt = Prompt(f"r{number}", "brief", tuple(messages), Shown("t", ("a", "b")))
        return prompt, {"model": "tiny", "messages": messages}

    def __iter__(self) -> Iterator[str]:
        return (f"{number:064d}" for number in range(self._count))

    def __len__(self) -> int:
        return self._count


@pytest.mark.slow
@pytest.mark.skipif(
    "DUALCHECKER_LARGE" not in os.environ, reason="120,000 requests take a minute: set DUALCHECKER_LARGE=1"
)
def test_as_many_files_as_it_takes(tmp_path: Path) -> None:
    folder = tmp_path / "provider"
    folder.mkdir()

    def behave(call: Call) -> Step:
        return say(call.messages[0]["content"][5:-1])

    settled: dict[str, str] = {}
    with BatchServer(folder, behave) as server, Ledger.open(tmp_path / "run" / "ledger.sqlite") as ledger:

        async def settle(key: str, result: Reply | RequestFailed, seconds: float, last: bool) -> None:
            assert isinstance(result, Reply) and last
            settled[key] = result.text

        async def run() -> None:
            given = {"kind": "openai", "model": "tiny", "base_url": server.base_url, "batch": "api"}
            teacher = OpenAITeacher(SeniorConfig.model_validate(given))
            assert teacher.batch is not None
            try:
                await ask_in_batches(teacher.batch, Made(MANY), ledger, settle, poll=0.001)
            finally:
                await teacher.aclose()

        asyncio.run(run())
        assert server.sizes == [50_000, 50_000, 20_000]
    assert len(settled) == MANY and all(int(key) == int(text) for key, text in settled.items())


def test_files_end_before_they_are_too_large(tmp_path: Path) -> None:
    lines = iter([(f"k{number}", b"x" * 99 + b"\n") for number in range(25)])
    sizes = []
    while (file := write_requests(tmp_path, lines, FileLimits(size=1000))) is not None:
        sizes.append((len(file.keys), file.path.stat().st_size))
    assert sizes == [(10, 1000), (10, 1000), (5, 500)]


def test_writing_and_reading_a_file_holds_a_line_at_a_time(tmp_path: Path) -> None:
    """A file of 40 MB takes less than 2 MB beside the keys of its requests."""
    line = b'{"custom_id": "%04d", "x": "' + b"y" * 10_000 + b'"}\n'
    tracemalloc.start()
    try:
        file = write_requests(tmp_path, ((str(n), line % n) for n in range(4000)), FileLimits())
        assert file is not None
        read = sum(key is not None for key, _ in read_results(file.path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert read == 4000 and file.path.stat().st_size > 40_000_000 and peak < 2_000_000


@pytest.mark.parametrize("wait", [None, 601.0])
def test_calls_are_tried_again_only_where_that_may_help(wait: float | None) -> None:
    paused: list[float] = []

    async def sleep(seconds: float) -> None:
        paused.append(seconds)

    async def fail() -> None:
        raise RequestFailed("No.", kind="server_error", retryable=True, retry_after=wait)

    with pytest.raises(RequestFailed):
        asyncio.run(Calls(3, 0, sleep=sleep)(fail))
    assert len(paused) == (3 if wait is None else 0) and paused == sorted(paused)


def test_lines_of_an_import_may_be_of_any_size_and_kind(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"custom_id": "a"}\r\n\n\xff\xfe\n{"custom_id": "b", "x": ' + b"[" * 100_000 + b"\n")
    assert [key for key, _ in read_results(path)] == ["a", None, None]


def test_an_entry_of_a_batch_is_a_request_like_any_other(tmp_path: Path) -> None:
    """A reply remembers that it came by batch, and is read again as such."""
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        request = Request("k", "p", "tiny", {"model": "tiny"})
        ledger.write([Entry(request, Attempt("k", 0.0, 1.0, "ok"), Reply("x", batch=True))])
        found = ledger.reply("k")
    assert found is not None and found.batch
