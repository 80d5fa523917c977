"""Files of requests and of results on disk, never whole in memory."""

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from dualchecker.jsontext import from_json

_LONGEST_LINE = 64 * 2**20


@dataclass(frozen=True, slots=True)
class FileLimits:
    """What one file of requests may hold: somewhat less than the 200 MB that OpenAI takes."""

    requests: int = 50_000
    size: int = 190_000_000


@dataclass(frozen=True, slots=True)
class RequestFile:
    """A file of requests: where it is, its SHA-256 in hexadecimal digits, and the keys of its requests in order."""

    path: Path
    digest: str
    keys: list[str]


def write_requests(
    folder: Path, lines: Iterator[tuple[str, bytes]], limits: FileLimits, taken: Collection[str] = ()
) -> RequestFile | None:
    """Write as many requests as one file may hold; None if there is none.

    The file's name is made from what it holds, with a number where that is among the names ``taken``. The last line
    may go over the size by its own length.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part, digest, size = folder / "requests.part", hashlib.sha256(), 0
    keys: list[str] = []
    with part.open("wb") as file:
        for key, line in lines:
            file.write(line)
            digest.update(line)
            keys.append(key)
            size += len(line)
            if len(keys) >= limits.requests or size >= limits.size:
                break
        file.flush()
        os.fsync(file.fileno())
    if not keys:
        part.unlink()
        return None
    path = folder / _free_name(f"requests-{digest.hexdigest()[:16]}", taken)
    part.replace(path)
    return RequestFile(path, digest.hexdigest(), keys)


def _free_name(stem: str, taken: Collection[str]) -> str:
    """The name of a file: people tell batches apart by it, also those with the same requests."""
    names = (f"{stem}{'' if number == 1 else f'-{number}'}.jsonl" for number in count(1))
    return next(name for name in names if name not in taken)


def read_results(path: Path) -> Iterator[tuple[str | None, str]]:
    """The lines of a file of results as (custom_id, line); None for the id of a line that is no result."""
    with path.open("rb") as file:
        while raw := file.readline(_LONGEST_LINE):
            text = raw.decode("utf-8", "replace").strip().removeprefix("\ufeff")
            if text:
                yield _custom_id(text), text


def is_answer(line: str) -> bool:
    """Whether a result is an answer, and no error."""
    response = _value(line).get("response")
    return isinstance(response, dict) and response.get("status_code") == 200


def is_result(line: str) -> bool:
    """Whether a line tells of what came of a request."""
    value = _value(line)
    return isinstance(value.get("custom_id"), str) and bool({"response", "error"} & value.keys())


def is_request(line: str) -> bool:
    """Whether a line is one that is sent, and no result."""
    value = _value(line)
    return {"method", "url", "body"} <= value.keys() and not {"response", "error"} & value.keys()


def _custom_id(text: str) -> str | None:
    name = _value(text).get("custom_id")
    return name if isinstance(name, str) else None


def _value(text: str) -> dict[str, Any]:
    with suppress(ValueError, RecursionError):
        value = from_json(text)
        if isinstance(value, dict):
            return value
    return {}


def remove(paths: Iterable[Path]) -> None:
    """Take files away that are no longer needed."""
    for path in paths:
        path.unlink(missing_ok=True)
