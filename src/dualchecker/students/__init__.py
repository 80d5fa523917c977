"""Small models that learn from gold and accepted labels."""

from dualchecker.students.answer_reader import AnswerReader
from dualchecker.students.base import Probabilities, Student
from dualchecker.students.calibrate import Judged, held_out, student_exponent
from dualchecker.students.card import model_card
from dualchecker.students.choice_features import ChoiceQuestion, PairFeatures
from dualchecker.students.choices import ChoiceStudent
from dualchecker.students.choose import (
    answers_questions,
    check_base,
    check_writer,
    finds_spans,
    load_label_student,
    load_reasoning_student,
    load_span_student,
    load_student,
    make_reasoning_student,
    make_span_student,
    make_student,
)
from dualchecker.students.equation_features import EquationFeatures, NumberQuestion
from dualchecker.students.equation_student import EquationStudent
from dualchecker.students.features import Features, choose_features
from dualchecker.students.linear import LinearStudent
from dualchecker.students.reasoning import JudgedChain, Reasoned, ReasoningStudent
from dualchecker.students.reasoning_card import reasoning_card
from dualchecker.students.span_card import span_card
from dualchecker.students.spans import ScoredSpan, SpanStudent
from dualchecker.students.tagger import LinearTagger
from dualchecker.students.token_features import TokenFeatures

__all__ = [
    "AnswerReader",
    "ChoiceQuestion",
    "ChoiceStudent",
    "EquationFeatures",
    "EquationStudent",
    "Features",
    "Judged",
    "JudgedChain",
    "LinearStudent",
    "LinearTagger",
    "NumberQuestion",
    "PairFeatures",
    "Probabilities",
    "Reasoned",
    "ReasoningStudent",
    "ScoredSpan",
    "SpanStudent",
    "Student",
    "TokenFeatures",
    "answers_questions",
    "check_base",
    "check_writer",
    "choose_features",
    "finds_spans",
    "held_out",
    "load_label_student",
    "load_reasoning_student",
    "load_span_student",
    "load_student",
    "make_reasoning_student",
    "make_span_student",
    "make_student",
    "model_card",
    "reasoning_card",
    "span_card",
    "student_exponent",
]
