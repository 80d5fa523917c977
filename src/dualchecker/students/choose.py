"""From the run file, or a saved folder, to a student."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dualchecker.config import StudentConfig
from dualchecker.errors import ConfigError, StudentError
from dualchecker.students.answer_reader import AnswerReader
from dualchecker.students.base import Student
from dualchecker.students.features import L2, Features
from dualchecker.students.files import read_description
from dualchecker.students.linear import LinearStudent
from dualchecker.students.reasoning import ReasoningStudent
from dualchecker.students.reasoning_texts import Reader
from dualchecker.students.spans import SpanStudent
from dualchecker.students.tagger import L2 as TAGGER_L2
from dualchecker.students.tagger import LinearTagger
from dualchecker.students.token_features import TokenFeatures


def make_student(
    config: StudentConfig,
    labels: Sequence[str],
    features: Features,
    embedder_name: str,
    *,
    l2: float = L2,
    kind: str | None = None,
    seed: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    multiple: bool = False,
) -> Student:
    """An untrained student.

    Args:
        config: The ``student`` section.
        labels: Order of the columns.
        features: For linear students.
        embedder_name: Name of their embedder in the run file.
        l2: Ridge strength of linear students.
        kind: Overrides ``config.kind``.
        seed: Overrides ``config.seed``.
        progress: Called with (step, steps) by students that train in steps.
        multiple: Any number of labels may apply.
    """
    seed = config.seed if seed is None else seed
    if (kind or config.kind) == "linear":
        return LinearStudent(
            labels,
            features,
            base=embedder_name,
            l2=l2,
            soft_targets=config.soft_targets,
            seed=seed,
            multiple=multiple,
        )
    from dualchecker.students.encoder import EncoderStudent

    return EncoderStudent(
        labels,
        text=config.text,
        multiple=multiple,
        **_training(config, seed, progress),
    )


def _training(config: StudentConfig, seed: int, progress: Callable[[int, int], None] | None) -> dict[str, Any]:
    """What all fine-tuned students are told."""
    return {
        "base": config.base,
        "seed": seed,
        "epochs": config.epochs,
        "min_steps": config.min_steps,
        "batch_size": config.batch_size,
        "learning_rate": config.learning_rate,
        "max_length": config.max_length,
        "soft_targets": config.soft_targets,
        "freeze": config.freeze,
        "progress": progress,
    }


def check_base(base: str) -> None:
    """Make sure that an encoder student can start from ``base``.

    Raises:
        ConfigError: torch or transformers is missing, or the model is not there or not usable.
    """
    from dualchecker.embedding.transformer import load_pretrained

    load_pretrained("AutoModel", base, max_length=8)


def check_writer(base: str, lora: int | None = None) -> None:
    """Make sure that a reasoner can start from ``base``.

    Raises:
        ConfigError: torch, transformers or (for ``lora``) peft is missing, or the model is not there, not usable,
            cannot write, or does not know the verdicts apart.
    """
    from dualchecker.embedding.transformer import import_torch
    from dualchecker.students.reasoning_model import import_peft, load_writer
    from dualchecker.students.reasoning_writing import verdict_tokens
    from dualchecker.students.scratch import SCRATCH

    if lora:
        import_peft()
    if base == SCRATCH:
        import_torch()
    else:
        verdict_tokens(load_writer(base, max_length=8)[1])


def make_span_student(
    config: StudentConfig,
    labels: Sequence[str],
    features: TokenFeatures,
    embedder_name: str,
    *,
    l2: float = TAGGER_L2,
    kind: str | None = None,
    seed: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SpanStudent:
    """An untrained student of spans; the arguments are those of ``make_student``."""
    seed = config.seed if seed is None else seed
    if (kind or config.kind) == "linear":
        return LinearTagger(labels, features, base=embedder_name, l2=l2, soft_targets=config.soft_targets, seed=seed)
    from dualchecker.students.tokens import TokenStudent

    return TokenStudent(labels, **_training(config, seed, progress))


def make_reasoning_student(
    config: StudentConfig,
    *,
    read: Reader | None = None,
    seed: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ReasoningStudent:
    """An untrained student that answers questions by reasoning.

    Args:
        config: The ``student`` section.
        read: From a chain of thought about a record to its answer, in the task's canonical form.
        seed: Overrides ``config.seed``.
        progress: Called with (step, steps).

    Raises:
        ConfigError: The section asks for what a reasoner cannot do.
    """
    for name in ("freeze", "soft_targets"):
        if getattr(config, name):
            raise ConfigError(
                f"student.{name} is not for students of kind 'reasoner'.",
                why="They learn what to write, token by token, with all their weights; or with student.lora.",
                fix=f"Leave {name} out.",
            )
    from dualchecker.students.reasoner import ReasonerStudent

    training = _training(config, config.seed if seed is None else seed, progress)
    del training["freeze"], training["soft_targets"]
    return ReasonerStudent(
        text=config.text,
        alpha=config.alpha,
        stages=config.stages,
        lora=config.lora,
        samples=config.samples,
        chains_per_step=config.chains_per_step,
        read=read,
        **training,
    )


def answers_questions(folder: Path) -> bool:
    """Whether the student saved in a folder answers questions by reasoning.

    Raises:
        StudentError: The folder holds no student.
    """
    return bool(read_description(folder).get("reasons", False))


def load_reasoning_student(folder: Path, read: Reader | None = None) -> ReasoningStudent:
    """A saved student that answers questions by reasoning.

    Args:
        folder: Where it was saved.
        read: From a chain of thought about a record to its answer; by default as the task of its run does
            (``AnswerReader``), or where its folder tells of none, the words behind "The answer is".

    Raises:
        StudentError: The folder holds none, or does not say what its answers are.
    """
    if not answers_questions(folder):
        raise StudentError(f"The student in {folder} does not reason.", why="Answers to questions are asked for here.")
    from dualchecker.students.reasoner import ReasonerStudent

    student = ReasonerStudent.load(folder)
    if read is None and "task" in (description := read_description(folder)):
        read = AnswerReader.from_json(description["task"])
    student.read = read or student.read
    return student


def finds_spans(folder: Path) -> bool:
    """Whether the student saved in a folder finds spans, rather than label whole texts.

    Raises:
        StudentError: The folder holds no student.
    """
    return bool(read_description(folder).get("spans", False))


def load_student(folder: Path) -> Student | SpanStudent | ReasoningStudent:
    """A saved student of any kind.

    Args:
        folder: Of the student, or of the run that trained it.

    Raises:
        StudentError: The folder holds none.
    """
    folder = Path(folder)
    folder = folder / "student" if (folder / "student").is_dir() else folder
    if answers_questions(folder):
        return load_reasoning_student(folder)
    return load_span_student(folder) if finds_spans(folder) else load_label_student(folder)


def load_label_student(folder: Path) -> Student:
    """A saved student that labels whole texts.

    Raises:
        StudentError: The folder holds none.
    """
    if answers_questions(folder):
        raise StudentError(f"The student in {folder} reasons.", why="Labels of whole texts are asked for here.")
    if finds_spans(folder):
        raise StudentError(f"The student in {folder} finds spans.", why="Labels of whole texts are asked for here.")
    if read_description(folder)["kind"] == "linear":
        return LinearStudent.load(folder)
    from dualchecker.students.encoder import EncoderStudent

    return EncoderStudent.load(folder)


def load_span_student(folder: Path) -> SpanStudent:
    """A saved student that finds spans.

    Raises:
        StudentError: The folder holds none.
    """
    if not finds_spans(folder):
        raise StudentError(f"The student in {folder} labels whole texts.", why="Spans are asked for here.")
    if read_description(folder)["kind"] == "linear":
        return LinearTagger.load(folder)
    from dualchecker.students.tokens import TokenStudent

    return TokenStudent.load(folder)
