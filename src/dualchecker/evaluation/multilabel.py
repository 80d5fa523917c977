"""How good label sets are: over decisions, over records, and label by label."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dualchecker.evaluation.intervals import bootstrap
from dualchecker.evaluation.metrics import auroc, brier, coverage_curve, ece, reliability
from dualchecker.records import Labelled, Record
from dualchecker.tasks import MultiLabel
from dualchecker.tasks.multilabel import YES

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_REPEATS = 1000


def _f1(said: Mask, there: Mask, axis: int | None = None) -> Floats:
    """F1 of aligned masks, in all or by column; not a number where neither says anything."""
    hits, total = (said & there).sum(axis=axis), said.sum(axis=axis) + there.sum(axis=axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(2 * hits / total, dtype=float)


def _macro(said: Mask, there: Mask) -> float:
    by_label = _f1(said, there, axis=0)
    known = by_label[np.isfinite(by_label)]
    return float(known.mean()) if len(known) else float("nan")


def _share(part: Mask | npt.NDArray[Any]) -> float:
    return float(part.mean()) if part.size else float("nan")


def _scores(said: Mask, there: Mask, right: Mask, seed: int) -> dict[str, Any]:
    """Headline metrics with intervals; resampled by record, whose decisions are no independent draws.

    Args:
        said: Whether a label was said to apply, shape (records, labels).
        there: Whether it does.
        right: Whether the decision is right; a missing one is not.
        seed: Of the bootstrap.
    """
    statistics = {
        "accuracy": lambda rows: _share(right[rows]),
        "micro_f1": lambda rows: float(_f1(said[rows], there[rows])),
        "macro_f1": lambda rows: _macro(said[rows], there[rows]),
        "exact_match": lambda rows: _share(np.asarray(right[rows].all(axis=1))),
    }
    return {
        name: bootstrap(lambda rows, f=f: f(list(rows)), len(right), repeats=_REPEATS, seed=seed).to_dict()  # type: ignore[misc]
        for name, f in statistics.items()
    }


def _by_label(
    labels: Sequence[str], said: Mask, there: Mask, right: Mask, confidence: Floats, seed: int
) -> list[dict[str, Any]]:
    rows = []
    for column, label in enumerate(labels):
        mine, true, hit = said[:, column], there[:, column], right[:, column]

        def f1(draw: Sequence[int], mine: Mask = mine, true: Mask = true) -> float:
            return float(_f1(mine[list(draw)], true[list(draw)]))

        rows.append(
            {
                "label": label,
                "count": len(hit),
                "applies": int(true.sum()),
                "said": int(mine.sum()),
                "precision": _share(true[mine]),
                "recall": _share(mine[true]),
                "f1": bootstrap(f1, len(hit), repeats=_REPEATS, seed=seed).to_dict(),
                "accuracy": _share(hit),
                "ece": ece(confidence[:, column].tolist(), hit.tolist()),
                "auroc": auroc(confidence[:, column].tolist(), hit.tolist()),
            }
        )
    return rows


def _judged(
    labels: Sequence[str], said: Mask, there: Mask, right: Mask, confidence: Floats, seed: int
) -> dict[str, Any]:
    sure, hits = confidence.ravel().tolist(), right.ravel().tolist()
    return {
        **_scores(said, there, right, seed),
        "ece": ece(sure, hits),
        "brier": brier(sure, hits),
        "auroc": auroc(sure, hits),
        "reliability": reliability(sure, hits),
        "coverage": coverage_curve(sure, hits),
        "by_label": _by_label(labels, said, there, right, confidence, seed),
    }


def _truth(records: Sequence[Record], labels: Sequence[str]) -> Mask:
    return np.array([[label in (record.labels or ()) for label in labels] for record in records], dtype=bool)


def judge_chances(
    task: MultiLabel, chances: Floats, records: Sequence[Record], threshold: float = 0.5, seed: int = 0
) -> dict[str, Any]:
    """A student's chances against human label sets.

    Args:
        task: Its labels are the columns.
        chances: Chance that a label applies, shape (records, labels).
        records: With human labels.
        threshold: A label applies from this chance on.
        seed: Of the bootstrap.
    """
    said, there = chances >= threshold, _truth(records, task.names)
    confidence = np.where(said, chances, 1 - chances)
    return {"count": len(records), **_judged(task.names, said, there, said == there, confidence, seed)}


def judge_decisions(task: MultiLabel, decided: Sequence[Labelled], seed: int = 0) -> dict[str, Any]:
    """Decisions by status; where pool records carry human labels, also how right they are.

    Args:
        task: Its labels.
        decided: Record by record, the labels in order.
        seed: Of the bootstrap.
    """
    labels = task.names
    result: dict[str, Any] = {
        "count": len(decided),
        "records": len(decided) // len(labels),
        **{status: sum(item.status == status for item in decided) for status in ("accepted", "abstained", "failed")},
        "disputed": sum(item.disputed for item in decided),
    }
    rows = [decided[start : start + len(labels)] for start in range(0, len(decided), len(labels))]
    result["by_label"] = [
        {"label": label, **{s: sum(row[i].status == s for row in rows) for s in ("accepted", "abstained", "failed")}}
        for i, label in enumerate(labels)
    ]
    known = [row for row in rows if row[0].record.whole.labels is not None]
    if not known:
        return result
    said = np.array([[item.label == YES for item in row] for row in known], dtype=bool)
    there = _truth([row[0].record.whole for row in known], labels)
    answered = np.array([[item.label is not None for item in row] for row in known], dtype=bool)
    kept = np.array([[item.status == "accepted" for item in row] for row in known], dtype=bool)
    confidence = np.array([[item.confidence.value for item in row] for row in known])
    right = answered & (said == there)
    judged = _judged(labels, said, there, right, confidence, seed)
    states = result["by_label"]
    result |= {**judged, "known": len(known)}
    result["by_label"] = [
        {**states[i], **entry, "kept": _kept(said[:, i], there[:, i], right[:, i], kept[:, i])}
        for i, entry in enumerate(judged["by_label"])
    ]
    result["kept"] = _all_kept(said, there, right, kept, seed)
    return result


def _kept(said: Mask, there: Mask, right: Mask, kept: Mask) -> dict[str, Any]:
    """Accepted decisions about one label: how many are right, and how many of the yeses among them."""
    return {
        "count": int(kept.sum()),
        "accuracy": _share(right[kept]),
        "said": int((kept & said).sum()),
        "precision": _share(there[kept & said]),
    }


def _all_kept(said: Mask, there: Mask, right: Mask, kept: Mask, seed: int) -> dict[str, Any]:
    def accuracy(draw: Sequence[int]) -> float:
        rows = list(draw)
        return _share(right[rows][kept[rows]])

    def precision(draw: Sequence[int]) -> float:
        rows = list(draw)
        return _share(there[rows][kept[rows] & said[rows]])

    return {
        "count": int(kept.sum()),
        "accuracy": bootstrap(accuracy, len(right), repeats=_REPEATS, seed=seed).to_dict(),
        "said": int((kept & said).sum()),
        "precision": bootstrap(precision, len(right), repeats=_REPEATS, seed=seed).to_dict(),
    }
