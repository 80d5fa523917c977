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
from dualchecker.students import ChoiceStudent, PairFeatures

FOLDS = 10


@dataclass(frozen=True)
class SelfCheck:
    """What students say about answers that they have not seen.

    Attributes:
        confidence: Out-of-fold probability of each question's label, shape (questions,); NaN where it has no label
            among its choices.
        log_likelihood: Its mean logarithm: the larger, the better the student. It needs no gold, so that students can
            be chosen by it.
    """

    confidence: npt.NDArray[np.float64]
    log_likelihood: float


def check_choices(
    pairs: PairFeatures, make: Callable[[], ChoiceStudent] = ChoiceStudent, folds: int = FOLDS
) -> SelfCheck:
    """Judge the labels of questions by students that have not seen them.

    Questions with the same text are in one fold, so that no twin gives the answer away.

    Args:
        pairs: Questions with the teacher's labels.
        make: A fresh student.
        folds: Of the cross-validation.
    """
    fold = text_folds([question.record for question in pairs.questions], folds)
    labelled = pairs.labelled
    out = np.full(len(fold), np.nan)
    for number in np.unique(fold[labelled]).tolist():
        held = labelled & (fold == number)
        shares = make().fit(pairs, fold != number).predict(pairs, held)
        mass = pairs.target[pairs.rows(held)]
        # A label that stands among the choices twice has the mass of both.
        sizes = np.concatenate([[0], np.cumsum([len(share) for share in shares])])
        named = (mass > 0) * np.concatenate(shares)
        out[held] = np.add.reduceat(named, sizes[:-1])
    known = out[labelled]
    return SelfCheck(out, float(np.log(np.maximum(known, 1e-9)).mean()) if len(known) else float("nan"))
