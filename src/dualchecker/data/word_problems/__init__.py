"""Arithmetic word problems: made by a grammar, read back by it, and explained in several wordings."""

from dualchecker.data.word_problems.chains import WORDINGS, read_chain, write_chain
from dualchecker.data.word_problems.files import write_word_problems
from dualchecker.data.word_problems.problems import Problem, make_problems
from dualchecker.data.word_problems.reading import read_problem
from dualchecker.data.word_problems.solving import Operator, Step

__all__ = [
    "WORDINGS",
    "Operator",
    "Problem",
    "Step",
    "make_problems",
    "read_chain",
    "read_problem",
    "write_chain",
    "write_word_problems",
]
