"""The whole job: data in, labels, student and report out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dualchecker.asking import Progress, Silent
from dualchecker.checking import PanelChecker
from dualchecker.checking.examples import examples_from
from dualchecker.config import RunConfig, load_config
from dualchecker.data import Fence, load_dataset, stratified_split
from dualchecker.evaluation import judge_labels, judge_predictions
from dualchecker.ledger import Ledger
from dualchecker.methods import Distilled, distill_with_dualchecker, label_few_shot
from dualchecker.prompts import Template
from dualchecker.records import Confidence, Example, Labelled, Record
from dualchecker.runs.output import write_outputs
from dualchecker.runs.parts import Parts, build_parts, build_task
from dualchecker.students import Student

_LEAST_VALIDATION = 50
"""With fewer gold records than this to watch, early stopping would follow noise: the student trains all epochs."""


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
    student: Student
    template: Template
    metrics: dict[str, Any] = field(repr=False)
    folder: Path = field(default=Path())

    @property
    def report(self) -> Path:
        """The report: one file that opens offline."""
        return self.folder / "report.html"


def distill(config: RunConfig | str | Path, *, progress: Progress | None = None) -> Run:
    """Run everything that a run file describes, and write the outcome into its output folder.

    Run again after any interruption: what the ledger holds is not asked again, and the same outcome appears.

    Args:
        config: A configuration, or the path of a run file.
        progress: Told what happens.

    Raises:
        DualcheckerError: With what happened, why, and what to do.
    """
    config = config if isinstance(config, RunConfig) else load_config(config)
    progress = progress or Silent()
    task = build_task(config)
    dataset = load_dataset(config, task)
    for warning in dataset.warnings:
        progress.note(warning)
    with Ledger.open(config.output_dir / "ledger.sqlite") as ledger:
        parts = build_parts(config, task, dataset, ledger, progress)
        try:
            return _distill(parts)
        finally:
            parts.asker.close()


def _distill(parts: Parts) -> Run:
    config, progress, dataset = parts.config, parts.progress, parts.dataset
    stages: dict[str, list[Labelled]] = {}
    if config.report.few_shot or config.method == "few_shot":
        progress.stage("few-shot baseline", f"{len(dataset.pool)} records")
        few_shot, template = label_few_shot(
            dataset.pool, aligner=parts.aligner, ladder=parts.ladder, demonstrations=config.align.demonstrations
        )
        stages["few_shot"] = few_shot
    if config.method == "few_shot":
        outcome = Distilled(few_shot, template, (), {})
    else:
        outcome = distill_with_dualchecker(
            dataset.pool,
            aligner=parts.aligner,
            teacher_checker=parts.teacher_checker,
            student_checker=parts.student_checker,
            rounds=config.check.rounds,
            progress=progress,
        )
        stages |= _stages(outcome)
    progress.stage("student", f"{config.student.kind}, on {len(dataset.gold)} gold and the checked labels")
    gold = [Example(record, record.label or "") for record in parts.fence.gold]
    taught = examples_from(outcome.labels, config.check.doubtful)
    student = _train(parts, gold, taught)
    metrics = _metrics(parts, outcome, stages, student, taught)
    if config.report.references and dataset.test:
        metrics["references"] = _references(parts, gold, outcome.labels)
    write_outputs(parts, outcome, student, metrics)
    return Run(config, outcome.labels, student, outcome.template, metrics, config.output_dir)


def _stages(outcome: Distilled) -> dict[str, list[Labelled]]:
    """The labels after each part of the method, from the trail: nothing extra is asked."""
    ladder = [outcome.before_student[item.record.id] for item in outcome.labels]
    stages = {"aligner": [_first_answer(item) for item in ladder], "teacher_checker": ladder}
    if outcome.findings is not None:
        stages["student_checker"] = outcome.labels
    return stages


def _first_answer(item: Labelled) -> Labelled:
    """The label as the first rung alone would leave it: believed, uncalibrated."""
    if not item.trail or not item.trail[0].ok:
        return Labelled(item.record, None, Confidence(0.0), "failed", item.trail[:1])
    answer = item.trail[0]
    return Labelled(item.record, answer, Confidence(answer.stated or 0.0), "accepted", item.trail[:1])


def _train(parts: Parts, gold: Sequence[Example], taught: Sequence[Example]) -> Student:
    """The final student; early stopping on calibration gold where there is enough of it."""
    train, validation = list(gold), list[Example]()
    if parts.config.student.kind == "encoder":  # a linear student has nothing to stop early
        train, validation = _validation(parts.fence, gold, parts.config.student.seed)
    return parts.final_student().fit([*train, *taught], validation)


def _validation(fence: Fence, gold: Sequence[Example], seed: int) -> tuple[list[Example], list[Example]]:
    if fence.mode == "split":
        watch = {record.id for record in fence.calibration}
    else:
        part = stratified_split([example.record for example in gold], {"validation": 0.15}, seed, rest="train")
        watch = {record.id for record in part["validation"]}
    if len(watch) < _LEAST_VALIDATION:
        return list(gold), []
    return [e for e in gold if e.record.id not in watch], [e for e in gold if e.record.id in watch]


def _judge_student(parts: Parts, student: Student, records: Sequence[Record]) -> dict[str, Any]:
    probabilities = student.predict(records)
    names = student.labels
    predicted = [names[column] for column in probabilities.argmax(axis=1)]
    truth = [record.label or "" for record in records]
    return judge_predictions(parts.task, predicted, truth, probabilities.max(axis=1).tolist())


def _references(parts: Parts, gold: Sequence[Example], labels: Sequence[Labelled]) -> dict[str, Any]:
    """Students of the same kind on gold alone, and on gold with the human labels of the whole pool."""
    parts.progress.stage("reference", "student on gold alone")
    references = {"gold_only": _judge_student(parts, _train(parts, gold, []), parts.dataset.test)}
    known = [Example(i.record, i.record.label) for i in labels if i.record.label is not None and i.record.text.strip()]
    if known:
        parts.progress.stage("reference", "student on gold and the pool's human labels")
        references["gold_pool"] = _judge_student(parts, _train(parts, gold, known), parts.dataset.test)
    return references


def _metrics(
    parts: Parts,
    outcome: Distilled,
    stages: dict[str, list[Labelled]],
    student: Student,
    taught: Sequence[Example],
) -> dict[str, Any]:
    config, dataset = parts.config, parts.dataset
    totals = parts.asker.ledger.totals()
    shown = {demo.record.id for demo in outcome.template.fixed}
    teacher: dict[str, Any] = {
        "name": parts.teacher_name,
        "senior": parts.senior.name if parts.senior else None,
        "stages": {name: judge_labels(parts.task, labels) for name, labels in stages.items()},
        "rungs": dict(Counter(item.answer.rung for item in outcome.labels if item.answer)),
        "outcomes": dict(Counter(answer.outcome for item in outcome.labels for answer in item.trail)),
        "notes": dict(Counter(note for item in outcome.labels for answer in item.trail for note in answer.notes)),
    }
    if config.method == "dualchecker":
        calibration = parts.teacher_checker.calibrate(outcome.template)
        threshold = outcome.findings.threshold if outcome.findings else calibration.threshold
        teacher["calibration"] = {
            "answers": len(calibration.climbs),
            "accuracy_first_rung": calibration.brief_accuracy,
            "accuracy": calibration.accuracy,
            "threshold": asdict(threshold),
            "climb_below": calibration.climb_below,
            "weights": {rung: c.describe() for rung, c in calibration.calibrators.items()},
            "fusion": outcome.findings.fusion.describe() if outcome.findings else None,
        }
        if isinstance(parts.teacher_checker, PanelChecker):
            teacher["panel"] = parts.teacher_checker.describe(outcome.labels, outcome.template)
        teacher["rounds"] = [asdict(entry) for entry in outcome.rounds]
        teacher["failed_rationales"] = parts.aligner.failed_rationales
    return {
        "method": config.method,
        "question": config.task.question,
        "labels": dict(config.task.labels),
        "seed": config.student.seed,
        "data": {
            "gold": len(dataset.gold),
            "pool": len(dataset.pool),
            "test": len(dataset.test),
            "warnings": list(dataset.warnings),
        },
        "teacher": teacher,
        "student": {
            "kind": config.student.kind,
            "base": config.student.base if config.student.kind == "encoder" else config.align.embedder,
            "taught": dict(Counter(example.source for example in taught)),
            "test": _judge_student(parts, student, dataset.test) if dataset.test else None,
        },
        "gold_used": {
            "mode": parts.fence.mode,
            "demonstrations": len(parts.fence.demonstrations),
            "calibration": len(parts.fence.calibration),
            "student_training": len(parts.fence.gold),
            "fixed_in_template": sorted(shown),
            "test": len(dataset.test),
        },
        "requests": {
            "answered": totals.requests,
            "attempts": totals.attempts,
            "attempt_outcomes": parts.asker.ledger.outcomes(),
            "by_purpose": {f"{p}/{r}": n for (p, r), n in parts.asker.ledger.uses().items()},
        },
        "tokens": {"prompt": totals.prompt_tokens, "completion": totals.completion_tokens},
        "cost": totals.cost,
    }
