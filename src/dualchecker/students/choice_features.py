"""What a choice student sees of a (question, choice) pair: meaning, wording, and what was chosen elsewhere."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dualchecker.embedding import Embedder
from dualchecker.errors import StudentError
from dualchecker.records import Record

Floats = npt.NDArray[np.float64]

FEATURES = (
    "similarity",
    "similarity_over_mean",
    "similarity_over_best_rival",
    "similarity_rank",
    "nearness_to_rivals",
    "nearness_to_nearest_rival",
    "length",
    "shared_words",
    "times_offered",
    "chosen_rate",
    "in_sibling",
    "chosen_in_sibling",
    "passed_over_in_siblings",
    "neighbours_vote",
)
"""Columns of ``PairFeatures.matrix``. A sibling is a question with which two choices are shared. ``chosen_rate``,
``chosen_in_sibling``, ``passed_over_in_siblings`` and ``neighbours_vote`` read labels, never the question's own."""

NEIGHBOURS, TEMPERATURE, CHUNK = 30, 0.1, 1024
_REMEMBERED = 10
"""Matrices kept, one a fold: they cost more than the fits, and several students are tried on the same folds."""

PRIOR_OFFERS = 4.0
"""A choice's rate of being chosen starts from chance, as if it had been offered so many times before."""


@dataclass(frozen=True)
class ChoiceQuestion:
    """A question that brings its own choices.

    Attributes:
        record: Its text.
        choices: At least two; the same text twice counts as one answer.
        label: The choice that the teacher (or a person) named; None where there is none.
    """

    record: Record
    choices: tuple[str, ...]
    label: str | None = None


class PairFeatures:
    """Features of all (question, choice) pairs of a set of questions; labels are given later, fold by fold.

    Rows are pairs, question by question, in the order of the choices.

    Args:
        questions: Every question that will be learnt from or asked about. Which choices stand beside which is read
            from all of them; that needs no label.
        embedder: Of questions and choices.

    Raises:
        StudentError: There is no question, or one has fewer than two different choices.
    """

    def __init__(self, questions: Sequence[ChoiceQuestion], embedder: Embedder) -> None:
        from scipy.sparse import csr_matrix

        self.questions = tuple(questions)
        if not self.questions:
            raise StudentError("There are no questions.", fix="Give at least one.")
        for question in self.questions:
            if len({_key(choice) for choice in question.choices}) < 2:
                raise StudentError(
                    f"The question {question.record.id!r} offers nothing to choose between.",
                    why=f"Its choices are {list(question.choices)!r}.",
                    fix="Give every question at least two different choices.",
                )
        counts = [len(question.choices) for question in questions]
        self.start = np.concatenate([[0], np.cumsum(counts)]).astype(int)
        self.owner = np.repeat(np.arange(len(counts)), counts)
        self._names: dict[str, int] = {}
        keys = [self._names.setdefault(_key(c), len(self._names)) for q in questions for c in q.choices]
        self.key = np.array(keys, dtype=int)
        self.target = self._targets()
        self._texts = _vectors(embedder, [q.record.text for q in questions])
        choice_vectors = _vectors(embedder, list(self._names))
        self._choices = choice_vectors[self.key]
        shape = (len(counts), len(self._names))
        self._offered = csr_matrix((np.ones(len(self.key)), (self.owner, self.key)), shape=shape)
        self._offered.data[:] = 1.0  # a choice that stands twice is offered once
        shared = (self._offered @ self._offered.T).tocsr()
        shared.setdiag(0)
        shared.data = (shared.data >= 2).astype(float)
        shared.eliminate_zeros()
        self._siblings = shared
        self._fixed = self._meaning_and_wording()
        self._matrices: dict[bytes, Floats] = {}

    def _targets(self) -> Floats:
        """The label's mass on each pair, shape (pairs,); zero for questions without a usable label."""
        wanted = [self._names.get(_key(q.label), -1) if q.label is not None else -1 for q in self.questions]
        hit = (self.key == np.array(wanted, dtype=int)[self.owner]).astype(float)
        total = np.add.reduceat(hit, self.start[:-1])
        return np.asarray(hit / np.maximum(total, 1)[self.owner])

    @property
    def labelled(self) -> npt.NDArray[np.bool_]:
        """Questions whose label is among their choices, shape (questions,)."""
        return np.asarray(np.add.reduceat(self.target, self.start[:-1]) > 0)

    def rows(self, questions: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Pairs of the chosen questions, shape (pairs,)."""
        return np.asarray(questions[self.owner])

    def matrix(self, known: npt.NDArray[np.bool_]) -> Floats:
        """Features where only the labels of ``known`` questions may be looked at, shape (pairs, ``len(FEATURES)``).

        A question's own label is never in its features, so that known and unknown questions look alike.
        """
        known = known & self.labelled
        key = known.tobytes()
        if key not in self._matrices:
            if len(self._matrices) == _REMEMBERED:
                self._matrices.pop(next(iter(self._matrices)))
            columns = [self._fixed, *self._history(known), self._neighbours_vote(known)]
            self._matrices[key] = np.column_stack(columns)
        return self._matrices[key]

    def _meaning_and_wording(self) -> Floats:
        similarity = np.einsum("ij,ij->i", self._texts[self.owner], self._choices)
        columns = np.zeros((len(self.key), 8))
        words = [_words(q.record.text) for q in self.questions]
        for index, question in enumerate(self.questions):
            rows = slice(self.start[index], self.start[index + 1])
            own, vectors = similarity[rows], self._choices[rows]
            between = vectors @ vectors.T
            np.fill_diagonal(between, np.nan)
            rival = np.array([np.delete(own, i).max() for i in range(len(own))])
            overlap = [len(_words(c) & words[index]) / max(len(_words(c)), 1) for c in question.choices]
            columns[rows] = np.column_stack(
                [
                    own,
                    own - own.mean(),
                    own - rival,
                    own.argsort().argsort() / (len(own) - 1),
                    np.nanmean(between, axis=1),
                    np.nanmax(between, axis=1),
                    np.log1p([len(choice) for choice in question.choices]),
                    overlap,
                ]
            )
        return columns

    def _history(self, known: npt.NDArray[np.bool_]) -> list[Floats]:
        """How the same choice fared elsewhere, the question's own label left out."""
        from scipy.sparse import csr_matrix, diags

        mask = known.astype(float)
        hits = self.target * mask[self.owner]
        chosen = csr_matrix((hits, (self.owner, self.key)), shape=self._offered.shape)
        offered = diags(mask) @ self._offered
        offers = np.asarray(offered.sum(axis=0)).ravel()[self.key] - mask[self.owner]
        own = np.asarray(chosen[self.owner, self.key]).ravel()
        wins = np.asarray(chosen.sum(axis=0)).ravel()[self.key] - own
        chance = 1 / np.diff(self.start)[self.owner]
        rate = (wins + PRIOR_OFFERS * chance) / (offers + PRIOR_OFFERS) - chance
        # Questions that share two choices are often written around the same idea: a choice that one of them took is
        # less likely to be right in the next, and one that stands in none of them was made up for this question.
        siblings = self._siblings
        seen = np.asarray((siblings @ self._offered)[self.owner, self.key]).ravel()
        taken = np.asarray((siblings @ chosen)[self.owner, self.key]).ravel()
        met = np.asarray((siblings @ offered)[self.owner, self.key]).ravel()
        everywhere = np.asarray(self._offered.sum(axis=0)).ravel()[self.key]
        return [np.log(everywhere), rate, (seen > 0).astype(float), (taken > 0).astype(float), np.log1p(met - taken)]

    def _neighbours_vote(self, known: npt.NDArray[np.bool_]) -> Floats:
        """Whether the choice is like those that were chosen in similar questions, rather than those passed over."""
        index = np.flatnonzero(known)
        if not len(index):
            return np.zeros(len(self.key))
        mass = self.target - (1 / np.diff(self.start))[self.owner]
        leaning = np.add.reduceat(self._choices * mass[:, None], self.start[:-1])[index]
        count = min(NEIGHBOURS, len(index))
        direction = np.zeros_like(self._texts)
        for start in range(0, len(self._texts), CHUNK):
            near = self._texts[start : start + CHUNK] @ self._texts[index].T
            near[np.arange(start, start + len(near))[:, None] == index] = -np.inf
            best = np.argpartition(-near, count - 1, axis=1)[:, :count]
            weights = np.exp((np.take_along_axis(near, best, axis=1) - 1) / TEMPERATURE)
            for row in range(len(near)):
                direction[start + row] = weights[row] @ leaning[best[row]]
        return np.asarray(np.einsum("ij,ij->i", direction[self.owner], self._choices), dtype=float)


def _key(choice: str) -> str:
    return " ".join(choice.split()).casefold()


def _words(text: str) -> set[str]:
    """Beginnings of words: enough to see that "swimming" and "swims" are one."""
    return {word[:5] for word in re.findall(r"\w{3,}", text.casefold())}


def _vectors(embedder: Embedder, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    vectors: Any = embedder.embed(texts)
    return np.asarray(vectors.toarray() if hasattr(vectors, "toarray") else vectors, dtype=np.float32)
