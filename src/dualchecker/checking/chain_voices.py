"""What students that have not seen a question say about its answer, and about the teacher's chains to it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dualchecker.checking.chain_teaching import chain_examples
from dualchecker.data import Fence, text_folds
from dualchecker.records import Answer, Example, Labelled, Record
from dualchecker.students.reasoning import Reasoned, ReasoningStudent
from dualchecker.tasks import Reasoning
from dualchecker.tasks.chains import chain_key

FOLDS = 2
"""Students that write chains are dear to train: each half of the questions is seen by the student of the other."""


@dataclass(frozen=True)
class Opinion:
    """Of one question, by a student that has not seen it.

    Attributes:
        votes: Probability by answer.
        judged: Probability that a chain of the teacher is right, by its key, where the student judges.
    """

    votes: Mapping[str, float]
    judged: Mapping[str, float] = field(default_factory=dict)


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


class ReasonerVoices:
    """Students that write and judge chains themselves, each trained without the part of the questions it speaks about.

    Args:
        fence: Gold.
        task: Compares answers.
        make: A fresh student.
        gold_examples: Gold as training examples, given the teacher's answers about it.
        doubtful: How unsure answers teach; see ``examples_from``.
        folds: Of the cross-fitting.
    """

    def __init__(
        self,
        fence: Fence,
        task: Reasoning,
        make: Callable[[], ReasoningStudent],
        gold_examples: Callable[[Mapping[str, Answer]], list[Example]],
        *,
        doubtful: str,
        folds: int = FOLDS,
    ) -> None:
        self._fence, self._task, self._make, self._gold = fence, task, make, gold_examples
        self._doubtful, self._folds = doubtful, folds
        self.heard: dict[str, Reasoned] = {}

    def learn(self, labels: Sequence[Labelled], gold: Mapping[str, Answer]) -> dict[str, Opinion]:
        """See ``ChainVoices``."""
        taught = [*self._gold(gold), *chain_examples(labels, self._doubtful)]
        answers = dict(gold) | {item.record.id: item.answer for item in labels if item.answer is not None}
        records = {r.id: r for r in (*self._fence.gold, *(item.record for item in labels)) if r.text.strip()}
        fold_of = dict(zip(records, text_folds(records.values(), self._folds).tolist(), strict=True))
        found: dict[str, Opinion] = {}
        for number in range(self._folds):
            mine = [record for record in records.values() if fold_of[record.id] == number]
            learnt = [example for example in taught if fold_of.get(example.record.id) != number]
            if mine and learnt:
                found |= self._opinions(self._make().fit(learnt), mine, answers)
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
            record.id: Opinion(
                dict(said.votes), {chain_key(c.text): right for c, right in zip(some, rights, strict=False)}
            )
            for record, said, some, rights in zip(records, reasoned, chains, judged, strict=True)
        }
