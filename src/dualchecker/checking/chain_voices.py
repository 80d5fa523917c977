"""What students that have not seen a question say about its answer, and about the teacher's chains to it."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dualchecker.checking.chain_teaching import chain_examples
from dualchecker.data import Fence, text_folds
from dualchecker.records import Answer, Chain, Example, Labelled, Record
from dualchecker.students.reasoning import Reasoned, ReasoningStudent
from dualchecker.tasks.chains import chain_key

JudgedKey = tuple[str, str]
"""Content of a chain, and what it arrives at: the same words may be said for several answers."""

FOLDS = 2
"""Students that write chains are dear to train: each half of the questions is seen by the student of the other."""


def judged_key(chain: Chain) -> JudgedKey:
    """See ``JudgedKey``."""
    return chain_key(chain.text), chain.answer


@dataclass(frozen=True)
class Opinion:
    """Of one question, by a student that has not seen it.

    Attributes:
        votes: Probability by answer.
        judged: Probability that a chain of the teacher is right, by ``judged_key``, where the student judges.
    """

    votes: Mapping[str, float]
    judged: Mapping[JudgedKey, float] = field(default_factory=dict)


class ChainVoices(Protocol):
    """Students that are asked about gold and pool without having seen them.

    Attributes:
        heard: What students that write chains said of each record, by id, when they were asked last; else empty.
    """

    @property
    def heard(self) -> Mapping[str, Reasoned]: ...

    def learn(self, labels: Sequence[Labelled], gold: Mapping[str, Answer]) -> dict[str, Opinion]:
        """Opinions by record id.

        Args:
            labels: Of the pool so far.
            gold: What the teacher answered about gold, by record id.
        """
        ...

    def judge(self, answers: Mapping[str, tuple[Record, Answer]]) -> dict[str, dict[JudgedKey, float]]:
        """What they say of the chains of further answers, by record id, as far as they can; after ``learn``."""
        ...


class ReasonerVoices:
    """Students that write and judge chains themselves, each trained without the part of the questions it speaks about.

    Args:
        fence: Gold.
        make: A fresh student.
        gold_examples: Gold as training examples, given the teacher's answers about it.
        doubtful: How unsure answers teach; see ``examples_from``.
        folds: Of the cross-fitting.
    """

    def __init__(
        self,
        fence: Fence,
        make: Callable[[], ReasoningStudent],
        gold_examples: Callable[[Mapping[str, Answer]], list[Example]],
        *,
        doubtful: str,
        folds: int = FOLDS,
    ) -> None:
        self._fence, self._make, self._gold = fence, make, gold_examples
        self._doubtful, self._folds = doubtful, folds
        self._asked: dict[str, ReasoningStudent] = {}
        self.heard: dict[str, Reasoned] = {}

    def learn(self, labels: Sequence[Labelled], gold: Mapping[str, Answer]) -> dict[str, Opinion]:
        """See ``ChainVoices``."""
        taught = [*self._gold(gold), *chain_examples(labels, self._doubtful)]
        answers = dict(gold) | {item.record.id: item.answer for item in labels if item.answer is not None}
        records = {r.id: r for r in (*self._fence.gold, *(item.record for item in labels)) if r.text.strip()}
        fold_of = dict(zip(records, text_folds(records.values(), self._folds).tolist(), strict=True))
        found: dict[str, Opinion] = {}
        self._asked = {}
        for number in range(self._folds):
            mine = [record for record in records.values() if fold_of[record.id] == number]
            learnt = [example for example in taught if fold_of.get(example.record.id) != number]
            if mine and learnt:
                student = self._make().fit(learnt)
                self._asked |= {record.id: student for record in mine}
                found |= self._opinions(student, mine, answers)
        return found

    def judge(self, answers: Mapping[str, tuple[Record, Answer]]) -> dict[str, dict[JudgedKey, float]]:
        """See ``ChainVoices``."""
        by_student: dict[int, list[str]] = defaultdict(list)
        for name in answers:
            if name in self._asked and self._asked[name].judges:
                by_student[id(self._asked[name])].append(name)
        found = {}
        for names in by_student.values():
            chains = [[chain for chain in answers[name][1].chains if chain.text] for name in names]
            pairs = [[(chain.text, chain.answer) for chain in some] for some in chains]
            rights = self._asked[names[0]].judge([answers[name][0] for name in names], pairs)
            for name, some, values in zip(names, chains, rights, strict=True):
                found[name] = {judged_key(chain): value for chain, value in zip(some, values, strict=True)}
        return found

    def _opinions(
        self, student: ReasoningStudent, records: Sequence[Record], answers: Mapping[str, Answer]
    ) -> dict[str, Opinion]:
        chains = [
            [chain for chain in answers[record.id].chains if chain.text] if record.id in answers else []
            for record in records
        ]
        pairs = [[(chain.text, chain.answer) for chain in some] for some in chains]
        # Where the teacher has evaluated nothing, no verdicts were learnt: the student's votes are then all it says.
        judged = student.judge(records, pairs) if student.judges else [[] for _ in records]
        reasoned = student.predict(records)
        self.heard |= {record.id: said for record, said in zip(records, reasoned, strict=True)}
        return {
            record.id: Opinion(dict(said.votes), {judged_key(c): right for c, right in zip(some, rights, strict=False)})
            for record, said, some, rights in zip(records, reasoned, chains, judged, strict=True)
        }
