"""How the sections of a run file fit each other: defaults that hang on the task, and what does not go together."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dualchecker.config.student import REASONER_LEARNING_RATE, SCRATCH_LEARNING_RATE, TOKENS_LEARNING_RATE

if TYPE_CHECKING:
    from dualchecker.config.models import RunConfig

_FOR_TASK: dict[str, dict[str, dict[str, Any]]] = {
    "extraction": {"student": {"kind": "tokens"}},
    "reasoning": {
        "student": {"kind": "reasoner", "base": "scratch"},
        # One round: a student that writes chains is dear to train, and no template is refined by it.
        "check": {"rounds": 1},
    },
}
"""Defaults by kind of task, in place of those of the sections."""

_WRITE = ("openai", "transformers")
"""Kinds of teachers that are language models and write their replies."""

_LEARNING_RATES = {"tokens": TOKENS_LEARNING_RATE, "reasoner": REASONER_LEARNING_RATE}


def with_defaults(value: Any) -> Any:
    """The run file as it stands, with the defaults that its task decides."""
    task = value.get("task") if isinstance(value, dict) else None
    if not isinstance(task, dict):
        return value
    result = dict(value)
    for section, defaults in _FOR_TASK.get(str(task.get("kind")), {}).items():
        given = value.get(section) or {}
        if isinstance(given, dict):
            result[section] = {**defaults, **given}
    student = result.get("student")
    if isinstance(student, dict) and student.get("kind") in _LEARNING_RATES:
        rate = _LEARNING_RATES[student["kind"]]
        if student["kind"] == "reasoner" and student.get("base") == "scratch":
            rate = SCRATCH_LEARNING_RATE
        result["student"] = {"learning_rate": rate, **student}
    return result


def _students_fit(config: "RunConfig") -> None:
    task, student = config.task.kind, config.student.kind
    if student == "tokens" and task != "extraction":
        raise ValueError(
            "a tokens student learns spans: choose student.kind "
            f"{'reasoner' if task == 'reasoning' else 'encoder'}, or task.kind extraction"
        )
    if student == "reasoner" and task != "reasoning":
        raise ValueError(f"a reasoner student answers questions: choose another student.kind for {task}")
    if student == "encoder" and task == "extraction":
        raise ValueError("an encoder student labels whole texts: for extraction, student.kind is tokens or linear")
    if student != "reasoner" and task == "reasoning":
        raise ValueError(f"student.kind {student} writes no chains of thought: for reasoning, it is reasoner")
    for name in ("freeze", "soft_targets"):
        if student == "reasoner" and getattr(config.student, name):
            raise ValueError(
                f"student.{name} is not for a reasoner, which learns what to write token by token: leave it out"
            )
    if student == "reasoner" and config.student.lora and config.student.base == "scratch":
        raise ValueError(
            "student.lora changes a trained model a little, and student.base scratch is an untrained one: leave one out"
        )
    if config.student.interim == "reasoner" and task != "reasoning":
        raise ValueError(f"student.interim reasoner is for task.kind reasoning, and this one is {task}")


def _spans_fit(config: "RunConfig") -> None:
    if config.task.kind != "extraction":
        return
    strange = next((t.kind for t in config.teacher.voices if t.kind in ("decisions", "program", "panel")), None)
    strange = "panel" if config.teacher.kind == "panel" else strange
    if strange:
        raise ValueError(f"a teacher of kind {strange} labels whole texts: extraction needs one that quotes")
    if config.check.calibration not in ("logistic", "none"):
        raise ValueError(
            f"check.calibration is {config.check.calibration}, but for spans only logistic (and none) is there"
        )


def _reasoning_fits(config: "RunConfig") -> None:
    if config.task.kind != "reasoning":
        if any(teacher.kind == "program" for teacher in config.teacher.voices):
            raise ValueError("a teacher of kind program solves word problems: it needs task.kind reasoning")
        return
    if config.check.samples or config.check.variants:
        raise ValueError(
            "check.samples and check.variants ask the same again, which reasoning does with reasoning.chains: leave "
            "them out"
        )
    kinds = ["panel"] if config.teacher.kind == "panel" else [teacher.kind for teacher in config.teacher.voices]
    strange = next((kind for kind in kinds if kind not in (*_WRITE, "recorded", "program")), None)
    if strange:
        raise ValueError(
            f"a teacher of kind {strange} writes no chains of thought: for reasoning, teacher.kind is openai, "
            "transformers, recorded or (for the embedded word problems) program"
        )


def _answers_fit(config: "RunConfig") -> None:
    single = config.task.kind == "classification" and not config.task.multiple
    for teacher in config.teacher.voices:
        if teacher.answer in ("score", "reasons") and not single:
            raise ValueError(
                f"teacher.answer {teacher.answer} weighs the labels of a task against each other, and here an answer "
                "is no single one of them: leave it out"
            )


def _several_labels_fit(config: "RunConfig") -> None:
    if config.task.multiple and config.check.calibration != "logistic":
        raise ValueError(
            f"check.calibration is {config.check.calibration}, but with task.multiple only logistic is there"
        )
    if config.teacher.kind == "panel" and config.check.calibration != "logistic":
        raise ValueError(
            f"check.calibration is {config.check.calibration}, but a panel's opinions are pooled by logistic alone"
        )
    if config.task.multiple and config.teacher.kind == "panel":
        raise ValueError("a panel decides on one label a text: with task.multiple, name one teacher")
    needed = 80 + 10 * len(config.task.labels)  # a reason, and a number for each label
    for teacher in (config.teacher, config.teacher.senior):
        if config.task.multiple and teacher and teacher.kind in _WRITE and teacher.max_tokens < needed:
            raise ValueError(
                f"teacher.max_tokens is {teacher.max_tokens}, but a reply that judges "
                f"{len(config.task.labels)} labels takes about {needed}: set it to that or more"
            )


CHECKS: tuple[Callable[["RunConfig"], None], ...] = (
    _students_fit,
    _spans_fit,
    _reasoning_fits,
    _several_labels_fit,
    _answers_fit,
)
"""Each raises ``ValueError`` where sections do not fit each other."""
