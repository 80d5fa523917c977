"""A reply that came as a stream of events although none was asked for, put together again."""

from collections.abc import Iterator
from typing import Any

from dualchecker.errors import RequestFailed
from dualchecker.jsontext import from_json


def is_stream(text: str) -> bool:
    """Whether a body is a stream of server-sent events."""
    return text[:64].lstrip().startswith(("data:", "event:", ": "))


def whole_of(text: str) -> dict[str, Any]:
    """The chat completion that the events of a body spell, first choice only.

    Raises:
        RequestFailed: An event cannot be read, or the stream does not come to an end (``bad_body``).
    """
    said: list[str] = []
    refused: list[str] = []
    tokens: list[Any] = []
    whole: dict[str, Any] = {}
    finish = None
    for event in _events(text):
        whole |= {name: event[name] for name in ("model", "usage", "error") if event.get(name)}
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        part = choice.get("delta") or choice.get("message")
        if isinstance(part, dict):
            said += [part["content"]] if isinstance(part.get("content"), str) else []
            refused += [part["refusal"]] if isinstance(part.get("refusal"), str) else []
        logprobs = choice.get("logprobs")
        if isinstance(logprobs, dict) and isinstance(logprobs.get("content"), list):
            tokens += logprobs["content"]
        finish = choice.get("finish_reason") or finish
    if "error" in whole:
        return whole
    if finish is None:
        raise _unreadable("It came as a stream, although none was asked for, and the stream has no end.")
    message = {"role": "assistant", "content": "".join(said)} | ({"refusal": "".join(refused)} if refused else {})
    choice = {"message": message, "finish_reason": finish, "logprobs": {"content": tokens} if tokens else None}
    return whole | {"choices": [choice]}


def _events(text: str) -> Iterator[dict[str, Any]]:
    for line in text.split("\n"):
        name, _, data = line.partition(":")
        data = data.strip()
        if name != "data" or not data or data == "[DONE]":
            continue
        try:
            event = from_json(data)
        except (ValueError, RecursionError) as error:
            raise _unreadable(
                f"It came as a stream, although none was asked for, with an event that is no JSON: {data[:80]!r}."
            ) from error
        if isinstance(event, dict):
            yield event


def _unreadable(why: str) -> RequestFailed:
    why = why.encode("utf-8", "replace").decode()
    return RequestFailed("The teacher's reply cannot be read.", kind="bad_body", why=why, status=200, retryable=True)
