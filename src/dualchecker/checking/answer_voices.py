"""Quick students of answers: what they say about a question that they have not seen, and what its chains give away.

They write no chains. For numbers a student scores the small equations over a question's own numbers, for choices it
scores the choices; both learn in seconds. Of a chain the checks that need no model are heard (``chain_checks``).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from dualchecker.checking.chain_checks import chain_faults, choice_faults, doubted
from dualchecker.checking.chain_voices import JudgedKey, Opinion, judged_key
from dualchecker.data import Fence, text_folds
from dualchecker.embedding import Embedder
from dualchecker.records import Answer, Labelled, Record
from dualchecker.students import (
    ChoiceQuestion,
    ChoiceStudent,
    EquationFeatures,
    EquationStudent,
    NumberQuestion,
    PairFeatures,
    Reasoned,
)
from dualchecker.tasks import Reasoning
from dualchecker.tasks.numbers import canonical_number
from dualchecker.tasks.quantities import read_quantity

FOLDS = 5
_LEAST = 1e-3
"""Answers less likely than this are left out of an opinion."""

Said = Iterator[tuple[int, dict[str, float]]]
"""Places of questions, and the probability of each answer to them."""


class AnswerVoices:
    """``ChainVoices`` of students that score answers, each asked about the questions of a fold it has not seen.

    Args:
        fence: Gold.
        task: What is asked; about answers in free words these students have nothing to say.
        embedder: Of questions and choices.
        folds: Of the cross-fitting.
    """

    def __init__(self, fence: Fence, task: Reasoning, embedder: Embedder, *, folds: int = FOLDS) -> None:
        self._fence, self._task, self._embedder, self._folds = fence, task, embedder, folds
        self.heard: dict[str, Reasoned] = {}

    def learn(self, labels: Sequence[Labelled], gold: Mapping[str, Answer]) -> dict[str, Opinion]:
        """See ``ChainVoices``; human answers of gold, and the teacher's of the pool, are learnt."""
        truth = {item.record.id: item.label for item in labels}
        truth |= {record.id: record.label for record in self._fence.gold}  # a text in both is what people said
        answers = {item.record.id: item.answer for item in labels if item.answer is not None} | dict(gold)
        everyone = {r.id: r for r in (*self._fence.gold, *(item.record for item in labels)) if r.text.strip()}
        records = list(everyone.values())
        votes: dict[str, Mapping[str, float]] = defaultdict(dict)
        for place, shares in self._said(records, [truth[record.id] for record in records]):
            votes[records[place].id] = shares
        return {r.id: Opinion(votes[r.id], self._judged(r, answers.get(r.id))) for r in records if r.id in votes}

    def judge(self, answers: Mapping[str, tuple[Record, Answer]]) -> dict[str, dict[JudgedKey, float]]:
        """See ``ChainVoices``."""
        return {name: self._judged(record, answer) for name, (record, answer) in answers.items()}

    def _said(self, records: Sequence[Record], truth: Sequence[str | None]) -> Said:
        if self._task.answer == "text" or not records:
            return
        fold = text_folds(records, self._folds)
        if self._task.answer == "number":
            values = [None if one is None else read_quantity(one)[0] for one in truth]
            known = [None if value is None else float(value) for value in values]
            # The numbers may stand in the long form.
            whole = [replace(record, text=record.long_text) for record in records]
            questions = [NumberQuestion(record, value) for record, value in zip(whole, known, strict=True)]
            yield from _equations(EquationFeatures(questions, self._embedder), fold)
        else:
            offered = [self._task.choices_of(record.choices) for record in records]
            asked = [ChoiceQuestion(r, c, one) for r, c, one in zip(records, offered, truth, strict=True)]
            yield from _choices(PairFeatures(asked, self._embedder), fold)

    def _judged(self, record: Record, answer: Answer | None) -> dict[JudgedKey, float]:
        """How likely each chain is right by its own words alone."""
        found = {}
        for chain in answer.chains if answer else ():
            if not chain.text:
                continue
            if self._task.answer == "number":
                value = read_quantity(chain.answer)[0]
                faults = chain_faults(record.long_text, chain.text, value if value is not None else Fraction(0))
            else:
                faults = choice_faults(chain.text, chain.answer, self._task.choices_of(record.choices))
            found[judged_key(chain)] = doubted(0.5, faults)
        return found


def _equations(pairs: EquationFeatures, fold: npt.NDArray[np.intp]) -> Said:
    answered = np.array([question.answer is not None for question in pairs.questions])
    for held, train in _folds(fold, pairs.labelled):
        shares = EquationStudent().fit(pairs, train).predict(pairs, held)
        # Not every answer is one of the equations: the shares are of those that are.
        covered = float((train & pairs.labelled).sum() / (train & answered).sum())
        for place, some in zip(np.flatnonzero(held).tolist(), shares, strict=True):
            values = pairs.value[pairs.start[place] : pairs.start[place + 1]]
            by_answer: dict[str, float] = defaultdict(float)
            for value, share in zip(values.tolist(), some.tolist(), strict=True):
                by_answer[canonical_number(Fraction(value).limit_denominator(10**6))] += share
            likely = {said: covered * share for said, share in by_answer.items() if share >= _LEAST}
            yield place, likely if len(some) > 1 else {}  # one candidate is no choice


def _choices(pairs: PairFeatures, fold: npt.NDArray[np.intp]) -> Said:
    for held, train in _folds(fold, pairs.labelled):
        shares = ChoiceStudent().fit(pairs, train).predict(pairs, held)
        for place, some in zip(np.flatnonzero(held).tolist(), shares, strict=True):
            by_answer: dict[str, float] = defaultdict(float)
            for choice, share in zip(pairs.questions[place].choices, some.tolist(), strict=True):
                by_answer[choice] += share
            yield place, dict(by_answer)


def _folds(
    fold: npt.NDArray[np.intp], labelled: npt.NDArray[np.bool_]
) -> Iterator[tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
    """Questions held out, and those learnt from; a fold without any to learn from is passed over."""
    for number in np.unique(fold).tolist():
        held = fold == number
        if (labelled & ~held).any():
            yield held, ~held
