"""From the run file, or a saved folder, to a student."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dualchecker.config import StudentConfig
from dualchecker.errors import StudentError
from dualchecker.students.base import Student
from dualchecker.students.features import L2, Features
from dualchecker.students.files import read_description
from dualchecker.students.linear import LinearStudent
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


def finds_spans(folder: Path) -> bool:
    """Whether the student saved in a folder finds spans, rather than label whole texts.

    Raises:
        StudentError: The folder holds no student.
    """
    return bool(read_description(folder).get("spans", False))


def load_student(folder: Path) -> Student | SpanStudent:
    """A saved student of any kind.

    Raises:
        StudentError: The folder holds none.
    """
    return load_span_student(folder) if finds_spans(folder) else load_label_student(folder)


def load_label_student(folder: Path) -> Student:
    """A saved student that labels whole texts.

    Raises:
        StudentError: The folder holds none.
    """
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
