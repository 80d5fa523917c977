"""The teacher checker (DualChecker): where the teacher is unsure, it is asked again in more detail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dualchecker.checking.ladder import Climb, Ladder
from dualchecker.confidence import Calibrator, Threshold, choose_threshold, cross_fitted, read_signals
from dualchecker.config import PrecisionThreshold
from dualchecker.data import Fence
from dualchecker.prompts import Rung, Template
from dualchecker.records import Confidence, Labelled, Record
from dualchecker.tasks import Task

ChooseThreshold = Callable[[Sequence[float], Sequence[bool]], Threshold]
"""From confidences of gold answers and whether they were right to a threshold."""


@dataclass
class Calibration:
    """What was learnt from asking about calibration gold with one template.

    Attributes:
        template: The template asked with.
        climbs: The gold records' way up; confidences are cross-fitted.
        prior: What the first rung's calibrator starts from.
        calibrators: By rung.
        climb_below: A record climbs while its confidence is under this.
        threshold: For accepting the answer kept at the end of the climb.
        accuracy: Of the answers kept, over all calibration gold.
        brief_accuracy: Of the first rung alone.
    """

    template: Template
    climbs: list[Climb]
    prior: Calibrator = field(default_factory=Calibrator.prior)
    calibrators: dict[str, Calibrator] = field(default_factory=dict)
    climb_below: float = 1.0
    threshold: Threshold = field(default_factory=lambda: Threshold(1.0))
    accuracy: float = 0.0
    brief_accuracy: float = 0.0

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

        Each calibrator starts from the one of the rung below.
        """
        rows = [climb.signals[-1] for climb in asked]
        prior = self.prior if not self.calibrators else list(self.calibrators.values())[-1]
        for climb, confidence in zip(asked, cross_fitted(rows, right, prior, groups=folds), strict=True):
            climb.confidences[-1] = float(confidence)
        self.calibrators[rung] = Calibrator.fit(rows, right, prior)

    def choose(self, climbs: Sequence[Climb], right: Sequence[bool], choose: ChooseThreshold, *, climb: bool) -> None:
        """Set the threshold for accepting, or (``climb``) the one under which records climb, from gold."""
        threshold = choose([c.confidence for c in climbs], right)
        if climb:
            self.climb_below = threshold.value
        else:
            self.threshold = threshold


class TeacherChecker:
    """Labels records, climbing the ladder of detail while the calibrated confidence is under the threshold.

    The answer kept is the one with the highest calibrated confidence, whichever rung gave it; an answer that stays
    under the threshold at the top is abstained on.

    Args:
        task: Compares labels.
        ladder: Asks.
        fence: Its calibration gold fits the confidence.
        threshold: A fixed confidence, or a precision to reach.
    """

    def __init__(self, task: Task, ladder: Ladder, fence: Fence, threshold: float | PrecisionThreshold) -> None:
        self._task, self._ladder, self._fence = task, ladder, fence
        self._wanted = threshold
        self._calibrations: dict[tuple[str, ...], Calibration] = {}

    def choose_threshold(self, confidence: Sequence[float], right: Sequence[bool]) -> Threshold:
        """A threshold on confidences, as the configuration wants it."""
        if isinstance(self._wanted, PrecisionThreshold):
            return choose_threshold(confidence, right, self._wanted.precision, fixed=False)
        return choose_threshold(confidence, right, self._wanted, fixed=True)

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
        for position, rung in enumerate(self._ladder.rungs):
            waiting = climbs if position == 0 else [c for c in climbs if result.is_doubtful(c)]
            asked = [c for c in self._ladder.ask(waiting, rung, template, "calibrate") if c.trail[-1].ok]
            right = [self._task.equal(c.trail[-1].label, c.record.label) for c in asked]
            result.learn(rung.name, asked, right, [place[c.record.whole.id] % 10 for c in asked])
            if position == 0:
                result.choose(asked, right, self.choose_threshold, climb=True)
                result.brief_accuracy = sum(right) / max(len(climbs), 1)
        result.accuracy = sum(self.right(climb) for climb in climbs) / max(len(climbs), 1)
        answered = [climb for climb in climbs if climb.answer is not None]
        result.choose(answered, [self.right(climb) for climb in answered], self.choose_threshold, climb=False)
        self._calibrations[template.identity] = result
        return result

    def _calibration(self, template: Template, climbs: list[Climb]) -> Calibration:
        return Calibration(template, climbs, Calibrator.prior(chance=1 / len(self._task.labels)))

    def judge(self, template: Template) -> float:
        """Accuracy of the first rung on calibration gold with this template: cheaper than ``calibrate``."""
        climbs = [Climb(record) for record in self._fence.calibration]
        asked = self._ladder.ask(climbs, self._ladder.rungs[0], template, "judge")
        return sum(self._task.equal(c.trail[-1].label, c.record.label) for c in asked) / max(len(climbs), 1)

    def label(self, records: Sequence[Record], template: Template) -> list[Labelled]:
        """Label records: the whole ladder, with abstention."""
        calibration = self.calibrate(template)
        climbs = [Climb(record) for record in records]
        for rung in self._ladder.rungs:
            waiting = [c for c in climbs if not c.trail or calibration.is_doubtful(c)]
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

    def _step(self, climbs: Sequence[Climb], rung: Rung, calibration: Calibration) -> None:
        asked = self._ladder.ask(climbs, rung, calibration.template, "label")
        for climb, confidence in zip(asked, calibration.confidences(rung.name, asked), strict=True):
            climb.confidences[-1] = float(confidence) if climb.trail[-1].ok else 0.0

    def _resume(self, item: Labelled, calibration: Calibration) -> Climb:
        """A climb from an earlier trail, judged by the calibration of now."""
        climb = Climb(item.record)
        for answer in item.trail:
            climb.trail.append(answer)
            climb.signals.append(read_signals(answer, climb.trail))
            usable = answer.ok and answer.rung in calibration.calibrators
            climb.confidences.append(float(calibration.confidences(answer.rung, [climb])[0]) if usable else 0.0)
        return climb

    @staticmethod
    def _settle(climb: Climb, threshold: float) -> Labelled:
        best = climb.best
        if best is None:
            reason = climb.trail[-1].outcome if climb.trail else "empty_text"
            return Labelled(climb.record, None, Confidence(0.0), "failed", tuple(climb.trail), reason=reason)
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
