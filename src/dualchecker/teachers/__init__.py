"""One way to ask a model, whatever stands behind it."""

from dualchecker.teachers.base import Teacher
from dualchecker.teachers.decisions import DecisionTeacher
from dualchecker.teachers.exemplar import ExemplarTeacher
from dualchecker.teachers.local import LocalTeacher
from dualchecker.teachers.openai import OpenAITeacher
from dualchecker.teachers.prices import Price, Prices
from dualchecker.teachers.program import ProgramTeacher
from dualchecker.teachers.recorded import LedgerTeacher, RecordedTeacher

__all__ = [
    "DecisionTeacher",
    "ExemplarTeacher",
    "LedgerTeacher",
    "LocalTeacher",
    "OpenAITeacher",
    "Price",
    "Prices",
    "ProgramTeacher",
    "RecordedTeacher",
    "Teacher",
]
