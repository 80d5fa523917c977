"""TeacherChecker and StudentChecker."""

from dualchecker.checking.ladder import Climb, Ladder
from dualchecker.checking.opinion import EarlyOpinion
from dualchecker.checking.self_supervised import SelfCheck, check_choices
from dualchecker.checking.student_checker import Findings, StudentChecker
from dualchecker.checking.teacher_checker import TeacherChecker
from dualchecker.checking.voices import StudentVoices

__all__ = [
    "Climb",
    "EarlyOpinion",
    "Findings",
    "Ladder",
    "SelfCheck",
    "StudentChecker",
    "StudentVoices",
    "TeacherChecker",
    "check_choices",
]
