"""Small models that learn from gold and accepted labels."""

from dualchecker.students.base import Probabilities, Student
from dualchecker.students.calibrate import Judged, held_out, student_exponent
from dualchecker.students.card import model_card
from dualchecker.students.choice_features import ChoiceQuestion, PairFeatures
from dualchecker.students.choices import ChoiceStudent
from dualchecker.students.choose import check_base, load_student, make_student
from dualchecker.students.features import Features, choose_features
from dualchecker.students.linear import LinearStudent

__all__ = [
    "ChoiceQuestion",
    "ChoiceStudent",
    "Features",
    "Judged",
    "LinearStudent",
    "PairFeatures",
    "Probabilities",
    "Student",
    "check_base",
    "choose_features",
    "held_out",
    "load_student",
    "make_student",
    "model_card",
    "student_exponent",
]
