"""The seam between what is asked and everything that asks, checks or learns it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dualchecker.config import Form
from dualchecker.records import Found


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reply says about one label where several may apply.

    Attributes:
        applies: Whether it applies; None when the reply's word on it cannot be read.
        stated: The stated confidence in that, in 0..1, or None.
    """

    applies: bool | None
    stated: float | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """A reply's text, understood.

    Attributes:
        label: The label, or None when the outcome is not ``ok``.
        outcome: ``ok``, or the name of what is wrong with the reply. It is counted, never turned into a default.
        rationale: The stated reason.
        stated: The stated confidence in 0..1, or None when there is none that can be read.
        notes: Named peculiarities, counted in the report.
        verdicts: One for each label, where several may apply and the outcome is ``ok``.
        spans: See ``Answer``.
        hallucinated: See ``Answer``.
    """

    label: str | None
    outcome: str
    rationale: str = ""
    stated: float | None = None
    notes: tuple[str, ...] = ()
    verdicts: Mapping[str, Verdict] | None = None
    spans: tuple[Found, ...] = ()
    hallucinated: tuple[str, ...] = ()


class Task(Protocol):
    """What is asked of a text and what an answer may be."""

    @property
    def question(self) -> str: ...

    @property
    def labels(self) -> Mapping[str, str]:
        """Every label with its description, in a fixed order."""
        ...

    @property
    def form(self) -> Form:
        """What an answer is."""
        ...

    @property
    def multiple(self) -> bool:
        """Whether any number of labels may apply to a text."""
        ...

    def schema(self) -> dict[str, Any]:
        """JSON schema of a reply, for servers that can enforce one."""
        ...

    @property
    def spans(self) -> bool:
        """Whether an answer is a set of spans of the text rather than a label of the whole."""
        ...

    @property
    def occurrence(self) -> Mapping[str, str]:
        """How many spans of a label a text may have (``config.Occurrence``), where spans are asked for."""
        ...

    @property
    def reasons(self) -> bool:
        """Whether an answer is arrived at by a chain of thought, which is kept, judged and taught with it."""
        ...

    def parse(self, reply: str, text: str = "", choices: Sequence[str] = ()) -> Parsed:
        """Understand a reply. Never raises; what cannot be understood gets a named outcome.

        Args:
            reply: What the teacher sent.
            text: ``Record.text``, for tasks whose answers quote it.
            choices: ``Record.choices``, for tasks whose questions bring their own.
        """
        ...

    def equal(self, left: str | None, right: str | None) -> bool:
        """Whether two answers mean the same."""
        ...

    def score(self, predicted: Sequence[str | None], truth: Sequence[str]) -> dict[str, float]:
        """The task's headline metrics over aligned lists; None counts as wrong."""
        ...
