"""What makes two requests the same, and a row the one that was written."""

import hashlib
from collections.abc import Iterable
from typing import Any

from dualchecker.jsontext import canonical_json, json_bytes


def content_hash(value: Any) -> str:
    """SHA-256 over canonical JSON, as 64 hex digits."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def request_key(teacher: str, payload: Any) -> str:
    """The key of a request: a hash over everything that changes the output."""
    return content_hash({"teacher": teacher, "body": payload})


def row_hash(values: Iterable[str | int | None]) -> str:
    """SHA-256 over the values of a row, as 64 hex digits."""
    return hashlib.sha256(json_bytes(list(values))).hexdigest()
