"""What an answer is: schema, parse, compare, metric."""

from dualchecker.tasks.base import Parsed, Task, Verdict
from dualchecker.tasks.classification import Classification
from dualchecker.tasks.extraction import Extraction
from dualchecker.tasks.multilabel import MultiLabel
from dualchecker.tasks.reasoning import Reasoning

__all__ = ["Classification", "Extraction", "MultiLabel", "Parsed", "Reasoning", "Task", "Verdict"]
