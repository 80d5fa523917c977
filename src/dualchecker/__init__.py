"""A few hundred human labels and an LLM in; audited labels and a small model you can ship out.

The names below are the public interface; everything is loaded on first use, so that importing the package is cheap.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "Answer": "records",
    "Chain": "records",
    "Classification": "tasks",
    "Confidence": "records",
    "ConfigError": "errors",
    "ContextAligner": "alignment",
    "DataError": "errors",
    "Demonstration": "records",
    "DualcheckerError": "errors",
    "Embedder": "embedding",
    "Example": "records",
    "Extraction": "tasks",
    "Labelled": "records",
    "Ledger": "ledger",
    "Reasoning": "tasks",
    "Record": "records",
    "Run": "runs",
    "RunConfig": "config",
    "Span": "records",
    "Student": "students",
    "StudentChecker": "checking",
    "Task": "tasks",
    "Teacher": "teachers",
    "TeacherChecker": "checking",
    "distill": "runs",
    "load_student": "students",
}

__all__ = [
    "Answer",
    "Chain",
    "Classification",
    "Confidence",
    "ConfigError",
    "ContextAligner",
    "DataError",
    "Demonstration",
    "DualcheckerError",
    "Embedder",
    "Example",
    "Extraction",
    "Labelled",
    "Ledger",
    "Reasoning",
    "Record",
    "Run",
    "RunConfig",
    "Span",
    "Student",
    "StudentChecker",
    "Task",
    "Teacher",
    "TeacherChecker",
    "__version__",
    "distill",
    "load",
    "load_student",
]

if TYPE_CHECKING:
    from dualchecker.alignment import ContextAligner
    from dualchecker.checking import StudentChecker, TeacherChecker
    from dualchecker.config import RunConfig
    from dualchecker.config import load_config as load
    from dualchecker.embedding import Embedder
    from dualchecker.errors import ConfigError, DataError, DualcheckerError
    from dualchecker.ledger import Ledger
    from dualchecker.records import Answer, Chain, Confidence, Demonstration, Example, Labelled, Record, Span
    from dualchecker.runs import Run, distill
    from dualchecker.students import Student, load_student
    from dualchecker.tasks import Classification, Extraction, Reasoning, Task
    from dualchecker.teachers import Teacher


def __getattr__(name: str) -> Any:
    if name == "load":
        return importlib.import_module("dualchecker.config").load_config
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'dualchecker' has no attribute {name!r}")
    return getattr(importlib.import_module(f"dualchecker.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
