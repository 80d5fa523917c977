"""Stand-ins for the seams: a teacher that follows a function, and the parts around it."""

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dualchecker.alignment import ContextAligner
from dualchecker.asking import Asker
from dualchecker.checking import DecisionLadder, Ladder
from dualchecker.config import RUNGS, AlignConfig, LimitsConfig
from dualchecker.data import Fence
from dualchecker.embedding import NgramEmbedder
from dualchecker.ledger import Ledger
from dualchecker.prompts import Prompt, PromptWriter, rungs_for
from dualchecker.records import Record, Reply
from dualchecker.tasks import Classification, MultiLabel
from dualchecker.teachers.base import FreeTeacher

Answering = Callable[[Prompt], tuple[str | None, float | None]]
"""From a prompt to (label, stated confidence); a None label is a reply that cannot be understood."""


class ScriptedTeacher(FreeTeacher):
    """Answers as a function says, and remembers what it was asked."""

    def __init__(
        self, answering: Answering, name: str = "scripted", rungs: Sequence[str] = (*RUNGS, "explain")
    ) -> None:
        self._answering = answering
        self.name = name
        self.rungs = frozenset(rungs)
        self.asked: list[Prompt] = []

    def payload(self, prompt: Prompt) -> dict[str, Any]:
        return {"messages": [dict(message) for message in prompt.messages], "rung": prompt.rung}

    async def ask(self, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        self.asked.append(prompt)
        if prompt.purpose == "explain":
            return Reply(json.dumps({"rationale": f"People see {prompt.shown.human_label} in it."}))
        label, confidence = self._answering(prompt)
        if label is None:
            return Reply("I would rather not say.")
        body: dict[str, Any] = {"rationale": f"It reads like {label}.", "label": label}
        return Reply(json.dumps(body if confidence is None else {**body, "confidence": confidence}))


class LabelSetTeacher(ScriptedTeacher):
    """Says for every label the chance that it applies, as a function of the prompt says."""

    def __init__(self, chances: Callable[[Prompt], dict[str, float] | None], name: str = "scripted") -> None:
        super().__init__(lambda prompt: (None, None), name)
        self._chances = chances

    async def ask(self, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        self.asked.append(prompt)
        if prompt.purpose == "explain":
            return Reply(json.dumps({"rationale": f"People see {prompt.shown.human_label} in it."}))
        chances = self._chances(prompt)
        return Reply(
            "I would rather not say." if chances is None else json.dumps({"rationale": "r", "labels": chances})
        )


TASK = Classification("Warm or cold?", {"warm": "About heat.", "cold": "About frost."})

_WORDS = {
    "warm": ["stove", "boiler", "furnace", "oven", "radiator", "kettle", "torch", "kiln"],
    "cold": ["freezer", "icebox", "glacier", "snowplough", "skate", "sled", "igloo", "frost"],
}


def make_records(count: int, prefix: str, *, detail: bool = False, start: int = 0) -> list[Record]:
    """Separable texts of two labels in turn."""
    records = []
    for i in range(start, start + count):
        label = ("warm", "cold")[i % 2]
        words = _WORDS[label]
        text = f"A {words[i % 8]} with a {words[(i // 8) % 8]} beside it, number {prefix}{i} of its kind."
        records.append(Record(f"{prefix}{i}", text, f"Its label is plainly {label}." if detail else None, label=label))
    return records


def make_blind_records(count: int, prefix: str, *, start: int = 0) -> list[Record]:
    """Texts that tell nothing of their labels, neither alone nor by their neighbours."""
    records = []
    for i in range(start, start + count):
        words = random.Random(f"{prefix}{i}").choices("abcdefghijklmnopqrst", k=14)
        label = random.Random(f"label {prefix}{i}").choice(("warm", "cold"))
        records.append(Record(f"{prefix}{i}", " ".join(words), f"More of {prefix}{i}.", label=label))
    return records


class Opened:
    """An asker and its ledger; a context manager that closes both, so that no thread outlives its test."""

    def __init__(self, asker: Asker, ledger: Ledger) -> None:
        self._asker, self._ledger = asker, ledger

    def close(self) -> None:
        self._asker.close()
        self._ledger.close()

    def __enter__(self) -> "Opened":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def make_ladder(
    tmp_path: Path,
    teacher: ScriptedTeacher,
    fence: Fence,
    *,
    senior: ScriptedTeacher | None = None,
    rungs: Sequence[Any] = RUNGS,
    task: Classification = TASK,
    **align: Any,
) -> tuple[Ladder, ContextAligner, Opened]:
    """A ladder, its aligner, and what the caller must close."""
    ledger = Ledger.open(tmp_path / "ledger.sqlite")
    asker = Asker(ledger, LimitsConfig(concurrency=4), backoff=0.001)
    embedder = NgramEmbedder()
    embedder.fit([record.text for record in fence.gold])
    config = AlignConfig(embedder="ngrams", **align)
    writer = PromptWriter(task)
    aligner = ContextAligner(task, fence, embedder, config, writer, asker, teacher)
    ladder = (DecisionLadder if isinstance(task, MultiLabel) else Ladder)(
        task, aligner, writer, asker, teacher, rungs_for(config, tuple(rungs)), senior, fence.demonstrations
    )
    return ladder, aligner, Opened(asker, ledger)
