"""What an answer is: schema, parse, compare, metric."""

from dualchecker.tasks.base import Parsed, Task, Verdict
from dualchecker.tasks.classification import Classification
from dualchecker.tasks.multilabel import MultiLabel

__all__ = ["Classification", "MultiLabel", "Parsed", "Task", "Verdict"]
