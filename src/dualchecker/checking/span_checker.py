"""The teacher checker where spans are asked for: confidence span by span, and another question per label in doubt."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from dualchecker.checking.agreement import Agreement
from dualchecker.checking.decision_checker import (
    DecisionCalibration,
    DecisionChecker,
    LabelCalibrators,
    choose_by_side,
    summarised,
)
from dualchecker.checking.ladder import Climb, Ladder
from dualchecker.checking.span_claims import (
    SpanClimb,
    about,
    gather_claims,
    is_right,
    side_of,
    strict_f1,
)
from dualchecker.checking.span_selection import Selection
from dualchecker.checking.teacher_checker import FOLDS, ChooseThreshold, climb_below
from dualchecker.confidence import (
    SPAN_SIGNALS,
    SPAN_SLOPES,
    Calibrator,
    Map,
    as_stated,
    calibration_remarks,
    learnt_remark,
)
from dualchecker.config import PrecisionThreshold
from dualchecker.data import Fence
from dualchecker.prompts import Rung, Template
from dualchecker.records import Confidence, Labelled, Record, SpanLabel, Status
from dualchecker.tasks import Extraction
from dualchecker.tasks.extraction import LOSES_A_SPAN

MISSING, UNSURE, LOST = "no span was found", "the span found is in doubt", "a quote was not in the text: copy exactly"
SPOILT = "a part of an earlier answer could not be used"

_PARTIAL = LOSES_A_SPAN - {"hallucinated_span"} | {"json_truncated", "cut_short", "too_many_spans"}
"""Notes on an answer of which something was lost: what it would have said is not known."""


@dataclass
class SpanCalibration(DecisionCalibration):
    """Calibration of claims (``span_claims``) by label, spans and missing ones apart; ``climbs`` are ``SpanClimb``.

    ``accuracy`` and ``brief_accuracy`` are strict F1 on calibration gold.
    """

    stated_only: bool = False
    selection: Selection = field(default_factory=Selection)

    def judge(self, rung: str, claims: Sequence[SpanLabel]) -> list[SpanLabel]:
        """The same claims with calibrated confidence, as they stand after the rung."""
        return with_confidence(claims, self.label_calibrators[rung].predict(about(claims), signals_of(claims)))

    def learn_claims(
        self, rung: str, claims: Sequence[SpanLabel], right: Sequence[bool], folds: Sequence[int]
    ) -> npt.NDArray[np.float64]:
        """Fit the rung's calibrators; confidences of these claims, cross-fitted, shape (claims,)."""
        sides, rows = about(claims), signals_of(claims)
        self.maps[rung] = "none" if self.stated_only else "logistic"
        if self.stated_only:
            self.label_calibrators[rung] = LabelCalibrators(self.prior, {})
            self.calibrators[rung] = self.prior
            return self.prior.predict(rows)
        held_out = LabelCalibrators.held_out(sides, rows, right, folds, self.prior, self.fold_priors)
        self.label_calibrators[rung] = LabelCalibrators.fit(sides, rows, right, LabelCalibrators(self.prior, {}))
        self.prior = self.calibrators[rung] = self.label_calibrators[rung].pooled
        return held_out

    def choose_claims(
        self, claims: Sequence[SpanLabel], right: Sequence[bool], choose: ChooseThreshold, *, climb: bool
    ) -> None:
        """Set the thresholds for accepting, or (``climb``) those under which records climb, from gold, by side."""
        self.unseen = choose([], [])
        labels, kinds = [side_of(claim)[0] for claim in claims], [side_of(claim)[1] for claim in claims]
        found = choose_by_side(labels, kinds, [claim.confidence.value for claim in claims], right, choose)
        if climb:
            self.climb_thresholds = found
            self.climb_below = max((climb_below(threshold) for threshold in found.values()), default=1.0)
        else:
            self.thresholds = found
            self.threshold = summarised(found)

    def is_doubtful(self, climb: Climb) -> bool:
        return not isinstance(climb, SpanClimb) or not climb.kept or bool(climb.focus)

    def doubts(self, climb: SpanClimb, task: Extraction) -> list[tuple[str, str]]:
        """Labels to ask about again, each with the reason: claims under their threshold, and labels that must occur."""
        found = {}
        for claim in climb.kept:
            threshold = self.climb_thresholds.get(side_of(claim), self.unseen)
            if claim.confidence.value < climb_below(threshold) or (claim.span is None and task.needs(claim.label)):
                found[claim.label] = MISSING if claim.span is None else UNSURE
        if climb.trail and climb.trail[-1].hallucinated:
            found["every quote"] = LOST
        if climb.trail and not _PARTIAL.isdisjoint(climb.trail[-1].notes):
            found["every span"] = SPOILT
        return list(found.items())


class SpanChecker(DecisionChecker):
    """Labels records span by span, climbing the ladder while any of a record's claims is in doubt.

    A record climbs when a span or the lack of one is under its threshold, when a label that must occur is missing, when
    a quote was not in the text, and when a part of the answer could not be used. All answers about it vote; what they
    claim is calibrated label by label. Each claim is accepted or abstained on by itself.
    """

    def __init__(
        self,
        task: Extraction,
        ladder: Ladder,
        fence: Fence,
        threshold: float | PrecisionThreshold,
        final_map: Map = "logistic",
        *,
        agreement: Agreement | None = None,
    ) -> None:
        super().__init__(task, ladder, fence, threshold, final_map, agreement=agreement)
        self._extraction = task
        # What samples said about a span is in no trail.
        self._seen: dict[str, SpanClimb] = {}

    def calibrate(self, template: Template) -> SpanCalibration:
        """Ask about calibration gold with this template and learn what the signals of claims are worth."""
        known = self._calibrations.get(template.identity)
        if isinstance(known, SpanCalibration):
            return known
        climbs = [SpanClimb(record) for record in self._fence.calibration]
        result = SpanCalibration(template, list[Climb](climbs), self._span_prior(), stated_only=self._map == "none")
        fold_of = {climb.record.id: place % FOLDS for place, climb in enumerate(climbs)}
        waiting: list[Climb] = list(climbs)
        for position, rung in enumerate(self._ladder.rungs):
            if position:
                waiting = self._next(waiting, rung, result)
            asked = [c for c in self._spans_asked(waiting, rung, template, "calibrate") if c.trail[-1].ok]
            claims = [self._gathered(climb) for climb in asked]
            flat = [claim for some in claims for claim in some]
            right = [is_right(claim, c.record) for c, some in zip(asked, claims, strict=True) for claim in some]
            folds = [fold_of[c.record.id] for c, some in zip(asked, claims, strict=True) for _ in some]
            values = iter(with_confidence(flat, result.learn_claims(rung.name, flat, right, folds)))
            for climb, some in zip(asked, claims, strict=True):
                climb.claims = [next(values) for _ in some]
            self._select(climbs, result)
            if position == 0:
                kept, hits = self._kept(asked)
                result.choose_claims(kept, hits, self.choose_threshold, climb=True)
                result.brief_accuracy = self._first_f1(climbs)
                result.remarks = self._claim_remarks(flat, right, result, rung)
            for climb in asked:
                climb.focus = result.doubts(climb, self._extraction)
        kept, hits = self._kept(climbs)
        result.choose_claims(kept, hits, self.choose_threshold, climb=False)
        result.accuracy = strict_f1([climb.kept for climb in climbs], [climb.record for climb in climbs])
        self._calibrations[template.identity] = result
        return result

    def _span_prior(self) -> Calibrator:
        if self._map == "none":
            return as_stated()
        return Calibrator.prior(SPAN_SIGNALS, slopes=SPAN_SLOPES, chance=0.5)

    @property
    def _none_rates(self) -> dict[str, float]:
        """How often people find no span of a label; half a record each way, since gold may never show it."""
        gold = self._fence.demonstrations
        carried = Counter(label for record in gold for label in record.carried)
        return {label: (len(gold) - carried[label] + 0.5) / (len(gold) + 1) for label in self._extraction.names}

    def _gathered(self, climb: SpanClimb) -> list[SpanLabel]:
        return gather_claims(climb, self._extraction, self._none_rates)

    def _select(self, climbs: Sequence[SpanClimb], calibration: SpanCalibration) -> None:
        """Learn on gold which claims stand, and let them stand."""
        told = [climb for climb in climbs if climb.claims]
        claims, records = [climb.claims for climb in told], [climb.record for climb in told]
        calibration.selection = Selection.learn(claims, records, self._extraction)
        for climb in told:
            self._take(climb, climb.claims, calibration)

    def _take(self, climb: SpanClimb, claims: list[SpanLabel], calibration: SpanCalibration) -> None:
        climb.claims = claims
        climb.kept, climb.rivals = calibration.selection.of(claims, self._extraction)

    @staticmethod
    def _kept(climbs: Sequence[SpanClimb]) -> tuple[list[SpanLabel], list[bool]]:
        pairs = [(claim, is_right(claim, climb.record)) for climb in climbs for claim in climb.kept]
        return [claim for claim, _ in pairs], [right for _, right in pairs]

    def _spans_asked(self, climbs: Sequence[Climb], rung: Rung, template: Template, purpose: str) -> list[SpanClimb]:
        asked = self._ask(climbs, rung, template, purpose)
        return [climb for climb in asked if isinstance(climb, SpanClimb)]

    def _first_f1(self, climbs: Sequence[Climb]) -> float:
        """Strict F1 of the first answers as they are."""
        said = [
            [SpanLabel(f.span.label, f.span, Confidence(0.0), "abstained") for f in climb.trail[0].spans]
            if climb.trail
            else []
            for climb in climbs
        ]
        return strict_f1(said, [climb.record for climb in climbs])

    def _claim_remarks(
        self, claims: Sequence[SpanLabel], right: Sequence[bool], calibration: SpanCalibration, rung: Rung
    ) -> tuple[str, ...]:
        found = calibration_remarks(signals_of(claims), right, about(claims), calibrated=self._map != "none")
        if self._map == "none":
            return ("check.calibration is none: the teacher's stated confidence is taken as it is.", *found)
        return (learnt_remark(calibration.calibrators[rung.name]), *found)

    def judge(self, template: Template) -> float:
        """Strict F1 of the first rung on calibration gold with this template: cheaper than ``calibrate``."""
        climbs = [Climb(record) for record in self._fence.calibration]
        self._ladder.ask(climbs, self._ladder.rungs[0], template, "judge")
        return self._first_f1(climbs)

    def label(self, records: Sequence[Record], template: Template) -> list[Labelled]:
        """Label records: the whole ladder, with abstention span by span."""
        calibration = self.calibrate(template)
        climbs = [SpanClimb(record) for record in records]
        waiting: list[Climb] = list(climbs)
        for position, rung in enumerate(self._ladder.rungs):
            if position:
                waiting = self._next(waiting, rung, calibration)
            self._climb(waiting, rung, calibration)
        self._seen |= {climb.record.id: climb for climb in climbs}
        return [self._settled(climb, calibration) for climb in climbs]

    def look_again(self, labelled: Sequence[Labelled], template: Template) -> list[Labelled]:
        """Take disputed records up those rungs that they have not seen; their disputed labels are named."""
        calibration = self.calibrate(template)
        climbs = [self._again(item, calibration) for item in labelled]
        for rung in self._ladder.rungs:
            waiting = [climb for climb in climbs if rung.name not in {answer.rung for answer in climb.trail}]
            self._climb(waiting, rung, calibration)
        return [self._settled(climb, calibration) for climb in climbs]

    def _again(self, item: Labelled, calibration: SpanCalibration) -> SpanClimb:
        """The record's way up so far, judged by the calibration of now, with its disputed labels in focus."""
        climb = self._seen.get(item.record.id) or self._from_trail(item)
        rung = next((answer.rung for answer in reversed(climb.trail) if answer.ok), None)
        if rung is not None and rung in calibration.label_calibrators:
            self._take(climb, calibration.judge(rung, self._gathered(climb)), calibration)
        disputed = {claim.label: MISSING if claim.span is None else UNSURE for claim in item.spans if claim.disputed}
        climb.focus = list(disputed.items())
        return climb

    @staticmethod
    def _from_trail(item: Labelled) -> SpanClimb:
        """A climb that this checker has not made: what samples said about it is not known."""
        signals: list[dict[str, float]] = [{} for _ in item.trail]
        return SpanClimb(item.record, list(item.trail), signals, [0.0] * len(item.trail))

    def _climb(self, climbs: Sequence[Climb], rung: Rung, calibration: SpanCalibration) -> None:
        for climb in self._spans_asked(climbs, rung, calibration.template, "label"):
            if climb.trail[-1].ok:
                self._take(climb, calibration.judge(rung.name, self._gathered(climb)), calibration)
                climb.focus = calibration.doubts(climb, self._extraction)

    def _settled(self, climb: SpanClimb, calibration: SpanCalibration) -> Labelled:
        trail = tuple(climb.trail)
        best = climb.best
        if best is None:
            return Labelled(
                climb.record,
                None,
                Confidence(0.0),
                "failed",
                trail,
                reason=trail[-1].outcome if trail else "empty_text",
            )
        spans = [decided(claim, calibration, self._extraction) for claim in climb.kept]
        return settled(
            Labelled(climb.record, trail[best], Confidence(climb.confidence), "abstained", trail),
            spans,
            climb.rivals,
        )


def decided(claim: SpanLabel, calibration: SpanCalibration, task: Extraction) -> SpanLabel:
    """A claim, accepted from its side's threshold on; that a label which must occur is missing never is."""
    threshold = calibration.thresholds.get(side_of(claim), calibration.unseen)
    return accepted_from(claim, threshold.value, task)


def accepted_from(claim: SpanLabel, threshold: float, task: Extraction) -> SpanLabel:
    """A claim that is accepted if its confidence reaches ``threshold``, it is undisputed and it can be true."""
    reason = "disputed" if claim.disputed else "unsure" if claim.confidence.value < threshold else ""
    if claim.span is None and task.needs(claim.label):
        reason = "missing"
    return replace(claim, status="abstained" if reason else "accepted", reason=reason)


def settled(item: Labelled, spans: Sequence[SpanLabel], rivals: Sequence[SpanLabel]) -> Labelled:
    """A record whose status and confidence follow from those of its spans."""
    whole = all(claim.status == "accepted" for claim in spans)
    status: Status = "accepted" if whole else "abstained"
    reasons = [claim.reason for claim in spans if claim.reason]
    return replace(
        item,
        spans=tuple(spans),
        rivals=tuple(rivals),
        status=status,
        confidence=Confidence(min((c.confidence.value for c in spans), default=0.0), item.confidence.signals),
        disputed=any(claim.disputed for claim in spans),
        reason="" if whole else next((r for r in ("disputed", "missing") if r in reasons), "unsure"),
    )


def signals_of(claims: Sequence[SpanLabel]) -> list[dict[str, float]]:
    """Signals of each claim."""
    return [dict(claim.confidence.signals) for claim in claims]


def with_confidence(claims: Sequence[SpanLabel], values: npt.NDArray[np.float64]) -> list[SpanLabel]:
    """The claims with these confidences, shape (claims,), and the signals they had."""
    return [
        replace(claim, confidence=Confidence(float(value), claim.confidence.signals))
        for claim, value in zip(claims, values, strict=True)
    ]
