"""Bootstrap intervals."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % percentile bootstrap interval."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


def bootstrap(
    statistic: Callable[[Sequence[int]], float], count: int, *, repeats: int = 1000, seed: int = 0
) -> Interval:
    """Interval of a statistic of rows.

    Args:
        statistic: From row numbers (drawn with replacement) to a number.
        count: Number of rows.
        repeats: Resamples.
        seed: Of the draws.
    """
    if count == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    value = statistic(range(count))
    generator = np.random.default_rng(seed)
    draws = [statistic(generator.integers(0, count, count).tolist()) for _ in range(repeats)]
    finite = [draw for draw in draws if np.isfinite(draw)]
    if not finite:
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(finite, [0.025, 0.975])
    return Interval(float(value), float(low), float(high))
