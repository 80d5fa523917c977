"""Thresholds on a calibrated confidence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_START, _STEP = 0.3, 0.05
"""Where the walk starts and how far it steps, as shares of the answers. A few answers prove little even when all are
right, and one unlucky answer among the first would end a walk that begins with them."""


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

    With a precision target, a walk starts at a share of the surest answers that is fixed beforehand and lets in more,
    step by step, until the bound fails (fixed-sequence testing, so that trying many thresholds does not spoil the
    guarantee). Where it gets nowhere with this gold, the estimate decides instead and the message says so.

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
    passed = _walk(ends, good, wanted)
    if passed is not None:
        return _describe(float(sure[passed - 1]), values, hits, wanted, guaranteed=True, message="")
    # With too little gold to prove it, the target must be met twice: by what was seen, which is noisy, and by what the
    # calibrated confidence promises, which the calibration has smoothed.
    promised = np.cumsum(sure) / np.arange(1, len(sure) + 1)
    reached = [n for n in ends if n >= 10 and good[n - 1] / n >= wanted and promised[n - 1] >= wanted]
    goal = f"{100 * wanted:.4g}%"
    if not reached:
        message = (
            f"A precision of {goal} is not reached on {len(values)} calibration answers: only answers with a "
            f"calibrated confidence of {goal} or more are accepted, which nothing proves."
        )
        return _describe(wanted, values, hits, wanted, guaranteed=False, message=message)
    last = reached[-1]
    message = (
        f"A precision of {goal} cannot be proved with {len(values)} calibration answers "
        f"({_missing_gold(int(good[last - 1]), last, len(sure), wanted)}); the threshold rests on the estimate."
    )
    return _describe(float(sure[last - 1]), values, hits, wanted, guaranteed=False, message=message)


def _walk(ends: Sequence[int], good: npt.NDArray[np.int_], wanted: float) -> int | None:
    """The largest number of surest answers whose precision is proved, or None.

    Args:
        ends: Numbers of answers at which a threshold can cut (between ties it cannot).
        good: Right answers among the surest 1, 2, ..., shape (n,).
        wanted: Precision to prove.
    """
    least = int(np.ceil(np.log(0.05) / np.log(wanted)))  # so many all-right answers reach the bound at the earliest
    proved = None
    tested = max(_START * ends[-1], least) if ends else 0.0
    for n in ends:
        if n < tested:
            continue
        if lower_bound(int(good[n - 1]), n) < wanted:
            break
        proved, tested = n, n + _STEP * ends[-1]
    return proved


def _missing_gold(good: int, accepted: int, total: int, wanted: float) -> str:
    """How many more calibration answers would prove the target, if precision and coverage stay as seen."""
    for factor in np.arange(1.1, 10.01, 0.1):
        n = round(accepted * factor)
        if lower_bound(round(good / accepted * n), n) >= wanted:
            return f"it needs about {round(total * (factor - 1))} more"
    return f"it needs more than {9 * total} more"


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
