"""From a run file to the parts of a run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dualchecker.alignment import ContextAligner
from dualchecker.asking import Asker, Progress
from dualchecker.checking import Ladder, Member, PanelChecker, StudentChecker, StudentVoices, TeacherChecker
from dualchecker.config import RunConfig, RungName, SeniorConfig
from dualchecker.data import Dataset, Fence, build_fence
from dualchecker.embedding import CachedEmbedder, Embedder, NgramEmbedder, make_embedder
from dualchecker.errors import ConfigError
from dualchecker.ledger import Ledger
from dualchecker.prompts import PromptWriter, Rung, rungs_for
from dualchecker.students import Features, Student, check_base, choose_features, make_student
from dualchecker.tasks import Classification
from dualchecker.teachers import ExemplarTeacher, LedgerTeacher, OpenAITeacher, RecordedTeacher, Teacher


@dataclass(frozen=True)
class Parts:
    """Everything that a method needs."""

    config: RunConfig
    task: Classification
    dataset: Dataset
    fence: Fence
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

    @property
    def teacher_name(self) -> str:
        """The teacher as the report calls it; of a panel all members, from cheap to dear."""
        if isinstance(self.teacher_checker, PanelChecker):
            return "panel of " + ", ".join(member.name for member in self.teacher_checker.members)
        return self.teacher.name

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
        )


def build_task(config: RunConfig) -> Classification:
    return Classification(config.task.question, dict(config.task.labels))


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
            return RecordedTeacher({"senior" if senior else teacher.rung: path}, name=teacher.model or "recorded")
        files = {rung: config.path(name) for rung, name in teacher.answers.items()}
        return RecordedTeacher(files, name=teacher.model or "recorded")
    own = make_embedder(config.model_name(teacher.embedder)) if teacher.embedder else embedder
    return ExemplarTeacher(own)


def build_panel(
    config: RunConfig, teachers: Sequence[Teacher], fence: Fence, task: Classification, ladder: Callable[..., Ladder]
) -> PanelChecker:
    """A panel of these teachers, which stand in the order of ``config.teacher.voices``.

    Args:
        config: The run.
        teachers: The members, and the senior if there is one.
        fence: Gold.
        task: Labels.
        ladder: From a teacher, its rungs and whether it is the senior to its ladder.

    Raises:
        ConfigError: A member has no answers at the rung that it is asked at.
    """
    members = []
    for position, (voice, teacher) in enumerate(zip(config.teacher.voices, teachers, strict=True)):
        senior = position == len(config.teacher.members)
        # Records without a long form are asked about briefly where the long form is the point.
        names: tuple[RungName, ...] = ("senior",) if senior else (voice.rung, *_instead(voice.rung))
        by_name = {rung.name: rung for rung in rungs_for(config.align, names)}
        own = ladder(teacher, tuple(by_name.values()), senior=senior)
        rungs = tuple(by_name[name] for name in names if by_name[name] in own.rungs)
        if not rungs or rungs[0].name != names[0]:
            raise ConfigError(
                f"The member {teacher.name!r} of the panel has no answers at the rung {names[0]}.",
                why=f"It has answers at {', '.join(sorted(teacher.rungs)) or 'none'}.",
                fix="Give it another rung under teacher.members, or record these answers.",
            )
        members.append(Member(teacher.name, own, answer_price(voice), rungs))
    return PanelChecker(task, members, fence, config.check.threshold, config.check.panel)


def _instead(rung: RungName) -> tuple[RungName, ...]:
    return ("brief",) if rung == "detail" else ()


def answer_price(teacher: SeniorConfig) -> float:
    """The price of one answer: as given, or of a prompt of 1,000 tokens and a reply of 80."""
    if teacher.price is not None:
        return teacher.price
    return (1000 * teacher.price_input + 80 * teacher.price_output) / 1e6


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
    panel = [build_teacher(member, config, embedder) for member in config.teacher.members]
    # The first member stands for the panel where one teacher is needed: reasons for gold, the few-shot baseline.
    teacher = panel[0] if panel else build_teacher(config.teacher, config, embedder)
    senior = build_teacher(config.teacher.senior, config, embedder, senior=True) if config.teacher.senior else None
    writer = PromptWriter(task, config.limits.max_prompt_tokens)
    aligner = ContextAligner(task, fence, embedder, config.align, writer, asker, teacher, seed=config.data.seed)
    ladder = Ladder(
        task, aligner, writer, asker, teacher, rungs_for(config.align, config.check.rungs), senior, fence.demonstrations
    )
    teacher_checker = TeacherChecker(task, ladder, fence, config.check.threshold)
    if panel:

        def one(who: Teacher, rungs: tuple[Rung, ...], *, senior: bool) -> Ladder:
            seniors = who if senior else None
            return Ladder(task, aligner, writer, asker, who, rungs, seniors, fence.demonstrations)

        everyone = [*panel, senior] if senior else panel
        teacher_checker = build_panel(config, everyone, fence, task, one)
    student_checker = None
    if config.check.student:
        voices = StudentVoices(
            tuple(task.labels),
            fence,
            dataset.pool,
            embedder,
            lambda: make_student(
                config.student,
                tuple(task.labels),
                features,
                config.model_name(config.align.embedder),
                l2=l2,
                kind="linear",
            ),
            doubtful=config.check.doubtful,
        )
        student_checker = StudentChecker(
            task,
            fence,
            embedder,
            voices,
            teacher_checker.choose_threshold,
            borderline=config.check.borderline,
        )
    return Parts(
        config,
        task,
        dataset,
        fence,
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
