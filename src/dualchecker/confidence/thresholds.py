"""Thresholds on a calibrated confidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from dualchecker.confidence.bound import model_bound

Unproved = Literal["bound", "estimate", "nothing"]
Basis = Literal["fixed", "proof", "bound", "estimate", "none"]

_LEAST = 10
"""Fewer accepted calibration answers than this are no evidence of anything."""

NEVER = 1.0
"""A threshold that no calibrated confidence reaches."""

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
        basis: What it rests on: ``fixed``, ``proof`` (``guaranteed``), ``bound`` (the bound of a fitted model),
            ``estimate``, or ``none`` (the target is out of reach and nothing is accepted).
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
    basis: Basis = "fixed"


def lower_bound(right: int, total: int, level: float = 0.95) -> float:
    """One-sided Clopper-Pearson lower bound of a proportion."""
    if right == 0:
        return 0.0
    from scipy.special import betaincinv

    return float(betaincinv(right, total - right + 1, 1 - level))


def choose_threshold(
    confidence: Sequence[float],
    right: Sequence[bool],
    wanted: float,
    *,
    fixed: bool,
    unproved: Unproved = "bound",
) -> Threshold:
    """A threshold for accepting answers.

    With a precision target, a walk starts at a share of the surest answers that is fixed beforehand and lets in more,
    step by step, until the bound fails (fixed-sequence testing, so that trying many thresholds does not spoil the
    guarantee). Where it gets nowhere with this gold, ``unproved`` says what decides instead, and the message tells.

    Args:
        confidence: Out-of-sample confidences of calibration answers, shape (n,).
        right: Whether they were right.
        wanted: The fixed threshold, or the target precision.
        fixed: Which of the two ``wanted`` is.
        unproved: Without a proof: ``bound`` takes the lowest threshold at which the 95 % bound of a logistic model of
            all calibration answers reaches the target (``model_bound``), ``estimate`` the lowest at which the target
            is met by what was seen and promised, ``nothing`` accepts nothing.
    """
    values, hits = np.asarray(confidence, dtype=float), np.asarray(right, dtype=bool)
    if fixed:
        return _describe(wanted, values, hits, None, basis="fixed", message="")
    order = np.argsort(-values, kind="stable")
    sure, good = values[order], np.cumsum(hits[order])
    ends = [n for n in range(1, len(sure) + 1) if n == len(sure) or sure[n] < sure[n - 1]]
    passed = _walk(ends, good, wanted)
    if passed is not None:
        return _describe(float(sure[passed - 1]), values, hits, wanted, basis="proof", message="")
    goal = f"{100 * wanted:.4g}%"
    # Without a proof the target must be met twice: by what was seen, which is noisy, and by a promise that is smooth.
    promised: npt.NDArray[np.float64] = np.zeros(len(sure))
    if unproved == "estimate":
        promised = np.cumsum(sure) / np.arange(1, len(sure) + 1)
    elif unproved == "bound" and len(sure):
        promised = model_bound(sure, hits[order])
    reached = [n for n in ends if n >= _LEAST and good[n - 1] / n >= wanted and promised[n - 1] >= wanted]
    if not reached:
        message = (
            f"A precision of {goal} is not reachable with these {len(values)} calibration answers, so nothing is "
            f"accepted: {_missing_gold(good, ends, wanted)}."
        )
        return _describe(NEVER, values, hits, wanted, basis="none", message=message)
    last = reached[-1]
    rests = "the estimate, which often misses" if unproved == "estimate" else "the 95 % bound of a model of all answers"
    message = (
        f"A precision of {goal} cannot be proved with {len(values)} calibration answers "
        f"({_missing_gold(good, [last], wanted)}); the threshold rests on {rests}."
    )
    basis: Basis = "estimate" if unproved == "estimate" else "bound"
    return _describe(float(sure[last - 1]), values, hits, wanted, basis=basis, message=message)


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


def _missing_gold(good: npt.NDArray[np.int_], ends: Sequence[int], wanted: float) -> str:
    """How many more calibration answers would prove the target, if precision and coverage stay as seen.

    Args:
        good: Right answers among the surest 1, 2, ..., shape (n,).
        ends: Numbers of answers at which a threshold could cut.
        wanted: Precision to prove.
    """
    total = len(good)
    if not total:
        return "there is no calibration answer"
    # Of fewer than a few answers, even all right, nothing can be foretold.
    hopeful = [n for n in ends if n >= min(_LEAST, total) and good[n - 1] / n > wanted]
    for factor in np.arange(1.1, 10.01, 0.1) if hopeful else ():
        for n in hopeful:
            grown = round(n * factor)
            if lower_bound(round(good[n - 1] / n * grown), grown) >= wanted:
                return f"a proof needs about {round(total * (factor - 1))} more"
    if hopeful:
        return f"a proof needs more than {9 * total} more"
    return "at no threshold are enough answers right, and more gold alone would not change that"


def _describe(
    value: float,
    values: npt.NDArray[np.float64],
    hits: npt.NDArray[np.bool_],
    target: float | None,
    *,
    basis: Basis,
    message: str,
) -> Threshold:
    above = values >= value
    count = int(above.sum())
    precision = float(hits[above].mean()) if count else None
    return Threshold(value, target, basis == "proof", precision, count, message, basis)
