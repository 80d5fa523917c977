"""From labels or predictions and the truth to the numbers of the report."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dualchecker.evaluation.intervals import bootstrap, bootstrap_all, noise_raised, of_share, percentile, share_right
from dualchecker.evaluation.metrics import chance_ece, confusion, kept_counts, reliability
from dualchecker.evaluation.scores import ConfidenceScores, LabelScores
from dualchecker.records import Labelled
from dualchecker.tasks import Classification, Reasoning, Task

COVERAGES = (0.8, 0.6, 0.4)
"""Shares of the surest answers whose accuracy is reported."""

Weights = npt.NDArray[np.intp] | None


def _scores(task: Task, predicted: Sequence[str | None], truth: Sequence[str], seed: int) -> dict[str, Any]:
    """The task's own scores, each with an interval."""
    if isinstance(task, Classification):
        scores = LabelScores(predicted, truth)

        def measure(weights: Weights) -> dict[str, float]:
            return {"accuracy": scores.accuracy(weights), "macro_f1": scores.macro_f1(weights)}

        values, draws = bootstrap_all(measure, len(truth), seed=seed)
        return {
            "accuracy": of_share(values["accuracy"], draws["accuracy"], len(truth)).to_dict(),
            "macro_f1": percentile(values["macro_f1"], draws["macro_f1"]).to_dict(),
        }
    if isinstance(task, Reasoning):
        right = [task.equal(p, t) for p, t in zip(predicted, truth, strict=True)]
        return {"accuracy": share_right(right, seed=seed).to_dict()}
    result = {}
    for name in task.score(predicted, truth):

        def statistic(rows: Sequence[int], name: str = name) -> float:
            return task.score([predicted[i] for i in rows], [truth[i] for i in rows])[name]

        # The scores of other tasks are plain Python; fewer draws still give the interval.
        repeats = 1000 if len(truth) <= 1000 else 200
        result[name] = bootstrap(statistic, len(truth), repeats=repeats, seed=seed).to_dict()
    return result


def judge_confidence(
    confidence: Sequence[float],
    right: Sequence[bool],
    seed: int = 0,
    *,
    records: Sequence[int] | None = None,
    count: int = 0,
) -> dict[str, Any]:
    """Quality of the confidence, on the same resamples of records as the scores of the labels.

    Args:
        confidence: Of each answer.
        right: Whether each is right.
        seed: Of the bootstrap.
        records: Number of the record, from 0, that each answer is about; None: one answer a record.
        count: Number of records, where ``records`` is given.
    """
    scores, counts = ConfidenceScores(confidence, right), kept_counts(len(right))
    rows = None if records is None else np.asarray(records, dtype=np.intp)
    kept = {f"{share:g}": max(1, round(share * len(right))) for share in COVERAGES} if len(right) else {}
    wanted = sorted({*counts, *kept.values()})

    def measure(weights: Weights) -> dict[str, float]:
        if rows is not None and weights is not None:
            weights = weights[rows]
        curve = scores.coverage(weights)

        def surest(kept: int) -> float:
            # A resample of records may hold more or fewer answers: the same share of them.
            place = max(1, round(kept / len(right) * len(curve)))
            return float(curve[place - 1]) if len(curve) else float("nan")

        return {
            "ece": scores.ece(weights),
            "brier": scores.brier(weights),
            "auroc": scores.auroc(weights),
            "coverage_area": float(curve.mean()) if len(curve) else float("nan"),
            **{f"surest {count}": surest(count) for count in wanted},
        }

    values, draws = bootstrap_all(measure, len(right) if rows is None else count, seed=seed)
    estimates = {name: percentile(value, draws[name]) for name, value in values.items()}
    chance = chance_ece(confidence, seed=seed)
    if len(right):
        estimates["ece"] = noise_raised(values["ece"], draws["ece"], chance)
    curve = {n: of_share(values[f"surest {n}"], draws[f"surest {n}"], n) for n in wanted}
    return {
        **{name: estimates[name].to_dict() for name in ("ece", "brier", "auroc", "coverage_area")},
        "ece_by_chance": {"mean": float(chance.mean()), "high": float(np.quantile(chance, 0.95))},
        "accuracy_at": {share: curve[count].to_dict() for share, count in kept.items()},
        "reliability": reliability(confidence, right),
        "coverage": [
            {"coverage": n / len(right), "accuracy": curve[n].value, "low": curve[n].low, "high": curve[n].high}
            for n in counts
        ],
    }


def judge_predictions(
    task: Task,
    predicted: Sequence[str | None],
    truth: Sequence[str],
    confidence: Sequence[float],
    seed: int = 0,
) -> dict[str, Any]:
    """Scores, quality of the confidence, confusion; with intervals from one resampling of rows.

    Where answers are no labels out of a set there is no confusion.
    """
    right = [task.equal(p, t) for p, t in zip(predicted, truth, strict=True)]
    return {
        "count": len(truth),
        **_scores(task, predicted, truth, seed),
        **judge_confidence(confidence, right, seed),
        **({"confusion": confusion(predicted, truth, tuple(task.labels))} if task.labels else {}),
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
