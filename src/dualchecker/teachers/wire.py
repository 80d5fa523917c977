"""What comes back over the OpenAI wire: chat completions, whole and half, as replies."""

import math
from collections.abc import Mapping
from typing import Any

from dualchecker.errors import RequestFailed
from dualchecker.jsontext import from_json, json_text
from dualchecker.prompts import Prompt
from dualchecker.records import Reply
from dualchecker.teachers.failures import count, html_title, plain, read_error
from dualchecker.teachers.logprobs import label_mass
from dualchecker.teachers.streamed import is_stream, whole_of

_LONGEST_WORD = 200
"""Names of models and of reasons to stop are cut here: what is longer is neither."""


def read_reply(text: str, prompt: Prompt) -> Reply:
    """A chat completion as a reply.

    Raises:
        RequestFailed: It is none, or not a whole one (``bad_body``, which is worth another try); or the model or a
            filter declines (``refused``), which is no answer and costs what it costs.
    """
    try:
        body = from_json(text)
        choice = body["choices"][0]
        message = choice["message"]
        content = message.get("content") or ""
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        if is_stream(text):
            return read_reply(json_text(whole_of(text)), prompt)
        failure = _no_completion(text, error)
        failure.tokens = _taken(text)
        raise failure from error
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    prompt_tokens, completion_tokens = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
    finish, refusal = choice.get("finish_reason"), message.get("refusal")
    if refusal or finish == "content_filter":
        raise RequestFailed(
            "The teacher declines to answer about this text.",
            kind="refused",
            why=_as_text(content or refusal or "Its content filter stopped the reply.")[:500],
            status=200,
            tokens=(prompt_tokens, completion_tokens),
        )
    if not content and isinstance(choice.get("error"), dict):
        raise _no_completion(json_text({"error": choice["error"]}), None)
    content = _as_text(content)
    mass = None
    # Numbers, not names, answer where several labels may apply.
    if (logprobs := choice.get("logprobs")) and isinstance(logprobs, dict) and not prompt.shown.multiple:
        tokens = logprobs.get("content")
        mass = label_mass(content, tokens, prompt.shown.labels) if isinstance(tokens, list) else None
    total = math.fsum(mass.values()) if mass else 0.0
    return Reply(
        text=content,
        label_probabilities={label: share / total for label, share in mass.items()} if mass and total else None,
        finish=plain(finish or "stop")[:_LONGEST_WORD],
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        model=plain(body.get("model") or "")[:_LONGEST_WORD],
        outside_mass=max(1 - total, 0.0) if mass and total else None,
        cached_tokens=min(_cached(usage), prompt_tokens),
    )


def _taken(text: str) -> tuple[int, int]:
    """Prompt and completion tokens of a body that is no completion, if it counts them all the same."""
    try:
        usage = from_json(text)["usage"]
        return count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return 0, 0


def _cached(usage: Mapping[str, Any]) -> int:
    """Prompt tokens that the server had in its cache, as OpenAI, or as DeepSeek, counts them."""
    details = usage.get("prompt_tokens_details")
    if isinstance(details, dict):
        return count(details.get("cached_tokens"))
    return count(usage.get("prompt_cache_hit_tokens"))


def _as_text(content: Any) -> str:
    """The text of a message. Some servers send content parts, or the JSON object that the text would spell."""
    try:
        if isinstance(content, list):
            content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
        elif isinstance(content, dict):
            content = json_text(content)
        return plain(content)
    except (RecursionError, TypeError, ValueError) as error:
        raise _bad_body("Its content is nested too deeply.") from error


def _no_completion(text: str, error: Exception | None) -> RequestFailed:
    """Why a body that should be a chat completion is none."""
    if not text.strip():
        return _bad_body("It is empty.")
    if (page := html_title(text)) is not None:
        return _bad_body(f"It is {page}.", html=True)
    told = read_error(text)
    if told.said:
        return _bad_body(f"It says: {told.message}")
    return _bad_body(f"{type(error).__name__} in {plain(text[:120])!r}.")


def _bad_body(why: str, *, html: bool = False) -> RequestFailed:
    return RequestFailed(
        "The teacher's reply is no complete chat completion.",
        kind="bad_body",
        why=why,
        status=200,
        fix="Is teacher.base_url right? It is the address of the programming interface, not of a page; it usually "
        "ends in /v1."
        if html
        else "Check that teacher.base_url is an OpenAI-compatible server.",
        retryable=True,
    )
