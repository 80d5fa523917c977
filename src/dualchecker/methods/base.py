"""What every method is given, and what it brings: one interface, one ledger, the same budgets."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dualchecker.alignment import ContextAligner
from dualchecker.asking import Asker, Progress
from dualchecker.checking import Climb, Findings, Inspector, Ladder, TeacherChecker
from dualchecker.checking.teacher_checker import Calibration
from dualchecker.confidence.signals import believed
from dualchecker.config import AlignConfig, CheckConfig, EvolveConfig, Form, ReasoningConfig, RunConfig, SamplingConfig
from dualchecker.data import Fence
from dualchecker.embedding import Embedder
from dualchecker.errors import ConfigError
from dualchecker.prompts import PromptWriter, Rung, Template
from dualchecker.records import Answer, Confidence, Example, Labelled, Record, Status
from dualchecker.tasks import Task
from dualchecker.teachers import Teacher


@dataclass(frozen=True)
class Setting:
    """Everything that a method may use. Test records are not in it.

    Attributes:
        task: What is asked.
        fence: Gold in its roles.
        pool: What to label; human labels in it are for the report alone.
        embedder: Similarity of texts.
        aligner: Demonstrations, with reasons for human labels.
        writer: Writes prompts.
        asker: Asks, through the ledger and within the budget.
        teacher: Whom to ask.
        ladder: Asks one rung and reads the answers.
        teacher_checker: Asks again in more detail while unsure.
        student_checker: Finds disputed labels and borderline gold; None leaves this part out.
        make_student: A fresh interim student (linear, quick), of the kind that the task needs: a ``Student``, or a
            ``SpanStudent`` where spans are asked for.
        align: Numbers of demonstrations.
        check: Of both checkers.
        sampling: How often and how freely the teacher is sampled.
        reasoning: How many chains of thought it writes, and how often it evaluates each.
        evolve: How many texts the teacher writes.
        progress: Told about each stage.
        seed: Of the method's own draws.
    """

    task: Task
    fence: Fence
    pool: tuple[Record, ...]
    embedder: Embedder
    aligner: ContextAligner
    writer: PromptWriter
    asker: Asker
    teacher: Teacher
    ladder: Ladder
    teacher_checker: TeacherChecker
    student_checker: Inspector | None
    make_student: Callable[[], Any]
    align: AlignConfig
    check: CheckConfig
    sampling: SamplingConfig
    reasoning: ReasoningConfig
    evolve: EvolveConfig
    progress: Progress
    seed: int


@dataclass(frozen=True)
class Round:
    """What one round did, for the report."""

    number: int
    labelled: int
    accepted: int
    disputed: int
    settled: int
    student_accuracy: float | None
    template_version: int
    template_kept: bool | None
    calibration_accuracy: float
    borderline: tuple[str, ...] = ()


@dataclass(frozen=True)
class Distilled:
    """The outcome of a method on a pool.

    Attributes:
        labels: One for each pool record, in the pool's order.
        template: The template at the end, with its history.
        rounds: What each round did.
        stages: The labels after each part of the method, in its order, by a name of ``evaluation.wording.STAGES``.
        calibration: What was learnt on gold, where the method calibrates.
        findings: The last inspection by the student checker, if there was one.
        generated: Labelled texts that the teacher wrote. They teach the final student and serve nothing else.
        written: How replies that were to hold such texts came out, by name.
    """

    labels: list[Labelled]
    template: Template
    rounds: tuple[Round, ...] = ()
    stages: dict[str, list[Labelled]] = field(default_factory=dict)
    calibration: Calibration | None = None
    findings: Findings | None = None
    generated: tuple[Example, ...] = ()
    written: Mapping[str, int] = field(default_factory=dict)


FORMS: Mapping[Form, str] = {
    "labels": "one label a text",
    "label_sets": "several labels a text (task.multiple)",
    "spans": "spans of texts (task.kind extraction)",
    "reasoning": "answers with chains of thought (task.kind reasoning)",
}
"""Forms of answers, in words."""

ANY_FORM: frozenset[Form] = frozenset(FORMS)


def _those(forms: Collection[Form]) -> str:
    return " or ".join(words for form, words in FORMS.items() if form in forms)


def _methods_for(form: Form) -> str:
    """Names of the methods that bring a form of answers."""
    from dualchecker.methods import METHODS  # which is made of this very class

    return " or ".join(", ".join(name for name, method in METHODS.items() if form in method.does).rsplit(", ", 1))


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the plan.

    Attributes:
        title: For the reader.
        rung: How it is asked.
        demonstrations: How many a prompt shows.
        calls: For each pool record, at least and at most; or in all where ``once`` is set.
        once: The calls do not grow with the pool.
        reply_tokens: Estimated length of a reply, beyond what is asked for in every reply of a kind of task.
        evaluates: It asks for verdicts on chains of thought.
    """

    title: str
    rung: Rung
    demonstrations: int
    calls: tuple[int, int] = (1, 1)
    once: bool = False
    reply_tokens: int = 80
    evaluates: bool = False


@dataclass(frozen=True)
class Method:
    """A way to label a pool, and what the plan of a run must know about it.

    Attributes:
        run: The method.
        steps: What it asks about the pool, for the plan.
        needs: What the teacher must be able to do (``Teacher.rungs``).
        climbs: It asks the ladder of rungs, and calibration gold as well.
        shows: Which human labels it shows, and therefore has explained: ``none``, ``fixed`` or ``nearest`` ones.
        reasons: It has them explained whatever ``align.rationales`` says.
        does: The forms of answers that it can bring.
    """

    run: Callable[[Setting], Distilled]
    steps: Callable[[RunConfig], Sequence[Step]] = lambda config: ()
    needs: frozenset[str] = frozenset({"brief"})
    climbs: bool = False
    shows: str = "fixed"
    reasons: bool = False
    does: frozenset[Form] = ANY_FORM

    def __call__(self, setting: Setting) -> Distilled:
        """Label the pool of a setting."""
        self.check(setting.teacher, setting.task)
        return self.run(setting)

    def check(self, teacher: Teacher, task: Task) -> None:
        """Make sure, before anything is asked, that teacher and method fit each other and the task.

        Raises:
            ConfigError: It cannot.
        """
        if task.form not in self.does:
            raise ConfigError(
                f"The method brings {_those(self.does)}, and the task asks for {FORMS[task.form]}.",
                fix=f"Use {_methods_for(task.form)}.",
            )
        lacking = sorted(self.needs - teacher.rungs)
        if lacking:
            raise ConfigError(
                f"The method needs a teacher that can {', '.join(lacking)}; {teacher.name} cannot.",
                why="It gives labels and writes no text." if "generate" in lacking else "",
                fix="Choose another teacher.kind or another method.",
            )


def how_many(records: Sequence[Record]) -> str:
    """``12 records``, for progress; decisions about one record count once."""
    count = len({record.whole.id for record in records})
    return f"{count} record{'' if count == 1 else 's'}"


def believe(climb: Climb, answer: Answer | None = None, *, share: float | None = None) -> Labelled:
    """An answer taken as it is: accepted if it can be read, with the confidence that it claims by itself.

    Args:
        climb: The record and all answers about it.
        answer: The one to keep; by default the last.
        share: A confidence to report in place of the stated one.
    """
    trail = tuple(climb.trail)
    answer = answer or (trail[-1] if trail else None)
    if answer is None or not answer.ok:
        reason = answer.outcome if answer else "empty_text"
        status: Status = "abstained" if reason == "none_of_these" else "failed"
        return Labelled(climb.record, None, Confidence(0.0), status, trail, reason=reason)
    value = (believed(answer) or 0.0) if share is None else share
    signals: dict[str, Any] = climb.signals[trail.index(answer)] if answer in trail else {}
    return Labelled(climb.record, answer, Confidence(value, signals), "accepted", trail)


def ask_once(setting: Setting, rung: Rung, template: Template, purpose: str) -> list[Climb]:
    """Ask about every pool record with fixed demonstrations and no neighbours."""
    climbs = [Climb(record) for record in setting.pool]
    setting.ladder.ask(climbs, rung, template, purpose, aligned=False)
    return climbs
