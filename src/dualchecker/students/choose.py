"""From the run file, or a saved folder, to a student."""

from collections.abc import Callable, Sequence
from pathlib import Path

from dualchecker.config import StudentConfig
from dualchecker.students.base import Student
from dualchecker.students.features import L2, Features
from dualchecker.students.files import read_description
from dualchecker.students.linear import LinearStudent


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
        base=config.base,
        seed=seed,
        text=config.text,
        epochs=config.epochs,
        min_steps=config.min_steps,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        max_length=config.max_length,
        soft_targets=config.soft_targets,
        freeze=config.freeze,
        progress=progress,
        multiple=multiple,
    )


def check_base(base: str) -> None:
    """Make sure that an encoder student can start from ``base``.

    Raises:
        ConfigError: torch or transformers is missing, or the model is not there or not usable.
    """
    from dualchecker.embedding.transformer import load_pretrained

    load_pretrained("AutoModel", base, max_length=8)


def load_student(folder: Path) -> Student:
    """A saved student of either kind.

    Raises:
        StudentError: The folder holds none.
    """
    kind = read_description(folder)["kind"]
    if kind == "linear":
        return LinearStudent.load(folder)
    from dualchecker.students.encoder import EncoderStudent

    return EncoderStudent.load(folder)
