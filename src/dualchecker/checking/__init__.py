"""TeacherChecker and StudentChecker."""

from dualchecker.checking.agreement import Agreement, only_repeats, vote
from dualchecker.checking.ladder import Climb, Ladder
from dualchecker.checking.student_checker import Findings, StudentChecker
from dualchecker.checking.teacher_checker import TeacherChecker
from dualchecker.checking.voices import StudentVoices

__all__ = [
    "Agreement",
    "Climb",
    "Findings",
    "Ladder",
    "StudentChecker",
    "StudentVoices",
    "TeacherChecker",
    "only_repeats",
    "vote",
]
