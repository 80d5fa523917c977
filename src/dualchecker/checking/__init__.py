"""TeacherChecker and StudentChecker."""

from dualchecker.checking.ladder import Climb, Ladder
from dualchecker.checking.panel import Member, PanelChecker
from dualchecker.checking.student_checker import Findings, StudentChecker
from dualchecker.checking.teacher_checker import TeacherChecker
from dualchecker.checking.voices import StudentVoices

__all__ = ["Climb", "Findings", "Ladder", "Member", "PanelChecker", "StudentChecker", "StudentVoices", "TeacherChecker"]
