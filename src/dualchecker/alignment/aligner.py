"""The ContextAligner (DualChecker, section on aligning teacher output with human labelling standards)."""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dualchecker.alignment.index import GoldIndex
from dualchecker.asking import Asker
from dualchecker.config import AlignConfig
from dualchecker.data import Fence
from dualchecker.embedding import Embedder
from dualchecker.prompts import PromptWriter, Rung, Template
from dualchecker.records import Demonstration, Record
from dualchecker.tasks import Task
from dualchecker.teachers import Teacher

_AT_ONCE = 4096
"""Records whose similarities are computed together."""


class ContextAligner:
    """Chooses demonstrations for every text and has the teacher write the reason for each *human* label.

    The context then carries the human labelling standard. Rationales are written once a demonstration, when it is
    first shown; the ledger keeps them.

    Args:
        task: What is asked.
        fence: Only its demonstrations are ever shown.
        embedder: Similarity of texts.
        config: Numbers of demonstrations; whether rationales are written.
        writer: Writes the prompts for rationales.
        asker: Asks.
        teacher: Writes rationales, if it can.
        seed: Draws the first fixed demonstrations.
    """

    def __init__(
        self,
        task: Task,
        fence: Fence,
        embedder: Embedder,
        config: AlignConfig,
        writer: PromptWriter,
        asker: Asker,
        teacher: Teacher,
        seed: int = 0,
    ) -> None:
        self._task, self._fence, self._embedder, self._config = task, fence, embedder, config
        self._writer, self._asker, self._teacher, self._seed = writer, asker, teacher, seed
        self._rationales: dict[str, str] = {}
        self._uses: dict[str, tuple[str, str, str, str]] = {}
        self.failed_rationales = 0

    @cached_property
    def _short(self) -> GoldIndex:
        return GoldIndex(self._embedder, self._fence.demonstrations)

    @cached_property
    def _long(self) -> GoldIndex:
        if any(record.detail for record in self._fence.demonstrations):
            return GoldIndex(self._embedder, self._fence.demonstrations, long=True)
        return self._short

    @property
    def nearest(self) -> bool:
        """Whether the most similar demonstrations are shown, or fixed ones alone."""
        return self._config.nearest

    def template(self, *, fixed: int | None = None, draw: int = 0, reasons: bool | None = None) -> Template:
        """The first template: fixed demonstrations drawn by seed, the labels in turn.

        Args:
            fixed: How many stand in every prompt; by default those that are not neighbours. With as many as
                ``demonstrations`` the template is plain few-shot.
            draw: Another number draws other demonstrations.
            reasons: Whether they carry rationales; by default as the configuration has it.
        """
        size = self._config.demonstrations
        near = self._config.neighbours if self._config.nearest else 0
        wanted = size - near if fixed is None else fixed
        by_label: dict[str, list[Record]] = defaultdict(list)
        for record in self._fence.demonstrations:
            by_label[self._stands_for(record)].append(record)
        generator = random.Random(self._seed if not draw else f"{self._seed} {draw}")
        queues = []
        for label in (*self._task.labels, ""):
            if by_label[label]:
                generator.shuffle(by_label[label])
                queues.append(by_label[label])
        if len(queues) > wanted:
            generator.shuffle(queues)  # more labels than places: chance decides, not the order of the run file
        chosen: list[Record] = []
        while len(chosen) < wanted and any(queues):
            for queue in queues:
                if queue and len(chosen) < wanted:
                    chosen.append(queue.pop())
        return Template(tuple(self.explain(chosen, reasons=reasons)), size)

    def _stands_for(self, record: Record) -> str:
        """The label that a record demonstrates: of several the rarest, and of none the empty text."""
        if self._task.reasons:
            return ""  # answers are no labels: there is nothing to show in turn
        return min(record.carried, key=lambda label: self._frequency[label], default="")

    @cached_property
    def _frequency(self) -> Counter[str]:
        return Counter(label for record in self._fence.demonstrations for label in record.carried)

    def neighbours(
        self, records: Sequence[Record], rung: Rung, doubts: Sequence[Sequence[str]] | None = None
    ) -> list[list[Demonstration]]:
        """The demonstrations nearest to each record, nearest first, with their rationales.

        Args:
            records: The texts asked about. None is ever its own neighbour.
            rung: Says how many, and whether the long forms are compared.
            doubts: For each record the labels in doubt, for the rungs that show counter-examples.
        """
        if not records or not (rung.neighbours or rung.counter_examples):
            return [[] for _ in records]
        index = self._long if rung.long else self._short
        found = []
        for start in range(0, len(records), _AT_ONCE):  # all of a large pool against all gold would not fit in memory
            scores = index.similarities(records[start : start + _AT_ONCE])
            found += [
                index.nearest(row, rung.neighbours, doubts[start + place] if doubts else (), rung.counter_examples)
                for place, row in enumerate(scores)
            ]
        by_id = {d.record.id: d for d in self.explain(list({r.id: r for rows in found for r in rows}.values()))}
        return [[by_id[record.id] for record in rows] for rows in found]

    def label_shares(self, records: Sequence[Record], *, long: bool = False) -> npt.NDArray[np.float64]:
        """Share of each label among the nearest human labels, shape (records, labels); a free signal."""
        index = self._long if long else self._short
        return index.label_shares(index.similarities(records), self._config.wide_neighbours, tuple(self._task.labels))

    def label_rates(self, records: Sequence[Record], *, long: bool = False) -> npt.NDArray[np.float64]:
        """The same where several labels may apply: how many of the nearest carry each, shape (records, labels)."""
        index = self._long if long else self._short
        return index.label_rates(index.similarities(records), self._config.wide_neighbours, tuple(self._task.labels))

    @property
    def reasons(self) -> Mapping[str, str]:
        """The reasons for human labels that the teacher has written so far, by record id."""
        return {name: reason for name, reason in self._rationales.items() if reason}

    def explain(self, records: Sequence[Record], *, reasons: bool | None = None) -> list[Demonstration]:
        """Demonstrations of the records, with the teacher's reason for the human label where it can give one.

        Args:
            records: Human-labelled ones.
            reasons: Whether to write them; by default as the configuration has it.
        """
        reasons = self._config.rationales if reasons is None else reasons
        if not reasons:
            return [Demonstration(record, record.label or "") for record in records]
        todo = [record for record in records if record.id not in self._rationales]
        self._asker.used_again([self._uses[record.id] for record in records if record.id in self._uses])
        if todo and "explain" in self._teacher.rungs:
            prompts = [self._writer.explain(record, record.label or "") for record in todo]
            for record, outcome in zip(todo, self._asker.ask(self._teacher, prompts, "explain"), strict=True):
                reply = outcome.reply
                self._uses[record.id] = (record.id, "explain", outcome.prompt.rung, outcome.key)
                rationale = self._reason(reply.text, record) if reply else ""
                if not rationale and reply and "{" not in reply.text:
                    rationale = reply.text.strip()[:500]  # a plain sentence is a reason as well
                self.failed_rationales += not rationale
                self._rationales[record.id] = " ".join(rationale.split())
        return [replace(Demonstration(r, r.label or ""), rationale=self._rationales.get(r.id) or None) for r in records]

    def _reason(self, reply: str, record: Record) -> str:
        """The reason in a reply; none where it argues for another answer than the human one."""
        parsed = self._task.parse(reply, record.text, record.choices or ())
        if self._task.reasons and parsed.label is not None and not self._task.equal(parsed.label, record.label):
            return ""
        return parsed.rationale
