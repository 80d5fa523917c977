"""From a run file to the parts of a run."""

from dataclasses import dataclass

from dualchecker.alignment import ContextAligner
from dualchecker.asking import Asker, Progress
from dualchecker.checking import (
    DecisionChecker,
    DecisionLadder,
    DecisionStudentChecker,
    DecisionVoices,
    Ladder,
    StudentChecker,
    StudentVoices,
    TeacherChecker,
)
from dualchecker.config import RunConfig, SeniorConfig
from dualchecker.data import Dataset, Fence, build_fence, decision_fence, decisions
from dualchecker.embedding import CachedEmbedder, Embedder, NgramEmbedder, make_embedder
from dualchecker.ledger import Ledger
from dualchecker.prompts import PromptWriter, rungs_for
from dualchecker.records import Record
from dualchecker.students import Features, Student, check_base, choose_features, make_student
from dualchecker.tasks import Classification, MultiLabel
from dualchecker.teachers import ExemplarTeacher, LedgerTeacher, OpenAITeacher, RecordedTeacher, Teacher


@dataclass(frozen=True)
class Parts:
    """Everything that a method needs.

    Where several labels may apply, ``pool`` and ``judged`` hold decisions (``data.decisions``), one a record and label;
    ``dataset`` and ``fence`` hold records in any case.
    """

    config: RunConfig
    task: Classification
    dataset: Dataset
    pool: tuple[Record, ...]
    fence: Fence
    judged: Fence
    embedder: Embedder
    features: Features
    l2: float
    asker: Asker
    teacher: Teacher
    senior: Teacher | None
    writer: PromptWriter
    aligner: ContextAligner
    ladder: Ladder
    teacher_checker: TeacherChecker
    student_checker: StudentChecker | None
    progress: Progress

    def interim_student(self) -> Student:
        """A fresh student for the rounds: linear on cached vectors."""
        return self._student("linear")

    def final_student(self) -> Student:
        """A fresh student of the configured kind."""
        return self._student(None)

    def _student(self, kind: str | None) -> Student:
        config = self.config
        base = config.model_name(config.student.base)
        return make_student(
            config.student.model_copy(update={"base": base}),
            tuple(self.task.labels),
            self.features,
            config.model_name(config.align.embedder),
            l2=self.l2,
            kind=kind,
            progress=self.progress.training,
            multiple=self.task.multiple,
        )


def build_task(config: RunConfig) -> Classification:
    kind = MultiLabel if config.task.multiple else Classification
    return kind(config.task.question, dict(config.task.labels))


def build_embedder(config: RunConfig) -> Embedder:
    """The aligner's embedder; dense vectors are kept in the run's folder."""
    embedder = make_embedder(config.model_name(config.align.embedder))
    return embedder if isinstance(embedder, NgramEmbedder) else CachedEmbedder(embedder, config.output_dir / "cache")


def build_teacher(teacher: SeniorConfig, config: RunConfig, embedder: Embedder, *, senior: bool = False) -> Teacher:
    """A teacher of the configured kind; ``senior`` for the one that the senior rung asks."""
    if teacher.kind == "openai":
        return OpenAITeacher(teacher, concurrency=config.limits.concurrency)
    if teacher.kind == "recorded" and teacher.answers is not None:
        if isinstance(teacher.answers, str):
            path = config.path(teacher.answers)
            if path.suffix in (".sqlite", ".db"):
                return LedgerTeacher(path, name=teacher.model or "recorded")
            return RecordedTeacher({"senior" if senior else "brief": path}, name=teacher.model or "recorded")
        files = {rung: config.path(name) for rung, name in teacher.answers.items()}
        return RecordedTeacher(files, name=teacher.model or "recorded")
    own = make_embedder(config.model_name(teacher.embedder)) if teacher.embedder else embedder
    return ExemplarTeacher(own)


def build_parts(config: RunConfig, task: Classification, dataset: Dataset, ledger: Ledger, progress: Progress) -> Parts:
    """Put a run together. Nothing is asked yet; texts are embedded."""
    if config.student.kind == "encoder":
        check_base(config.model_name(config.student.base))  # before anything is asked and paid for
    everything = (*dataset.gold, *dataset.pool, *dataset.test)
    fence = build_fence(dataset.gold, config.data.calibration, config.data.calibration_limit, config.data.seed)
    embedder = build_embedder(config)
    progress.stage("embedding", f"{len(everything)} texts")
    # Document frequencies are learnt without the test texts, which nothing may touch before the report.
    embedder.fit([record.long_text for record in (*dataset.gold, *dataset.pool)])
    if isinstance(embedder, CachedEmbedder):
        embedder.embed([record.text for record in everything])
        embedder.embed([record.long_text for record in everything if record.detail])
        embedder.save()
    features, l2 = choose_features(embedder, fence.gold, dataset.pool, tuple(task.labels), config.student.text)
    asker = Asker(ledger, config.limits, progress, seed=config.data.seed)
    teacher = build_teacher(config.teacher, config, embedder)
    senior = build_teacher(config.teacher.senior, config, embedder, senior=True) if config.teacher.senior else None
    writer = PromptWriter(task, config.limits.max_prompt_tokens)
    aligner = ContextAligner(task, fence, embedder, config.align, writer, asker, teacher, seed=config.data.seed)
    several = isinstance(task, MultiLabel)
    decided = task.decision if isinstance(task, MultiLabel) else task
    labels = tuple(task.labels)
    pool = decisions(dataset.pool, labels) if several else dataset.pool
    judged = decision_fence(fence, labels) if several else fence
    ladder = (DecisionLadder if several else Ladder)(
        task, aligner, writer, asker, teacher, rungs_for(config.align, config.check.rungs), senior, fence.demonstrations
    )
    teacher_checker = (DecisionChecker if several else TeacherChecker)(decided, ladder, judged, config.check.threshold)
    student_checker = None
    if config.check.student:
        voices = (DecisionVoices if several else StudentVoices)(
            labels,
            judged,
            pool,
            embedder,
            lambda: make_student(
                config.student,
                tuple(task.labels),
                features,
                config.model_name(config.align.embedder),
                l2=l2,
                kind="linear",
                multiple=several,
            ),
            doubtful=config.check.doubtful,
        )
        student_checker = (DecisionStudentChecker if several else StudentChecker)(
            decided,
            judged,
            embedder,
            voices,
            teacher_checker.choose_threshold,
            borderline=config.check.borderline,
        )
    return Parts(
        config,
        task,
        dataset,
        pool,
        fence,
        judged,
        embedder,
        features,
        l2,
        asker,
        teacher,
        senior,
        writer,
        aligner,
        ladder,
        teacher_checker,
        student_checker,
        progress,
    )
