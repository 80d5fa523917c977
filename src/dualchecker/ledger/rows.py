"""What the ledger holds, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dualchecker.errors import RequestFailed
from dualchecker.jsontext import from_json, json_text
from dualchecker.ledger.hashing import row_hash
from dualchecker.records import Reply

_FIELDS = tuple(Reply.__dataclass_fields__)
_DECIMALS = 12


@dataclass(frozen=True, slots=True)
class Totals:
    """What a ledger holds: distinct answered requests, tries, tokens, and money in the currency of the prices.

    ``cached_tokens`` are those of the prompt tokens that the server says it had in its cache.
    """

    requests: int
    attempts: int
    prompt_tokens: int
    completion_tokens: int
    cost: float
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent: its key, the hash of its messages alone, whom to, and the body (no key and no address)."""

    key: str
    prompt: str
    teacher: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one request."""

    key: str
    started: float
    seconds: float
    outcome: str
    status: int | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """How a request ended for good without an answer: the same request would end so again.

    Attributes:
        kind: As in ``RequestFailed``.
        message: What the teacher or its server said.
        status: HTTP status, if there was one.
        prompt_tokens: What it took all the same.
        completion_tokens: Likewise.
        again: It may be asked again after all; it stands here for what it cost.
    """

    kind: str
    message: str = ""
    status: int | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    again: bool = False

    def error(self) -> RequestFailed:
        """The failure as the error that it was."""
        return RequestFailed(self.message, kind=self.kind, status=self.status)


@dataclass(frozen=True, slots=True)
class Entry:
    """One try at a request and everything that came of it, as it goes to disk: all of it or nothing.

    At most one of ``reply`` and ``failure`` is given; neither where the same request may be tried again.
    """

    request: Request
    attempt: Attempt
    reply: Reply | None = None
    failure: Failure | None = None
    cost: float = 0.0


def reply_to_json(reply: Reply) -> str:
    """A reply as the ledger stores it."""
    return json_text({name: getattr(reply, name) for name in _FIELDS})


def reply_from_json(text: str) -> Reply:
    """A reply as the ledger stored it; fields that this version does not know are left out."""
    fields = from_json(text)
    known = {name: fields[name] for name in _FIELDS if name in fields}
    return Reply(**{**known, "notes": tuple(known.get("notes", ()))})


def reply_hash(key: str, text: str, tokens: tuple[int, int, int], cost: float) -> str:
    """Hash of a row of ``replies``: key, reply, tokens (prompt, completion, cached) and cost."""
    return row_hash((key, text, *tokens, _as_hashed(cost)))


def failure_hash(key: str, failure: Failure, cost: float) -> str:
    """Hash of a row of ``failures``."""
    tokens = (failure.prompt_tokens, failure.completion_tokens)
    return row_hash((key, failure.kind, failure.message, failure.status, *tokens, _as_hashed(cost)))


def as_stored(cost: float) -> float:
    """A cost as the ledger holds it: to twelve decimals.

    So many survive any SQLite, some of which read the last binary digit of a number differently.
    """
    return round(cost, _DECIMALS)


def _as_hashed(cost: float) -> str:
    return f"{cost:.{_DECIMALS}f}"
