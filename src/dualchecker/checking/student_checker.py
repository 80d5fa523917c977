"""The student checker (DualChecker): what a student of the teacher's labels says about labels, gold and template."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from dualchecker.checking.borderline import by_border, pick_diverse
from dualchecker.checking.teacher_checker import Calibration
from dualchecker.checking.voices import Floats, Voice, Voices
from dualchecker.confidence import Calibrator, Map, Threshold, cross_fitted, fit_map, usable_map
from dualchecker.confidence.signals import believed
from dualchecker.data import Fence
from dualchecker.embedding import Embedder
from dualchecker.records import Confidence, Labelled, Record
from dualchecker.tasks import Task

FUSION_SIGNALS = ("teacher", "student", "taught")
FUSION_INTERCEPT = 0.0
FUSION_SLOPES = {"teacher": 1.0, "student": 0.3, "taught": 0.3}
"""Three voices on a label: the teacher checker's calibrated confidence, a student of gold alone, and a student of the
teacher's labels, which is heard with a hard split only. Before the teacher has answered gold, the teacher is believed
as calibrated and the students count for less than they claim. What a student's evidence weighs is learnt on gold in any
case: a poor one comes out even."""

_TEACHER_ALONE = {"teacher": 1.0, "student": 0.0, "taught": 0.0}
"""Without calibration nothing is fused: every confidence stays what the teacher makes of it."""


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
        thresholds: By label and answer, where several labels may apply; ``threshold`` then sums them up.
    """

    labels: list[Labelled]
    disputed: list[Labelled]
    borderline: list[Record]
    fusion: Calibrator
    threshold: Threshold
    student_accuracy: float
    thresholds: Mapping[tuple[str, str], Threshold] = field(default_factory=dict)


class StudentChecker:
    """Inspects labels through students that have not seen them.

    Args:
        task: Labels and their comparison.
        fence: Gold; only its demonstrations can become borderline examples.
        embedder: Tells near-duplicates.
        voices: The students.
        choose_threshold: From confidences and truth on gold to a threshold.
        borderline: How many borderline cases to bring.
        final_map: How the voices become a probability; see ``fit_map``. With ``none`` the teacher's confidence stays
            as it is, and the students tell only which label stands against it.
    """

    def __init__(
        self,
        task: Task,
        fence: Fence,
        embedder: Embedder,
        voices: Voices,
        choose_threshold: Callable[[Sequence[float], Sequence[bool]], Threshold],
        *,
        borderline: int = 2,
        final_map: Map = "logistic",
    ) -> None:
        self._map = final_map
        self._task, self._fence, self._embedder = task, fence, embedder
        self._students = voices
        self._choose_threshold = choose_threshold
        self._borderline = borderline
        self._column = {label: index for index, label in enumerate(task.labels)}
        self._gold_row = {record.id: row for row, record in enumerate(fence.gold)}
        self._voices: dict[str, Voice] = {}
        self._fusion = Calibrator.prior(
            FUSION_SIGNALS if fence.mode == "split" else FUSION_SIGNALS[:2],
            intercept=FUSION_INTERCEPT,
            slopes=_TEACHER_ALONE if final_map == "none" else FUSION_SLOPES,
            chance=1 / len(task.labels),
        )
        self._prior = self._fusion
        self._threshold = Threshold(1.0)
        self._thresholds: dict[tuple[str, str], Threshold] = {}

    @property
    def voices(self) -> Voices:
        """The students, for those who want to hear them about labels of their own."""
        return self._students

    def inspect(self, labels: Sequence[Labelled], calibration: Calibration) -> Findings:
        """Fuse teacher and students, find what they dispute and where a student of these labels fails on gold."""
        taught = self._students.taught(labels)
        self._voices = {"student": self._students.own}
        if self._fence.mode == "split":
            self._voices["taught"] = taught
        self._fit_fusion(calibration)
        fused = self.settle(labels)
        return Findings(
            labels=fused,
            disputed=[item for item in fused if item.disputed],
            borderline=self._pick_borderline(taught.gold),
            fusion=self._fusion,
            threshold=self._threshold,
            student_accuracy=float(np.mean(taught.gold.argmax(axis=1) == self._students.truth)),
            thresholds=dict(self._thresholds),
        )

    def settle(self, labels: Sequence[Labelled]) -> list[Labelled]:
        """The same labels with fused confidence, distribution and status.

        A label that the evidence as a whole contradicts is marked as disputed and abstained on.
        """
        usable = [item for item in labels if item.label is not None and self._weighable(item)]
        rows = [self._signals(item) for item in usable]
        fused = dict(
            zip((item.record.id for item in usable), self._fuse([i.record for i in usable], rows), strict=True)
        )
        signals = dict(zip((item.record.id for item in usable), rows, strict=True))
        return [
            self._settle(item, float(fused[item.record.id]), signals[item.record.id])
            if item.record.id in fused
            else item
            for item in labels
        ]

    def _weighable(self, item: Labelled) -> bool:
        """Without calibration, an answer that claims no confidence cannot be weighed against a student's."""
        return self._map != "none" or item.answer is None or believed(item.answer) is not None

    def _settle(self, item: Labelled, confidence: float, signals: dict[str, float]) -> Labelled:
        label = item.label or ""
        distribution = self._distribution(item, label, confidence)
        rival = max(distribution, key=distribution.__getitem__)
        disputed = rival != label
        accepted = confidence >= self._accept_from(item) and not disputed
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
        row = self._students.own.pool[item.record.id]
        others = {name: float(row[column]) + 1e-6 for name, column in self._column.items() if name != label}
        total = sum(others.values())
        spread = {name: (1 - confidence) * value / total for name, value in others.items()}
        return {name: confidence if name == label else spread[name] for name in self._column}

    def _signals(self, item: Labelled) -> dict[str, float]:
        column = self._column[item.label or ""]
        voices = {name: float(voice.pool[item.record.id][column]) for name, voice in self._voices.items()}
        # A second inspection must start from the teacher's confidence again, not from a fused one.
        return {"teacher": item.confidence.signals.get("teacher", item.confidence.value), **voices}

    def _fit_fusion(self, calibration: Calibration) -> None:
        records: list[Record] = []
        answers: list[str] = []
        rows: list[dict[str, float]] = []
        right: list[bool] = []
        for climb in calibration.climbs:
            if climb.answer is None or climb.answer.label is None:
                continue
            place = self._gold_row[climb.record.id], self._column[climb.answer.label]
            voices = {name: float(voice.gold[place]) for name, voice in self._voices.items()}
            records.append(climb.record)
            answers.append(climb.answer.label)
            rows.append({"teacher": climb.confidence, **voices})
            right.append(self._task.equal(climb.answer.label, climb.record.label))
        self._learn(records, answers, rows, right)

    def _learn(
        self,
        records: Sequence[Record],
        answers: Sequence[str],
        rows: Sequence[dict[str, float]],
        right: Sequence[bool],
    ) -> None:
        """Weigh the voices, and choose the threshold, on answers about gold records."""
        kind = usable_map(self._map, right)
        self._fusion = fit_map(rows, right, self._prior, kind)
        self._threshold = self._choose_threshold(cross_fitted(rows, right, self._prior, kind=kind).tolist(), right)

    def _fuse(self, records: Sequence[Record], rows: Sequence[dict[str, float]]) -> Floats:
        """Confidence in the answers about the records from the voices on them, shape (records,)."""
        return self._fusion.predict(rows)

    def _accept_from(self, item: Labelled) -> float:
        """The fused confidence from which the label is accepted."""
        return self._threshold.value

    def _pick_borderline(self, probabilities: Floats) -> list[Record]:
        """Wrong ones first, then by least margin of the human label; no near-duplicates among them.

        Args:
            probabilities: Out of fold on gold, shape (gold, labels).
        """
        gold, truth = self._fence.gold, self._students.truth
        allowed = {record.id for record in self._fence.demonstrations}
        rows = np.arange(len(gold))
        own = probabilities[rows, truth]
        rivals = probabilities.copy()
        rivals[rows, truth] = -1
        margin = own - rivals.max(axis=1)
        ranked = (gold[i] for i in by_border(margin))
        return pick_diverse((r.whole for r in ranked if r.id in allowed), self._borderline, self._embedder)
