"""TeacherChecker and StudentChecker."""

from dualchecker.checking.ladder import Climb, Ladder
from dualchecker.checking.student_checker import Findings, StudentChecker
from dualchecker.checking.teacher_checker import TeacherChecker
from dualchecker.checking.voices import StudentVoices

__all__ = ["Climb", "Findings", "Ladder", "StudentChecker", "StudentVoices", "TeacherChecker"]
