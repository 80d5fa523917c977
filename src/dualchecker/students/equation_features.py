"""What an equation student sees of a question and a candidate equation: the wording, the numbers' places, the value."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from dualchecker.embedding import Embedder, similarity
from dualchecker.errors import StudentError
from dualchecker.records import Record
from dualchecker.students.equation_candidates import FORMS, Candidate, Story, candidates, read_story

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NEIGHBOURS, TEMPERATURE, CHUNK = 20, 0.1, 1024
ASKED, TOLD, BESIDE = 1.0, 0.5, 0.3
"""Weights of words: of the sentence that asks, of the story before it, beside a number."""

_OPERATIONS = "+-*/"
KINDS = len(FORMS) + len(_OPERATIONS) + 1
"""Columns of scores by wording: one a form, one an operation, and one for more than two numbers."""


@dataclass(frozen=True)
class NumberQuestion:
    """A question that is answered by a number.

    Attributes:
        record: Its text.
        answer: What the teacher (or a person) gave; None where there is none.
    """

    record: Record
    answer: float | None = None


def _roles() -> tuple[list[list[int]], int]:
    """Each form's role of each slot; slots that may be swapped share one. Then the number of roles."""
    roles: list[list[int]] = []
    count = 0
    for form in FORMS:
        own = list(range(form.slots))
        for left, right in form.ordered:
            own[right] = own[left]
        names = {slot: index for index, slot in enumerate(dict.fromkeys(own))}
        roles.append([count + names[slot] for slot in own])
        count += len(names)
    return roles, count


ROLES, _COUNT = _roles()
USED, UNUSED, WIDTH = _COUNT, _COUNT + 1, _COUNT + 2


class EquationFeatures:
    """Features of all (question, candidate equation) pairs of a set of questions.

    Rows are candidates, question by question. A score is made of three parts: how the question is worded, for the
    candidate's form; what stands beside each number, for the role it has in the candidate; and the candidate's value
    and its votes from similar questions.

    Args:
        questions: Every question that will be learnt from or asked about.
        embedder: Finds similar questions; numbers are masked before.

    Raises:
        StudentError: There is no question.
    """

    def __init__(self, questions: Sequence[NumberQuestion], embedder: Embedder) -> None:
        self.questions = tuple(questions)
        if not self.questions:
            raise StudentError("There are no questions.", fix="Give at least one.")
        self._stories = [read_story(question.record.text) for question in self.questions]
        found = [list(candidates(story.numbers)) for story in self._stories]
        self.candidates: list[Candidate] = [candidate for some in found for candidate in some]
        counts = [len(some) for some in found]
        self.start = np.concatenate([[0], np.cumsum(counts)]).astype(int)
        self.owner = np.repeat(np.arange(len(counts)), counts)
        self.value = np.array([candidate.value for candidate in self.candidates], dtype=float)
        answers = np.array([np.nan if q.answer is None else q.answer for q in self.questions], dtype=float)
        self.hit: Bools = np.isclose(self.value, answers[self.owner], rtol=1e-9, atol=1e-9)
        self.labelled: Bools = np.bincount(self.owner, self.hit, len(counts)) > 0
        self._common = self._document_frequencies()
        self.wording = self._wording()
        self.beside = self._beside()
        self.by_form, self.by_role = self._selectors()
        self.values = self._values()
        self._embedder = embedder
        self._votes: dict[bytes, Floats] = {}

    def rows(self, questions: Bools) -> Bools:
        """Candidates of the chosen questions, shape (candidates,)."""
        return np.asarray(questions[self.owner])

    def matrix(self, known: Bools) -> Floats:
        """Columns of value and of votes, where only the answers of ``known`` questions may be looked at.

        A question's own answer is never in its votes, so that known and unknown questions look alike.
        """
        key = (known & self.labelled).tobytes()
        if key not in self._votes:
            self._votes[key] = self._vote(known & self.labelled)
        return np.column_stack([self.values, self._votes[key]])

    def _document_frequencies(self) -> Counter[str]:
        return Counter(word for story in self._stories for word in set(story.tokens))

    def _rarity(self, word: str) -> float:
        """From 0 for a word of every question to 1 for one of a single question."""
        count = len(self.questions)
        return float(np.log(count / self._common[word]) / np.log(count)) if count > 1 else 1.0

    def _wording(self) -> Any:
        """Bags of words of each question, shape (questions, words)."""
        rows: list[dict[str, float]] = []
        for story in self._stories:
            asked, told = story.tokens[story.asks :], story.tokens[: story.asks]
            pairs = [f"{left} {right}" for left, right in pairwise(asked)]
            row = {"": 1.0, f"numbers:{min(len(story.numbers), 6)}": 1.0}
            row |= {f"asked:{word}": ASKED for word in (*asked, *pairs)}
            row |= {f"told:{word}": TOLD for word in told}
            for part in ("asked:", "told:"):
                members = [name for name in row if name.startswith(part)]
                for name in members:
                    row[name] /= len(members) ** 0.5
            rows.append(row)
        return _sparse(rows)

    def _beside(self) -> Any:
        """What stands beside each number of each question, shape (numbers, features)."""
        return _sparse([row for story in self._stories for row in self._number_rows(story)])

    def _number_rows(self, story: Story) -> list[dict[str, float]]:
        asked = set(story.tokens[story.asks :]) - {"#"}
        rows: list[dict[str, float]] = []
        shared = []
        for index, place in enumerate(story.where):
            left, right = story.tokens[max(0, place - 3) : place], story.tokens[place + 1 : place + 4]
            unit = [word for word in _until_sign(right) if word in asked]
            shared.append(max([self._rarity(word) for word in unit], default=0.0))
            row = {"": 1.0, "shared": shared[-1], "asks": float(place >= story.asks)}
            row |= {f"place:{min(index, 5)}": 1.0, f"from end:{min(len(story.where) - 1 - index, 5)}": 1.0}
            row |= {f"left:{word}": BESIDE for word in left[-2:]} | {f"right:{word}": BESIDE for word in right[:2]}
            row |= {f"near:{word}": BESIDE for word in (*left, *right)}
            rows.append(row)
        for row, value, number in zip(rows, shared, story.numbers, strict=True):
            row["shared most"] = float(value == max(shared))
            row["largest"] = float(number == max(story.numbers))
            row["smallest"] = float(number == min(story.numbers))
        return rows

    def _selectors(self) -> tuple[Any, Any]:
        """Which wording scores, and which number scores, are summed for each candidate."""

        first = np.concatenate([[0], np.cumsum([len(story.numbers) for story in self._stories])])
        forms: list[list[int]] = []
        roles: list[list[int]] = []
        for candidate, owner in zip(self.candidates, self.owner.tolist(), strict=True):
            forms.append([owner * KINDS + kind for kind in _kinds(candidate.form)])
            own = {place: ROLES[candidate.form][slot] for slot, place in enumerate(candidate.places)}
            cells: list[int] = []
            for place in range(len(self._stories[owner].numbers)):
                row = (int(first[owner]) + place) * WIDTH
                cells += [row + own[place], row + USED] if place in own else [row + UNUSED]
            roles.append(cells)
        return _sums(forms, len(self.questions) * KINDS), _sums(roles, int(first[-1]) * WIDTH)

    def _values(self) -> Floats:
        """What a candidate comes to and in which order it takes the numbers, shape (candidates, features)."""
        columns = []
        for candidate, owner in zip(self.candidates, self.owner.tolist(), strict=True):
            story, value, places = self._stories[owner], candidate.value, candidate.places
            units = [next(iter(_until_sign(story.tokens[story.where[p] + 1 :][:3])), "") for p in places[:2]]
            rising = len(places) > 1 and places[0] < places[1]
            sign = FORMS[candidate.form].name[1] if len(places) == 2 else ""
            columns.append(
                [
                    value < 0,
                    value != round(value),
                    value == 0,
                    len(places) > 1 and value in story.numbers,
                    value > max(story.numbers),
                    len(places) == len(story.numbers),
                    *(sign == operation and rising for operation in _OPERATIONS),
                    *(sign == operation and units[0] == units[-1] for operation in _OPERATIONS),
                    len(places) > 1 and abs(places[0] - places[1]) == 1,
                ]
            )
        return np.array(columns, dtype=float).reshape(len(columns), -1)

    @cached_property
    def _vectors(self) -> tuple[Any, Any]:
        """Of the whole text and of the sentence that asks, numbers masked."""
        texts = [" ".join(story.tokens) for story in self._stories]
        asks = [" ".join(story.tokens[story.asks :]) for story in self._stories]
        return self._embedder.embed(texts), self._embedder.embed(asks)

    def _nearness(self, index: npt.NDArray[np.intp]) -> Iterator[Floats]:
        """Each question's similarity to the questions of ``index``, in turn; a chunk at a time, for memory's sake."""
        known = [vectors[index] for vectors in self._vectors]
        for start in range(0, len(self.questions), CHUNK):
            parts = [similarity(v[start : start + CHUNK], k) for v, k in zip(self._vectors, known, strict=True)]
            yield from (parts[0].astype(float) + parts[1]) / 2

    def _vote(self, known: Bools) -> Floats:
        """Shares of similar questions whose answer has this form, and this form over the same places."""
        masses = np.bincount(self.owner, self.hit, len(self.questions))
        answers: list[list[tuple[tuple[Any, ...], int, float]]] = [[] for _ in self.questions]
        for row in np.flatnonzero(self.hit & known[self.owner]).tolist():
            owner, candidate = int(self.owner[row]), self.candidates[row]
            answers[owner].append((self._signature(owner, candidate), candidate.form, 1 / float(masses[owner])))
        index = np.flatnonzero(known)
        columns = np.zeros((len(self.candidates), 2))
        if not len(index):
            return columns
        for owner, near in enumerate(self._nearness(index)):
            near[index == owner] = -np.inf
            best = np.argsort(-near, kind="stable")[:NEIGHBOURS]
            weights = np.exp((near[best] - 1) / TEMPERATURE)
            votes: Counter[Any] = Counter()
            for other, weight in zip(index[best].tolist(), weights.tolist(), strict=True):
                for signature, form, mass in answers[other]:
                    votes[signature] += weight * mass
                    votes[form] += weight * mass
            total = float(weights.sum()) + 1e-2
            for row in range(self.start[owner], self.start[owner + 1]):
                candidate = self.candidates[row]
                columns[row] = votes[self._signature(owner, candidate)] / total, votes[candidate.form] / total
        return columns

    def _signature(self, owner: int, candidate: Candidate) -> tuple[int, ...]:
        return (len(self._stories[owner].numbers), candidate.form, *candidate.places)


def _until_sign(words: Sequence[str]) -> list[str]:
    """The words before the first sign or number."""
    found: list[str] = []
    for word in words:
        if not word[0].isalnum():
            break
        found.append(word)
    return found


def _kinds(form: int) -> list[int]:
    name = FORMS[form].name
    operations = [len(FORMS) + index for index, operation in enumerate(_OPERATIONS) if operation in name]
    return [form, *operations, *([KINDS - 1] if FORMS[form].slots > 2 else [])]


def _sums(cells: Sequence[Sequence[int]], width: int) -> Any:
    """A matrix that adds up the given cells of a vector, shape (rows, width)."""
    from scipy.sparse import csr_matrix

    ends = np.concatenate([[0], np.cumsum([len(some) for some in cells])]).astype(int)
    columns = np.array([cell for some in cells for cell in some], dtype=int)
    return csr_matrix((np.ones(len(columns)), columns, ends), shape=(len(cells), width))


def _sparse(rows: Sequence[dict[str, float]]) -> Any:
    from scipy.sparse import csr_matrix

    seen = Counter(name for row in rows for name in row)
    names = {name: index for index, name in enumerate(name for name, count in seen.items() if count > 1)}
    cells = [(index, names[name], x) for index, row in enumerate(rows) for name, x in row.items() if name in names]
    where = np.array([cell[:2] for cell in cells], dtype=int).reshape(-1, 2).T
    return csr_matrix(([cell[2] for cell in cells], where), shape=(len(rows), max(len(names), 1)))
