"""What comes back over the OpenAI wire: replies, and refusals with their cause and remedy."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

from dualchecker.errors import RequestFailed
from dualchecker.prompts import Prompt
from dualchecker.records import Reply
from dualchecker.teachers.logprobs import label_mass

_MOST_TOKENS = 10**9
"""A count above this is nonsense (and would not fit the ledger)."""

_TOO_LONG = re.compile(
    r"context.?(length|window|size)|too long|too many tokens|maximum.{0,20}tokens|max_tokens_exceeded", re.I
)
_CONTENT = re.compile(r"content.?(filter|policy|management)|flagged|moderation", re.I)


@dataclass(frozen=True, slots=True)
class ServerError:
    """The error body of a server, in whatever shape it came.

    Attributes:
        message: For people.
        param: The parameter that it is about, if it says so.
        code: Its short name, if it has one.
    """

    message: str
    param: str = ""
    code: str = ""


def read_error(text: str) -> ServerError:
    """Understand an error body: OpenAI's, FastAPI's ``detail``, or plain text."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return ServerError(plain(text)[:300])
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return ServerError(plain(error)[:500])
    message = error.get("message") or error.get("detail") or error
    if isinstance(message, list):  # FastAPI: say where and what, and leave out the input that it repeats
        items = [item for item in message if isinstance(item, dict)]
        message = "; ".join(f"{'.'.join(map(str, item.get('loc', ())))}: {item.get('msg')}" for item in items)
    param, code = error.get("param"), error.get("code") or error.get("type")
    return ServerError(plain(message)[:500], plain(param) if param else "", plain(code) if code else "")


def plain(value: object) -> str:
    """Text that can be stored: escapes in JSON can make half characters (lone surrogates), which UTF-8 cannot hold."""
    return str(value).encode("utf-8", "replace").decode()


def read_failure(
    status: int, headers: Mapping[str, str], text: str, *, address: str, model: str | None, key_env: str | None
) -> RequestFailed:
    """The failure that a status other than 200 means; what concerns every request is fatal."""
    error = read_error(text)
    why = f"HTTP {status}: {error.message}"
    about = f"{error.code} {error.message}"
    if status in (400, 403, 422) and _CONTENT.search(about):
        return RequestFailed("The teacher's server refuses this text.", kind="refused", why=why, status=status)
    if status == 413 or (status in (400, 422) and _TOO_LONG.search(about)):
        return RequestFailed(
            "The prompt is too long for the teacher.",
            kind="too_long",
            why=why,
            status=status,
            fix="Lower limits.max_prompt_tokens.",
        )
    if status in (401, 403):
        return RequestFailed(
            "The teacher refused the key." if key_env else "The teacher wants a key, and the run file names none.",
            kind="unauthorized",
            why=why,
            status=status,
            fatal=True,
            fix=f"Check the key in the environment variable {key_env}."
            if key_env
            else "Put the key in an environment variable and its name in teacher.key_env.",
        )
    if status in (404, 405):
        return RequestFailed(
            f"The teacher at {address} knows no model {model!r} (or no chat completions).",
            kind="not_found",
            why=why,
            status=status,
            fatal=True,
            fix="Check teacher.model and teacher.base_url (it usually ends in /v1).",
        )
    if 300 <= status < 400:
        return RequestFailed(
            f"The teacher at {address} redirects elsewhere, which is not followed.",
            kind="redirect",
            why=f"HTTP {status}, to {headers.get('Location', '?')}",
            status=status,
            fatal=True,
            fix="Set teacher.base_url to the final address.",
        )
    if status == 402 or (status == 429 and "insufficient_quota" in text):
        return RequestFailed(
            "The teacher's quota is spent.",
            kind="quota_spent",
            why=why,
            status=status,
            fatal=True,
            fix="Top up the account; then run the same command again.",
        )
    if status == 429:
        return RequestFailed(
            "The teacher asks to slow down.",
            kind="rate_limited",
            why=why,
            status=status,
            fix="Lower limits.concurrency or limits.requests_per_minute.",
            retryable=True,
            retry_after=retry_after(headers),
        )
    if status >= 500 or status in (408, 409, 425):
        return RequestFailed(
            "The teacher's server failed.",
            kind="server_error",
            why=why,
            status=status,
            fix="Look at the server's own log, or try again later.",
            retryable=True,
            retry_after=retry_after(headers),
        )
    return RequestFailed(
        "The teacher rejected the request.",
        kind="bad_request",
        why=why,
        status=status,
        fix="Check teacher.model, teacher.max_tokens and teacher.extra against what the server takes.",
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait from ``retry-after-ms`` or ``Retry-After`` (seconds or an HTTP date); None if unreadable."""
    for name, unit in (("retry-after-ms", 1000), ("Retry-After", 1)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(seconds, 0.0)
    try:
        date = parsedate_to_datetime(headers.get("Retry-After", ""))
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        return max(date.timestamp() - time(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None


def count(value: object) -> int:
    """A number of tokens; 0 for what is none."""
    return int(value) if isinstance(value, int | float) and 0 < value <= _MOST_TOKENS else 0


def read_reply(text: str, prompt: Prompt) -> Reply:
    """A chat completion as a reply.

    Raises:
        RequestFailed: It is none, or not a whole one (``bad_body``, which is worth another try).
    """
    try:
        body = json.loads(text)
        choice = body["choices"][0]
        message = choice["message"]
        content = message.get("content") or ""
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise RequestFailed(
            "The teacher's reply is no complete chat completion.",
            kind="bad_body",
            why=f"{type(error).__name__} in {plain(text[:120])!r}.",
            fix="Check that teacher.base_url is an OpenAI-compatible server.",
            retryable=True,
        ) from error
    if isinstance(content, list):  # some servers send content parts
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    finish = str(choice.get("finish_reason") or "stop")
    refusal = message.get("refusal")
    if refusal or finish == "content_filter":
        content, finish = content or refusal or "", "refusal"
    content = plain(content)
    given, logprobs = body.get("usage"), choice.get("logprobs")
    usage: Mapping[str, Any] = given if isinstance(given, dict) else {}
    tokens = logprobs.get("content") if isinstance(logprobs, dict) else None
    # Numbers, not names, answer where several labels may apply.
    readable = tokens if isinstance(tokens, list) and not prompt.shown.multiple else None
    mass = None if readable is None else label_mass(content, readable, prompt.shown.labels)
    total = math.fsum((mass or {}).values())
    return Reply(
        text=content,
        label_probabilities={label: share / total for label, share in mass.items()} if mass else None,
        finish=plain(finish),
        prompt_tokens=count(usage.get("prompt_tokens")),
        completion_tokens=count(usage.get("completion_tokens")),
        model=plain(body.get("model") or ""),
        outside_mass=max(1 - total, 0.0) if mass else None,
    )
