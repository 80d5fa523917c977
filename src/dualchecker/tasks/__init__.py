"""What an answer is: schema, parse, compare, metric."""

from dualchecker.tasks.base import Parsed, Task
from dualchecker.tasks.classification import Classification

__all__ = ["Classification", "Parsed", "Task"]
