"""TeacherChecker and StudentChecker."""

from dualchecker.checking.agreement import Agreement, only_repeats, vote
from dualchecker.checking.answer_voices import AnswerVoices
from dualchecker.checking.chain_checker import ChainChecker
from dualchecker.checking.chain_checks import ChainFault, chain_faults, choice_faults, doubted
from dualchecker.checking.chain_ladder import ChainLadder
from dualchecker.checking.chain_students import ChainStudentChecker
from dualchecker.checking.chain_teaching import chain_examples, gold_chain_examples
from dualchecker.checking.chain_voices import ChainVoices, ReasonerVoices
from dualchecker.checking.decision_checker import DecisionChecker
from dualchecker.checking.decision_ladder import DecisionLadder
from dualchecker.checking.decision_students import DecisionStudentChecker, DecisionVoices
from dualchecker.checking.inspector import Inspector
from dualchecker.checking.ladder import Climb, Ladder
from dualchecker.checking.opinion import EarlyOpinion
from dualchecker.checking.panel import Member, PanelChecker
from dualchecker.checking.self_supervised import SelfCheck, check_choices, check_equations
from dualchecker.checking.span_checker import SpanChecker
from dualchecker.checking.span_ladder import SpanAgreement, SpanLadder
from dualchecker.checking.span_students import SpanStudentChecker
from dualchecker.checking.span_teaching import gold_examples, span_examples
from dualchecker.checking.span_voices import SpanVoices
from dualchecker.checking.student_checker import Findings, StudentChecker
from dualchecker.checking.teacher_checker import TeacherChecker
from dualchecker.checking.voices import StudentVoices

__all__ = [
    "Agreement",
    "AnswerVoices",
    "ChainChecker",
    "ChainFault",
    "ChainLadder",
    "ChainStudentChecker",
    "ChainVoices",
    "Climb",
    "DecisionChecker",
    "DecisionLadder",
    "DecisionStudentChecker",
    "DecisionVoices",
    "EarlyOpinion",
    "Findings",
    "Inspector",
    "Ladder",
    "Member",
    "PanelChecker",
    "ReasonerVoices",
    "SelfCheck",
    "SpanAgreement",
    "SpanChecker",
    "SpanLadder",
    "SpanStudentChecker",
    "SpanVoices",
    "StudentChecker",
    "StudentVoices",
    "TeacherChecker",
    "chain_examples",
    "chain_faults",
    "check_choices",
    "check_equations",
    "choice_faults",
    "doubted",
    "gold_chain_examples",
    "gold_examples",
    "only_repeats",
    "span_examples",
    "vote",
]
