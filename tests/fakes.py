"""Stand-ins for the seams: a teacher that follows a function, and the parts around it."""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dualchecker.alignment import ContextAligner
from dualchecker.asking import Asker, Silent
from dualchecker.checking import (
    Agreement,
    DecisionLadder,
    Ladder,
    StudentChecker,
    StudentVoices,
    TeacherChecker,
)
from dualchecker.config import (
    RUNGS,
    AlignConfig,
    CheckConfig,
    EvolveConfig,
    LimitsConfig,
    ReasoningConfig,
    SamplingConfig,
)
from dualchecker.data import Fence
from dualchecker.embedding import NgramEmbedder
from dualchecker.ledger import Ledger
from dualchecker.methods import Setting
from dualchecker.prompts import Prompt, PromptWriter, rungs_for
from dualchecker.records import Record, Reply
from dualchecker.students import ChoiceQuestion, Features, LinearStudent
from dualchecker.tasks import Classification, MultiLabel
from dualchecker.teachers.base import FreeTeacher

Answering = Callable[[Prompt], tuple[str | None, float | None]]
"""From a prompt to (label, stated confidence); a None label is a reply that cannot be understood."""


class ScriptedTeacher(FreeTeacher):
    """Answers as a function says, and remembers what it was asked."""

    def __init__(
        self,
        answering: Answering,
        name: str = "scripted",
        rungs: Sequence[str] = (*RUNGS, "explain"),
        writing: Callable[[Prompt], str] | None = None,
    ) -> None:
        self._answering, self._writing = answering, writing
        self.name = name
        self.rungs = frozenset(rungs)
        self.asked: list[Prompt] = []

    def payload(self, prompt: Prompt) -> dict[str, Any]:
        body: dict[str, Any] = {"messages": [dict(message) for message in prompt.messages], "rung": prompt.rung}
        return body | ({"sample": prompt.sample} if prompt.sample else {})

    async def ask(self, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        self.asked.append(prompt)
        if prompt.purpose == "explain":
            return Reply(json.dumps({"rationale": f"People see {prompt.shown.human_label} in it."}))
        if prompt.purpose == "generate" and self._writing is not None:
            return Reply(self._writing(prompt))
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


@contextmanager
def make_setting(
    tmp_path: Path,
    teacher: Any,
    fence: Fence,
    pool: Sequence[Record],
    *,
    task: Classification = TASK,
    check: CheckConfig | None = None,
    sampling: SamplingConfig | None = None,
    evolve: EvolveConfig | None = None,
    **align: Any,
) -> Iterator[Setting]:
    """What a method may use, around a stand-in for the teacher; n-grams and a linear student."""
    check = check or CheckConfig(threshold=0.85, rounds=2)
    sampling, config = sampling or SamplingConfig(), AlignConfig(embedder="ngrams", **align)
    embedder = NgramEmbedder(features=2**12)
    embedder.fit([record.text for record in (*fence.demonstrations, *pool)])
    features = Features(embedder, embedder, 0.0, "text")

    def make_student() -> LinearStudent:
        return LinearStudent(tuple(task.labels), features)

    with Ledger.open(tmp_path / "ledger.sqlite") as ledger, Asker(ledger, LimitsConfig(), backoff=0.001) as asker:
        writer = PromptWriter(task)
        aligner = ContextAligner(task, fence, embedder, config, writer, asker, teacher)
        ladder = Ladder(
            task,
            aligner,
            writer,
            asker,
            teacher,
            rungs_for(config, check.rungs),
            gold=fence.demonstrations,
            temperature=sampling.temperature,
        )
        agreement = Agreement(ladder, aligner, samples=check.samples, variants=check.variants)
        checker = TeacherChecker(task, ladder, fence, check.threshold, check.calibration, agreement=agreement)
        student_checker = None
        if check.student:
            voices = StudentVoices(tuple(task.labels), fence, pool, embedder, make_student, doubtful=check.doubtful)
            student_checker = StudentChecker(
                task, fence, embedder, voices, checker.choose_threshold, final_map=check.calibration
            )
        yield Setting(
            task=task,
            fence=fence,
            pool=tuple(pool),
            embedder=embedder,
            aligner=aligner,
            writer=writer,
            asker=asker,
            teacher=teacher,
            ladder=ladder,
            teacher_checker=checker,
            student_checker=student_checker,
            make_student=make_student,
            align=config,
            check=check,
            sampling=sampling,
            reasoning=ReasoningConfig(),
            evolve=evolve or EvolveConfig(rounds=2, requests=3),
            progress=Silent(),
            seed=7,
        )


def make_choice_questions(count: int, *, seed: int = 0) -> list[ChoiceQuestion]:
    """Questions about one of two subjects with four choices each; the right choice is of the question's subject."""
    generator = random.Random(seed)
    questions = []
    for number in range(count):
        subject, other = generator.sample(sorted(_WORDS), 2)
        asked, right = generator.sample(_WORDS[subject], 2)
        choices = (right, *generator.sample(_WORDS[other], 3))
        shuffled = tuple(generator.sample(choices, 4)) if number else choices
        questions.append(
            ChoiceQuestion(Record(f"q{number}", f"What is like the {asked}, item {number}?"), shuffled, right)
        )
    return questions
