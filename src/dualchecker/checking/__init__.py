"""TeacherChecker and StudentChecker."""

from dualchecker.checking.decision_checker import DecisionChecker
from dualchecker.checking.decision_ladder import DecisionLadder
from dualchecker.checking.decision_students import DecisionStudentChecker, DecisionVoices
from dualchecker.checking.ladder import Climb, Ladder
from dualchecker.checking.student_checker import Findings, StudentChecker
from dualchecker.checking.teacher_checker import TeacherChecker
from dualchecker.checking.voices import StudentVoices

__all__ = [
    "Climb",
    "DecisionChecker",
    "DecisionLadder",
    "DecisionStudentChecker",
    "DecisionVoices",
    "Findings",
    "Ladder",
    "StudentChecker",
    "StudentVoices",
    "TeacherChecker",
]
