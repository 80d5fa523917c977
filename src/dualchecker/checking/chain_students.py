"""The student checker where reasoning is asked for: which answers go back up the ladder, which chains teach nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np

from dualchecker.checking.borderline import by_border, pick_diverse
from dualchecker.checking.chain_teaching import checked_chains
from dualchecker.checking.chain_voices import ChainVoices, Opinion, judged_key
from dualchecker.checking.student_checker import Findings
from dualchecker.checking.teacher_checker import Calibration
from dualchecker.confidence import Calibrator, Map, Threshold, auroc, cross_fitted, fit_map, usable_map
from dualchecker.data import Fence
from dualchecker.embedding import Embedder
from dualchecker.records import Answer, Confidence, Labelled, Record
from dualchecker.tasks import Reasoning

FUSION_SIGNALS = ("teacher", "student", "judged")
FUSION_SLOPES = {"teacher": 1.0, "student": 0.2, "judged": 0.2}
"""The teacher checker's confidence in an answer, the student's own probability of it, and what the student says of the
teacher's chains to it. What the student's words weigh is learnt on gold."""

_TEACHER_ALONE = {"teacher": 1.0, "student": 0.0, "judged": 0.0}

_SURE = 0.5
"""Share of a student's votes from which it has an answer of its own."""

_TELLS = 0.6
"""AUROC on gold chains from which the student's verdicts may reject chains."""

_LEAST = 20
"""Gold chains, right and wrong ones each half of it at least, from which that is known."""


class ChainStudentChecker:
    """Inspects answers and chains through students that have not seen the questions; an ``Inspector``.

    Args:
        task: Compares answers.
        fence: Gold; only its demonstrations can become borderline examples.
        embedder: Tells near-duplicates.
        voices: The students.
        choose_threshold: From confidences and truth on gold to a threshold.
        borderline: How many borderline cases to bring.
        final_map: See ``StudentChecker``.
    """

    def __init__(
        self,
        task: Reasoning,
        fence: Fence,
        embedder: Embedder,
        voices: ChainVoices,
        choose_threshold: Callable[[Sequence[float], Sequence[bool]], Threshold],
        *,
        borderline: int = 2,
        final_map: Map = "logistic",
    ) -> None:
        self._task, self._fence, self._embedder, self._students = task, fence, embedder, voices
        self._choose_threshold, self._borderline, self._map = choose_threshold, borderline, final_map
        self._prior = Calibrator.prior(
            FUSION_SIGNALS, intercept=0.0, slopes=_TEACHER_ALONE if final_map == "none" else FUSION_SLOPES
        )
        self._fusion, self._threshold = self._prior, Threshold(1.0)
        self._opinions: dict[str, Opinion] = {}
        self._rejects = False

    @property
    def voices(self) -> ChainVoices:
        """The students."""
        return self._students

    def inspect(self, labels: Sequence[Labelled], calibration: Calibration) -> Findings:
        """Fuse teacher and students, find what they dispute, and learn whether their verdicts tell right from wrong."""
        gold = {climb.record.id: climb.answer for climb in calibration.climbs if climb.answer is not None}
        self._opinions = self._students.learn(labels, gold)
        self._rejects = self._tells(calibration)
        self._fit_fusion(calibration)
        fused = self.settle(labels)
        return Findings(
            labels=fused,
            disputed=[item for item in fused if item.disputed],
            borderline=self._pick_borderline(),
            fusion=self._fusion,
            threshold=self._threshold,
            student_accuracy=self._accuracy(),
        )

    def settle(self, labels: Sequence[Labelled]) -> list[Labelled]:
        """The same answers with fused confidence and status, and their chains with what the checkers make of each."""
        usable = [item for item in labels if item.answer is not None]
        self._hear_more({i.record.id: (i.record, i.answer) for i in usable if i.answer})
        rows = [self._signals(item.record, item.answer, _teacher(item)) for item in usable if item.answer]
        fused = self._fusion.predict(rows)
        done = {
            item.record.id: self._settled(item, float(confidence), row)
            for item, confidence, row in zip(usable, fused, rows, strict=True)
        }
        return [done.get(item.record.id, item) for item in labels]

    def _hear_more(self, answers: Mapping[str, tuple[Record, Answer]]) -> None:
        """Have chains judged that came after the last inspection: those of answers that were looked at again."""
        new = {
            name: pair
            for name, pair in answers.items()
            if name in self._opinions
            and any(chain.text and judged_key(chain) not in self._opinions[name].judged for chain in pair[1].chains)
        }
        for name, judged in (self._students.judge(new) if new else {}).items():
            known = self._opinions[name]
            self._opinions[name] = replace(known, judged={**known.judged, **judged})

    def _settled(self, item: Labelled, confidence: float, signals: dict[str, float]) -> Labelled:
        answer = item.answer
        if answer is None:
            return item
        disputed = confidence < 0.5 and self._contradicted(item.record, answer)
        accepted = confidence >= self._threshold.value and not disputed
        opinion = self._opinions.get(item.record.id)
        judged = opinion.judged if opinion and self._rejects else None
        return replace(
            item,
            answer=replace(answer, chains=checked_chains(answer, confidence, self._task, judged)),
            confidence=Confidence(confidence, {**item.confidence.signals, **signals}),
            disputed=disputed,
            status="accepted" if accepted else "abstained",
            reason="" if accepted else "disputed" if disputed else "unsure",
        )

    def _contradicted(self, record: Record, answer: Answer) -> bool:
        """Whether the student has an answer of its own, or judges every chain to this one wrong."""
        opinion = self._opinions.get(record.id)
        if opinion is None:
            return False
        rival = max(opinion.votes.items(), key=lambda vote: vote[1], default=("", 0.0))
        other = rival[1] >= _SURE and not self._task.equal(rival[0], answer.label)
        judged = self._judged(opinion, answer)
        return other or (self._rejects and bool(judged) and max(judged) < 0.5)

    def _judged(self, opinion: Opinion, answer: Answer) -> list[float]:
        """What the student says of the chains to an answer, as far as it has seen them."""
        keys = [judged_key(c) for c in answer.chains if self._task.equal(c.answer, answer.label)]
        return [opinion.judged[key] for key in keys if key in opinion.judged]

    def _signals(self, record: Record, answer: Answer, confidence: float) -> dict[str, float]:
        row = {"teacher": confidence}
        opinion = self._opinions.get(record.id)
        if opinion is not None:
            if opinion.votes:  # a student that has nothing to say does not speak against anything
                row["student"] = sum(p for said, p in opinion.votes.items() if self._task.equal(said, answer.label))
            judged = self._judged(opinion, answer)
            if judged:
                row["judged"] = fmean(judged)
        return row

    def _fit_fusion(self, calibration: Calibration) -> None:
        known = [(climb, climb.answer) for climb in calibration.climbs if climb.answer is not None]
        rows = [self._signals(climb.record, answer, climb.confidence) for climb, answer in known]
        right = [self._task.equal(answer.label, climb.record.label) for climb, answer in known]
        kind = usable_map(self._map, right)
        self._fusion = fit_map(rows, right, self._prior, kind)
        self._threshold = self._choose_threshold(cross_fitted(rows, right, self._prior, kind=kind).tolist(), right)

    def _tells(self, calibration: Calibration) -> bool:
        """Whether the student's verdicts on chains about gold, which it has not seen, agree with the human answers."""
        said: list[float] = []
        right: list[bool] = []
        for climb in calibration.climbs:
            opinion = self._opinions.get(climb.record.id)
            for chain in climb.answer.chains if climb.answer and opinion else ():
                value = opinion.judged.get(judged_key(chain)) if opinion else None
                if value is not None:
                    said.append(value)
                    right.append(self._task.equal(chain.answer, climb.record.label))
        hits = sum(right)
        return min(hits, len(right) - hits) >= _LEAST // 2 and auroc(said, right) >= _TELLS

    def _own(self, record: Record) -> float:
        """The student's probability of the human answer."""
        opinion = self._opinions.get(record.id)
        votes = opinion.votes if opinion else {}
        return sum(p for said, p in votes.items() if self._task.equal(said, record.label))

    def _accuracy(self) -> float:
        heard = [record for record in self._fence.gold if record.id in self._opinions]
        return float(np.mean([self._own(record) > _SURE for record in heard])) if heard else float("nan")

    def _pick_borderline(self) -> list[Record]:
        """Gold that the student gets wrong or is least sure of; no near-duplicates."""
        allowed = {record.id for record in self._fence.demonstrations}
        gold = [record for record in self._fence.gold if record.id in allowed and record.id in self._opinions]
        ranked = (gold[i] for i in by_border([self._own(record) - _SURE for record in gold]))
        return pick_diverse(ranked, self._borderline, self._embedder)


def _teacher(item: Labelled) -> float:
    """The teacher checker's confidence; a second inspection must not start from a fused one."""
    signals: Mapping[str, float] = item.confidence.signals
    return signals.get("teacher", item.confidence.value)
