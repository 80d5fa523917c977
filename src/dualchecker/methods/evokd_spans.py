"""EvoKD where spans are asked for: which gold texts are hard for a student that finds spans."""

from collections.abc import Sequence
from statistics import fmean
from typing import cast

import numpy as np

from dualchecker.checking.span_teaching import gold_examples
from dualchecker.data import text_folds
from dualchecker.methods.base import Setting
from dualchecker.prompts import Case
from dualchecker.records import Example, Record
from dualchecker.students.spans import SpanStudent
from dualchecker.tasks import Extraction

FOLDS = 5


def span_cases(setting: Setting, taught: Sequence[Example], least_hard: int) -> list[Case]:
    """Gold that may be shown, the hardest for the student first.

    How easy a text is: the mean probability that a student which has not seen it gives to each of its human spans, and
    to the absence of each label that people did not find.

    Args:
        setting: Gold, and how to make a student.
        taught: Examples beside the gold of the other folds.
        least_hard: Texts that count as hard even if the student gets all of them right.
    """
    task = cast(Extraction, setting.task)
    gold = [record for record in setting.fence.demonstrations if record.text.strip()]
    folds = text_folds(gold, FOLDS)
    easy = np.full(len(gold), 0.5)
    said = [task.write(record.text, ()) for record in gold]
    for fold in np.unique(folds).tolist():
        held = np.flatnonzero(folds == fold).tolist()
        examples = [*gold_examples(r for r, other in zip(gold, folds.tolist(), strict=True) if other != fold), *taught]
        if not any(example.spans for example in examples):
            continue
        student = cast(SpanStudent, setting.make_student()).fit(examples)
        records = [gold[i] for i in held]
        found = student.predict(records)
        for i, spans, chances in zip(held, found, _chances(student, records), strict=True):
            said[i] = task.write(gold[i].text, (one.span for one in spans))
            easy[i] = fmean(chances)
    wrong = sum(task.write(r.text, r.spans or ()) != answer for r, answer in zip(gold, said, strict=True))
    hard = max(wrong, min(least_hard, len(gold) // 2))
    order = np.argsort(easy, kind="stable").tolist()
    return [Case(gold[i], said[i], rank < hard) for rank, i in enumerate(order)]


def _chances(student: SpanStudent, records: Sequence[Record]) -> list[list[float]]:
    """Of every human span, and of the absence of every label that has none."""
    chances = student.probabilities(records, [record.spans or () for record in records])
    absence = student.absence(records)
    return [
        [*own, *(float(row[i]) for i, label in enumerate(student.labels) if label not in record.carried)]
        for record, own, row in zip(records, chances, absence, strict=True)
    ]
