"""From a run file to the parts of a run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dualchecker.alignment import ContextAligner
from dualchecker.asking import Asker, Progress
from dualchecker.checking import (
    Agreement,
    DecisionChecker,
    DecisionLadder,
    DecisionStudentChecker,
    DecisionVoices,
    EarlyOpinion,
    Ladder,
    PanelChecker,
    StudentChecker,
    StudentVoices,
    TeacherChecker,
)
from dualchecker.config import RunConfig, SeniorConfig
from dualchecker.data import Dataset, Fence, build_fence, decision_fence, decisions
from dualchecker.embedding import CachedEmbedder, Embedder, NgramEmbedder, make_embedder
from dualchecker.ledger import Ledger
from dualchecker.methods import METHODS, Setting
from dualchecker.prompts import PromptWriter, Rung, rungs_for
from dualchecker.records import Record
from dualchecker.runs.panel import build_panel
from dualchecker.students import Features, Student, check_base, choose_features, make_student
from dualchecker.tasks import Classification, MultiLabel
from dualchecker.teachers import (
    DecisionTeacher,
    ExemplarTeacher,
    LedgerTeacher,
    OpenAITeacher,
    RecordedTeacher,
    Teacher,
)


@dataclass(frozen=True)
class Parts:
    """Everything that a method needs.

    Where several labels may apply, ``pool`` and ``judged`` hold decisions (``data.decisions``), one a record and label;
    ``dataset`` and ``fence`` hold records in any case. ``students`` makes a fresh student of a kind, or (None) of the
    configured one.
    """

    config: RunConfig
    task: Classification
    dataset: Dataset
    pool: tuple[Record, ...]
    fence: Fence
    judged: Fence
    embedder: Embedder
    students: Callable[[str | None], Student]
    asker: Asker
    teacher: Teacher
    senior: Teacher | None
    writer: PromptWriter
    aligner: ContextAligner
    ladder: Ladder
    teacher_checker: TeacherChecker
    student_checker: StudentChecker | None
    progress: Progress

    @property
    def teacher_name(self) -> str:
        """The teacher as the report calls it; of a panel all members that the method asks, from cheap to dear."""
        if isinstance(self.teacher_checker, PanelChecker) and METHODS[self.config.method].climbs:
            return "panel of " + ", ".join(member.name for member in self.teacher_checker.members)
        return self.teacher.name

    def interim_student(self) -> Student:
        """A fresh student for the rounds: linear on cached vectors."""
        return self.students("linear")

    def setting(self) -> Setting:
        """What a method may use."""
        return Setting(
            task=self.task,
            fence=self.fence,
            pool=tuple(self.pool),
            embedder=self.embedder,
            aligner=self.aligner,
            writer=self.writer,
            asker=self.asker,
            teacher=self.teacher,
            ladder=self.ladder,
            teacher_checker=self.teacher_checker,
            student_checker=self.student_checker,
            make_student=self.interim_student,
            align=self.config.align,
            check=self.config.check,
            sampling=self.config.sampling,
            evolve=self.config.evolve,
            progress=self.progress,
            seed=self.config.data.seed,
        )

    def final_student(self) -> Student:
        """A fresh student of the configured kind."""
        return self.students(None)


def build_task(config: RunConfig) -> Classification:
    kind = MultiLabel if config.task.multiple else Classification
    return kind(config.task.question, dict(config.task.labels))


@dataclass(frozen=True)
class Prepared:
    """What hangs on the data alone: runs that differ in nothing else than the method can share it."""

    dataset: Dataset
    embedder: Embedder
    features: Features
    l2: float


def build_embedder(config: RunConfig, cache: Path | None = None) -> Embedder:
    """The aligner's embedder; dense vectors are kept in ``cache``, by default in the run's folder."""
    embedder = make_embedder(config.model_name(config.align.embedder))
    if isinstance(embedder, NgramEmbedder):
        return embedder
    return CachedEmbedder(embedder, cache or config.output_dir / "cache")


def prepare(
    config: RunConfig, task: Classification, dataset: Dataset, progress: Progress, embedder: Embedder | None = None
) -> Prepared:
    """Embed all texts, and choose the features of linear students on gold."""
    embedder = embedder or build_embedder(config)
    everything = (*dataset.gold, *dataset.pool, *dataset.test)
    progress.stage("embedding", f"{len(everything)} texts")
    # Document frequencies are learnt without the test texts, which nothing may touch before the report.
    embedder.fit([record.long_text for record in (*dataset.gold, *dataset.pool)])
    if isinstance(embedder, CachedEmbedder):
        embedder.embed([record.text for record in everything])
        embedder.embed([record.long_text for record in everything if record.detail])
        embedder.save()
    fence = build_fence(dataset.gold, config.data.calibration, config.data.calibration_limit, config.data.seed)
    features, l2 = choose_features(embedder, fence.gold, dataset.pool, task.labels, config.student.text)
    return Prepared(dataset, embedder, features, l2)


def build_teacher(teacher: SeniorConfig, config: RunConfig, embedder: Embedder, *, senior: bool = False) -> Teacher:
    """A teacher of the configured kind; ``senior`` for the one that the senior rung asks."""
    if teacher.kind == "openai":
        return OpenAITeacher(teacher, concurrency=config.limits.concurrency)
    if teacher.kind == "decisions":
        return DecisionTeacher(teacher, seed=config.data.seed, concurrency=config.limits.concurrency)
    if teacher.kind == "recorded" and teacher.answers is not None:
        if isinstance(teacher.answers, str):
            path = config.path(teacher.answers)
            if path.suffix in (".sqlite", ".db"):
                return LedgerTeacher(path, name=teacher.model or "recorded")
            return RecordedTeacher({"senior" if senior else teacher.rung: path}, name=teacher.model or "recorded")
        files = {rung: config.path(name) for rung, name in teacher.answers.items()}
        return RecordedTeacher(files, name=teacher.model or "recorded")
    own = make_embedder(config.model_name(teacher.embedder)) if teacher.embedder else embedder
    return ExemplarTeacher(own)


def build_parts(
    config: RunConfig,
    task: Classification,
    dataset: Dataset,
    ledger: Ledger,
    progress: Progress,
    prepared: Prepared | None = None,
) -> Parts:
    """Put a run together. Nothing is asked yet; texts are embedded, unless that is ``prepared`` already."""
    if config.student.kind == "encoder":
        check_base(config.model_name(config.student.base))  # before anything is asked and paid for
    fence = build_fence(dataset.gold, config.data.calibration, config.data.calibration_limit, config.data.seed)
    prepared = prepared or prepare(config, task, dataset, progress)
    embedder = prepared.embedder
    asker = Asker(ledger, config.limits, progress, seed=config.data.seed)
    panel = [build_teacher(member, config, embedder) for member in config.teacher.members]
    # The first member stands for the panel where one teacher is needed: reasons for gold, the few-shot baseline.
    teacher = panel[0] if panel else build_teacher(config.teacher, config, embedder)
    senior = build_teacher(config.teacher.senior, config, embedder, senior=True) if config.teacher.senior else None
    writer = PromptWriter(task, config.limits.max_prompt_tokens)
    aligner = ContextAligner(task, fence, embedder, config.align, writer, asker, teacher, seed=config.data.seed)
    several = isinstance(task, MultiLabel)
    decided = task.decision if isinstance(task, MultiLabel) else task
    labels = tuple(task.labels)
    pool = decisions(dataset.pool, labels) if several else dataset.pool
    judged = decision_fence(fence, labels) if several else fence
    ladder = (DecisionLadder if several else Ladder)(
        task,
        aligner,
        writer,
        asker,
        teacher,
        rungs_for(config.align, config.check.rungs),
        senior,
        fence.demonstrations,
        temperature=config.sampling.temperature,
    )
    check = config.check

    def student(kind: str | None) -> Student:
        """A fresh student; None for the configured kind."""
        return make_student(
            config.student.model_copy(update={"base": config.model_name(config.student.base)}),
            labels,
            prepared.features,
            config.model_name(config.align.embedder),
            l2=prepared.l2,
            kind=kind,
            progress=progress.training,
            multiple=several,
        )

    def interim() -> Student:
        return student("linear")

    heard = check.student and check.calibration != "none" and fence.mode == "split" and not several
    teacher_checker = (DecisionChecker if several else TeacherChecker)(
        decided,
        ladder,
        judged,
        check.threshold,
        check.calibration,
        agreement=Agreement(ladder, aligner, samples=check.samples, variants=check.variants)
        if check.samples or check.variants
        else None,
        opinion=EarlyOpinion(labels, fence.calibration, interim) if heard else None,
    )
    if panel:

        def one(who: Teacher, rungs: tuple[Rung, ...], *, senior: bool) -> Ladder:
            seniors = who if senior else None
            return Ladder(task, aligner, writer, asker, who, rungs, seniors, fence.demonstrations)

        everyone = [*panel, senior] if senior else panel
        teacher_checker = build_panel(config, everyone, fence, task, one)
    student_checker = None
    if config.check.student:
        voices = (DecisionVoices if several else StudentVoices)(
            labels,
            judged,
            pool,
            embedder,
            interim,
            doubtful=config.check.doubtful,
        )
        student_checker = (DecisionStudentChecker if several else StudentChecker)(
            decided,
            judged,
            embedder,
            voices,
            teacher_checker.choose_threshold,
            borderline=config.check.borderline,
            final_map=check.calibration,
        )
    return Parts(
        config,
        task,
        dataset,
        pool,
        fence,
        judged,
        embedder,
        student,
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
