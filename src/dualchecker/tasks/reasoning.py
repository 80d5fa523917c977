"""Questions that are answered by reasoning: a number, one of some choices, or a few words, with the chain to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from dualchecker.config import AnswerKind, Form, Occurrence
from dualchecker.records import SelfEvaluation
from dualchecker.tasks.base import Parsed


@dataclass(frozen=True)
class Reasoning:
    """Answer a question by a chain of thought.

    Args:
        question: What is asked of each text, which is itself a question.
        answer: What an answer is.
        labels: The choices, where all questions have the same; empty where each brings its own, or has none.
        tolerance: Numbers are equal whose difference is at most this part of the larger one.
    """

    question: str
    answer: AnswerKind = "number"
    labels: Mapping[str, str] = field(default_factory=dict)
    tolerance: float = 1e-6

    form: ClassVar[Form] = "reasoning"
    multiple: ClassVar[bool] = False
    spans: ClassVar[bool] = False
    reasons: ClassVar[bool] = True
    occurrence: ClassVar[Mapping[str, Occurrence]] = {}

    def schema(self) -> dict[str, Any]:
        """The chain first, so that the answer follows from it; then answer and confidence."""
        return {
            "type": "object",
            "properties": {
                "rationale": {"type": "string"},
                "answer": {"type": "string"},
                "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            },
            "required": ["rationale", "answer", "confidence"],
            "additionalProperties": False,
        }

    def parse(self, reply: str, text: str = "", choices: Sequence[str] = ()) -> Parsed:
        raise NotImplementedError

    def read_answer(self, said: object, choices: Sequence[str] = ()) -> tuple[str | None, str, tuple[str, ...]]:
        raise NotImplementedError

    def read_evaluation(self, reply: str) -> SelfEvaluation:
        raise NotImplementedError

    def chain_key(self, text: str) -> str:
        raise NotImplementedError

    def soundness(self, text: str) -> float | None:
        raise NotImplementedError

    def equal(self, left: str | None, right: str | None) -> bool:
        raise NotImplementedError

    def score(self, predicted: Sequence[str | None], truth: Sequence[str]) -> dict[str, float]:
        raise NotImplementedError
