"""The ladder where several labels may apply: one request a record, one answer for each decision that waits for it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from dualchecker.alignment import ContextAligner
from dualchecker.asking import Asker, Outcome
from dualchecker.checking.ladder import Climb, Ladder
from dualchecker.confidence import best_exponent, sharpen
from dualchecker.prompts import PromptWriter, Rung
from dualchecker.records import Answer, Record
from dualchecker.tasks import Task, Verdict
from dualchecker.tasks.multilabel import NO, YES
from dualchecker.teachers import Teacher


class DecisionLadder(Ladder):
    """Climbs are decisions (``Record.about``); those about one record are asked together, once a rung.

    A record is asked again while any of its decisions waits, and only those that wait take the new answer.
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
        super().__init__(task, aligner, writer, asker, teacher, rungs, senior, gold, temperature=temperature)
        self._wholes: dict[str, Answer] = {}
        self._rate_exponents: dict[bool, list[float]] = {}
        carried = Counter(label for record in self._gold for label in record.labels or ())
        # Half a record each way: a label that gold never shows may exist.
        self._base_rates = {label: (carried[label] + 0.5) / (len(self._gold) + 1) for label in task.labels}

    def _together(self, climbs: Sequence[Climb]) -> list[list[Climb]]:
        groups: dict[tuple[str, int], list[Climb]] = {}
        for climb in climbs:
            groups.setdefault((climb.record.whole.id, climb.sample), []).append(climb)
        return list(groups.values())

    def _doubts(self, group: Sequence[Climb]) -> list[str]:
        """The two labels whose decisions are least sure."""
        asked = [climb for climb in group if climb.trail]
        return [climb.record.about or "" for climb in sorted(asked, key=lambda c: c.confidence)[:2]]

    def _answers(
        self, group: Sequence[Climb], outcome: Outcome, teacher: str, shares: Mapping[str, float]
    ) -> list[Answer]:
        whole, verdicts = self._read_whole(outcome, teacher, group[0].record.whole.text)
        about = [climb.record.about or "" for climb in group]
        return [
            self._project(whole, verdicts.get(label), climb.record, shares[label])
            for climb, label in zip(group, about, strict=True)
        ]

    def _read_whole(self, outcome: Outcome, teacher: str, text: str) -> tuple[Answer, dict[str, Verdict]]:
        """The answer about a record, and its verdicts by label (none where it is not usable)."""
        whole = self._read(outcome, teacher, text)
        self._wholes[whole.request_key] = whole
        parsed = self._task.parse(outcome.reply.text) if whole.ok and outcome.reply else None
        return whole, dict((parsed.verdicts if parsed else None) or {})

    def _project(self, whole: Answer, verdict: Verdict | None, decision: Record, rate: float) -> Answer:
        """What the answer about a record says about one label.

        Args:
            whole: The answer.
            verdict: Its word on the label.
            decision: The record of the decision.
            rate: Share of the nearest human-labelled texts that carry the label.
        """
        label = decision.about or ""
        answer = replace(whole, record_id=decision.id, label=None, label_probabilities=None)
        if not whole.ok or verdict is None:
            return answer
        if verdict.applies is None:
            return replace(answer, outcome="verdict_unreadable")

        def turned(chance: float) -> float:
            return chance if verdict.applies else 1 - chance

        chance = (whole.label_probabilities or {}).get(label)
        return replace(
            answer,
            label=YES if verdict.applies else NO,
            stated=verdict.stated,
            label_probabilities=None if chance is None else {YES: chance, NO: 1 - chance},
            neighbour_share=None if np.isnan(rate) else turned(rate),
            base_rate=turned(self._base_rates[label]),
        )

    def _earlier(self, group: Sequence[Climb]) -> list[Answer]:
        """What the teacher has said about the record before, each reply once, as far as a waiting decision took it."""
        keys = dict.fromkeys(answer.request_key for climb in group for answer in climb.trail)
        return [self._wholes[key] for key in keys if key in self._wholes]

    def _over_labels(self, given: object) -> dict[str, float] | None:
        """A chance for each label; unlike the labels of a choice they need not sum to 1."""
        if not isinstance(given, dict):
            return None
        numbers = {label: given.get(label) for label in self._task.labels}
        return {k: float(v) for k, v in numbers.items() if isinstance(v, int | float) and 0 <= v <= 1} or None

    def _neighbour_shares(self, records: Sequence[Record], *, long: bool) -> npt.NDArray[np.float64]:
        """How many of the nearest carry each label, made as sure as that proves to be on gold, label by label."""
        if long not in self._rate_exponents:
            gold = [record for record in self._gold if record.text.strip()]
            known = self._aligner.label_rates(gold, long=long)
            there = np.isfinite(known).all(axis=1)
            exponents = []
            for column, label in enumerate(self._task.labels):
                truth = np.array([label not in (record.labels or ()) for record in gold], dtype=int)
                exponents.append(best_exponent(_yes_no(known[there, column]), truth[there])[0])
            self._rate_exponents[long] = exponents
        rates = self._aligner.label_rates(records, long=long)
        for column, exponent in enumerate(self._rate_exponents[long]):
            rates[:, column] = sharpen(_yes_no(rates[:, column]), exponent)[:, 0]
        return rates


def _yes_no(rates: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.stack([rates, 1 - rates], axis=1)
