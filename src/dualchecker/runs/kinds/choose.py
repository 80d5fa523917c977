"""From a run file to the kind of its task."""

from typing import Any

from dualchecker.config import TaskConfig
from dualchecker.runs.kinds.base import Kind
from dualchecker.runs.kinds.classification import ClassificationKind
from dualchecker.runs.kinds.extraction import ExtractionKind
from dualchecker.runs.kinds.label_sets import LabelSetKind
from dualchecker.runs.kinds.reasoning import ReasoningKind


def kind_of(task: TaskConfig) -> Kind[Any, Any]:
    """The kind of the task that a run file describes."""
    if task.kind == "extraction":
        return ExtractionKind()
    if task.kind == "reasoning":
        return ReasoningKind()
    return LabelSetKind() if task.multiple else ClassificationKind()
