"""The teacher checker (DualChecker): where the teacher is unsure, it is asked again in more detail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dualchecker.checking.agreement import Agreement
from dualchecker.checking.hindsight import apply_hindsight, learn_hindsight
from dualchecker.checking.ladder import Climb, Ladder
from dualchecker.checking.opinion import EarlyOpinion
from dualchecker.confidence import (
    STATED_THRESHOLD,
    Calibrator,
    Map,
    Threshold,
    as_stated,
    calibration_remarks,
    choose_threshold,
    fit_map,
    learnt_remark,
    read_signals,
    usable_map,
)
from dualchecker.config import PrecisionThreshold
from dualchecker.data import Fence
from dualchecker.prompts import Rung, Template
from dualchecker.records import Confidence, Labelled, Record, Status
from dualchecker.tasks import Task

ChooseThreshold = Callable[[Sequence[float], Sequence[bool]], Threshold]
"""From confidences of gold answers and whether they were right to a threshold."""

FOLDS = 10
"""Parts of calibration gold that are left out in turn."""


@dataclass
class Calibration:
    """What was learnt from asking about calibration gold with one template.

    Attributes:
        template: The template asked with.
        climbs: The gold records' way up; confidences are cross-fitted.
        prior: What the next rung's calibrator starts from.
        final_map: How signals become a probability, where gold suffices for it.
        calibrators: By rung.
        climb_below: A record climbs while its confidence is under this.
        threshold: For accepting the answer kept at the end of the climb.
        accuracy: Of the answers kept, over all calibration gold.
        brief_accuracy: Of the first rung alone.
        remarks: What a reader must know of it.
        maps: The map that was used, by rung.
        hindsight: By rung, what an earlier answer is worth that the rung's contradicts.
        fold_priors: As ``prior``, for the fits that leave a fold out, by fold.
    """

    template: Template
    climbs: list[Climb]
    prior: Calibrator = field(default_factory=Calibrator.prior)
    final_map: Map = "logistic"
    calibrators: dict[str, Calibrator] = field(default_factory=dict)
    climb_below: float = 1.0
    threshold: Threshold = field(default_factory=lambda: Threshold(1.0))
    accuracy: float = 0.0
    brief_accuracy: float = 0.0
    remarks: tuple[str, ...] = ()
    maps: dict[str, Map] = field(default_factory=dict)
    hindsight: dict[str, Calibrator] = field(default_factory=dict)
    fold_priors: dict[int, Calibrator] = field(default_factory=dict)

    def is_doubtful(self, climb: Climb) -> bool:
        """Whether the climb goes on to the next rung."""
        return climb.confidence < self.climb_below

    def accept_from(self, climb: Climb) -> float:
        """The confidence from which the answer kept is accepted."""
        return self.threshold.value

    def confidences(self, rung: str, climbs: Sequence[Climb]) -> npt.NDArray[np.float64]:
        """Calibrated confidence in the last answer of each climb, which the rung gave; shape (climbs,)."""
        return self.calibrators[rung].predict([climb.signals[-1] for climb in climbs])

    def learn(self, rung: str, asked: Sequence[Climb], right: Sequence[bool], folds: Sequence[int]) -> None:
        """Fit the rung's calibrator, and give the gold climbs confidences that are cross-fitted over ``folds``.

        Each calibrator starts from the one of the rung below; one that leaves a fold out, from one that left it out.
        """
        rows = [climb.signals[-1] for climb in asked]
        kind = self.maps[rung] = usable_map(self.final_map, right)
        for number in range(FOLDS):
            kept, held = split_fold(folds, number)
            prior = self.fold_priors.get(number, self.prior)
            model = fit_map([rows[i] for i in kept], [right[i] for i in kept], prior, kind)
            for i, confidence in zip(held, model.predict([rows[i] for i in held]), strict=True):
                asked[i].confidences[-1] = float(confidence)
            if kind == "logistic":  # the other maps keep the prior's weights, so there is nothing to hand on
                self.fold_priors[number] = model
        self.calibrators[rung] = fit_map(rows, right, self.prior, kind)
        if kind == "logistic":
            self.prior = self.calibrators[rung]

    def choose(self, climbs: Sequence[Climb], right: Sequence[bool], choose: ChooseThreshold, *, climb: bool) -> None:
        """Set the threshold for accepting, or (``climb``) the one under which records climb, from gold."""
        threshold = choose([c.confidence for c in climbs], right)
        if climb:
            self.climb_below = climb_below(threshold)
        else:
            self.threshold = threshold


def split_fold(folds: Sequence[int], number: int) -> tuple[list[int], list[int]]:
    """Rows outside and inside a fold."""
    inside = np.asarray(folds, dtype=int) == number
    return np.flatnonzero(~inside).tolist(), np.flatnonzero(inside).tolist()


def climb_below(threshold: Threshold) -> float:
    """Where nothing is accepted, the target itself still tells who is unsure."""
    return threshold.value if threshold.target is None else min(threshold.value, threshold.target)


class TeacherChecker:
    """Labels records, climbing the ladder of detail while the calibrated confidence is under the threshold.

    The answer kept is the one with the highest calibrated confidence, whichever rung gave it, where an answer that a
    later one contradicts has been judged again; an answer that stays under the threshold at the top is abstained on.

    Args:
        task: Compares labels.
        ladder: Asks.
        fence: Its calibration gold fits the confidence.
        threshold: A fixed confidence, or a precision to reach.
        final_map: How signals become a probability; see ``fit_map``. ``none`` takes the stated confidence as it is
            (the label's own probability where none is stated), against a fixed threshold.
        agreement: Asks the first rung again, to see whether its answers stand.
        opinion: A student of the first answers, heard before the climb; only where calibration gold is in no prompt.
    """

    def __init__(
        self,
        task: Task,
        ladder: Ladder,
        fence: Fence,
        threshold: float | PrecisionThreshold,
        final_map: Map = "logistic",
        *,
        agreement: Agreement | None = None,
        opinion: EarlyOpinion | None = None,
    ) -> None:
        self._task, self._ladder, self._fence = task, ladder, fence
        self._wanted = STATED_THRESHOLD if final_map == "none" and not isinstance(threshold, float) else threshold
        self._map: Map = final_map
        self._agreement, self._opinion = agreement, opinion
        self._calibrations: dict[tuple[str, ...], Calibration] = {}

    def choose_threshold(self, confidence: Sequence[float], right: Sequence[bool]) -> Threshold:
        """A threshold on confidences, as the configuration wants it."""
        if isinstance(self._wanted, PrecisionThreshold):
            wanted = self._wanted
            return choose_threshold(confidence, right, wanted.precision, fixed=False, unproved=wanted.unproved)
        return choose_threshold(confidence, right, self._wanted, fixed=True)

    def _next(self, climbs: list[Climb], rung: Rung, calibration: Calibration) -> list[Climb]:
        """Who climbs to ``rung``: all in doubt, or with a budget the least sure share of ``climbs``.

        A rung that applies to none of them uses up nobody's turn.
        """
        if not any(rung.applies_to(climb.record) for climb in climbs):
            return climbs
        if not isinstance(self._wanted, PrecisionThreshold) or self._wanted.budget is None:
            return [climb for climb in climbs if calibration.is_doubtful(climb)]
        return self._least_sure(climbs, self._wanted.budget)

    def _least_sure(self, climbs: Sequence[Climb], share: float) -> list[Climb]:
        """At most that share of the climbs.

        By rank, not by a confidence learnt on gold: stated confidences come in a few values, and a budget must hold.
        """
        return sorted(climbs, key=lambda climb: climb.confidence)[: int(share * len(climbs))]

    def right(self, climb: Climb) -> bool:
        """Whether the answer kept about a gold record is right."""
        return climb.answer is not None and self._task.equal(climb.answer.label, climb.record.label)

    def calibrate(self, template: Template) -> Calibration:
        """Ask about calibration gold with this template and learn what the answers' signals are worth.

        Gold climbs by the same rule as the pool, so that each rung's calibrator sees the kind of record that will
        reach that rung. Each calibrator starts from the one of the rung below.
        """
        known = self._calibrations.get(template.identity)
        if known is not None:
            return known
        climbs = [Climb(record) for record in self._fence.calibration]
        result = self._calibration(template, climbs)
        # With every tenth record held out, a fold is the same at all rungs: no rung leaks another's truth.
        place = {name: n for n, name in enumerate(dict.fromkeys(climb.record.whole.id for climb in climbs))}
        fold_of = {id(climb): place[climb.record.whole.id] % FOLDS for climb in climbs}
        waiting = climbs
        for position, rung in enumerate(self._ladder.rungs):
            if position:
                waiting = self._next(waiting, rung, result)
            asked = [c for c in self._ask(waiting, rung, template, "calibrate") if c.trail[-1].ok]
            self._hear(asked)
            right = [self._task.equal(c.trail[-1].label, c.record.label) for c in asked]
            result.learn(rung.name, asked, right, [fold_of[id(c)] for c in asked])
            if self._map != "none":
                result.hindsight[rung.name] = learn_hindsight(asked, fold_of, self._task)
            if position == 0:
                result.choose(asked, right, self.choose_threshold, climb=True)
                result.brief_accuracy = sum(right) / max(len(climbs), 1)
                result.remarks = self._remarks(asked, right, result)
        result.accuracy = sum(self.right(climb) for climb in climbs) / max(len(climbs), 1)
        answered = [climb for climb in climbs if climb.answer is not None]
        result.choose(answered, [self.right(climb) for climb in answered], self.choose_threshold, climb=False)
        self._calibrations[template.identity] = result
        return result

    def _remarks(self, asked: Sequence[Climb], right: Sequence[bool], calibration: Calibration) -> tuple[str, ...]:
        rung = self._ladder.rungs[0].name
        answered = [climb.trail[-1].label or "" for climb in asked]
        rows = [climb.signals[-1] for climb in asked]
        if self._map == "none":
            wanted = f", and labels are accepted from {self._wanted:g} on" if isinstance(self._wanted, float) else ""
            claimed = f"check.calibration is none: the teacher's stated confidence is taken as it is{wanted}."
            return (claimed, *calibration_remarks(rows, right, answered, calibrated=False))
        found = calibration_remarks(rows, right, answered)
        if calibration.maps[rung] != self._map:
            found.append(
                f"{len(right)} calibration answers are too few for {self._map} calibration: "
                f"{calibration.maps[rung]} was used."
            )
        return (learnt_remark(calibration.calibrators[rung]), *found)

    def _calibration(self, template: Template, climbs: list[Climb]) -> Calibration:
        prior = as_stated() if self._map == "none" else Calibrator.prior(chance=1 / len(self._task.labels))
        return Calibration(template, climbs, prior, self._map)

    def judge(self, template: Template) -> float:
        """Accuracy of the first rung on calibration gold with this template: cheaper than ``calibrate``."""
        climbs = [Climb(record) for record in self._fence.calibration]
        asked = self._ladder.ask(climbs, self._ladder.rungs[0], template, "judge")
        return sum(self._task.equal(c.trail[-1].label, c.record.label) for c in asked) / max(len(climbs), 1)

    def label(self, records: Sequence[Record], template: Template) -> list[Labelled]:
        """Label records: the whole ladder, with abstention."""
        self._listen(records, template)
        calibration = self.calibrate(template)
        climbs = waiting = [Climb(record) for record in records]
        for position, rung in enumerate(self._ladder.rungs):
            if position:
                waiting = self._next(waiting, rung, calibration)
            self._step(waiting, rung, calibration)
        return [self._settle(climb, calibration.accept_from(climb)) for climb in climbs]

    def look_again(self, labelled: Sequence[Labelled], template: Template) -> list[Labelled]:
        """Take disputed records up those rungs that they have not seen, whatever their confidence."""
        calibration = self.calibrate(template)
        climbs = [self._resume(item, calibration) for item in labelled]
        for rung in self._ladder.rungs:
            waiting = [climb for climb in climbs if rung.name not in {answer.rung for answer in climb.trail}]
            self._step(waiting, rung, calibration)
        return [self._settle(climb, calibration.accept_from(climb)) for climb in climbs]

    def _listen(self, records: Sequence[Record], template: Template) -> None:
        """Let the student hear the first answers before anyone climbs; asking for them again finds them recorded."""
        if self._opinion is None:
            return
        first = self._ladder.rungs[0]
        heard = self._ladder.ask([Climb(record) for record in records], first, template, "label")
        heard += self._ladder.ask([Climb(record) for record in self._fence.calibration], first, template, "calibrate")
        if self._opinion.learn(heard):
            self._calibrations.clear()  # they knew less

    def _hear(self, climbs: Sequence[Climb]) -> None:
        """Add the student's opinion to the signals of the last answers."""
        if self._opinion is None:
            return
        for climb in climbs:
            value = self._opinion.of(climb.record, climb.trail[-1].label)
            if value is not None:
                climb.signals[-1]["student"] = value

    def _step(self, climbs: Sequence[Climb], rung: Rung, calibration: Calibration) -> None:
        asked = self._ask(climbs, rung, calibration.template, "label")
        self._hear(asked)
        for climb, confidence in zip(asked, calibration.confidences(rung.name, asked), strict=True):
            climb.confidences[-1] = float(confidence) if climb.trail[-1].ok else 0.0
        apply_hindsight(asked, calibration.hindsight.get(rung.name))

    def _ask(self, climbs: Sequence[Climb], rung: Rung, template: Template, purpose: str) -> list[Climb]:
        asked = self._ladder.ask(climbs, rung, template, purpose)
        if self._agreement is not None and rung == self._ladder.rungs[0]:
            self._agreement.measure(asked, rung, template)
        return asked

    def _resume(self, item: Labelled, calibration: Calibration) -> Climb:
        """A climb from an earlier trail, judged by the calibration of now."""
        climb = Climb(item.record)
        for answer in item.trail:
            climb.trail.append(answer)
            climb.signals.append(read_signals(answer, climb.trail))
            self._hear([climb])
            usable = answer.ok and answer.rung in calibration.calibrators
            climb.confidences.append(float(calibration.confidences(answer.rung, [climb])[0]) if usable else 0.0)
            apply_hindsight([climb], calibration.hindsight.get(answer.rung))
        return climb

    def _settle(self, climb: Climb, threshold: float) -> Labelled:
        best = climb.best
        if best is None:
            reason = climb.trail[-1].outcome if climb.trail else "empty_text"
            # That no label fits is an answer, and no failure.
            status: Status = "abstained" if reason == "none_of_these" else "failed"
            return Labelled(climb.record, None, Confidence(0.0), status, tuple(climb.trail), reason=reason)
        confidence = Confidence(climb.confidences[best], climb.signals[best])
        accepted = confidence.value >= threshold
        return Labelled(
            climb.record,
            climb.trail[best],
            confidence,
            "accepted" if accepted else "abstained",
            tuple(climb.trail),
            reason="" if accepted else "unsure",
        )
