"""The ladder where reasoning is asked for: several chains a rung, each evaluated by the teacher (Mind's Mirror)."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dualchecker.checking.chain_vote import elected, failure, joined, rivals
from dualchecker.checking.ladder import Climb, Ladder
from dualchecker.confidence import read_signals
from dualchecker.prompts import Rung, Template
from dualchecker.records import Answer, Chain, Record, SelfEvaluation
from dualchecker.tasks import Reasoning
from dualchecker.tasks.arithmetic import soundness
from dualchecker.tasks.verdicts import read_evaluation


@dataclass
class _Draw(Climb):
    """One sample for a record: it sees what the record's own climb has said so far."""

    source: Climb = field(default_factory=lambda: Climb(Record("", "")))


class ChainLadder(Ladder):
    """Asks for chains of thought; ``ask`` brings one answer as any ladder does, ``reason`` a vote of several chains.

    Args:
        *args: Of ``Ladder``.
        chains: Chains of a rung that asks anew.
        more: Chains that ``wide`` adds; ``reconsider`` and ``senior`` add one that decides.
        evaluations: Self-evaluations of each chain.
        **options: Of ``Ladder``.
    """

    def __init__(self, *args: Any, chains: int = 5, more: int = 5, evaluations: int = 1, **options: Any) -> None:
        super().__init__(*args, **options)
        if not isinstance(self._task, Reasoning):
            raise TypeError("the task asks for no reasoning")
        self.task = self._task
        self._chains, self._more, self._evaluations = chains, more, evaluations
        self.rungs = tuple(rung for rung in self.rungs if self._count(rung))

    def _count(self, rung: Rung) -> int:
        """How many chains a rung draws for each record."""
        if rung.decide or rung.senior:
            return 1
        return self._more if rung.name == "wide" else self._chains

    def reason(
        self,
        climbs: Sequence[Climb],
        rung: Rung,
        template: Template,
        purpose: str,
        *,
        aligned: bool = True,
        chains: int | None = None,
        evaluations: int | None = None,
    ) -> list[Climb]:
        """Draw chains at a rung, have them evaluated, and add the vote of all chains so far to each climb.

        Args:
            climbs: Questions on their way.
            rung: The rung to ask.
            template: Fixed demonstrations.
            purpose: For the ledger's trail.
            aligned: False leaves the neighbours out.
            chains: How many to draw; by default as the ladder has it.
            evaluations: Verdicts on each new chain; likewise.

        Returns:
            Those of the climbs that the rung applies to.
        """
        waiting = [c for c in climbs if rung.applies_to(c.record) and c.record.text.strip()]
        count = self._count(rung) if chains is None else chains
        # Without neighbours the prompt of a wider rung may be the one before: its draws must be others in any case.
        start = self._chains if rung.name == "wide" else 0
        draws = [
            [_Draw(climb.record, sample=n, source=climb) for n in range(start, start + count)] for climb in waiting
        ]
        asked = {id(d) for d in self.ask([one for some in draws for one in some], rung, template, purpose)}
        answers = [[one.trail[-1] for one in some if id(one) in asked] for some in draws]
        found = [
            joined(_known(climb), [self._chain(answer) for answer in some if answer.ok], self.task)
            for climb, some in zip(waiting, answers, strict=True)
        ]
        found = self._evaluated(waiting, found, self._evaluations if evaluations is None else evaluations)
        told = []
        for climb, some, chained in zip(waiting, answers, found, strict=True):
            if not some:
                continue
            climb.trail.append(self._voted(climb, some, chained, rung))
            climb.signals.append(read_signals(climb.trail[-1], climb.trail))
            climb.confidences.append(0.0)
            told.append(climb)
        return told

    def _voted(self, climb: Climb, answers: Sequence[Answer], chains: tuple[Chain, ...], rung: Rung) -> Answer:
        """What a rung says: the vote of all chains so far, or the decision of a teacher that has seen the rivals."""
        answers = list({answer.request_key: answer for answer in answers}.values())  # repeats bring no news
        usable = [answer for answer in answers if answer.ok]
        # What could not be used of the draws is counted beside what could.
        spoilt = tuple(answer.outcome for answer in answers if not answer.ok)
        notes = (*(note for answer in answers for note in answer.notes), *(spoilt if usable else ()))
        blank = Answer(climb.record.id, None, failure(answers), rung.name, teacher=answers[0].teacher, notes=notes)
        if not usable:
            return replace(blank, request_key=answers[0].request_key, rationale=answers[0].rationale)
        decides = rung.decide or rung.senior
        return elected(blank, chains, self.task, said=usable[-1].label if decides else None)

    def _chain(self, answer: Answer) -> Chain:
        return Chain(
            answer.rationale,
            answer.label or "",
            answer.rung,
            stated=answer.stated,
            sound=soundness(answer.rationale),
            request_key=answer.request_key,
            teacher=answer.teacher,
        )

    def _evaluated(
        self, climbs: Sequence[Climb], chains: Sequence[tuple[Chain, ...]], count: int
    ) -> list[tuple[Chain, ...]]:
        """The chains, those without a verdict now with ``count`` each; the teacher of the ladder judges its own.

        An empty chain is not shown to anyone: there is nothing to judge.
        """
        if not count or "evaluate" not in self._teacher.rungs:
            return list(chains)
        todo = [
            (place, index, sample)
            for place, some in enumerate(chains)
            for index, chain in enumerate(some)
            if not chain.evaluations and chain.text
            for sample in range(count)
        ]
        prompts = [
            self._writer.evaluate(climbs[p].record, chains[p][i], sample=s, temperature=self._temperature)
            for p, i, s in todo
        ]
        said: dict[tuple[int, int], list[SelfEvaluation]] = {}
        for (place, index, _), outcome in zip(todo, self._asker.ask(self._teacher, prompts, "evaluate"), strict=True):
            if outcome.reply is None:
                kind = outcome.failure.kind if outcome.failure else "failed"
                one = SelfEvaluation(None, outcome=kind, request_key=outcome.key)
            else:
                one = replace(read_evaluation(outcome.reply.text), request_key=outcome.key)
            before = said.setdefault((place, index), [])
            if all(other.request_key != one.request_key for other in before):  # one that only repeats itself
                before.append(one)
        return [
            tuple(
                replace(chain, evaluations=tuple(said[place, index])) if (place, index) in said else chain
                for index, chain in enumerate(some)
            )
            for place, some in enumerate(chains)
        ]

    def _doubts(self, group: Sequence[Climb]) -> list[str]:
        """Answers are no labels: there are no counter-examples to show."""
        return []

    def _earlier(self, group: Sequence[Climb]) -> list[Answer]:
        """The best chain of each of the two answers in doubt."""
        climb = group[0].source if isinstance(group[0], _Draw) else group[0]
        last = next((answer for answer in reversed(climb.trail) if answer.chains), None)
        return rivals(last, self.task) if last else list(climb.trail)

    def _neighbour_shares(self, records: Sequence[Record], *, long: bool) -> npt.NDArray[np.float64]:
        """Similar questions have other answers."""
        return np.full((len(records), len(self._task.labels)), np.nan)


def _known(climb: Climb) -> tuple[Chain, ...]:
    """The chains of a climb so far."""
    return next((answer.chains for answer in reversed(climb.trail) if answer.chains), ())
