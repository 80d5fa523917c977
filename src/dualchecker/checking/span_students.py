"""The student checker where spans are asked for: students judge every claim, and dispute what they know better."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from dualchecker.checking.borderline import by_border, pick_diverse
from dualchecker.checking.decision_checker import LabelCalibrators, Side, choose_by_side, summarised
from dualchecker.checking.span_checker import accepted_from, settled, signals_of, with_confidence
from dualchecker.checking.span_claims import (
    SpanClimb,
    about,
    all_claims,
    best_answer,
    is_right,
    side_of,
    strict_f1,
)
from dualchecker.checking.span_selection import Selection
from dualchecker.checking.span_voices import SpanVoice, SpanVoices
from dualchecker.checking.student_checker import (
    FUSION_INTERCEPT,
    FUSION_SIGNALS,
    FUSION_SLOPES,
    Findings,
)
from dualchecker.checking.teacher_checker import FOLDS, Calibration
from dualchecker.confidence import Calibrator, Map, Threshold
from dualchecker.data import Fence
from dualchecker.embedding import Embedder
from dualchecker.records import Confidence, Labelled, Record, SpanLabel
from dualchecker.students.spans import ScoredSpan
from dualchecker.tasks import Extraction

_SURE = 0.5
"""A student that is surer than this of a span contradicts a label that is said to have none, or another place."""


class SpanStudentChecker:
    """Inspects spans through students that have not seen their texts; the counterpart of ``StudentChecker``.

    Args:
        task: Labels.
        fence: Gold; only its demonstrations can become borderline examples.
        embedder: Tells near-duplicates.
        voices: The students.
        choose_threshold: From confidences and truth on gold to a threshold.
        borderline: How many borderline cases to bring.
        final_map: With ``none`` the teacher's confidence stays as it is, and the students only dispute.
    """

    def __init__(
        self,
        task: Extraction,
        fence: Fence,
        embedder: Embedder,
        voices: SpanVoices,
        choose_threshold: Callable[[Sequence[float], Sequence[bool]], Threshold],
        *,
        borderline: int = 2,
        final_map: Map = "logistic",
    ) -> None:
        self._task, self._fence, self._embedder, self._students = task, fence, embedder, voices
        self._choose_threshold, self._borderline, self._map = choose_threshold, borderline, final_map
        self._voices: dict[str, SpanVoice] = {}
        self._prior = Calibrator.prior(
            FUSION_SIGNALS if fence.mode == "split" else FUSION_SIGNALS[:2],
            intercept=FUSION_INTERCEPT,
            slopes=FUSION_SLOPES,
        )
        self._fusion = LabelCalibrators(self._prior, {})
        self._thresholds: dict[Side, Threshold] = {}
        self._unseen = Threshold(1.0)
        self._selection = Selection()

    def inspect(self, labels: Sequence[Labelled], calibration: Calibration) -> Findings:
        """Fuse teacher and students, find what they dispute and where a student of these labels fails on gold."""
        taught = self._students.taught(labels)
        self._voices = {"student": self._students.own}
        if self._fence.mode == "split":
            self._voices["taught"] = taught
        self._learn([climb for climb in calibration.climbs if isinstance(climb, SpanClimb) and climb.kept])
        fused = self.settle(labels)
        borderline, quality = self._on_gold(taught)
        return Findings(
            labels=fused,
            disputed=[item for item in fused if item.disputed],
            borderline=borderline,
            fusion=self._fusion.pooled,
            threshold=summarised(self._thresholds),
            student_accuracy=quality,
            thresholds=dict(self._thresholds),
        )

    def settle(self, labels: Sequence[Labelled]) -> list[Labelled]:
        """The same labels with fused confidences; spans compete again, and what the students contradict is disputed."""
        there = [item for item in labels if item.spans]
        records = [item.record for item in there]
        claims = self._heard(records, [all_claims(item.spans, item.rivals) for item in there])
        found = self._voices["student"].found(records)
        decided = {}
        for item, some, seen in zip(there, self._fused(claims), found, strict=True):
            kept, rivals = self._selection.of(some, self._task)
            said = {claim.span for claim in kept}
            rest = [one for one in seen if one.span not in said]
            spans = [self._accepted(replace(c, disputed=self._contradicted(c, rest))) for c in kept]
            place = best_answer(item.trail, kept)
            answer = item.answer if place is None else item.trail[place]
            decided[item.record.id] = settled(replace(item, answer=answer), spans, rivals)
        return [decided.get(item.record.id, item) for item in labels]

    def _heard(self, records: Sequence[Record], claims: Sequence[Sequence[SpanLabel]]) -> list[list[SpanLabel]]:
        """The claims with the students' probabilities among their signals, and the teacher's own confidence."""
        said = {name: voice.of(records, claims) for name, voice in self._voices.items()}
        out = []
        for row, some in enumerate(claims):
            heard = []
            for place, claim in enumerate(some):
                known = claim.confidence.signals
                # A second inspection must start from the teacher's confidence again, not from a fused one.
                signals = {**known, "teacher": known.get("teacher", claim.confidence.value)}
                for name in said:
                    value = said[name][row][place]
                    if value is not None:
                        signals[name] = value
                heard.append(replace(claim, confidence=Confidence(claim.confidence.value, signals), disputed=False))
            out.append(heard)
        return out

    def _fused(self, claims: Sequence[Sequence[SpanLabel]]) -> list[list[SpanLabel]]:
        flat = [claim for some in claims for claim in some]
        if self._map == "none":
            values = np.array([claim.confidence.signals["teacher"] for claim in flat], dtype=float)
        else:
            values = self._fusion.predict(about(flat), signals_of(flat))
        judged = iter(with_confidence(flat, values))
        return [[next(judged) for _ in some] for some in claims]

    def _learn(self, climbs: Sequence[SpanClimb]) -> None:
        """Weigh the voices on the claims about gold, and choose the thresholds."""
        records = [climb.record for climb in climbs]
        claims = self._heard(records, [climb.claims for climb in climbs])
        flat = [claim for some in claims for claim in some]
        right = [is_right(claim, record) for record, some in zip(records, claims, strict=True) for claim in some]
        folds = [place % FOLDS for place, some in enumerate(claims) for _ in some]
        if self._map == "none":
            held_out = np.array([claim.confidence.signals["teacher"] for claim in flat], dtype=float)
        else:
            prior = LabelCalibrators(self._prior, {})
            sides, rows = about(flat), signals_of(flat)
            held_out = LabelCalibrators.cross_fitted(sides, rows, right, prior, folds)
            self._fusion = LabelCalibrators.fit(sides, rows, right, prior)
        judged = iter(with_confidence(flat, held_out))
        sure = [[next(judged) for _ in some] for some in claims]
        self._selection = Selection.learn(sure, records, self._task)
        kept: list[SpanLabel] = []
        hits: list[bool] = []
        for record, some in zip(records, sure, strict=True):
            standing = self._selection.of(some, self._task)[0]
            kept += standing
            hits += [is_right(claim, record) for claim in standing]
        self._unseen = self._choose_threshold([], [])
        self._thresholds = choose_by_side(
            [claim.label for claim in kept],
            [side_of(claim)[1] for claim in kept],
            [claim.confidence.value for claim in kept],
            hits,
            self._choose_threshold,
        )

    def _accepted(self, claim: SpanLabel) -> SpanLabel:
        return accepted_from(claim, self._thresholds.get(side_of(claim), self._unseen).value, self._task)

    @staticmethod
    def _contradicted(claim: SpanLabel, found: Sequence[ScoredSpan]) -> bool:
        """Whether the evidence speaks against a claim and a sure student has a span of its label in its place.

        Args:
            claim: One that stands.
            found: Spans that the student has and that do not stand.
        """
        if claim.confidence.value >= 0.5:
            return False
        return any(one.probability > _SURE and one.span.label == claim.label for one in found)

    def _on_gold(self, taught: SpanVoice) -> tuple[list[Record], float]:
        """Borderline gold, and the strict F1 of a student that has not seen it.

        Wrong ones first, then the least sure: what counts is the least sure of the human spans and missing labels, and
        the surest span that people did not mark. Near-duplicates are left out.
        """
        gold = [record for record in self._fence.gold if record.text.strip()]
        human = [self._human_claims(record) for record in gold]
        own = taught.of(gold, human)
        found = taught.found(gold)
        said = [
            [SpanLabel(s.span.label, s.span, Confidence(s.probability), "abstained") for s in some] for some in found
        ]
        quality = strict_f1(said, gold)
        allowed = {record.id for record in self._fence.demonstrations}
        margins = []
        for record, sure, some in zip(gold, own, said, strict=True):
            wrong = [claim.confidence.value for claim in some if claim.span not in (record.spans or ())]
            margins.append(min((v for v in sure if v is not None), default=0.0) - max(wrong, default=0.0))
        ranked = (gold[i] for i in by_border(margins))
        chosen = pick_diverse((r for r in ranked if r.id in allowed), self._borderline, self._embedder)
        return chosen, quality

    def _human_claims(self, record: Record) -> list[SpanLabel]:
        certain = Confidence(1.0)
        spans = [SpanLabel(span.label, span, certain, "accepted") for span in record.spans or ()]
        none = [SpanLabel(n, None, certain, "accepted") for n in self._task.names if n not in record.carried]
        return [*spans, *none]
