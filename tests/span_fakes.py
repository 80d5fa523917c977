"""Stand-ins for tasks that ask for spans: texts with causes and effects, teachers, a student."""

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from dualchecker.alignment import ContextAligner
from dualchecker.asking import Asker
from dualchecker.checking import SpanAgreement, SpanChecker, SpanLadder, SpanStudentChecker, SpanVoices
from dualchecker.config import AlignConfig, CheckConfig, LimitsConfig
from dualchecker.data import Fence
from dualchecker.embedding import NgramEmbedder
from dualchecker.errors import StudentError
from dualchecker.ledger import Ledger
from dualchecker.prompts import Prompt, PromptWriter, rungs_for
from dualchecker.records import Example, Record, Reply, Span
from dualchecker.students.spans import ScoredSpan
from dualchecker.tasks import Extraction
from dualchecker.teachers.base import FreeTeacher

SPANS = Extraction("What causes what?", {"cause": "What brings it about.", "effect": "What follows."})

_CAUSES = ["heavy rain", "a cracked valve", "strong frost", "a broken pump", "low pressure", "a blown fuse"]
_EFFECTS = ["the road flooded", "the boiler stopped", "the crop was lost", "the mill stood still", "nobody could pass"]


def make_span_records(count: int, prefix: str) -> list[Record]:
    """Every third text tells of no effect."""
    records = []
    for i in range(count):
        draw = random.Random(f"{prefix}{i}")
        cause, effect = draw.choice(_CAUSES), draw.choice(_EFFECTS)
        if i % 3:
            text = f"In case {prefix}{i} it was {cause} that day, and so {effect} for {draw.randint(2, 90)} hours."
            spans = (_place(text, cause, "cause"), _place(text, effect, "effect"))
        else:
            text = f"In case {prefix}{i} there was {cause} for {draw.randint(2, 90)} hours, nothing else."
            spans = (_place(text, cause, "cause"),)
        records.append(Record(f"{prefix}{i}", text, label=SPANS.write(text, spans), spans=spans))
    return records


def _place(text: str, words: str, label: str) -> Span:
    return Span(text.index(words), text.index(words) + len(words), label)


def reply(text: str, spans: Sequence[Span], stated: float | None = 0.9) -> str:
    """What a teacher that quotes these spans sends."""
    said: list[dict[str, Any]] = [{"label": span.label, "quote": text[span.start : span.end]} for span in spans]
    return json.dumps(
        {"rationale": "As it reads.", "spans": [s | ({"confidence": stated} if stated else {}) for s in said]}
    )


class SpanTeacher(FreeTeacher):
    """Replies as a function of prompt and record says, and remembers what it was asked."""

    name = "quoting"

    def __init__(
        self,
        records: Sequence[Record],
        answering: Callable[[Prompt, Record], str],
        rungs: Sequence[str] = ("brief", "wide", "reconsider", "explain"),
    ) -> None:
        self._records = {record.id: record for record in records}
        self._answering, self.rungs = answering, frozenset(rungs)
        self.asked: list[Prompt] = []

    def payload(self, prompt: Prompt) -> dict[str, Any]:
        body: dict[str, Any] = {"messages": [dict(message) for message in prompt.messages], "rung": prompt.rung}
        return body | ({"sample": prompt.sample} if prompt.sample else {})

    async def ask(self, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        self.asked.append(prompt)
        if prompt.purpose == "explain":
            return Reply(json.dumps({"rationale": "People see it so."}))
        return Reply(self._answering(prompt, self._records[prompt.record_id]))


def noisy(share: float, seed: int = 0) -> Callable[[Prompt, Record], str]:
    """A teacher that drops or shifts that share of the human spans, anew at each rung and sample."""

    def answer(prompt: Prompt, record: Record) -> str:
        draw = random.Random(f"{seed} {record.id} {prompt.rung} {prompt.sample}")
        said = []
        for span in record.spans or ():
            if draw.random() >= share:
                said.append(span)
            elif draw.random() < 0.5:
                first = span.start
                for _ in range(draw.randint(1, 3)):
                    first = record.text.rindex(" ", 0, first - 1) + 1
                said.append(Span(first, span.end, span.label))
        return reply(record.text, said)

    return answer


@dataclass
class LexiconStudent:
    """Knows the words of the spans that it was taught, and how surely; a ``SpanStudent`` that needs no training."""

    labels: tuple[str, ...]
    kind: str = "lexicon"

    def __post_init__(self) -> None:
        self.unexpressed: dict[str, int] = {}
        self._known: dict[tuple[str, str], float] = {}

    def fit(self, examples: Sequence[Example], validation: Sequence[Example] = ()) -> Self:
        votes: dict[tuple[str, str], list[float]] = defaultdict(list)
        for example in examples:
            for taught in example.spans:
                if taught.weight > 0:
                    words = example.record.text[taught.span.start : taught.span.end]
                    votes[taught.span.label, words].append(taught.target)
        if not votes:
            raise StudentError("There is nothing to train on.")
        self._known = {key: sum(values) / (len(values) + 0.2) for key, values in votes.items()}
        return self

    def predict(self, records: Sequence[Record]) -> list[tuple[ScoredSpan, ...]]:
        return [tuple(self._found(record.text)) for record in records]

    def _found(self, text: str) -> Iterator[ScoredSpan]:
        for (label, words), sure in sorted(self._known.items()):
            start = text.find(words)
            if start >= 0 and sure >= 0.5:
                yield ScoredSpan(Span(start, start + len(words), label), sure)

    def probabilities(self, records: Sequence[Record], spans: Sequence[Sequence[Span]]) -> list[list[float]]:
        return [
            [self._known.get((s.label, record.text[s.start : s.end]), 0.02) for s in some]
            for record, some in zip(records, spans, strict=True)
        ]

    def absence(self, records: Sequence[Record]) -> Any:
        found = [{one.span.label for one in some} for some in self.predict(records)]
        return np.array([[0.1 if label in some else 0.9 for label in self.labels] for some in found])

    def sharpen(self, exponent: float) -> None:
        return None

    def save(self, folder: Path, card: str = "", extra: dict[str, Any] | None = None) -> None:
        raise AssertionError("a stand-in is never saved")


@dataclass
class SpanParts:
    """The parts of a method on spans."""

    aligner: ContextAligner
    ladder: SpanLadder
    checker: SpanChecker
    student_checker: SpanStudentChecker


@contextmanager
def make_span_parts(
    tmp_path: Path,
    teacher: SpanTeacher,
    fence: Fence,
    pool: Sequence[Record],
    *,
    task: Extraction = SPANS,
    check: CheckConfig | None = None,
) -> Iterator[SpanParts]:
    """Ladder and checkers around a stand-in for the teacher; n-grams and a lexicon student."""
    check = check or CheckConfig(threshold=0.85)
    config = AlignConfig(embedder="ngrams")
    embedder = NgramEmbedder(features=2**12)
    embedder.fit([record.text for record in (*fence.gold, *pool)])
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger, Asker(ledger, LimitsConfig(), backoff=0.001) as asker:
        writer = PromptWriter(task)
        aligner = ContextAligner(task, fence, embedder, config, writer, asker, teacher)
        rungs = rungs_for(config, check.rungs)
        ladder = SpanLadder(task, aligner, writer, asker, teacher, rungs, None, fence.demonstrations)
        agreement = SpanAgreement(ladder, aligner, samples=check.samples, variants=check.variants)
        checker = SpanChecker(task, ladder, fence, check.threshold, check.calibration, agreement=agreement)
        voices = SpanVoices(task.names, fence, pool, lambda: LexiconStudent(task.names), doubtful=check.doubtful)
        student_checker = SpanStudentChecker(
            task, fence, embedder, voices, checker.choose_threshold, final_map=check.calibration
        )
        yield SpanParts(aligner, ladder, checker, student_checker)
