"""Confidence without any gold: how likely a student that has not seen an answer finds it.

A student learns from the teacher's own answers. Where the teacher errs here and there, the errors do not fit what the
rest of its answers teaches, and the student, asked out of fold, gives them a low probability (confident learning:
Northcutt, Jiang, Chuang 2021; "small loss" sample selection: Han et al. 2018). It ranks answers; it is not calibrated,
and it cannot see an error that the teacher makes all the time.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dualchecker.data import text_folds
from dualchecker.students import ChoiceStudent, EquationFeatures, EquationStudent, PairFeatures

Bools = npt.NDArray[np.bool_]

FOLDS = 10


@dataclass(frozen=True)
class SelfCheck:
    """What students say about answers that they have not seen.

    Attributes:
        confidence: Out-of-fold probability of each question's label, shape (questions,); NaN where it has no label
            among its choices (or candidates).
        log_likelihood: Its mean logarithm: the larger, the better the student. It needs no gold, so that students can
            be chosen by it.
    """

    confidence: npt.NDArray[np.float64]
    log_likelihood: float


def check_choices(
    pairs: PairFeatures, make: Callable[[], ChoiceStudent] = ChoiceStudent, folds: int = FOLDS, seed: int = 0
) -> SelfCheck:
    """Judge the labels of questions by students that have not seen them.

    Questions with the same text are in one fold, so that no twin gives the answer away.

    Args:
        pairs: Questions with the teacher's labels.
        make: A fresh student.
        folds: Of the cross-validation.
        seed: Of the folds.
    """
    fold = text_folds([question.record for question in pairs.questions], folds, seed)
    # A label that stands among the choices twice has the mass of both.
    return _check(fold, pairs, pairs.target > 0, lambda train, held: make().fit(pairs, train).predict(pairs, held))


def check_equations(
    pairs: EquationFeatures, make: Callable[[], EquationStudent] = EquationStudent, folds: int = FOLDS, seed: int = 0
) -> SelfCheck:
    """Judge the numbers that answer questions by students that have not seen them; see ``check_choices``.

    The confidence is the probability of all equations over the question's numbers that come to the answer; NaN where
    none does.

    Args:
        pairs: Questions with the teacher's answers.
        make: A fresh student.
        folds: Of the cross-validation.
        seed: Of the folds.
    """
    fold = text_folds([question.record for question in pairs.questions], folds, seed)
    return _check(fold, pairs, pairs.hit, lambda train, held: make().fit(pairs, train).predict(pairs, held))


def _check(
    fold: npt.NDArray[np.intp],
    pairs: PairFeatures | EquationFeatures,
    named: Bools,
    shares_of: Callable[[Bools, Bools], list[npt.NDArray[np.float64]]],
) -> SelfCheck:
    """The mass that students of other folds give to the named rows of each question.

    Args:
        fold: Of each question.
        pairs: Questions with labels.
        named: Rows that are the label of their question.
        shares_of: From the questions to learn from, and those held out, to the latters' probabilities.
    """
    labelled = pairs.labelled
    out = np.full(len(fold), np.nan)
    for number in np.unique(fold[labelled]).tolist():
        held = labelled & (fold == number)
        shares = shares_of(fold != number, held)
        sizes = np.concatenate([[0], np.cumsum([len(share) for share in shares])])
        out[held] = np.add.reduceat(named[pairs.rows(held)] * np.concatenate(shares), sizes[:-1])
    known = out[labelled]
    return SelfCheck(out, float(np.log(np.maximum(known, 1e-9)).mean()) if len(known) else float("nan"))
