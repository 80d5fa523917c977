"""A panel: several teachers vote, and the dear ones are asked only where they are expected to pay."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dualchecker.checking.ladder import Climb, Ladder
from dualchecker.checking.teacher_checker import Calibration, TeacherChecker
from dualchecker.confidence import (
    MajorityModel,
    Opinion,
    PanelModel,
    calibration_remarks,
    fit_reliability,
    read_signals,
)
from dualchecker.confidence.opinions import teacher_share
from dualchecker.config import PanelConfig, PrecisionThreshold
from dualchecker.data import Fence
from dualchecker.prompts import Rung, Template
from dualchecker.records import Answer, Labelled, Record
from dualchecker.tasks import Task

_FOLDS = 10


@dataclass(frozen=True)
class Member:
    """One teacher of a panel.

    Attributes:
        name: As the trail has it.
        ladder: Asks it.
        price: Of one answer; only ratios between members matter.
        rungs: The rung that it is asked at, and what is asked of records that this one does not apply to.
    """

    name: str
    ladder: Ladder
    price: float
    rungs: tuple[Rung, ...]

    def ask(self, records: Sequence[Record], template: Template, purpose: str) -> list[Answer | None]:
        """One answer a record; None where nothing can be asked. It sees no other member's answer."""
        climbs = [Climb(record) for record in records]
        for rung in self.rungs:
            self.ladder.ask([climb for climb in climbs if not climb.trail], rung, template, purpose)
        return [climb.trail[-1] if climb.trail else None for climb in climbs]


Model = PanelModel | MajorityModel


@dataclass
class _Case:
    """One record before the panel."""

    climb: Climb
    model: Model
    opinions: dict[str, Opinion] = field(default_factory=dict)
    heard: set[str] = field(default_factory=set)


Hearing = Callable[[Member, Sequence[_Case]], Sequence[Answer | None]]
"""Gets a member's answers about cases: by asking, or from what is known already."""


class PanelChecker(TeacherChecker):
    """Labels records by several teachers; takes the place of the teacher checker.

    All members answer calibration gold: this tells how far each can be believed, label by label, and how their
    mistakes go together. A record of the pool is then given to the cheapest member. Another one is asked while its
    answer is expected to raise the probability of the right label by at least ``gain`` for the price of the dearest
    member (for a tenth of the price, by a tenth of that). The dearest is asked last, where it gains most first, about
    a share ``budget`` of the records at most. The label kept is the likeliest of those that somebody gave.

    Args:
        task: Compares labels.
        members: At least two.
        fence: Its calibration gold fits the confidence.
        threshold: A fixed confidence, or a precision to reach.
        policy: How to vote and when to ask.
    """

    def __init__(
        self,
        task: Task,
        members: Sequence[Member],
        fence: Fence,
        threshold: float | PrecisionThreshold,
        policy: PanelConfig | None = None,
    ) -> None:
        self._members = tuple(sorted(members, key=lambda member: member.price))
        super().__init__(task, self._members[0].ladder, fence, threshold)
        self.policy = policy or PanelConfig()
        self._column = {label: index for index, label in enumerate(task.labels)}
        self._models: dict[tuple[str, ...], Model] = {}

    @property
    def members(self) -> tuple[Member, ...]:
        """From cheap to dear."""
        return self._members

    def calibrate(self, template: Template) -> Calibration:
        """Ask every member about calibration gold, learn what their answers are worth, and who is worth asking.

        The gold records' confidences come from models that have not seen them, after asking those members alone that
        the panel would have asked.
        """
        known = self._calibrations.get(template.identity)
        if known is not None:
            return known
        records = list(self._fence.calibration)
        ids = [record.id for record in records]
        answers = {m.name: dict(zip(ids, m.ask(records, template, "calibrate"), strict=True)) for m in self._members}
        truth = [self._column[record.label or ""] for record in records]
        opinions = [self._opinions({name: by[i] for name, by in answers.items()}) for i in ids]
        self._models[template.identity] = self._fit(opinions, truth)
        cases = []
        for fold in range(_FOLDS):
            rest = [i for i in range(len(records)) if i % _FOLDS != fold]
            model = self._fit([opinions[i] for i in rest], [truth[i] for i in rest])
            cases += [(i, _Case(Climb(records[i]), model)) for i in range(fold, len(records), _FOLDS)]
        held_out = [case for _, case in sorted(cases, key=lambda pair: pair[0])]
        self._consult(held_out, lambda member, some: [answers[member.name][case.climb.record.id] for case in some])
        climbs = [case.climb for case in held_out]
        result = Calibration(template, climbs)
        result.calibrators = dict(getattr(self._models[template.identity], "calibrators", {}))
        result.brief_accuracy = self._accuracy(records, list(answers[self._members[0].name].values()))
        result.accuracy = sum(self.right(climb) for climb in climbs) / max(len(climbs), 1)
        answered = [climb for climb in climbs if climb.answer is not None]
        result.threshold = self.choose_threshold([c.confidence for c in answered], [self.right(c) for c in answered])
        result.climb_below = result.threshold.value
        result.remarks = self._said_of(answered, opinions)
        self._calibrations[template.identity] = result
        return result

    def judge(self, template: Template) -> float:
        """Accuracy of the cheapest member on calibration gold with this template: cheaper than ``calibrate``."""
        records = self._fence.calibration
        return self._accuracy(records, self._members[0].ask(records, template, "judge"))

    def label(self, records: Sequence[Record], template: Template) -> list[Labelled]:
        """Label records: one member after another while it pays, with abstention."""
        calibration = self.calibrate(template)
        cases = [_Case(Climb(record), self._models[template.identity]) for record in records]
        self._consult(cases, self._asking(template))
        return [self._settle(case.climb, calibration.threshold.value) for case in cases]

    def look_again(self, labelled: Sequence[Labelled], template: Template) -> list[Labelled]:
        """Give disputed records to all members that have not been asked about them, whatever it costs."""
        calibration = self.calibrate(template)
        cases = []
        for item in labelled:
            case = _Case(Climb(item.record), self._models[template.identity])
            for answer in item.trail:
                self._note(case, answer.teacher, answer)
            cases.append(case)
        ask = self._asking(template)
        for member in self._members:
            self._consult_one(member, [case for case in cases if member.name not in case.heard], ask)
        self._judge(cases)
        return [self._settle(case.climb, calibration.threshold.value) for case in cases]

    def describe(self, labels: Sequence[Labelled], template: Template) -> dict[str, Any]:
        """Members, what each was asked, how far it can be believed by label, and how often two agree."""
        self.calibrate(template)
        model = self._models[template.identity]
        names = [member.name for member in self._members]
        given = [{a.teacher: a.label for a in item.trail if a.ok} for item in labels]
        calls = Counter(answer.teacher for item in labels for answer in item.trail)
        reliability = model.reliability if isinstance(model, PanelModel) else None
        if reliability is None:  # a majority weighs nobody: count for the report alone
            gold = self._calibrations[template.identity].climbs
            votes = [[self._vote_of(climb, name) for name in names] for climb in gold]
            truth = np.array([self._column[climb.record.label or ""] for climb in gold], dtype=int)
            reliability = fit_reliability(np.array(votes, dtype=int), names, len(self._column), truth)
        return {
            "vote": self.policy.vote,
            "gain": self.policy.gain,
            "budget": self.policy.budget,
            "members": [
                {
                    "name": member.name,
                    "price": member.price,
                    "rung": member.rungs[0].name,
                    "gold": len(self._fence.calibration),
                    "pool": calls[member.name],
                    "spent": member.price * (calls[member.name] + len(self._fence.calibration)),
                    "accuracy": reliability.accuracy(member.name),
                    "precision": dict(zip(self._column, reliability.precision(member.name).tolist(), strict=True)),
                }
                for member in self._members
            ],
            "weights": dict(zip(names, model.weights(frozenset(names)).tolist(), strict=True))
            if isinstance(model, PanelModel)
            else None,
            "agreement": [[_agreement(given, one, other) for other in names] for one in names],
        }

    def _said_of(self, answered: Sequence[Climb], opinions: Sequence[dict[str, Opinion]]) -> tuple[str, ...]:
        """Remarks on the labels kept about gold, and on members that gave none."""
        kept = [climb.signals[climb.best] for climb in answered if climb.best is not None]
        labels = [(climb.answer.label if climb.answer else None) or "" for climb in answered]
        found = calibration_remarks(kept, [self.right(climb) for climb in answered], labels)
        silent = [m.name for m in self._members if opinions and not any(m.name in row for row in opinions)]
        found += [f"The member {name!r} gave no usable answer about calibration gold." for name in silent]
        return tuple(found)

    def _accuracy(self, records: Sequence[Record], answers: Sequence[Answer | None]) -> float:
        pairs = zip(answers, records, strict=True)
        return sum(a is not None and self._task.equal(a.label, r.label) for a, r in pairs) / max(len(records), 1)

    def _vote_of(self, climb: Climb, name: str) -> int:
        return next((self._column[a.label] for a in climb.trail if a.teacher == name and a.ok and a.label), -1)

    def _fit(self, opinions: Sequence[dict[str, Opinion]], truth: Sequence[int]) -> Model:
        names, size = [member.name for member in self._members], len(self._column)
        if self.policy.vote == "majority":
            return MajorityModel.fit(opinions, truth, size)
        return PanelModel.fit(opinions, truth, names, size)

    def _opinions(self, answers: dict[str, Answer | None]) -> dict[str, Opinion]:
        return {name: o for name, answer in answers.items() if (o := self._heard_as(answer)) is not None}

    def _heard_as(self, answer: Answer | None) -> Opinion | None:
        if answer is None or not answer.ok or answer.label is None:
            return None
        return Opinion(self._column[answer.label], read_signals(answer))

    def _asking(self, template: Template) -> Hearing:
        return lambda member, cases: member.ask([case.climb.record for case in cases], template, "label")

    def _consult(self, cases: Sequence[_Case], hearing: Hearing) -> None:
        """Hear members about these cases until nobody is worth asking any more."""
        dearest = self._members[-1]
        self._consult_one(self._members[0], cases, hearing)
        if self.policy.vote == "majority":
            for member in self._members[1:]:
                self._consult_one(member, cases, hearing)
        budget = len(cases) if self.policy.budget is None else int(self.policy.budget * len(cases) + 1e-9)
        dear_too = self.policy.vote != "majority"
        while True:
            wanted = self._choices(cases, dear_too=dear_too)
            cheap = {name: found for name, found in wanted.items() if name != dearest.name}
            if cheap:
                for member in self._members[:-1]:
                    self._consult_one(member, [case for _, case in cheap.get(member.name, [])], hearing)
            elif dearest.name in wanted:
                best = sorted(wanted[dearest.name], key=lambda pair: -pair[0])[:budget]
                self._consult_one(dearest, [case for _, case in best], hearing)
                dear_too = False
            else:
                break
        self._judge(cases)

    def _choices(self, cases: Sequence[_Case], *, dear_too: bool) -> dict[str, list[tuple[float, _Case]]]:
        """By member: the cases that it should be asked about next, with what it is expected to gain there.

        The dearest member is there to change labels; the others also to show where that is needed.
        """
        top = self._members[-1].price
        groups: dict[tuple[int, frozenset[str], frozenset[str]], list[_Case]] = {}
        for case in cases:
            key = id(case.model), frozenset(case.opinions), frozenset(case.heard)
            groups.setdefault(key, []).append(case)
        wanted: dict[str, list[tuple[float, _Case]]] = {}
        for (_, spoken, heard), group in groups.items():
            model = group[0].model
            left = [m for m in self._members if m.name not in heard and (dear_too or m is not self._members[-1])]
            if not left or not isinstance(model, PanelModel):
                continue
            now = model.posterior([case.opinions for case in group])
            gains = np.stack(
                [
                    model.expected_gain(now, spoken, m.name, "label" if m is self._members[-1] else "sureness")
                    for m in left
                ],
                axis=1,
            )
            # Free members are asked wherever they may tell anything.
            prices = np.array([max(m.price / top, 1e-9) if top > 0 else 1.0 for m in left])
            worth = gains / prices
            for row, case in enumerate(group):
                choice = int(worth[row].argmax())
                if worth[row, choice] >= self.policy.gain:
                    wanted.setdefault(left[choice].name, []).append((float(gains[row, choice]), case))
        return wanted

    def _consult_one(self, member: Member, cases: Sequence[_Case], hearing: Hearing) -> None:
        for case, answer in zip(cases, hearing(member, cases) if cases else [], strict=True):
            self._note(case, member.name, answer)

    def _note(self, case: _Case, name: str, answer: Answer | None) -> None:
        case.heard.add(name)
        if answer is None:
            return
        case.climb.trail.append(answer)
        opinion = self._heard_as(answer)
        if opinion is not None:
            case.opinions[name] = opinion

    def _judge(self, cases: Sequence[_Case]) -> None:
        """Signals and confidence of every answer: the probability of its label by all that was heard."""
        groups: dict[int, list[_Case]] = {}
        for case in cases:
            groups.setdefault(id(case.model), []).append(case)
        for group in groups.values():
            shares = group[0].model.posterior([case.opinions for case in group])
            for case, row in zip(group, shares, strict=True):
                votes = [opinion.vote for opinion in case.opinions.values()]
                climb = case.climb
                climb.signals, climb.confidences = [], []
                for answer in climb.trail:
                    opinion = self._heard_as(answer)
                    climb.confidences.append(float(row[opinion.vote]) if opinion else 0.0)
                    climb.signals.append(_signals(opinion, votes, climb.confidences[-1]) if opinion else {})


def _signals(opinion: Opinion, votes: list[int], confidence: float) -> dict[str, float]:
    signals = {**opinion.signals, "panel": confidence}
    share = teacher_share(votes, opinion.vote)
    return signals if share is None else {**signals, "teacher_share": share}


def _agreement(given: Sequence[dict[str, str | None]], one: str, other: str) -> dict[str, float | int | None]:
    """Share of the records that both answered on which two members agree, and the number of these records."""
    both = [row for row in given if one in row and other in row]
    same = sum(row[one] == row[other] for row in both)
    return {"share": same / len(both) if both else None, "records": len(both)}
