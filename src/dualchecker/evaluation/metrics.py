"""Quality of a confidence, and where labels are confused."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dualchecker.evaluation.scores import BINS, ConfidenceScores, Floats


def reliability(confidence: Sequence[float], right: Sequence[float], bins: int = BINS) -> list[dict[str, float]]:
    """Equal-count bins from unsure to sure: mean confidence, share right, number."""
    sure, hits, size = ConfidenceScores(confidence, right).bins(bins=bins)
    return [
        {"confidence": float(c / n), "right": float(h / n), "count": int(n)}
        for c, h, n in zip(sure, hits, size, strict=True)
    ]


def ece(confidence: Sequence[float], right: Sequence[float], bins: int = BINS) -> float:
    """Expected calibration error over equal-count bins, 0..1; not a number without answers.

    Args:
        confidence: Shape (n,).
        right: Whether each is right, or how probable that is, shape (n,).
        bins: Number of bins.
    """
    return ConfidenceScores(confidence, right).ece(bins=bins)


def chance_ece(confidence: Sequence[float], *, bins: int = BINS, repeats: int = 1000, seed: int = 0) -> Floats:
    """What ECE would be by chance alone: with these confidences, were each as right as it says.

    Even a perfectly calibrated confidence has an ECE above 0 on few answers, because the share of right answers in a
    bin scatters. A measured ECE says something only where it stands out of these draws, shape (repeats,).
    """
    sure, generator = np.asarray(confidence, dtype=float), np.random.default_rng(seed)
    if not len(sure):
        return np.full(repeats, np.nan)
    # As ``ConfidenceScores.bins``, with the sorting done once for all draws.
    order = np.sort(sure)
    starts = np.cumsum([0, *map(len, np.array_split(order, min(bins, len(order))))][:-1])
    said = np.add.reduceat(order, starts)
    draws = [
        np.abs(said - np.add.reduceat((generator.random(len(order)) < order).astype(float), starts)).sum()
        for _ in range(repeats)
    ]
    return np.array(draws) / len(order)


def brier(confidence: Sequence[float], right: Sequence[bool]) -> float:
    """Mean squared distance between confidence and rightness, 0..1."""
    return ConfidenceScores(confidence, right).brier()


def auroc(confidence: Sequence[float], right: Sequence[bool]) -> float:
    """Chance that a right answer is surer than a wrong one (ties count half); not a number if all are alike."""
    return ConfidenceScores(confidence, right).auroc()


def coverage_curve(confidence: Sequence[float], right: Sequence[bool], points: int = 20) -> list[dict[str, float]]:
    """Accuracy of the surest share of answers, for growing shares."""
    curve = ConfidenceScores(confidence, right).coverage()
    return [{"coverage": n / len(curve), "accuracy": float(curve[n - 1])} for n in kept_counts(len(curve), points)]


def kept_counts(count: int, points: int = 20) -> list[int]:
    """Numbers of answers that the points of a coverage curve keep."""
    return sorted({max(1, round(count * (i + 1) / points)) for i in range(points)}) if count else []


def confusion(predicted: Sequence[str | None], truth: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
    """Counts, shape (true labels, predicted labels + none)."""
    column = {label: index for index, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels) + 1), dtype=int)
    for guess, true in zip(predicted, truth, strict=True):
        counts[column[true], len(labels) if guess is None else column[guess]] += 1
    return {"labels": list(labels), "counts": counts.tolist()}
