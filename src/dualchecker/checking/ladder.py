"""Asking one rung of the ladder, and keeping the best answer of a climb."""

import math
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from dualchecker.alignment import ContextAligner
from dualchecker.asking import Asker, Outcome
from dualchecker.checking.second_turn import SecondTurn
from dualchecker.confidence import best_exponent, read_signals, sharpen
from dualchecker.prompts import Prompt, PromptWriter, Rung, Template, left_out
from dualchecker.records import Answer, Demonstration, Record
from dualchecker.tasks import Task
from dualchecker.teachers import Teacher

_DECLINED = {"refusal": "refused", "unanswered": "unanswered", "none_of_these": "none_of_these"}
"""Ways to end a reply without an answer, and the outcomes that they are."""

_OUTSIDE = 0.05
"""Probability outside the label set from which an answer gets a note."""


@dataclass
class Climb:
    """One record on its way up: the answers so far, the signals and the calibrated confidence of each.

    ``sample`` counts independent draws from the teacher's answers; 0 is its usual answer.
    """

    record: Record
    trail: list[Answer] = field(default_factory=list)
    signals: list[dict[str, float]] = field(default_factory=list)
    confidences: list[float] = field(default_factory=list)
    sample: int = 0

    @property
    def best(self) -> int | None:
        """Index of the usable answer with the highest calibrated confidence; a tie goes to the higher rung."""
        usable = [i for i, answer in enumerate(self.trail) if answer.ok]
        return max(usable, key=lambda i: (self.confidences[i], i)) if usable else None

    @property
    def answer(self) -> Answer | None:
        return self.trail[self.best] if self.best is not None else None

    @property
    def confidence(self) -> float:
        """Calibrated confidence of the answer kept; 0 when there is none."""
        return self.confidences[self.best] if self.best is not None else 0.0

    def doubts(self) -> list[str]:
        """The two labels in doubt: those that the answers so far gave the most weight."""
        weights: dict[str, float] = defaultdict(float)
        for answer, confidence in zip(self.trail, self.confidences, strict=True):
            for label, probability in (answer.label_probabilities or {}).items():
                weights[label] += probability
            if answer.label:
                weights[answer.label] += confidence
        return sorted(weights, key=lambda label: (-weights[label], label))[:2]


class Ladder:
    """Asks records at a rung and parses what comes back.

    Args:
        task: Parses replies.
        aligner: Chooses the neighbours.
        writer: Writes prompts.
        asker: Asks.
        teacher: For all rungs but ``senior``.
        senior: For the ``senior`` rung.
        gold: Demonstrations; they tell how far neighbours can be believed.
        rungs: In order; those that neither teacher can answer are left out.
        temperature: Of sampled answers.
    """

    def __init__(
        self,
        task: Task,
        aligner: ContextAligner,
        writer: PromptWriter,
        asker: Asker,
        teacher: Teacher,
        rungs: Sequence[Rung],
        senior: Teacher | None = None,
        gold: Sequence[Record] = (),
        *,
        temperature: float = 0.7,
    ) -> None:
        self._task, self._aligner, self._writer, self._asker = task, aligner, writer, asker
        self._turns = SecondTurn(asker, writer)
        self._teacher, self._senior = teacher, senior
        self._gold = tuple(gold)
        self._temperature = temperature
        self._exponents: dict[bool, float] = {}
        self.rungs = tuple(rung for rung in rungs if self._whom(rung) is not None)

    def _whom(self, rung: Rung) -> Teacher | None:
        teacher = self._senior if rung.senior else self._teacher
        return teacher if teacher is not None and rung.name in teacher.rungs else None

    def ask(
        self,
        climbs: Sequence[Climb],
        rung: Rung,
        template: Template,
        purpose: str,
        *,
        aligned: bool = True,
        variant: int = 0,
    ) -> list[Climb]:
        """Ask the rung about those climbs that it applies to, add the answers and their signals; return these climbs.

        Args:
            climbs: Records on their way.
            rung: The rung to ask.
            template: Fixed demonstrations.
            purpose: For the ledger's trail.
            aligned: False leaves the neighbours out (plain few-shot).
            variant: Other than 0: the neighbours stand in a random order, another for each number.
        """
        aligned = aligned and self._aligner.nearest
        teacher = self._whom(rung)
        groups = self._together([c for c in climbs if rung.applies_to(c.record) and c.record.text.strip()])
        if teacher is None or not groups:
            return []
        records = [group[0].record.whole for group in groups]
        near = (
            self._aligner.neighbours(records, rung, [self._doubts(group) for group in groups])
            if aligned
            else [[] for _ in groups]
        )
        if variant:
            near = [_shuffled(some, f"{variant} {r.id}") for some, r in zip(near, records, strict=True)]
        # Without neighbours their share of every label is not known.
        unknown = np.full((len(groups), len(self._task.labels)), np.nan)
        shares = self._neighbour_shares(records, long=rung.long) if aligned else unknown

        def write(place: int, writer: PromptWriter) -> Prompt:
            group = groups[place]
            earlier, focus = self._earlier(group), self._focus(group)
            prompt = writer.label(records[place], rung, template, near[place], earlier, focus)
            return self._drawn(prompt, group[0].sample)

        names = tuple(self._task.labels)

        def read(place: int, outcome: Outcome) -> list[Answer]:
            by_label = dict(zip(names, shares[place].tolist(), strict=True))
            return self._answers(groups[place], outcome, teacher.name, by_label)

        said = self._turns.answers(teacher, len(groups), write, read, purpose)
        for group, answers in zip(groups, said, strict=True):
            for climb, answer in zip(group, answers, strict=True):
                climb.trail.append(answer)
                climb.signals.append(read_signals(answer, climb.trail))
                climb.confidences.append(0.0)
        return [climb for group in groups for climb in group]

    def _together(self, climbs: Sequence[Climb]) -> list[list[Climb]]:
        """The climbs that one request serves."""
        return [[climb] for climb in climbs]

    def _doubts(self, group: Sequence[Climb]) -> list[str]:
        """The two labels in doubt, for counter-examples."""
        return group[0].doubts()

    def _earlier(self, group: Sequence[Climb]) -> list[Answer]:
        """What the teacher has said about the record before."""
        return group[0].trail

    def _focus(self, group: Sequence[Climb]) -> list[tuple[str, str]]:
        """Labels that the teacher is asked to look at again, each with the reason."""
        return []

    def _answers(
        self, group: Sequence[Climb], outcome: Outcome, teacher: str, shares: Mapping[str, float]
    ) -> list[Answer]:
        """What a reply says to each climb of a group.

        Args:
            group: The climbs.
            outcome: Of their request.
            teacher: Who was asked.
            shares: Share of each label among the nearest human labels; not a number where it is not known.
        """
        return [self._read(outcome, teacher, group[0].record.whole.text, shares)]

    def _drawn(self, prompt: Prompt, sample: int) -> Prompt:
        return replace(prompt, sample=sample, temperature=self._temperature) if sample else prompt

    def _neighbour_shares(self, records: Sequence[Record], *, long: bool) -> npt.NDArray[np.float64]:
        """Label shares among the nearest human labels, made as sure as they prove to be on gold itself.

        Where neighbours tell nothing about the label, the shares come out even and the signal says nothing.
        """
        if long not in self._exponents:
            gold = [record for record in self._gold if record.text.strip()]
            known = self._aligner.label_shares(gold, long=long)
            there = np.isfinite(known).all(axis=1)
            columns = {label: index for index, label in enumerate(self._task.labels)}
            truth = np.array([columns[record.label or ""] for record in gold], dtype=int)
            self._exponents[long] = best_exponent(known[there], truth[there])[0]
        return sharpen(self._aligner.label_shares(records, long=long), self._exponents[long])

    def _read(self, outcome: Outcome, teacher: str, text: str, shares: Mapping[str, float] | None = None) -> Answer:
        prompt, reply, failure = outcome.prompt, outcome.reply, outcome.failure
        if reply is None:
            kind = failure.kind if failure else "failed"
            said = str(failure)[:500] if kind == "refused" else ""
            return _unusable(outcome, kind, teacher, prompt.notes, said)
        notes = (*prompt.notes, *reply.notes, *(("outside_labels",) if (reply.outside_mass or 0) > _OUTSIDE else ()))
        if reply.finish in _DECLINED:
            said = reply.text[:500] if reply.finish == "refusal" else ""
            answer = _unusable(outcome, _DECLINED[reply.finish], teacher, notes, said)
            return replace(answer, outside_mass=reply.outside_mass, order_spread=reply.order_spread)
        parsed = self._task.parse(reply.text, text, prompt.shown.choices)
        share = shares.get(parsed.label or "", math.nan) if shares else math.nan
        return Answer(
            prompt.record_id,
            parsed.label,
            parsed.outcome,
            prompt.rung,
            rationale=parsed.rationale,
            stated=parsed.stated,
            label_probabilities=self._over_labels(reply.label_probabilities) if parsed.label else None,
            neighbour_share=None if math.isnan(share) else share,
            request_key=outcome.key,
            teacher=teacher,
            notes=(*notes, *parsed.notes, *(("cut_short",) if reply.finish == "length" else ())),
            outside_mass=reply.outside_mass,
            order_spread=reply.order_spread,
            spans=parsed.spans,
            hallucinated=parsed.hallucinated,
            unseen=left_out(text, prompt.shown.text) if self._task.spans else None,
        )

    def _over_labels(self, given: object) -> dict[str, float] | None:
        """A distribution over the task's labels, or None when what was given is not one."""
        if not isinstance(given, dict):
            return None
        values = {label: given.get(label) for label in self._task.labels}
        numbers = {k: float(v) for k, v in values.items() if isinstance(v, int | float) and 0 <= v <= 1 + 1e-6}
        total = sum(numbers.values())
        return {k: numbers.get(k, 0.0) / total for k in values} if total > 0 else None


def _unusable(outcome: Outcome, kind: str, teacher: str, notes: tuple[str, ...], said: str) -> Answer:
    prompt = outcome.prompt
    return Answer(
        prompt.record_id,
        None,
        kind,
        prompt.rung,
        rationale=said,
        request_key=outcome.key,
        teacher=teacher,
        notes=notes,
    )


def _shuffled(demonstrations: Sequence[Demonstration], seed: str) -> list[Demonstration]:
    return random.Random(seed).sample(demonstrations, len(demonstrations))
