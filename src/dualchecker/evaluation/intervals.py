"""Intervals: bootstrap, and in closed form for a share."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_Z = 1.96


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


def resamples(count: int, repeats: int, seed: int) -> Iterator[npt.NDArray[np.intp]]:
    """How often each of ``count`` rows was drawn, shape (count,), for each resample with replacement."""
    generator = np.random.default_rng(seed)
    for _ in range(repeats):
        yield np.bincount(generator.integers(0, count, count), minlength=count)


def bootstrap_all(
    measure: Callable[[npt.NDArray[np.intp] | None], Mapping[str, float]],
    count: int,
    *,
    repeats: int = 1000,
    seed: int = 0,
) -> tuple[dict[str, float], dict[str, Floats]]:
    """Many numbers on the same resamples.

    Args:
        measure: From how often each row counts (None: once) to numbers by name, the same names each time.
        count: Number of rows.
        repeats: Resamples.
        seed: Of the draws.

    Returns:
        The numbers on all rows, and on each resample, shape (repeats,); none without rows.
    """
    values = dict(measure(None))
    drawn = [measure(weights) for weights in resamples(count, repeats, seed)] if count else []
    return values, {name: np.array([row[name] for row in drawn], dtype=float) for name in values}


def percentile(value: float, draws: Floats) -> Interval:
    """The middle 95 % of the resamples, of those on which the number is defined."""
    finite = draws[np.isfinite(draws)]
    if not len(finite):
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(finite, [0.025, 0.975])
    return Interval(value, float(low), float(high))


def of_share(value: float, draws: Floats, count: int) -> Interval:
    """For a share of ``count`` records: the percentile interval, never narrower than Wilson's.

    The bootstrap of 20 right answers out of 20 draws nothing but right ones, and would be sure of 100 %.
    """
    drawn, closed = percentile(value, draws), wilson(value * count, count)
    return Interval(value, float(np.fmin(drawn.low, closed.low)), float(np.fmax(drawn.high, closed.high)))


def share_right(right: Sequence[bool], *, repeats: int = 1000, seed: int = 0) -> Interval:
    """The share of right answers with its interval; see ``of_share``."""
    hits = np.asarray(right, dtype=float)
    if not len(hits):
        return Interval(float("nan"), float("nan"), float("nan"))
    draws = [float(np.average(hits, weights=weights)) for weights in resamples(len(hits), repeats, seed)]
    return of_share(float(hits.mean()), np.array(draws), len(hits))


def noise_raised(value: float, draws: Floats, chance: Floats) -> Interval:
    """For ECE, which noise can only raise, and whose truth may be 0.

    Resampling adds as much noise again as the sample had added to the truth, so that the percentile interval lies
    above the truth. Here the lower end is that of the basic interval, which takes the noise off again (Davison and
    Hinkley 1997, section 5.2), and the upper end is the value and 1.96 standard errors. A value that calibrated
    answers would reach by ``chance``, too, cannot be told from 0, and the interval then reaches there. In simulations
    of 100 to 1,000 answers it held the truth in 87 to 96 of 100 cases, the percentile interval in 0 to 95.

    Args:
        value: On all rows.
        draws: On resamples.
        chance: What calibrated answers would show, see ``chance_ece``.
    """
    plain = percentile(value, draws)
    if not np.isfinite(plain.low):
        return plain
    low = 0.0 if value <= np.quantile(chance, 0.975) else max(0.0, 2 * value - plain.high)
    return Interval(value, min(low, value), min(1.0, value + _Z * float(np.nanstd(draws))))


def wilson(hits: float, count: int) -> Interval:
    """A share of few with its 95 % interval (Wilson 1927), which stays within 0 and 1."""
    if not count:
        return Interval(float("nan"), float("nan"), float("nan"))
    share = hits / count
    spread = _Z * math.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
    middle, scale = share + _Z**2 / (2 * count), 1 + _Z**2 / count
    return Interval(share, max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale))


def bootstrap(
    statistic: Callable[[Sequence[int]], float], count: int, *, repeats: int = 1000, seed: int = 0
) -> Interval:
    """Interval of any statistic of rows.

    Args:
        statistic: From row numbers (drawn with replacement) to a number.
        count: Number of rows.
        repeats: Resamples.
        seed: Of the draws.
    """
    if count == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    value = float(statistic(range(count)))
    generator = np.random.default_rng(seed)
    draws = [statistic(generator.integers(0, count, count).tolist()) for _ in range(repeats)]
    return percentile(value, np.array(draws, dtype=float))
