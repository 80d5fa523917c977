"""Thresholds on a calibrated confidence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Threshold:
    """Accept at or above ``value``.

    Attributes:
        value: The confidence to reach.
        target: The precision asked for; None for a fixed threshold.
        guaranteed: Whether the one-sided 95 % lower bound of the precision reaches the target on calibration gold.
        precision: Precision on calibration gold at or above ``value``; None if nothing is.
        accepted: Number of calibration answers at or above it.
        message: What the user should know; empty when all is as asked.
    """

    value: float
    target: float | None = None
    guaranteed: bool = False
    precision: float | None = None
    accepted: int = 0
    message: str = ""


def lower_bound(right: int, total: int, level: float = 0.95) -> float:
    """One-sided Clopper-Pearson lower bound of a proportion."""
    if right == 0:
        return 0.0
    from scipy.special import betaincinv

    return float(betaincinv(right, total - right + 1, 1 - level))


def choose_threshold(confidence: Sequence[float], right: Sequence[bool], wanted: float, *, fixed: bool) -> Threshold:
    """A threshold for accepting answers.

    With a precision target, thresholds are tested from the surest answers downwards and the walk stops at the first
    failure, so that trying many does not spoil the bound (fixed-sequence testing). Where the bound cannot be reached
    with this gold, the estimate decides instead and the message says so.

    Args:
        confidence: Out-of-sample confidences of calibration answers, shape (n,).
        right: Whether they were right.
        wanted: The fixed threshold, or the target precision.
        fixed: Which of the two ``wanted`` is.
    """
    values, hits = np.asarray(confidence, dtype=float), np.asarray(right, dtype=bool)
    if fixed:
        return _describe(wanted, values, hits, None, guaranteed=False, message="")
    order = np.argsort(-values, kind="stable")
    sure, good = values[order], np.cumsum(hits[order])
    ends = [n for n in range(1, len(sure) + 1) if n == len(sure) or sure[n] < sure[n - 1]]
    least = int(np.ceil(np.log(0.05) / np.log(wanted)))  # so many all-right answers reach the bound at the earliest
    passed = None
    for n in ends:
        if n < least:
            continue
        if lower_bound(int(good[n - 1]), n) < wanted:
            break
        passed = n
    if passed is not None:
        return _describe(float(sure[passed - 1]), values, hits, wanted, guaranteed=True, message="")
    reached = [n for n in ends if n >= min(10, len(sure)) and good[n - 1] / n >= wanted]
    # Without any evidence the calibrated confidence itself is the best judge.
    value = float(sure[reached[-1] - 1]) if reached else max(wanted, float(sure[0]) + 1e-6 if len(sure) else wanted)
    value = min(value, 0.9999)
    more = max(least, 10) if not reached else _missing_gold(int(good[reached[-1] - 1]), reached[-1], len(sure), wanted)
    message = (
        f"A precision of {wanted:.0%} cannot be guaranteed with {len(values)} calibration answers "
        f"(it needs about {more} more); the threshold rests on the estimate."
        if reached
        else f"No threshold reaches a precision of {wanted:.0%} on {len(values)} calibration answers; only answers "
        f"surer than any of them are accepted."
    )
    return _describe(value, values, hits, wanted, guaranteed=False, message=message)


def _missing_gold(good: int, accepted: int, total: int, wanted: float) -> int:
    """About how many more calibration answers would prove the target at the precision seen."""
    for factor in (1.25, 1.5, 2, 3, 4, 6, 8, 12, 16, 32):
        n = int(accepted * factor)
        if lower_bound(round(good * n / accepted), n) >= wanted:
            return int(total * (factor - 1))
    return total * 32


def _describe(
    value: float,
    values: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    hits: "np.ndarray[tuple[int], np.dtype[np.bool_]]",
    target: float | None,
    *,
    guaranteed: bool,
    message: str,
) -> Threshold:
    above = values >= value
    count = int(above.sum())
    precision = float(hits[above].mean()) if count else None
    return Threshold(value, target, guaranteed, precision, count, message)
