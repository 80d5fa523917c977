"""From labels or predictions and the truth to the numbers of the report."""

from collections.abc import Sequence
from typing import Any

from dualchecker.evaluation.intervals import bootstrap
from dualchecker.evaluation.metrics import auroc, brier, confusion, coverage_curve, ece, reliability
from dualchecker.records import Labelled
from dualchecker.tasks import Task


def _scores(task: Task, predicted: Sequence[str | None], truth: Sequence[str], seed: int) -> dict[str, Any]:
    result = {}
    for name in ("accuracy", "macro_f1"):

        def statistic(rows: Sequence[int], name: str = name) -> float:
            return task.score([predicted[i] for i in rows], [truth[i] for i in rows])[name]

        # Macro-F1 over many labels is slow to resample in plain Python; fewer draws still give the interval.
        repeats = 1000 if len(truth) <= 1000 else 200
        result[name] = bootstrap(statistic, len(truth), repeats=repeats, seed=seed).to_dict()
    return result


def _confidence(confidence: Sequence[float], right: Sequence[bool]) -> dict[str, Any]:
    return {
        "ece": ece(confidence, right),
        "brier": brier(confidence, right),
        "auroc": auroc(confidence, right),
        "reliability": reliability(confidence, right),
        "coverage": coverage_curve(confidence, right),
    }


def judge_predictions(
    task: Task,
    predicted: Sequence[str | None],
    truth: Sequence[str],
    confidence: Sequence[float],
    seed: int = 0,
) -> dict[str, Any]:
    """Accuracy and macro-F1 with intervals, quality of the confidence, confusion."""
    right = [task.equal(p, t) for p, t in zip(predicted, truth, strict=True)]
    return {
        "count": len(truth),
        **_scores(task, predicted, truth, seed),
        **_confidence(confidence, right),
        "confusion": confusion(predicted, truth, tuple(task.labels)),
    }


def judge_labels(task: Task, labels: Sequence[Labelled], seed: int = 0) -> dict[str, Any]:
    """Shares by status; where pool records carry a human label, also accuracy of all and of the accepted ones.

    Every record counts in ``accuracy``: a missing label is wrong. ``kept`` is about accepted labels alone.
    """
    total = len(labels)
    accepted = [item for item in labels if item.status == "accepted"]
    result: dict[str, Any] = {
        "count": total,
        "accepted": len(accepted),
        "abstained": sum(item.status == "abstained" for item in labels),
        "failed": sum(item.status == "failed" for item in labels),
        "disputed": sum(item.disputed for item in labels),
    }
    known = [item for item in labels if item.record.label is not None]
    if known:
        truth = [item.record.label or "" for item in known]
        confidence = [item.confidence.value for item in known]
        judged = judge_predictions(task, [item.label for item in known], truth, confidence, seed)
        result |= {**judged, "count": total, "known": len(known)}
        kept = [item for item in known if item.status == "accepted"]
        result["kept"] = {
            "count": len(kept),
            **_scores(task, [item.label for item in kept], [item.record.label or "" for item in kept], seed),
        }
    return result
