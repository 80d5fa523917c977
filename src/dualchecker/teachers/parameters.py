"""What a server takes of a request, as its refusals and its replies show."""

import re
from collections.abc import Mapping
from typing import Any

from dualchecker.jsontext import from_json
from dualchecker.records import Reply
from dualchecker.teachers.failures import read_error

_DROPPABLE: Mapping[str, str] = {
    "response_format": r"\bresponse_format\b|json.?schema|grammar",
    "logprobs": r"\b(top_)?logprobs\b",
    "temperature": r"\btemperature\b",
    "seed": r"\bseed\b",
}
"""Parameters a server may refuse, and how its message names them. Without them the answer still comes, only with
fewer signals."""

MOST_REFUSALS = len(_DROPPABLE) + 1
"""So many times one request may be refused for a parameter: each of these, and the name of ``max_tokens``."""

_TOGETHER = {"logprobs": ("logprobs", "top_logprobs")}

_MEANS = {
    "response_format": "replies are read from plain text.",
    "logprobs": "there are no label probabilities, so one signal of the confidence is missing.",
    "temperature": "it draws its replies at its own.",
    "seed": "its samples cannot be drawn again.",
}

_WATCHED = 3
"""Replies after which it is clear whether a parameter that was taken is heeded."""


class Parameters:
    """What one server takes: parameters that it refused are left out from then on."""

    def __init__(self) -> None:
        self._dropped: set[str] = set()
        self._renamed: dict[str, str] = {}
        self._watched = 0
        self._heeded: set[str] = set()

    def fit(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """The request as this server takes it."""
        if not self._dropped and not self._renamed:
            return payload
        return {self._renamed.get(name, name): value for name, value in payload.items() if name not in self._dropped}

    def adapt(self, text: str, body: Mapping[str, Any]) -> list[str] | None:
        """Leave out (or rename) parameters that the server says it does not take.

        Many requests may be under way when the first refusal comes back: those that were sent with the parameter are
        refused as well, and have to be sent again just like the first.

        Returns:
            What is worth knowing and new, in the words of ``remark``; None if the server names no parameter that can
            be done without.
        """
        error = read_error(text)
        # The message may quote the prompt; where the server names the parameter itself, only that counts.
        named = (error.param or error.message).lower()
        if "max_tokens" in body and "max_completion_tokens" in error.message:
            self._renamed["max_tokens"] = "max_completion_tokens"
            return []
        found = [
            parameter
            for parameter, pattern in _DROPPABLE.items()
            if re.search(pattern, named) and any(name in body for name in _TOGETHER.get(parameter, (parameter,)))
        ]
        if not found:
            return None
        fresh = [parameter for parameter in found if parameter not in self._dropped]
        for parameter in fresh:
            self._dropped.update(_TOGETHER.get(parameter, (parameter,)))
        return [f"does not take {parameter}: {_MEANS[parameter]}" for parameter in fresh]

    @property
    def watching(self) -> bool:
        """Whether ``watch`` wants to see more replies."""
        return self._watched < _WATCHED

    def watch(self, body: Mapping[str, Any], text: str, reply: Reply) -> list[str]:
        """Look at one of the first replies for what the server took and did not heed.

        Args:
            body: What was sent.
            text: The body of the response.
            reply: What was read from it.

        Returns:
            What is worth knowing, once enough replies were seen.
        """
        if not {"response_format", "logprobs"} & body.keys() or reply.finish != "stop":
            return []
        self._watched += 1
        if reply.text.lstrip().startswith("{"):
            self._heeded.add("response_format")
        if _has_logprobs(text):
            self._heeded.add("logprobs")
        if self.watching:
            return []
        ignored = [name for name in ("response_format", "logprobs") if name in body and name not in self._heeded]
        return [f"takes {name} and ignores it: {_MEANS[name]}" for name in ignored]


def _has_logprobs(text: str) -> bool:
    try:
        return bool(from_json(text)["choices"][0].get("logprobs"))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False
