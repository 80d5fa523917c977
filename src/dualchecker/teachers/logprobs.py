"""From token log-probabilities to a distribution over labels."""

import math
from collections.abc import Mapping, Sequence
from typing import Any


def label_distribution(
    text: str, tokens: Sequence[Mapping[str, Any]], labels: Sequence[str]
) -> dict[str, float] | None:
    """The model's distribution over ``labels``, read where its reply names the label.

    Each label is followed, with the quote that closes it, token by token along the reply: while it agrees with what
    was written its probability is multiplied on, and where it parts from it, it keeps what the alternatives gave it
    at the fork. So ``green`` and ``greenish`` are told apart at the quote. Mass that belongs to no label is left out
    and the rest normalised.

    Args:
        text: The reply.
        tokens: Entries of an OpenAI-style ``logprobs.content``: ``token``, ``logprob``, ``top_logprobs``.
        labels: The label set.

    Returns:
        Probabilities by label, or None when the reply names no label or the tokens do not spell the reply.
    """
    start = _label_start(text)
    if start is None:
        return None
    probability = dict.fromkeys(labels, 1.0)
    position, written = 0, ""
    for entry in tokens:
        token = str(entry.get("token", ""))
        position += len(token)
        if position <= start:
            continue
        before = token[: max(len(token) - (position - start), 0)] if not written else ""
        running = [label for label in labels if _agree(label, written)]
        share = _shares(entry, before, written, running)
        if not any(share.values()):
            return None
        for label in running:
            probability[label] *= share[label]
        written += token[len(before) :]
        if sum(_agree(label, written) for label in labels) <= 1:
            break
    if not written or not text.startswith(written, start):
        return None
    total = sum(probability.values())
    return {label: value / total for label, value in probability.items()} if total > 0 else None


def _label_start(text: str) -> int | None:
    key = text.rfind('"label"')
    colon = text.find(":", key) if key >= 0 else -1
    quote = text.find('"', colon + 1) if colon >= 0 else -1
    return quote + 1 if quote >= 0 else None


def _agree(label: str, written: str) -> bool:
    closed = label + '"'
    return closed.startswith(written) or written.startswith(closed)


def _shares(entry: Mapping[str, Any], before: str, written: str, labels: Sequence[str]) -> dict[str, float]:
    """Probability that the next token goes on with each label; ``before`` is what the token holds ahead of it."""
    share = dict.fromkeys(labels, 0.0)
    for alternative in entry.get("top_logprobs") or [entry]:
        token, logprob = str(alternative.get("token", "")), alternative.get("logprob")
        if not isinstance(logprob, int | float) or not token.startswith(before) or len(token) == len(before):
            continue
        for label in labels:
            if _agree(label, written + token[len(before) :]):
                share[label] += math.exp(logprob)
    return share
