"""Small models that learn from gold and accepted labels."""

from dualchecker.students.base import Probabilities, Student
from dualchecker.students.card import model_card
from dualchecker.students.choose import check_base, load_student, make_student
from dualchecker.students.features import Features, choose_features
from dualchecker.students.linear import LinearStudent

__all__ = [
    "Features",
    "LinearStudent",
    "Probabilities",
    "Student",
    "check_base",
    "choose_features",
    "load_student",
    "make_student",
    "model_card",
]
