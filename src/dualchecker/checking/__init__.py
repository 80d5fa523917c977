"""TeacherChecker and StudentChecker."""

from dualchecker.checking.agreement import Agreement, only_repeats, vote
from dualchecker.checking.decision_checker import DecisionChecker
from dualchecker.checking.decision_ladder import DecisionLadder
from dualchecker.checking.decision_students import DecisionStudentChecker, DecisionVoices
from dualchecker.checking.ladder import Climb, Ladder
from dualchecker.checking.opinion import EarlyOpinion
from dualchecker.checking.panel import Member, PanelChecker
from dualchecker.checking.self_supervised import SelfCheck, check_choices
from dualchecker.checking.student_checker import Findings, StudentChecker
from dualchecker.checking.teacher_checker import TeacherChecker
from dualchecker.checking.voices import StudentVoices

__all__ = [
    "Agreement",
    "Climb",
    "DecisionChecker",
    "DecisionLadder",
    "DecisionStudentChecker",
    "DecisionVoices",
    "EarlyOpinion",
    "Findings",
    "Ladder",
    "Member",
    "PanelChecker",
    "SelfCheck",
    "StudentChecker",
    "StudentVoices",
    "TeacherChecker",
    "check_choices",
    "only_repeats",
    "vote",
]
