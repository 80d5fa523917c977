"""A prompt: the messages a language model gets, and the same content as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from dualchecker.jsontext import canonical_json
from dualchecker.ledger import content_hash, digest
from dualchecker.records import Answer, Chain, Demonstration


def estimate_tokens(text: str) -> int:
    """A cautious count without a tokenizer: four ASCII characters, or one other character, to a token."""
    if text.isascii():
        return len(text) // 4 + 1
    other = len(text) - len(text.encode("ascii", "ignore"))
    return (len(text) - other) // 4 + other + 1


Message = Mapping[str, str]
"""``{"role": "system" | "user" | "assistant", "content": ...}``."""


def size_of(messages: Sequence[Message]) -> int:
    """Estimated tokens of messages."""
    return sum(estimate_tokens(message["content"]) for message in messages)


Purpose = Literal["label", "explain", "evaluate", "generate"]


@dataclass(frozen=True)
class Shown:
    """What the messages say, as values: for teachers that need no words, and for the trail.

    Attributes:
        text: The text as it was shown, after fitting.
        labels: Label names in the task's order.
        demonstrations: Those shown, in the order shown.
        human_label: The label to explain, when the purpose is ``explain``.
        previous: The teacher's own earlier answers, when it is asked to decide between them.
        long: Whether the long forms were shown.
        hard: Ids of the demonstrations that the student finds hard, when the purpose is ``generate``.
        by_guide: Whether the prompt offers the labels' descriptions to go by, whole and all from people.
        multiple: Whether any number of labels may apply; ``Demonstration.record.labels`` then has a demonstration's.
        question: What is asked of the text.
        descriptions: Of the labels, as they were shown; one a label, or none at all.
        spans: Whether spans of the text are asked for; ``Demonstration.record.spans`` then has a demonstration's.
        context: The long form, where spans are asked for: shown beside the text, and never quoted from.
        focus: Labels to look at again, each with the reason.
        reasons: Whether a chain of thought is asked for.
        choices: The answers that the question offers, where reasoning about choices is asked for.
        chain: The chain of thought to evaluate, when the purpose is ``evaluate``.
    """

    text: str
    labels: tuple[str, ...]
    demonstrations: tuple[Demonstration, ...] = ()
    human_label: str | None = None
    previous: tuple[Answer, ...] = ()
    long: bool = False
    by_guide: bool = False
    hard: frozenset[str] = frozenset()
    multiple: bool = False
    question: str = ""
    descriptions: tuple[str, ...] = ()
    spans: bool = False
    context: str = ""
    focus: tuple[tuple[str, str], ...] = ()
    reasons: bool = False
    choices: tuple[str, ...] = ()
    chain: Chain | None = None

    @property
    def described(self) -> tuple[tuple[str, str], ...]:
        """Every label with its description, which may be empty."""
        return tuple(zip(self.labels, self.descriptions or ("",) * len(self.labels), strict=True))


@dataclass(frozen=True)
class Prompt:
    """One question to a teacher.

    Attributes:
        record_id: The record asked about.
        rung: The rung of the ladder that asks (``explain`` for rationales).
        messages: What a chat model gets. The part that all prompts of a template share comes first.
        shown: The same content as values.
        schema: JSON schema of the reply.
        purpose: ``label``; ``explain`` for the rationale of a human label; ``evaluate`` for a verdict on a chain of
            thought; ``generate`` for new labelled texts.
        notes: What fitting had to do (``truncated``, ``demonstrations_dropped``).
        sample: 0 for the teacher's usual answer; 1, 2, ... for independent draws from its answers.
        temperature: Of such draws.
    """

    record_id: str
    rung: str
    messages: tuple[Message, ...]
    shown: Shown
    schema: Mapping[str, Any] = field(default_factory=dict)
    purpose: Purpose = "label"
    notes: tuple[str, ...] = ()
    sample: int = 0
    temperature: float = 1.0

    @property
    def size(self) -> int:
        """Estimated tokens of the messages."""
        return size_of(self.messages)

    @cached_property
    def canonical(self) -> bytes:
        """The messages as canonical JSON."""
        return canonical_json([dict(message) for message in self.messages])

    @cached_property
    def hash(self) -> str:
        """Identity of the messages (and of the draw), whatever model they are sent to."""
        if self.sample:
            return content_hash({"messages": [dict(message) for message in self.messages], "sample": self.sample})
        return digest(self.canonical)
