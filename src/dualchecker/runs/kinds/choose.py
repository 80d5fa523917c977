"""From a run file to the kind of its task."""

from typing import Any

from dualchecker.config import TaskConfig
from dualchecker.runs.kinds.base import Kind
from dualchecker.runs.kinds.classification import ClassificationKind
from dualchecker.runs.kinds.label_sets import LabelSetKind


def kind_of(task: TaskConfig) -> Kind[Any, Any]:
    """The kind of the task that a run file describes."""
    return LabelSetKind() if task.multiple else ClassificationKind()
