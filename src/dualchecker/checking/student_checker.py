"""The student checker (DualChecker): what a student of the teacher's labels says about labels, gold and template."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dualchecker.checking.examples import examples_from
from dualchecker.checking.propagation import MOST_NODES, neighbour_graph, propagate
from dualchecker.checking.teacher_checker import Calibration
from dualchecker.confidence import Calibrator, Threshold, best_exponent, cross_fitted, sharpen
from dualchecker.data import Fence, fingerprint
from dualchecker.embedding import Embedder, similarity
from dualchecker.records import Confidence, Example, Labelled, Record
from dualchecker.students import Student
from dualchecker.tasks import Task

Floats = npt.NDArray[np.float64]

FUSION_SIGNALS = ("teacher", "student")
"""The teacher checker's calibrated confidence, and the student's calibrated out-of-fold probability of the label."""

FUSION_INTERCEPT = 0.0
FUSION_SLOPES = (1.0, 0.7)
"""Before the teacher has answered gold: the teacher is believed as calibrated, the student is nearly independent
evidence. What the student's evidence weighs is learnt on gold in any case: a poor student comes out even."""

_NEAR_DUPLICATE = 0.9


@dataclass(frozen=True)
class Findings:
    """What one inspection found.

    Attributes:
        labels: The labels with fused confidence; disputed ones are marked.
        disputed: Those where the evidence as a whole speaks for the student's label against the teacher's.
        borderline: Gold that the student gets wrong or is least sure of, diverse, fit for the template.
        fusion: How teacher and student were weighed.
        threshold: For accepting fused confidences.
        student_accuracy: Out of fold, on gold.
        gold_probabilities: Out-of-fold, shape (gold, labels), in the order of ``fence.gold``.
    """

    labels: list[Labelled]
    disputed: list[Labelled]
    borderline: list[Record]
    fusion: Calibrator
    threshold: Threshold
    student_accuracy: float
    gold_probabilities: Floats


class StudentChecker:
    """Inspects labels through a student that has not seen them.

    Args:
        task: Labels and their comparison.
        fence: Gold; only its demonstrations can become borderline examples.
        embedder: Tells near-duplicates.
        make: A fresh interim student.
        choose_threshold: From confidences and truth on gold to a threshold.
        borderline: How many borderline cases to bring.
        doubtful: What becomes of unsure labels in the student's training: ``weight`` or ``drop``.
        folds: Of the cross-validation.
    """

    def __init__(
        self,
        task: Task,
        fence: Fence,
        embedder: Embedder,
        make: Callable[[], Student],
        choose_threshold: Callable[[Sequence[float], Sequence[bool]], Threshold],
        *,
        borderline: int = 2,
        doubtful: str = "weight",
        folds: int = 5,
    ) -> None:
        self._task, self._fence, self._embedder, self._make = task, fence, embedder, make
        self._choose_threshold = choose_threshold
        self._borderline, self._doubtful, self._folds = borderline, doubtful, folds
        self._column = {label: index for index, label in enumerate(task.labels)}
        self._student: dict[str, Floats] = {}
        self._prior = Calibrator.prior(
            FUSION_SIGNALS, intercept=FUSION_INTERCEPT, slopes=FUSION_SLOPES, chance=1 / len(task.labels)
        )
        self._fusion = self._prior
        self._graph: tuple[tuple[str, ...], Any] | None = None
        self._threshold = Threshold(1.0)

    def inspect(self, labels: Sequence[Labelled], calibration: Calibration) -> Findings:
        """Fuse teacher and student, find what they dispute and where the student's knowledge of gold is thin."""
        gold = self._fence.gold
        gold_probabilities, pool_probabilities = self._out_of_fold(gold, labels)
        self._student = {item.record.id: row for item, row in zip(labels, pool_probabilities, strict=True)}
        self._fit_fusion(calibration, {record.id: row for record, row in zip(gold, gold_probabilities, strict=True)})
        fused = self.settle(labels)
        truth = [self._column[record.label or ""] for record in gold]
        return Findings(
            labels=fused,
            disputed=[item for item in fused if item.disputed],
            borderline=self._pick_borderline(gold, gold_probabilities, truth),
            fusion=self._fusion,
            threshold=self._threshold,
            student_accuracy=float(np.mean(gold_probabilities.argmax(axis=1) == truth)),
            gold_probabilities=gold_probabilities,
        )

    def settle(self, labels: Sequence[Labelled]) -> list[Labelled]:
        """The same labels with fused confidence, distribution and status.

        A label that the evidence as a whole contradicts is marked as disputed and abstained on.
        """
        usable = [item for item in labels if item.label is not None and item.record.id in self._student]
        rows = [self._signals(item, self._student[item.record.id]) for item in usable]
        fused = dict(zip((item.record.id for item in usable), self._fusion.predict(rows), strict=True))
        signals = dict(zip((item.record.id for item in usable), rows, strict=True))
        return [
            self._settle(item, float(fused[item.record.id]), signals[item.record.id])
            if item.record.id in fused
            else item
            for item in labels
        ]

    def _settle(self, item: Labelled, confidence: float, signals: dict[str, float]) -> Labelled:
        label = item.label or ""
        distribution = self._distribution(item, label, confidence)
        rival = max(distribution, key=distribution.__getitem__)
        disputed = rival != label
        accepted = confidence >= self._threshold.value and not disputed
        return replace(
            item,
            confidence=Confidence(confidence, {**item.confidence.signals, **signals}),
            distribution=distribution,
            disputed=disputed,
            status="accepted" if accepted else "abstained",
            reason="" if accepted else "disputed" if disputed else "unsure",
        )

    def _distribution(self, item: Labelled, label: str, confidence: float) -> dict[str, float]:
        """Our probability of every label: the confidence on the label, the rest as the student would spread it."""
        row = self._student[item.record.id]
        others = {name: float(row[column]) + 1e-6 for name, column in self._column.items() if name != label}
        total = sum(others.values())
        spread = {name: (1 - confidence) * value / total for name, value in others.items()}
        return {name: confidence if name == label else spread[name] for name in self._column}

    def _signals(self, item: Labelled, student: Floats) -> dict[str, float]:
        return {
            # A second inspection must start from the teacher's confidence again, not from a fused one.
            "teacher": item.confidence.signals.get("teacher", item.confidence.value),
            "student": float(student[self._column[item.label or ""]]),
        }

    def _fit_fusion(self, calibration: Calibration, student: dict[str, Floats]) -> None:
        answered = [climb for climb in calibration.climbs if climb.answer is not None]
        labels = [climb.answer.label or "" for climb in answered if climb.answer is not None]
        rows = [
            {"teacher": climb.confidence, "student": float(student[climb.record.id][self._column[label]])}
            for climb, label in zip(answered, labels, strict=True)
        ]
        right = [self._task.equal(label, c.record.label) for c, label in zip(answered, labels, strict=True)]
        self._fusion = Calibrator.fit(rows, right, self._prior)
        self._threshold = self._choose_threshold(cross_fitted(rows, right, self._prior).tolist(), right)

    def _out_of_fold(self, gold: Sequence[Record], labels: Sequence[Labelled]) -> tuple[Floats, Floats]:
        """Calibrated probabilities from students that have not seen the record, for gold and for the pool.

        Beliefs smoothed over neighbouring texts take the plain student's place where they fit gold better.
        """
        records = [*gold, *(item.record for item in labels)]
        # The same text lands in one fold wherever it stands, so that no twin gives the answer away.
        folds = np.array([int(fingerprint(record.text)[:8], 16) % self._folds for record in records])
        truth = np.array([self._column[record.label or ""] for record in gold], dtype=int)
        examples: list[Example | None] = [Example(record, record.label or "") for record in gold]
        examples += [next(iter(examples_from([item], self._doubtful)), None) for item in labels]
        graph = self._neighbours(records)
        plain = np.zeros((len(records), len(self._column)))
        smooth = plain.copy() if graph is not None else None
        for fold in np.unique(folds).tolist():
            held = folds == fold
            train = [e for e, out in zip(examples, held, strict=True) if e is not None and not out]
            beliefs = self._make().fit(train).predict(records)
            plain[held] = beliefs[held]
            if smooth is not None:
                known = np.zeros(len(records), dtype=bool)
                known[: len(gold)] = ~held[: len(gold)]
                beliefs[known] = np.eye(len(self._column))[truth[known[: len(gold)]]]
                smooth[held] = propagate(graph, beliefs, known)[held]
        best, least = plain, float("inf")
        for candidate in (plain, smooth):
            if candidate is not None:
                exponent, loss = best_exponent(candidate[: len(gold)], truth)
                if loss < least:
                    best, least = sharpen(candidate, exponent), loss
        return best[: len(gold)], best[len(gold) :]

    def _neighbours(self, records: Sequence[Record]) -> Any:
        """The graph of these texts; kept, since later rounds only add to them."""
        if len(records) > MOST_NODES:
            return None
        identity = tuple(record.id for record in records)
        if self._graph is None or self._graph[0] != identity:
            self._graph = (identity, neighbour_graph(self._embedder.embed([record.text for record in records])))
        return self._graph[1]

    def _pick_borderline(self, gold: Sequence[Record], probabilities: Floats, truth: Sequence[int]) -> list[Record]:
        """Wrong ones first, then by least margin of the human label; no near-duplicates among them."""
        allowed = {record.id for record in self._fence.demonstrations}
        rows = np.arange(len(gold))
        own = probabilities[rows, truth]
        rivals = probabilities.copy()
        rivals[rows, truth] = -1
        margin = own - rivals.max(axis=1)
        # The worst are as often mislabelled or hopeless as instructive: the cases nearest to the border come first.
        order = np.argsort(np.abs(margin), kind="stable")
        order = np.concatenate([order[margin[order] < 0], order[margin[order] >= 0]])
        chosen: list[Record] = []
        for index in order:
            if len(chosen) == self._borderline:
                break
            record = gold[int(index)]
            if record.id not in allowed:
                continue
            if chosen:
                vectors = self._embedder.embed([record.text, *(other.text for other in chosen)])
                if float(similarity(vectors[:1], vectors[1:]).max()) > _NEAR_DUPLICATE:
                    continue
            chosen.append(record)
        return chosen
