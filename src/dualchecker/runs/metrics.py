"""What ``metrics.json`` tells of a run: labels, student and gold here, requests and money in ``spent``."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

from dualchecker.asking import Usage
from dualchecker.checking import PanelChecker
from dualchecker.checking.teacher_checker import Calibration
from dualchecker.config import MethodName
from dualchecker.methods import Distilled
from dualchecker.records import Example, Labelled
from dualchecker.runs.kinds.base import Parts
from dualchecker.runs.prices import in_process, prices_by_name
from dualchecker.runs.spending import per_label, spending


def _distributions(labels: Sequence[Labelled]) -> dict[str, Any]:
    """Means over the answers that tell: probability outside the label set, and what the order of the options does."""
    answers = [answer for item in labels for answer in item.trail]
    told = {
        "outside_mass": [answer.outside_mass for answer in answers if answer.outside_mass is not None],
        "order_spread": [answer.order_spread for answer in answers if answer.order_spread is not None],
    }
    return {name: {"answers": len(v), "mean": fmean(v), "most": max(v)} for name, v in told.items() if v}


def measure(
    parts: Parts,
    outcome: Distilled,
    stages: Mapping[str, Sequence[Labelled]],
    student: Any,
    tested: Any,
    taught: Sequence[Example],
) -> dict[str, Any]:
    """What the run brought, as far as it is known once the student has been trained.

    Args:
        parts: Of the run.
        outcome: Of its method.
        stages: Labels of the pool after each stage.
        student: Trained.
        tested: What it says of the test records; None where there are none.
        taught: What it learnt beside gold.
    """
    config, dataset = parts.config, parts.dataset
    shown = {demo.record.id for demo in outcome.template.fixed}
    teacher: dict[str, Any] = {
        "name": parts.teacher_name,
        "senior": parts.senior.name if parts.senior else None,
        "stages": {name: parts.kind.judge_stage(parts.task, labels) for name, labels in stages.items()},
        "rungs": dict(Counter(item.answer.rung for item in outcome.labels if item.answer)),
        "outcomes": dict(Counter(answer.outcome for item in outcome.labels for answer in item.trail)),
        "notes": dict(
            # Of several chains that vote, each may have the same note.
            Counter(note for item in outcome.labels for answer in item.trail for note in dict.fromkeys(answer.notes))
        ),
        "distributions": _distributions(outcome.labels),
    }
    if outcome.calibration is not None:
        teacher["calibration"] = _calibration(parts, outcome, outcome.calibration)
        if isinstance(parts.checkers.teacher, PanelChecker):
            teacher["panel"] = parts.checkers.teacher.describe(outcome.labels, outcome.template)
    if outcome.rounds:
        teacher["rounds"] = [asdict(entry) for entry in outcome.rounds]
    if outcome.written:
        teacher["written"] = {"texts": len(outcome.generated), "outcomes": dict(outcome.written)}
    teacher["failed_rationales"] = parts.aligner.failed_rationales
    return {
        "kind": parts.kind.name,
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
            "base": config.align.embedder if config.student.kind == "linear" else config.student.base,
            "taught": dict(Counter(source for source, _ in {(e.source, e.record.whole.id) for e in taught})),
            "test": parts.kind.judge_student(parts, tested) if tested is not None else None,
            **parts.kind.about_student(student),
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


def _calibration(parts: Parts, outcome: Distilled, calibration: Calibration) -> dict[str, Any]:
    threshold = outcome.findings.threshold if outcome.findings else calibration.threshold
    calibrated = parts.config.check.calibration != "none"
    return {
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
        **parts.kind.about_teacher(outcome),
    }


def spent(
    parts: Parts, total: Usage, used: Mapping[MethodName, Usage], labels: Sequence[Labelled] = ()
) -> dict[str, Any]:
    """What this run used, whoever paid for it: this run, or an earlier one of the same ledger.

    Args:
        parts: Of the run.
        total: All that it used.
        used: What each of its methods used.
        labels: What it brought, to say what one of them costs.
    """
    ledger, pool = parts.asker.ledger, max(len(parts.dataset.pool), 1)
    own_run, everything = ledger.totals(total.keys), ledger.totals()
    money = spending(ledger, prices_by_name(parts.config), total.keys, at_home=in_process(parts.config))
    money["spent_in_folder"] = everything.cost
    money |= per_label(ledger, labels, total.keys, money["by_purpose"], own_run.cost)
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
            "used": own_run.requests,
            "per_record": own_run.requests / pool,
            "attempts": own_run.attempts,
            "attempt_outcomes": ledger.outcomes(total.keys),
            "by_purpose": total.by_purpose(),
            "by_method": by_method,
        },
        "tokens": {
            "prompt": own_run.prompt_tokens,
            "cached": own_run.cached_tokens,
            "completion": own_run.completion_tokens,
        },
        "cost": own_run.cost,
        "money": money,
        "ledger": {
            "requests": everything.requests,
            "attempts": everything.attempts,
            "tokens": {"prompt": everything.prompt_tokens, "completion": everything.completion_tokens},
            "cost": everything.cost,
        },
    }
