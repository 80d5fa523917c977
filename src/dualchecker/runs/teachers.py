"""From the run file to a teacher."""

from pathlib import Path

from dualchecker.config import RunConfig, RungName, SeniorConfig
from dualchecker.embedding import Embedder, make_embedder
from dualchecker.runs.prices import build_prices
from dualchecker.teachers import (
    DecisionTeacher,
    ExemplarTeacher,
    LedgerTeacher,
    LocalTeacher,
    OpenAITeacher,
    ProgramTeacher,
    RecordedTeacher,
    Teacher,
)
from dualchecker.teachers.program_flaws import Flaws

_REASONED = ("cot", "self_consistency")
"""Methods that are about reasons: a local model writes them, though it could weigh labels without."""


def build_teacher(teacher: SeniorConfig, config: RunConfig, embedder: Embedder, *, senior: bool = False) -> Teacher:
    """A teacher of the configured kind; ``senior`` for the one that the senior rung asks."""
    if teacher.kind == "openai":
        return OpenAITeacher(teacher, concurrency=config.limits.concurrency, price=build_prices(config).of(teacher))
    if teacher.kind == "decisions":
        price = build_prices(config).of(teacher)
        return DecisionTeacher(teacher, seed=config.data.seed, concurrency=config.limits.concurrency, price=price)
    if teacher.kind == "transformers" and teacher.model is not None:
        model = config.model_name(teacher.model)
        if teacher.answer == "auto" and config.method in _REASONED and teacher.structured:
            teacher = teacher.model_copy(update={"answer": "reasons"})
        return LocalTeacher(teacher, model=model)
    if teacher.kind == "recorded" and teacher.answers is not None:
        name = teacher.model or "recorded"
        if isinstance(teacher.answers, str):
            path = config.path(teacher.answers)
            if path.suffix in (".sqlite", ".db"):
                return LedgerTeacher(path, name=name)
            files: dict[RungName, Path] = {"senior" if senior else teacher.rung: path}
        else:
            files = {rung: config.path(file) for rung, file in teacher.answers.items()}
        return RecordedTeacher(files, name=name, several=config.task.kind == "reasoning")
    if teacher.kind == "program":
        flaws = Flaws(**teacher.flaws.model_dump()) if teacher.flaws else None
        return ProgramTeacher(flaws, seed=config.data.seed)
    own = make_embedder(config.model_name(teacher.embedder)) if teacher.embedder else embedder
    return ExemplarTeacher(own)
