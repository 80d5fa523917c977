"""From token log-probabilities to a distribution over labels."""

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

_LABEL = re.compile(rb'"label"\s*:\s*"', re.I)

_SMALLEST = 1e-9
"""Share of the label that was written when its probability is rounded away (servers send -9999 for "very small")."""


def label_mass(text: str, tokens: Sequence[object], labels: Sequence[str]) -> dict[str, float] | None:
    """How much probability the model gave to each of ``labels``, read where its reply names the label.

    The written label is followed token by token, with the quote that closes it, until no other label goes on the same
    way. At each token the alternatives that lead to labels give these their probability: at the fork between
    ``green`` and ``not_green``, or, for ``green`` and ``greenish``, at the quote. An alternative that leads to several
    labels is shared out evenly. Mass on nothing in the label set, or not among the alternatives, is left out.

    Args:
        text: The reply.
        tokens: Entries of an OpenAI-style ``logprobs.content``: ``token``, ``bytes``, ``logprob``, ``top_logprobs``.
        labels: The label set.

    Returns:
        Probability by label, summing to 1 at most; or None when the reply names no label, the tokens do not spell it,
        or no alternatives were given (what is known of one label alone is no distribution).
    """
    written = _written_label(text, labels)
    entries = [entry for entry in tokens if isinstance(entry, dict)]
    spelled = [_bytes(entry) for entry in entries]
    # Found in the tokens themselves: characters that are split over tokens make their lengths differ from the text's.
    start = _label_start(b"".join(spelled))
    if written is None or start is None:
        return None
    goals = {label: f'{label}"'.encode() for label in labels}
    mass = dict.fromkeys(labels, 0.0)
    path, done, position, informed = 1.0, b"", 0, False
    for entry, piece in zip(entries, spelled, strict=True):
        position += len(piece)
        if position < start:
            continue
        before = b"" if done else piece[: max(len(piece) - (position - start), 0)]
        for other, probability in _alternatives(entry, piece):
            rest = other[len(before) :]
            if rest and other.startswith(before):
                heirs = _led_to(done + rest, goals)
                informed = True
                for label in heirs:
                    mass[label] += path * probability / len(heirs)
        if (own := _probability(entry.get("logprob"))) is None:
            return None
        path *= own
        done += piece[len(before) :]
        if _led_to(done, goals) == [written]:
            mass[written] = max(mass[written] + path, _SMALLEST)
            return mass if informed else None
    return None


def _written_label(text: str, labels: Sequence[str]) -> str | None:
    data = text.encode()
    start = _label_start(data)
    return None if start is None else next((n for n in labels if data.startswith(f'{n}"'.encode(), start)), None)


def _label_start(data: bytes) -> int | None:
    matches = list(_LABEL.finditer(data))
    return matches[-1].end() if matches else None


def _led_to(said: bytes, goals: Mapping[str, bytes]) -> list[str]:
    """The labels that what was said is the beginning of, or has already completed."""
    return [label for label, goal in goals.items() if goal.startswith(said) or said.startswith(goal)]


def _bytes(entry: Mapping[str, Any]) -> bytes:
    given = entry.get("bytes")
    if isinstance(given, list) and given:
        with suppress(TypeError, ValueError):  # no bytes: the token's text must do
            return bytes(given)
    return str(entry.get("token", "")).encode("utf-8", "replace")


def _alternatives(entry: Mapping[str, Any], chosen: bytes) -> list[tuple[bytes, float]]:
    """The other tokens that might have stood here, each once."""
    given = entry.get("top_logprobs")
    found = {_bytes(other): other for other in given if isinstance(other, dict)} if isinstance(given, list) else {}
    return [(token, _probability(other.get("logprob")) or 0.0) for token, other in found.items() if token != chosen]


def _probability(logprob: object) -> float | None:
    return math.exp(min(logprob, 0.0)) if isinstance(logprob, int | float) and not math.isnan(logprob) else None
