"""Small models that learn from gold and accepted labels."""

from dualchecker.students.base import Probabilities, Student
from dualchecker.students.calibrate import Judged, held_out, student_exponent
from dualchecker.students.card import model_card
from dualchecker.students.choice_features import ChoiceQuestion, PairFeatures
from dualchecker.students.choices import ChoiceStudent
from dualchecker.students.choose import (
    check_base,
    finds_spans,
    load_label_student,
    load_span_student,
    load_student,
    make_span_student,
    make_student,
)
from dualchecker.students.equation_features import EquationFeatures, NumberQuestion
from dualchecker.students.equation_student import EquationStudent
from dualchecker.students.features import Features, choose_features
from dualchecker.students.linear import LinearStudent
from dualchecker.students.span_card import span_card
from dualchecker.students.spans import ScoredSpan, SpanStudent
from dualchecker.students.tagger import LinearTagger
from dualchecker.students.token_features import TokenFeatures

__all__ = [
    "ChoiceQuestion",
    "ChoiceStudent",
    "EquationFeatures",
    "EquationStudent",
    "Features",
    "Judged",
    "LinearStudent",
    "LinearTagger",
    "NumberQuestion",
    "PairFeatures",
    "Probabilities",
    "ScoredSpan",
    "SpanStudent",
    "Student",
    "TokenFeatures",
    "check_base",
    "choose_features",
    "finds_spans",
    "held_out",
    "load_label_student",
    "load_span_student",
    "load_student",
    "make_span_student",
    "make_student",
    "model_card",
    "span_card",
    "student_exponent",
]
