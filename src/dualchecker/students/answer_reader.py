"""From the words of a student that reasons to its answer: the task that it learnt goes with it, in its folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dualchecker.errors import DualcheckerError, StudentError
from dualchecker.records import Record
from dualchecker.tasks import Reasoning


@dataclass(frozen=True)
class AnswerReader:
    """From a chain that a student wrote to the answer that it arrives at, as the task reads it; a ``Reader``."""

    task: Reasoning

    def __call__(self, chain: str, record: Record) -> str | None:
        return self.task.parse(chain, record.text, self.task.choices_of(record.choices)).label

    def to_json(self) -> dict[str, Any]:
        """What ``dualchecker.json`` says of the task."""
        task = self.task
        return {
            "question": task.question,
            "answer": task.answer,
            "labels": dict(task.labels),
            "tolerance": task.tolerance,
        }

    @classmethod
    def from_json(cls, saved: Any) -> "AnswerReader":
        """The reader that ``to_json`` told of.

        Raises:
            StudentError: It is no such task.
        """
        try:
            if not isinstance(saved, Mapping):
                raise ValueError(f"it is {saved!r}")
            answer, labels, tolerance = saved["answer"], saved.get("labels") or {}, saved.get("tolerance", 1e-6)
            if answer not in ("number", "choice", "text"):
                raise ValueError(f"its answer is {answer!r}")
            if not isinstance(labels, Mapping) or isinstance(tolerance, bool) or not isinstance(tolerance, int | float):
                raise ValueError("labels or tolerance are none")
            names = {str(name): str(meaning or "") for name, meaning in labels.items()}
            return cls(Reasoning(str(saved.get("question", "")), answer, names, float(tolerance)))
        except (ValueError, KeyError, DualcheckerError) as error:
            raise StudentError(
                "The student does not say what its answers are.",
                why=f"dualchecker.json: its task cannot be read, {error}.",
                fix="Train it again, or restore the file.",
            ) from error
