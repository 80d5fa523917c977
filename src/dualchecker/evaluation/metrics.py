"""Quality of a confidence, and where labels are confused."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def _arrays(confidence: Sequence[float], right: Sequence[float]) -> tuple[Floats, Floats]:
    values, hits = np.asarray(confidence, dtype=float), np.asarray(right, dtype=float)
    if values.shape != hits.shape or values.ndim != 1:
        raise ValueError(f"confidence {values.shape} and right {hits.shape} must be aligned lists")
    return values, hits


def reliability(confidence: Sequence[float], right: Sequence[float], bins: int = 10) -> list[dict[str, float]]:
    """Equal-count bins from unsure to sure: mean confidence, share right, number."""
    values, hits = _arrays(confidence, right)
    order = np.argsort(values, kind="stable")
    return [
        {"confidence": float(values[part].mean()), "right": float(hits[part].mean()), "count": len(part)}
        for part in np.array_split(order, min(bins, len(order)) or 1)
        if len(part)
    ]


def ece(confidence: Sequence[float], right: Sequence[float], bins: int = 10) -> float:
    """Expected calibration error over equal-count bins, 0..1; not a number without answers.

    Args:
        confidence: Shape (n,).
        right: Whether each is right, or how probable that is, shape (n,).
        bins: Number of bins.
    """
    rows = reliability(confidence, right, bins)
    total = sum(row["count"] for row in rows)
    if not total:
        return float("nan")
    return float(sum(row["count"] * abs(row["confidence"] - row["right"]) for row in rows) / total)


def brier(confidence: Sequence[float], right: Sequence[bool]) -> float:
    """Mean squared distance between confidence and rightness, 0..1."""
    values, hits = _arrays(confidence, right)
    return float(np.mean((values - hits) ** 2)) if len(values) else float("nan")


def auroc(confidence: Sequence[float], right: Sequence[bool]) -> float:
    """Chance that a right answer is surer than a wrong one (ties count half); not a number if all are alike."""
    values, hits = _arrays(confidence, right)
    good, bad = values[hits > 0], np.sort(values[hits == 0])
    if not len(good) or not len(bad):
        return float("nan")
    below = np.searchsorted(bad, good, side="left")
    upto = np.searchsorted(bad, good, side="right")
    return float(np.mean((below + upto) / 2) / len(bad))


def coverage_curve(confidence: Sequence[float], right: Sequence[bool], points: int = 20) -> list[dict[str, float]]:
    """Accuracy of the surest share of answers, for growing shares."""
    values, hits = _arrays(confidence, right)
    order = np.argsort(-values, kind="stable")
    running = np.cumsum(hits[order])
    counts = sorted({max(1, round(len(order) * (i + 1) / points)) for i in range(points)}) if len(order) else []
    return [{"coverage": n / len(order), "accuracy": float(running[n - 1] / n)} for n in counts]


def confusion(predicted: Sequence[str | None], truth: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
    """Counts, shape (true labels, predicted labels + none)."""
    column = {label: index for index, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels) + 1), dtype=int)
    for guess, true in zip(predicted, truth, strict=True):
        counts[column[true], len(labels) if guess is None else column[guess]] += 1
    return {"labels": list(labels), "counts": counts.tolist()}
