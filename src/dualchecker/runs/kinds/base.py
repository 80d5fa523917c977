"""The seam between a run and the kind of its task: what a run has, and what a kind must know how to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Protocol, TypeVar

from dualchecker.alignment import ContextAligner
from dualchecker.asking import Asker, Progress
from dualchecker.checking import Inspector, Ladder, PanelChecker, TeacherChecker
from dualchecker.config import RunConfig, TaskConfig
from dualchecker.data import Dataset, Fence
from dualchecker.embedding import Embedder
from dualchecker.evaluation.bench_measures import Answers, JudgedSpans
from dualchecker.methods import METHODS, Distilled, Setting
from dualchecker.prompts import PromptWriter
from dualchecker.records import Example, Labelled, Record
from dualchecker.students import Student
from dualchecker.students.reasoning import ReasoningStudent
from dualchecker.students.spans import SpanStudent
from dualchecker.tasks import Task
from dualchecker.teachers import Teacher

S = TypeVar("S", bound=Student | SpanStudent | ReasoningStudent)
"""What a kind calls a student."""

P_contra = TypeVar("P_contra", contravariant=True)
"""What such a student says of some records (its ``predict``)."""

Rows = list[dict[str, Any]]
Files = Mapping[str, Mapping[str, Any]]
"""Rows of a file by id."""


@dataclass(frozen=True)
class Prepared:
    """What hangs on the data alone: runs that differ in nothing else than the method can share it.

    ``features`` are whatever the kind's students stand on (``Kind.features``).
    """

    dataset: Dataset
    embedder: Embedder
    features: Any


@dataclass(frozen=True)
class Checkers:
    """Who asks and who checks."""

    ladder: Ladder
    teacher: TeacherChecker
    student: Inspector | None


@dataclass(frozen=True)
class Reference:
    """A student to compare with, which learns gold and something else in place of the run's labels.

    ``gold`` is in place of all that the run's own student learns of gold, where that is not the same.
    """

    name: str
    words: str
    taught: Sequence[Example]
    gold: Sequence[Example] | None = None


@dataclass(frozen=True)
class Benched:
    """A run as a bench scores it; see ``evaluation.bench.Scored``.

    ``share`` is the part of the labels, or of the spans, that was accepted.
    """

    teacher: Answers
    student: Answers
    accepted: tuple[bool, ...] = ()
    kept: JudgedSpans | None = None
    share: float = 0.0


@dataclass(frozen=True)
class Parts:
    """Everything that a run is made of.

    ``pool`` and ``judged`` hold what is labelled and what judges (``Kind.units``, ``Kind.around``); ``dataset`` and
    ``fence`` hold records in any case.
    """

    config: RunConfig
    kind: "Kind[Any, Any]"
    task: Task
    dataset: Dataset
    pool: tuple[Record, ...]
    fence: Fence
    judged: Fence
    embedder: Embedder
    features: Any
    asker: Asker
    teacher: Teacher
    senior: Teacher | None
    panel: tuple[Teacher, ...]
    writer: PromptWriter
    aligner: ContextAligner
    progress: Progress = field(repr=False)

    @cached_property
    def checkers(self) -> Checkers:
        """Made once, by the kind."""
        return self.kind.checkers(self)

    @property
    def teacher_name(self) -> str:
        """The teacher as the report calls it; of a panel all members that the method asks, from cheap to dear."""
        checker = self.checkers.teacher
        if isinstance(checker, PanelChecker) and METHODS[self.config.method].climbs:
            return "panel of " + ", ".join(member.name for member in checker.members)
        return self.teacher.name

    def interim_student(self) -> Any:
        """A fresh student for the rounds: the quick one."""
        return self.kind.student(self, self.config.student.interim)

    def final_student(self) -> Any:
        """A fresh student of the configured kind."""
        return self.kind.student(self, self.config.student.kind)

    def setting(self) -> Setting:
        """What a method may use."""
        return Setting(
            task=self.task,
            fence=self.fence,
            pool=self.pool,
            embedder=self.embedder,
            aligner=self.aligner,
            writer=self.writer,
            asker=self.asker,
            teacher=self.teacher,
            ladder=self.checkers.ladder,
            teacher_checker=self.checkers.teacher,
            student_checker=self.checkers.student,
            make_student=self.interim_student,
            align=self.config.align,
            check=self.config.check,
            sampling=self.config.sampling,
            reasoning=self.config.reasoning,
            evolve=self.config.evolve,
            progress=self.progress,
            seed=self.config.data.seed,
        )


class Kind(Protocol[S, P_contra]):
    """A kind of task as a run sees it: all that differs from kind to kind, and nothing else.

    Attributes:
        name: As ``task.kind`` in the run file, and ``kind`` in ``metrics.json``.
        benched: Whether a bench can compare methods on it.
    """

    name: ClassVar[str]
    benched: ClassVar[bool]

    def task(self, config: TaskConfig) -> Task:
        """The task that a run file describes.

        Raises:
            ConfigError: Its labels cannot be told apart.
        """
        ...

    def units(self, task: Task, records: Sequence[Record]) -> tuple[Record, ...]:
        """What is labelled of these records: themselves, or the decisions about them."""
        ...

    def around(self, task: Task, fence: Fence) -> Fence:
        """The fence around gold as what is labelled of it."""
        ...

    def reply_tokens(self, task: Task, gold: Sequence[Record]) -> int:
        """About how many tokens a reply takes beyond those of one label, for the plan."""
        ...

    def check_student(self, config: RunConfig) -> None:
        """Make sure, before anything is asked and paid for, that the configured student can be trained.

        Raises:
            ConfigError: It cannot.
        """
        ...

    def features(self, config: RunConfig, task: Task, dataset: Dataset, fence: Fence, embedder: Embedder) -> Any:
        """What fresh students share, chosen once on gold."""
        ...

    def student(self, parts: Parts, kind: str) -> S:
        """A fresh student of a kind in the run file."""
        ...

    def checkers(self, parts: Parts) -> Checkers:
        """Ladder, teacher checker and (where it is wanted) student checker. Nothing is asked yet."""
        ...

    def gold(self, parts: Parts) -> list[Example]:
        """All human labels as training examples."""
        ...

    def taught(self, parts: Parts, labels: Sequence[Labelled]) -> list[Example]:
        """The labels of the pool as training examples, as far as they may teach."""
        ...

    def watches(self, parts: Parts) -> bool:
        """Whether the configured student can stop early, and so has a use for gold to watch."""
        ...

    def calibrate(
        self, parts: Parts, student: S, outcome: Distilled, validation: Sequence[Example]
    ) -> dict[str, Any] | None:
        """Make the student as sure as it is right, and say by how much; None where that is not done."""
        ...

    def judge_stage(self, task: Task, labels: Sequence[Labelled]) -> dict[str, Any]:
        """Labels of the pool by status, and how good they are where the pool has human ones."""
        ...

    def judge_student(self, parts: Parts, tested: P_contra) -> dict[str, Any]:
        """Quality of what a student says of the test records."""
        ...

    def references(self, parts: Parts, stages: Mapping[str, Sequence[Labelled]]) -> list[Reference]:
        """Students to compare the run's with, beside the one on gold alone."""
        ...

    def difference(self, parts: Parts, mine: P_contra, theirs: P_contra) -> dict[str, Any] | None:
        """One student minus another on the same resamples of test records; None where nothing is compared."""
        ...

    def closer(self, parts: Parts, labels: Sequence[Labelled], tested: P_contra | None) -> dict[str, Any]:
        """Where it is worst and what looks wrong: further parts of the metrics, ``slices`` and ``noise`` among them."""
        ...

    def about_teacher(self, outcome: Distilled) -> dict[str, Any]:
        """What else the metrics tell of the teacher's calibration."""
        ...

    def about_student(self, student: S) -> dict[str, Any]:
        """What else the metrics tell of the student."""
        ...

    def label_rows(self, labels: Sequence[Labelled]) -> Rows:
        """Rows of ``labels.jsonl``, one a pool record."""
        ...

    def prediction_rows(self, parts: Parts, tested: P_contra) -> Rows:
        """Rows of ``predictions.jsonl``, one a test record."""
        ...

    def bench(self, task: Task, dataset: Dataset, labels: Files, predictions: Files) -> Benched:
        """What a bench scores of a run, from the rows of its files by id; only where it is ``benched``."""
        ...

    def save_student(self, parts: Parts, student: S, metrics: Mapping[str, Any]) -> None:
        """Write the student and its card."""
        ...
