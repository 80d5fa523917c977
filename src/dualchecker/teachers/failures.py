"""What servers say when they do not answer, with its cause and remedy."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass

from dualchecker.errors import RequestFailed
from dualchecker.jsontext import from_json
from dualchecker.teachers.waits import limit_hint, retry_after

_MOST_TOKENS = 10**9
"""A count above this is nonsense (and would not fit the ledger)."""

_TOO_LONG = re.compile(
    r"context.?(length|window|size)|too long|too many tokens|maximum.{0,20}tokens|max_tokens_exceeded", re.I
)
_LIMIT = re.compile(
    r"context.?(?:length|window|size)\b\D{0,40}?(\d[\d,_]*)"
    r"|(?:maximum|limit|at most|up to)\b\D{0,40}?(\d[\d,_]*) tokens|\bn_ctx\D{0,6}(\d+)|> (\d+) maximum",
    re.I,
)
_CONTENT = re.compile(r"content.?(filter|policy|management)|flagged|moderation", re.I)
_BAD_KEY = re.compile(r"(invalid|incorrect|missing|no) api.?key|api.?key (is )?(not valid|invalid|missing)", re.I)
_NO_MODEL = re.compile(
    r"\bmodel\b.{0,100}?\b(not (exist|found|available)|does ?n[o']t exist|unknown)|(invalid|unknown|no such) model",
    re.I | re.S,
)
_PAGE = re.compile(r"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)
_TITLE = re.compile(r"<(title|h1)\b[^>]*>(.*?)</\1", re.I | re.S)


@dataclass(frozen=True, slots=True)
class ServerError:
    """The error body of a server, in whatever shape it came.

    Attributes:
        message: For people.
        param: The parameter that it is about, if it says so.
        code: Its short name, if it has one.
        said: Whether it is an error as servers write it, and not just the text of a body.
    """

    message: str
    param: str = ""
    code: str = ""
    said: bool = False


def read_error(text: str) -> ServerError:
    """Understand an error body: OpenAI's, FastAPI's ``detail``, a page for people, or plain text."""
    try:
        body = from_json(text)
    except (ValueError, RecursionError):
        return ServerError(html_title(text) or plain(text)[:300])
    error = body.get("error", body) if isinstance(body, dict) else body
    try:
        if not isinstance(error, dict):
            return ServerError(plain(error)[:500], said=isinstance(body, dict))
        message = error.get("message") or error.get("detail") or error
        if isinstance(message, list):  # FastAPI: say where and what, and leave out the input that it repeats
            items = [item for item in message if isinstance(item, dict)]
            message = "; ".join(f"{_place(item.get('loc'))}: {item.get('msg')}" for item in items)
        param, code = error.get("param"), error.get("code") or error.get("type")
        return ServerError(
            plain(message)[:500], plain(param) if param else "", plain(code)[:100] if code else "", message is not error
        )
    except RecursionError:
        return ServerError(plain(text)[:300])


def _place(given: object) -> str:
    return ".".join(map(str, given)) if isinstance(given, list) else plain(given)


def html_title(text: str) -> str | None:
    """What to call a page that is meant for people; None for what is none."""
    if not _PAGE.match(text[:2000]):
        return None
    found = _TITLE.search(text[:20_000])
    title = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", found[2])).split()) if found else ""
    return f"an HTML page titled {plain(title)[:100]!r}" if title else "an HTML page"


def stated_limit(message: str) -> int | None:
    """How many tokens the server's context holds, where a message that a prompt is too long states it."""
    found = _LIMIT.search(message)
    number = next((group for group in found.groups() if group), "") if found else ""
    return count(int(number.replace(",", "").replace("_", "")[:12] or 0)) or None


def _where(location: str) -> str:
    """An address without what may be secret in it."""
    return plain(re.sub(r"//[^/]*@", "//", location.partition("?")[0]))[:200]


def plain(value: object) -> str:
    """Text that can be stored: escapes in JSON can make half characters (lone surrogates), which UTF-8 cannot hold."""
    try:
        text = value if isinstance(value, str) else str(value)
    except RecursionError:  # it can be read at a depth at which it cannot be written
        return "(nested too deeply)"
    text = text.replace("\0", "\ufffd")  # SQLite ends a text there
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def read_failure(
    status: int,
    headers: Mapping[str, str],
    text: str,
    *,
    address: str,
    model: str | None,
    key_env: str | None,
    answered: bool = False,
) -> RequestFailed:
    """The failure that a status other than 200 means; what concerns every request is fatal.

    Args:
        status: Of HTTP.
        headers: Of the response.
        text: Its body.
        address: For the message.
        model: For the message.
        key_env: Name of the environment variable of the key that was sent.
        answered: Whether the same address has answered anything: key and model are right then.
    """
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
            limit=stated_limit(error.message),
        )
    if status == 403 and answered:  # a firewall that dislikes a text answers so too
        return RequestFailed(
            "The teacher's server forbids this request, and has answered others.",
            kind="forbidden",
            why=why,
            status=status,
            fix="If it goes on, check what the key may do; something before the server may dislike words of the text.",
        )
    if status in (401, 403) or (status == 400 and not answered and _BAD_KEY.search(about)):
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
    if status in (404, 405) or (status in (400, 422) and not answered and _no_model(error, model)):
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
            why=f"HTTP {status}, to {_where(headers.get('Location', '?'))}",
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
            retry_after=limit_hint(headers),
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


def _no_model(error: ServerError, model: str | None) -> bool:
    """Whether a rejected request was rejected for its model. The message may quote the prompt, but not at its start."""
    if error.param not in ("", "model"):
        return False
    named = error.param == "model" or (model is not None and model in error.message)
    return error.code in ("model_not_found", "invalid_model") or (
        named and _NO_MODEL.search(error.message[:200]) is not None
    )


def count(value: object) -> int:
    """A number of tokens; 0 for what is none."""
    return int(value) if isinstance(value, int | float) and 0 < value <= _MOST_TOKENS else 0
