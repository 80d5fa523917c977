"""A prompt: the messages a language model gets, and the same content as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from dualchecker.ledger import content_hash
from dualchecker.records import Answer, Demonstration

Message = Mapping[str, str]
"""``{"role": "system" | "user" | "assistant", "content": ...}``."""

Purpose = Literal["label", "explain"]


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
        multiple: Whether any number of labels may apply; ``Demonstration.record.labels`` then has a demonstration's.
    """

    text: str
    labels: tuple[str, ...]
    demonstrations: tuple[Demonstration, ...] = ()
    human_label: str | None = None
    previous: tuple[Answer, ...] = ()
    long: bool = False
    multiple: bool = False


@dataclass(frozen=True)
class Prompt:
    """One question to a teacher.

    Attributes:
        record_id: The record asked about.
        rung: The rung of the ladder that asks (``explain`` for rationales).
        messages: What a chat model gets. The part that all prompts of a template share comes first.
        shown: The same content as values.
        schema: JSON schema of the reply.
        purpose: ``label``, or ``explain`` for the rationale of a human label.
        notes: What fitting had to do (``truncated``, ``demonstrations_dropped``).
    """

    record_id: str
    rung: str
    messages: tuple[Message, ...]
    shown: Shown
    schema: Mapping[str, Any] = field(default_factory=dict)
    purpose: Purpose = "label"
    notes: tuple[str, ...] = ()

    @cached_property
    def hash(self) -> str:
        """Identity of the messages, whatever model they are sent to."""
        return content_hash([dict(message) for message in self.messages])
