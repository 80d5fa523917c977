"""The seam between chains of thought and the small model that learns to write and to judge them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from dualchecker.records import Example, Record


@dataclass(frozen=True, slots=True)
class JudgedChain:
    """A chain that a student wrote, and its own verdict.

    Attributes:
        text: The reasoning; empty for an answer that it gave without any.
        answer: What it arrives at, in the task's canonical form; None where it arrives at nothing.
        right: The student's probability that the chain is right, in 0..1; None where it has learnt no verdicts.
    """

    text: str
    answer: str | None
    right: float | None = None


@dataclass(frozen=True, slots=True)
class Reasoned:
    """What a student says of one question.

    Attributes:
        answer: By vote of its chains, each weighted by its own verdict; None where it arrives at nothing.
        confidence: In ``answer``, 0..1: the share of the votes, calibrated once ``calibrate`` has been called.
        direct: What it answers at once (the task ``predict``), as in the paper.
        chains: Those that voted.
        votes: Weight by answer, which sums to 1.
    """

    answer: str | None
    confidence: float
    direct: str | None = None
    chains: tuple[JudgedChain, ...] = ()
    votes: tuple[tuple[str, float], ...] = ()


class ReasoningStudent(Protocol):
    """A model that learns answers, chains of thought and verdicts on chains from examples (``Example.chains``)."""

    @property
    def kind(self) -> str: ...

    @property
    def judges(self) -> bool:
        """Whether it has learnt verdicts."""
        ...

    @property
    def unlearnt(self) -> dict[str, int]:
        """What of the training examples it could not learn, by name (``empty_chain``, ``cut``, ...)."""
        ...

    def fit(self, examples: Sequence[Example], validation: Sequence[Example] = ()) -> Self:
        """Learn from ``examples``; ``validation`` (gold, never test) chooses the checkpoint.

        Raises:
            StudentError: There are no examples, or training diverged.
        """
        ...

    def predict(self, records: Sequence[Record]) -> list[Reasoned]:
        """Answer questions: several sampled chains, each judged by itself, and a weighted vote; aligned."""
        ...

    def answer(self, records: Sequence[Record]) -> list[str | None]:
        """Answers at once, without any chain (the task ``predict``); aligned."""
        ...

    def judge(self, records: Sequence[Record], chains: Sequence[Sequence[tuple[str, str]]]) -> list[list[float]]:
        """Probability that a chain is right, for any chains (text, answer) about a question; aligned.

        Raises:
            StudentError: It has learnt no verdicts.
        """
        ...

    def calibrate(self, said: Sequence[Reasoned], right: Sequence[float]) -> None:
        """Learn from answers to questions that it was not trained on how often a confidence is deserved."""
        ...

    def save(self, folder: Path, card: str = "", extra: dict[str, Any] | None = None) -> None:
        """Write the model, its card (README.md) and ``dualchecker.json``; no pickle."""
        ...
