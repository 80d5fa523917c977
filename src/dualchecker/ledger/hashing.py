"""What makes two requests the same, and a row the one that was written."""

import hashlib
from collections.abc import Iterable
from typing import Any

from dualchecker.jsontext import canonical_json, json_bytes

_STEP = 2047
"""Bytes; hashlib lets go of Python's lock from 2,048 on."""


def content_hash(value: Any) -> str:
    """SHA-256 over canonical JSON, as 64 hex digits."""
    return _digest(canonical_json(value))


def request_key(teacher: str, payload: Any) -> str:
    """The key of a request: a hash over everything that changes the output."""
    return content_hash({"teacher": teacher, "body": payload})


def row_hash(values: Iterable[str | int | None]) -> str:
    """SHA-256 over the values of a row, as 64 hex digits."""
    return _digest(json_bytes(list(values)))


def _digest(data: bytes) -> str:
    """SHA-256 in short steps: for long ones Python lets other threads go first, which takes longer than hashing."""
    digest = hashlib.sha256(data[:_STEP])
    for start in range(_STEP, len(data), _STEP):
        digest.update(data[start : start + _STEP])
    return digest.hexdigest()
