"""The whole job: data in, labels, student and report out."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dualchecker.asking import Progress, Silent, Usage
from dualchecker.config import MethodName, RunConfig, load_config
from dualchecker.data import load_dataset
from dualchecker.evaluation import check_columns
from dualchecker.ledger import Ledger
from dualchecker.methods import METHODS, Distilled
from dualchecker.prompts import Template
from dualchecker.records import Example, Labelled
from dualchecker.runs.kinds.base import Parts, Prepared, Reference
from dualchecker.runs.metrics import measure, spent
from dualchecker.runs.output import write_outputs
from dualchecker.runs.parts import build_parts, build_task
from dualchecker.runs.prices import check_money
from dualchecker.runs.watched import split_gold
from dualchecker.students import Student
from dualchecker.students.reasoning import ReasoningStudent
from dualchecker.students.spans import SpanStudent


@dataclass(frozen=True)
class Run:
    """What a run brought.

    Attributes:
        config: As resolved.
        labels: One for each pool record.
        student: Trained on gold and the checked labels.
        template: The template at the end.
        metrics: What ``metrics.json`` holds.
        folder: Where it is written.
    """

    config: RunConfig
    labels: list[Labelled]
    student: Student | SpanStudent | ReasoningStudent
    template: Template
    metrics: dict[str, Any] = field(repr=False)
    folder: Path = field(default=Path())

    @property
    def report(self) -> Path:
        """The report: one file that opens offline."""
        return self.folder / "report.html"


def distill(
    config: RunConfig | str | Path,
    *,
    progress: Progress | None = None,
    ledger: Ledger | None = None,
    prepared: Prepared | None = None,
    retry_failed: bool = False,
) -> Run:
    """Run everything that a run file describes, and write the outcome into its output folder.

    Run again after any interruption: what the ledger holds is not asked again, and the same outcome appears.

    Args:
        config: A configuration, or the path of a run file.
        progress: Told what happens.
        ledger: An open one, which stays open; by default that of the output folder.
        prepared: Data and vectors of an earlier run on the same data and seed.
        retry_failed: Ask again what ended for good without an answer (refused, too long); what failed for the moment
            is asked again by any run.

    Raises:
        DualcheckerError: With what happened, why, and what to do.
    """
    config = config if isinstance(config, RunConfig) else load_config(config)
    progress = progress or Silent()
    task = build_task(config)
    dataset = prepared.dataset if prepared else load_dataset(config, task)
    for warning in (*check_money(config), *dataset.warnings):
        progress.note(warning)
    if not isinstance(config.report.slices, str):
        check_columns((*dataset.pool, *dataset.test), config.report.slices)
    with nullcontext(ledger) if ledger else Ledger.open(config.output_dir / "ledger.sqlite") as opened:
        if retry_failed and (count := opened.forget_failures()):
            progress.note(f"{count} requests that ended without an answer are asked again.")
        parts = build_parts(config, task, dataset, opened, progress, prepared)
        try:
            return _distill(parts)
        finally:
            for line in parts.asker.health():
                progress.note(line)
            parts.asker.close()


def _distill(parts: Parts) -> Run:
    config, progress, dataset, kind = parts.config, parts.progress, parts.dataset, parts.kind
    setting = parts.setting()
    names: list[MethodName] = ["few_shot", config.method] if config.report.few_shot else [config.method]
    for name in names:
        METHODS[name].check(setting.teacher, setting.task)  # all of them, before anything is asked and paid for
    outcomes: dict[MethodName, Distilled] = {}
    used: dict[MethodName, Usage] = {}
    with parts.asker.counting() as total:
        for name in dict.fromkeys(names):
            with parts.asker.counting() as used[name]:
                outcomes[name] = METHODS[name](setting)
    outcome = outcomes[config.method]
    stages = {stage: labels for one in outcomes.values() for stage, labels in one.stages.items()}
    progress.stage("student", f"{config.student.kind}, on {len(dataset.gold)} gold and the labels of this run")
    gold = kind.gold(parts)
    taught = [*kind.taught(parts, outcome.labels), *outcome.generated]
    student = _train(parts, gold, taught)
    calibration = kind.calibrate(parts, student, outcome, split_gold(parts, gold)[1])
    tested = student.predict(dataset.test) if dataset.test else None
    metrics = measure(parts, outcome, stages, student, tested, taught) | spent(parts, total, used, outcome.labels)
    if calibration is not None:
        metrics["student"]["calibration"] = calibration
    progress.stage("looking closer", "where it is worst, and what looks wrong")
    metrics |= kind.closer(parts, outcome.labels, tested)
    if config.report.references and tested is not None:
        metrics["references"] = _references(parts, gold, stages, tested)
    write_outputs(parts, outcome, student, tested, metrics)
    return Run(config, outcome.labels, student, outcome.template, metrics, config.output_dir)


def _references(
    parts: Parts, gold: Sequence[Example], stages: Mapping[str, Sequence[Labelled]], tested: Any
) -> dict[str, Any]:
    """Students of the same kind that learnt something else, by name.

    ``difference`` is the run's student minus theirs, on the same resamples of test records, where the kind compares.
    """
    alone = Reference("gold_only", "student on gold alone", ())
    found = {}
    # A kind may know better what gold alone is.
    for reference in {one.name: one for one in (alone, *parts.kind.references(parts, stages))}.values():
        parts.progress.stage("reference", reference.words)
        own = gold if reference.gold is None else reference.gold
        theirs = _train(parts, own, reference.taught).predict(parts.dataset.test)
        difference = parts.kind.difference(parts, tested, theirs)
        more = {} if difference is None else {"difference": difference}
        found[reference.name] = {**parts.kind.judge_student(parts, theirs), **more}
    return found


def _train(parts: Parts, gold: Sequence[Example], taught: Sequence[Example]) -> Any:
    """The final student; early stopping on calibration gold where there is enough of it."""
    train, validation = split_gold(parts, gold)
    return parts.final_student().fit([*train, *taught], validation)
