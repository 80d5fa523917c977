"""The teacher checker where several labels may apply: what confidence is worth, and what is enough, label by label."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from dualchecker.checking.ladder import Climb
from dualchecker.checking.teacher_checker import (
    FOLDS,
    Calibration,
    ChooseThreshold,
    TeacherChecker,
    climb_below,
    split_fold,
)
from dualchecker.confidence import (
    DECISION_SIGNALS,
    DECISION_SLOPES,
    Calibrator,
    Threshold,
)
from dualchecker.confidence.calibration import Signals
from dualchecker.confidence.thresholds import Basis, Unproved, lower_bound
from dualchecker.config import PrecisionThreshold
from dualchecker.prompts import Template

Side = tuple[str, str]
"""A label and an answer about it. Thresholds are chosen for each side: most answers are "no", and the many right ones
would otherwise hide that one "yes" in two is wrong."""


def sides(about: Sequence[str], answers: Sequence[str]) -> dict[Side, list[int]]:
    """Positions of the decisions on each side."""
    groups: dict[Side, list[int]] = {}
    for place, side in enumerate(zip(about, answers, strict=True)):
        groups.setdefault(side, []).append(place)
    return groups


def choose_by_side(
    about: Sequence[str],
    answers: Sequence[str],
    confidence: Sequence[float],
    right: Sequence[bool],
    choose: ChooseThreshold,
) -> dict[Side, Threshold]:
    """A threshold for each side that occurs among aligned decisions about gold."""
    return {
        side: choose([confidence[i] for i in places], [right[i] for i in places])
        for side, places in sides(about, answers).items()
    }


def sensible(threshold: Threshold, confidence: Sequence[float], right: Sequence[bool], unproved: Unproved) -> Threshold:
    """A threshold chosen for a precision, kept within what the few answers of a side can tell.

    Under one half the opposite answer is likelier. And where those that are as sure as the precision asked for are
    proved to be right often enough, no more is needed, though gold may by chance have held surer ones only. That cut is
    fixed beforehand, so its bound holds as it is. Where an estimate may decide (``unproved``), that they were right
    often enough does, however few they are.
    """
    target = threshold.target
    if target is None:
        return threshold
    hits = [hit for sure, hit in zip(confidence, right, strict=True) if sure >= target]
    enough = bool(hits) and sum(hits) / len(hits) >= target
    if threshold.value > target:
        if lower_bound(sum(hits), len(hits)) >= target:
            threshold = replace(threshold, value=target, guaranteed=True, basis="proof", message="")
        elif enough and unproved == "estimate" and not threshold.guaranteed:
            message = f"A precision of {100 * target:.4g}% rests on the estimate of {len(hits)} answers."
            threshold = replace(threshold, value=target, basis="estimate", message=message)
    value = max(threshold.value, 0.5)
    kept = [hit for sure, hit in zip(confidence, right, strict=True) if sure >= value]
    precision = sum(kept) / len(kept) if kept else None
    return replace(threshold, value=value, precision=precision, accepted=len(kept))


@dataclass(frozen=True)
class LabelCalibrators:
    """A calibrator for all decisions, and one for each label that starts from it."""

    pooled: Calibrator
    by_label: Mapping[str, Calibrator]

    @classmethod
    def fit(
        cls, about: Sequence[str], rows: Sequence[Signals], right: Sequence[float], prior: "LabelCalibrators"
    ) -> "LabelCalibrators":
        """Fit all, then each label near to the fit of all: what a label's own gold is too scarce to tell is shared."""
        pooled = Calibrator.fit(rows, right, prior.pooled)
        by_label = {}
        for label in dict.fromkeys(about):
            own = [i for i, name in enumerate(about) if name == label]
            by_label[label] = Calibrator.fit([rows[i] for i in own], [right[i] for i in own], pooled)
        return cls(pooled, by_label)

    def predict(self, about: Sequence[str], rows: Sequence[Signals]) -> npt.NDArray[np.float64]:
        """Probabilities of being right, shape (n,)."""
        out = np.zeros(len(rows))
        for label in dict.fromkeys(about):
            own = [i for i, name in enumerate(about) if name == label]
            out[own] = self.by_label.get(label, self.pooled).predict([rows[i] for i in own])
        return out

    @classmethod
    def held_out(
        cls,
        about: Sequence[str],
        rows: Sequence[Signals],
        right: Sequence[bool],
        folds: Sequence[int],
        prior: Calibrator,
        fold_priors: dict[int, Calibrator],
    ) -> npt.NDArray[np.float64]:
        """Confidence of every decision from calibrators that have not seen its fold, shape (n,).

        Args:
            about: What each decision is about.
            rows: Signals.
            right: Whether each was right.
            folds: Fold of each.
            prior: What a fold's fit starts from where ``fold_priors`` does not know better.
            fold_priors: What the rung below has learnt without each fold; afterwards, what this one has.
        """
        out = np.zeros(len(rows))
        for number in range(FOLDS):
            kept, held = split_fold(folds, number)
            start = cls(fold_priors.get(number, prior), {})
            model = cls.fit([about[i] for i in kept], [rows[i] for i in kept], [right[i] for i in kept], start)
            out[held] = model.predict([about[i] for i in held], [rows[i] for i in held])
            fold_priors[number] = model.pooled
        return out

    @classmethod
    def cross_fitted(
        cls,
        about: Sequence[str],
        rows: Sequence[Signals],
        right: Sequence[bool],
        prior: "LabelCalibrators",
        folds: Sequence[int],
    ) -> npt.NDArray[np.float64]:
        """Confidence of every decision from calibrators that have seen none about the same record, shape (n,)."""
        out, fold = np.zeros(len(rows)), np.asarray(folds)
        for number in np.unique(fold):
            held, kept = np.flatnonzero(fold == number).tolist(), np.flatnonzero(fold != number).tolist()
            model = cls.fit([about[i] for i in kept], [rows[i] for i in kept], [right[i] for i in kept], prior)
            out[held] = model.predict([about[i] for i in held], [rows[i] for i in held])
        return out


@dataclass
class DecisionCalibration(Calibration):
    """Calibration label by label.

    Attributes:
        label_calibrators: By rung; ``calibrators`` holds those of all labels together.
        thresholds: For accepting, by side.
        climb_thresholds: A decision climbs while its confidence is under its side's.
        unseen: The threshold of a side that gold never showed.
    """

    label_calibrators: dict[str, LabelCalibrators] = field(default_factory=dict)
    thresholds: dict[Side, Threshold] = field(default_factory=dict)
    climb_thresholds: dict[Side, Threshold] = field(default_factory=dict)
    unseen: Threshold = field(default_factory=lambda: Threshold(1.0))

    def is_doubtful(self, climb: Climb) -> bool:
        return climb.confidence < climb_below(self.climb_thresholds.get(_side(climb), self.unseen))

    def accept_from(self, climb: Climb) -> float:
        return self.thresholds.get(_side(climb), self.unseen).value

    def confidences(self, rung: str, climbs: Sequence[Climb]) -> npt.NDArray[np.float64]:
        return self.label_calibrators[rung].predict(_about(climbs), [climb.signals[-1] for climb in climbs])

    def learn(self, rung: str, asked: Sequence[Climb], right: Sequence[bool], folds: Sequence[int]) -> None:
        about, rows = _about(asked), [climb.signals[-1] for climb in asked]
        confidences = LabelCalibrators.held_out(about, rows, right, folds, self.prior, self.fold_priors)
        for climb, confidence in zip(asked, confidences, strict=True):
            climb.confidences[-1] = float(confidence)
        self.maps[rung] = "logistic"
        self.label_calibrators[rung] = LabelCalibrators.fit(about, rows, right, LabelCalibrators(self.prior, {}))
        self.prior = self.calibrators[rung] = self.label_calibrators[rung].pooled

    def choose(self, climbs: Sequence[Climb], right: Sequence[bool], choose: ChooseThreshold, *, climb: bool) -> None:
        self.unseen = choose([], [])
        answers = [(c.answer.label if c.answer else None) or "" for c in climbs]
        found = choose_by_side(_about(climbs), answers, [c.confidence for c in climbs], right, choose)
        if climb:
            self.climb_thresholds = found
            self.climb_below = max((climb_below(threshold) for threshold in found.values()), default=1.0)
        else:
            self.thresholds = found
            self.threshold = summarised(found)


def summarised(thresholds: Mapping[Side, Threshold]) -> Threshold:
    """All sides in one, for the report: the highest threshold, and the precision over all that was accepted.

    It rests on what the weakest of those sides rests on that accept anything.
    """
    found = list(thresholds.values())
    accepted = sum(threshold.accepted for threshold in found)
    right = sum((threshold.precision or 0.0) * threshold.accepted for threshold in found)
    target = next((threshold.target for threshold in found), None)
    count = Counter(threshold.basis for threshold in found)
    weakest: tuple[Basis, ...] = ("estimate", "bound", "proof", "fixed")
    return Threshold(
        max((threshold.value for threshold in found), default=1.0),
        target,
        bool(found) and all(threshold.guaranteed for threshold in found),
        right / accepted if accepted else None,
        accepted,
        _unproved(count, target) if target is not None else "",
        next((basis for basis in weakest if count[basis]), "none"),
    )


def _unproved(count: Mapping[Basis, int], target: float) -> str:
    """What is said of a label's answers whose precision is not proved; empty if there are none."""
    words: dict[Basis, str] = {
        "bound": "the threshold rests on the 95 % bound of a model of all answers",
        "estimate": "it rests on an estimate, which often misses",
        "none": "nothing is accepted",
    }
    told = [f"for {count[basis]} {said}" for basis, said in words.items() if count[basis]]
    if not told:
        return ""
    return (
        f"A precision of {100 * target:.4g}% is not proved for all of {sum(count.values())} sides (two of each label: "
        f"that it is there, and that it is not): {'; '.join(told)}. See the labels one by one."
    )


class DecisionChecker(TeacherChecker):
    """The teacher checker on decisions: records are asked about as a whole, and judged label by label."""

    def choose_threshold(self, confidence: Sequence[float], right: Sequence[bool]) -> Threshold:
        """A threshold for one side; see ``sensible``."""
        chosen = super().choose_threshold(confidence, right)
        wanted = self._wanted
        return sensible(
            chosen, confidence, right, wanted.unproved if isinstance(wanted, PrecisionThreshold) else "bound"
        )

    def _least_sure(self, climbs: Sequence[Climb], share: float) -> list[Climb]:
        """At most that share of the decisions, about at most that share of the records: these are what is asked."""
        records = {climb.record.whole.id for climb in climbs}
        chosen: set[str] = set()
        found = []
        for climb in super()._least_sure(climbs, share):
            if climb.record.whole.id in chosen or len(chosen) < int(share * len(records)):
                chosen.add(climb.record.whole.id)
                found.append(climb)
        return found

    def _calibration(self, template: Template, climbs: list[Climb]) -> Calibration:
        prior = Calibrator.prior(DECISION_SIGNALS, slopes=DECISION_SLOPES, chance=0.5)
        return DecisionCalibration(template, climbs, prior)


def _about(climbs: Sequence[Climb]) -> list[str]:
    return [climb.record.about or "" for climb in climbs]


def _side(climb: Climb) -> Side:
    return climb.record.about or "", (climb.answer.label if climb.answer else None) or ""
