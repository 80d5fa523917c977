"""The whole job: data in, labels, student and report out."""

from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from dualchecker.asking import Progress, Silent, Usage
from dualchecker.checking import PanelChecker
from dualchecker.checking.decision_checker import DecisionCalibration
from dualchecker.checking.examples import examples_from
from dualchecker.config import MethodName, RunConfig, load_config
from dualchecker.data import Fence, load_dataset, stratified_split
from dualchecker.evaluation import check_columns, judge_decisions, judge_labels
from dualchecker.ledger import Ledger
from dualchecker.methods import METHODS, Distilled
from dualchecker.prompts import Template
from dualchecker.records import Example, Labelled
from dualchecker.runs.calibration import calibrate_student
from dualchecker.runs.judging import judge_student, noise, references, slices
from dualchecker.runs.output import write_outputs
from dualchecker.runs.parts import Parts, Prepared, build_parts, build_task
from dualchecker.students import Probabilities, Student
from dualchecker.tasks import MultiLabel

_LEAST_VALIDATION = 50
"""With fewer gold records than this to watch, early stopping would follow noise: the student trains all epochs."""


Predicted = tuple[list[str], list[float]]
"""Labels and their probabilities, in the order of the test records."""


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


def distill(
    config: RunConfig | str | Path,
    *,
    progress: Progress | None = None,
    ledger: Ledger | None = None,
    prepared: Prepared | None = None,
) -> Run:
    """Run everything that a run file describes, and write the outcome into its output folder.

    Run again after any interruption: what the ledger holds is not asked again, and the same outcome appears.

    Args:
        config: A configuration, or the path of a run file.
        progress: Told what happens.
        ledger: An open one, which stays open; by default that of the output folder.
        prepared: Data and vectors of an earlier run on the same data and seed.

    Raises:
        DualcheckerError: With what happened, why, and what to do.
    """
    config = config if isinstance(config, RunConfig) else load_config(config)
    progress = progress or Silent()
    task = build_task(config)
    dataset = prepared.dataset if prepared else load_dataset(config, task)
    for warning in dataset.warnings:
        progress.note(warning)
    if not isinstance(config.report.slices, str):
        check_columns((*dataset.pool, *dataset.test), config.report.slices)
    with nullcontext(ledger) if ledger else Ledger.open(config.output_dir / "ledger.sqlite") as opened:
        parts = build_parts(config, task, dataset, opened, progress, prepared)
        try:
            return _distill(parts)
        finally:
            parts.asker.close()


def _distill(parts: Parts) -> Run:
    config, progress, dataset = parts.config, parts.progress, parts.dataset
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
    gold = [Example(record, record.label or "") for record in parts.judged.gold]
    taught = [*examples_from(outcome.labels, config.check.doubtful), *outcome.generated]
    student = _train(parts, gold, taught)
    calibration = calibrate_student(parts, student, outcome, _split_gold(parts, gold)[1])
    tested = student.predict(dataset.test) if dataset.test else None
    metrics = _metrics(parts, outcome, stages, tested, taught) | _spent(parts, total, used)
    if calibration is not None:
        metrics["student"]["calibration"] = calibration
    progress.stage("looking closer", "slices and label noise")
    metrics["slices"] = slices(parts, outcome.labels, tested)
    metrics["noise"] = noise(parts, outcome.labels)
    if config.report.references and tested is not None:
        metrics["references"] = references(parts, outcome.labels, tested, lambda more: _train(parts, gold, more))
    write_outputs(parts, outcome, student, metrics)
    return Run(config, outcome.labels, student, outcome.template, metrics, config.output_dir)


def _train(parts: Parts, gold: Sequence[Example], taught: Sequence[Example]) -> Student:
    """The final student; early stopping on calibration gold where there is enough of it."""
    train, validation = _split_gold(parts, gold)
    return parts.final_student().fit([*train, *taught], validation)


def _split_gold(parts: Parts, gold: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    if parts.config.student.kind != "encoder":  # a linear student has nothing to stop early
        return list(gold), []
    return _validation(parts.judged, gold, parts.config.student.seed)


def _validation(fence: Fence, gold: Sequence[Example], seed: int) -> tuple[list[Example], list[Example]]:
    if fence.mode == "split":
        watch = {record.id for record in fence.calibration}
    else:
        part = stratified_split([example.record for example in gold], {"validation": 0.15}, seed, rest="train")
        watch = {record.id for record in part["validation"]}
    if len(watch) < _LEAST_VALIDATION:
        return list(gold), []
    return [e for e in gold if e.record.id not in watch], [e for e in gold if e.record.id in watch]


def _judge_stage(parts: Parts, labels: Sequence[Labelled]) -> dict[str, Any]:
    if isinstance(parts.task, MultiLabel):
        return judge_decisions(parts.task, labels)
    return judge_labels(parts.task, labels)


def _distributions(labels: Sequence[Labelled]) -> dict[str, Any]:
    """Means over the answers that tell: probability outside the label set, and what the order of the options does."""
    answers = [answer for item in labels for answer in item.trail]
    told = {
        "outside_mass": [answer.outside_mass for answer in answers if answer.outside_mass is not None],
        "order_spread": [answer.order_spread for answer in answers if answer.order_spread is not None],
    }
    return {name: {"answers": len(v), "mean": fmean(v), "most": max(v)} for name, v in told.items() if v}


def _metrics(
    parts: Parts,
    outcome: Distilled,
    stages: dict[str, list[Labelled]],
    tested: Probabilities | None,
    taught: Sequence[Example],
) -> dict[str, Any]:
    config, dataset = parts.config, parts.dataset
    shown = {demo.record.id for demo in outcome.template.fixed}
    teacher: dict[str, Any] = {
        "name": parts.teacher_name,
        "senior": parts.senior.name if parts.senior else None,
        "stages": {name: _judge_stage(parts, labels) for name, labels in stages.items()},
        "rungs": dict(Counter(item.answer.rung for item in outcome.labels if item.answer)),
        "outcomes": dict(Counter(answer.outcome for item in outcome.labels for answer in item.trail)),
        "notes": dict(Counter(note for item in outcome.labels for answer in item.trail for note in answer.notes)),
        "distributions": _distributions(outcome.labels),
    }
    calibration = outcome.calibration
    if calibration is not None:
        threshold = outcome.findings.threshold if outcome.findings else calibration.threshold
        calibrated = config.check.calibration != "none"
        teacher["calibration"] = {
            "calibrated": calibrated,
            "answers": len(calibration.climbs),
            "accuracy_first_rung": calibration.brief_accuracy,
            "accuracy": calibration.accuracy,
            "threshold": asdict(threshold),
            "climb_below": calibration.climb_below,
            "maps": calibration.maps,
            "learnt": {rung: c.learnt for rung, c in calibration.calibrators.items()},
            "remarks": list(calibration.remarks),
            "weights": {rung: c.describe() for rung, c in calibration.calibrators.items()},
            "fusion": outcome.findings.fusion.describe() if outcome.findings and calibrated else None,
        }
        if isinstance(calibration, DecisionCalibration):
            by_side = outcome.findings.thresholds if outcome.findings else calibration.thresholds
            teacher["calibration"]["thresholds"] = [
                {"label": label, "answer": answer, **asdict(threshold)}
                for (label, answer), threshold in by_side.items()
            ]
        if isinstance(parts.teacher_checker, PanelChecker):
            teacher["panel"] = parts.teacher_checker.describe(outcome.labels, outcome.template)
    if outcome.rounds:
        teacher["rounds"] = [asdict(entry) for entry in outcome.rounds]
    if outcome.written:
        teacher["written"] = {"texts": len(outcome.generated), "outcomes": dict(outcome.written)}
    teacher["failed_rationales"] = parts.aligner.failed_rationales
    return {
        "method": config.method,
        "question": config.task.question,
        "labels": dict(config.task.labels),
        "multiple": config.task.multiple,
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
            "taught": dict(Counter(source for source, _ in {(e.source, e.record.whole.id) for e in taught})),
            "test": judge_student(parts, tested) if tested is not None else None,
        },
        "gold_used": {
            "mode": parts.fence.mode,
            "demonstrations": len(parts.fence.demonstrations),
            "calibration": len(parts.fence.calibration),
            "student_training": len(parts.fence.gold),
            "fixed_in_template": sorted(shown),
            "test": len(dataset.test),
        },
    }


def _spent(parts: Parts, total: Usage, used: dict[MethodName, Usage]) -> dict[str, Any]:
    """What this run used, whoever paid for it: this run, or an earlier one of the same ledger."""
    ledger, pool = parts.asker.ledger, max(len(parts.dataset.pool), 1)
    spent, everything = ledger.totals(total.keys), ledger.totals()
    by_method = {}
    for name, usage in used.items():
        own = ledger.totals(usage.keys)
        by_method[name] = {
            "used": own.requests,
            "per_record": own.requests / pool,
            "tokens": {"prompt": own.prompt_tokens, "completion": own.completion_tokens},
            "cost": own.cost,
        }
    return {
        "requests": {
            "answered": everything.requests,
            "used": spent.requests,
            "per_record": spent.requests / pool,
            "attempts": spent.attempts,
            "attempt_outcomes": ledger.outcomes(total.keys),
            "by_purpose": total.by_purpose(),
            "by_method": by_method,
        },
        "tokens": {"prompt": spent.prompt_tokens, "completion": spent.completion_tokens},
        "cost": spent.cost,
        "ledger": {
            "requests": everything.requests,
            "attempts": everything.attempts,
            "tokens": {"prompt": everything.prompt_tokens, "completion": everything.completion_tokens},
            "cost": everything.cost,
        },
    }
