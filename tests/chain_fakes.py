"""Stand-ins for tasks that ask for reasoning: sums in words, a teacher, a student."""

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from dualchecker.alignment import ContextAligner
from dualchecker.asking import Asker
from dualchecker.checking import ChainChecker, ChainLadder
from dualchecker.checking.chain_voices import JudgedKey, Opinion
from dualchecker.config import RUNGS, AlignConfig, LimitsConfig
from dualchecker.data import Fence
from dualchecker.embedding import NgramEmbedder
from dualchecker.ledger import Ledger
from dualchecker.prompts import Prompt, PromptWriter, rungs_for
from dualchecker.records import Answer, Chain, Example, Labelled, Record, Reply, SelfEvaluation, VerdictWord
from dualchecker.students import JudgedChain, Reasoned
from dualchecker.tasks import Reasoning
from dualchecker.teachers.base import FreeTeacher

SUMS = Reasoning("Solve the problem.")


def make_sums(count: int, prefix: str) -> list[Record]:
    """Each adds two numbers."""
    records = []
    for i in range(count):
        draw = random.Random(f"{prefix}{i}")
        a, b = draw.randint(1, 40), draw.randint(1, 40)
        text = f"In case {prefix}{i} Ann has {a} shells and finds {b} more. How many has she?"
        records.append(Record(f"{prefix}{i}", text, label=str(a + b), meta={"a": a, "b": b}))
    return records


def chain_of(record: Record, error: int = 0, words: str = "She has") -> dict[str, Any]:
    """A reply: a chain to the sum of a record, or to another number by a slip."""
    a, b = record.meta["a"], record.meta["b"]
    return {
        "rationale": f"{words} {a} + {b} = {a + b + error} shells.",
        "answer": str(a + b + error),
        "confidence": 0.8,
    }


def said(
    answer: str,
    text: str = "",
    *verdicts: VerdictWord,
    count: int = 1,
    key: str = "",
    sound: float | None = None,
    rejected: str = "",
    right: float | None = None,
) -> Chain:
    """A chain with the verdicts that were given of it."""
    return Chain(
        text or f"It is {answer}.",
        answer,
        "brief",
        count,
        evaluations=tuple(SelfEvaluation(verdict, f"Because {verdict}.") for verdict in verdicts),
        sound=sound,
        request_key=key,
        rejected=rejected,
        right=right,
    )


class ChainTeacher(FreeTeacher):
    """Reasons and judges as two functions say, and remembers what it was asked.

    Args:
        records: That may be asked about.
        answering: From prompt and record to the fields of a reply, or to the text of one.
        judging: From prompt and record to a verdict, or to any other text.
        rungs: That it can answer.
        name: For the trail.
    """

    def __init__(
        self,
        records: Sequence[Record],
        answering: Callable[[Prompt, Record], Mapping[str, Any] | str],
        judging: Callable[[Prompt, Record], str] = lambda prompt, record: "correct",
        rungs: Sequence[str] = (*RUNGS, "explain", "evaluate"),
        name: str = "reasoning",
    ) -> None:
        self._records = {record.id: record for record in records}
        self._answering, self._judging = answering, judging
        self.rungs, self.name = frozenset(rungs), name
        self.asked: list[Prompt] = []

    def payload(self, prompt: Prompt) -> dict[str, Any]:
        body: dict[str, Any] = {"messages": [dict(message) for message in prompt.messages], "rung": prompt.rung}
        return body | ({"sample": prompt.sample} if prompt.sample else {})

    async def ask(self, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        self.asked.append(prompt)
        record = self._records[prompt.record_id]
        if prompt.purpose == "explain":
            return Reply(json.dumps({"rationale": chain_of(record)["rationale"]}))
        if prompt.purpose == "evaluate":
            verdict = self._judging(prompt, record)
            known = verdict in ("correct", "wrong", "uncertain")
            return Reply(json.dumps({"rationale": f"I find it {verdict}.", "verdict": verdict}) if known else verdict)
        reply = self._answering(prompt, record)
        return Reply(reply if isinstance(reply, str) else json.dumps(dict(reply)))

    def count(self, purpose: str, rung: str | None = None) -> int:
        """How many prompts of a purpose (at a rung) were asked."""
        return sum(p.purpose == purpose and rung in (None, p.rung) for p in self.asked)


@contextmanager
def chain_ladder(
    tmp_path: Path,
    teacher: ChainTeacher,
    gold: Sequence[Record],
    *,
    senior: ChainTeacher | None = None,
    rungs: Sequence[Any] = RUNGS,
    chains: int = 3,
    more: int = 2,
    evaluations: int = 1,
) -> Iterator[ChainLadder]:
    """A ladder of chains around a teacher."""
    fence, config = Fence(tuple(gold), tuple(gold), "cross_fit"), AlignConfig(embedder="ngrams", rationales=False)
    embedder = NgramEmbedder(features=2**10)
    embedder.fit([record.text for record in gold])
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger, Asker(ledger, LimitsConfig(), backoff=0.001) as asker:
        writer = PromptWriter(SUMS)
        aligner = ContextAligner(SUMS, fence, embedder, config, writer, asker, teacher)
        yield ChainLadder(
            SUMS,
            aligner,
            writer,
            asker,
            teacher,
            rungs_for(config, rungs),
            senior,
            gold,
            chains=chains,
            more=more,
            evaluations=evaluations,
        )


def chain_checker(ladder: ChainLadder, gold: Sequence[Record], threshold: float = 0.7) -> ChainChecker:
    """A teacher checker on all gold."""
    return ChainChecker(ladder, Fence(tuple(gold), tuple(gold), "cross_fit"), threshold)


class FixedVoices:
    """Students whose opinions are given."""

    def __init__(self, opinions: Mapping[str, Opinion]) -> None:
        self._opinions = dict(opinions)
        self.heard: dict[str, Reasoned] = {}
        self.learnt: list[Labelled] = []

    def learn(self, labels: Sequence[Labelled], gold: Mapping[str, Answer]) -> dict[str, Opinion]:
        self.learnt = list(labels)
        return self._opinions

    def judge(self, answers: Mapping[str, tuple[Record, Answer]]) -> dict[str, dict[JudgedKey, float]]:
        return {}


class TellingStudent:
    """A student that answers as a function says, and remembers what it was taught."""

    kind = "telling"
    judges = True

    def __init__(self, answering: Callable[[Record], str | None], judging: Callable[[str], float]) -> None:
        self._answering, self._judging = answering, judging
        self.taught: list[Example] = []
        self.unlearnt: dict[str, int] = {}

    def fit(self, examples: Sequence[Example], validation: Sequence[Example] = ()) -> Self:
        self.taught = list(examples)
        return self

    def predict(self, records: Sequence[Record]) -> list[Reasoned]:
        answers = self.answer(records)
        return [Reasoned(a, 1.0, a, (JudgedChain("", a, 1.0),) if a else (), ((a, 1.0),) if a else ()) for a in answers]

    def answer(self, records: Sequence[Record]) -> list[str | None]:
        return [self._answering(record) for record in records]

    def judge(self, records: Sequence[Record], chains: Sequence[Sequence[tuple[str, str]]]) -> list[list[float]]:
        return [[self._judging(text) for text, _ in some] for some in chains]
