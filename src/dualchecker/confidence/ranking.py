"""How well a number tells right from wrong, whatever its scale."""

from collections.abc import Sequence

import numpy as np


def auroc(values: Sequence[float], right: Sequence[bool]) -> float:
    """Chance that a right one has the higher value, ties counting half; not a number if all are right, or none is."""
    said, truth = np.asarray(values, dtype=float), np.asarray(right, dtype=bool)
    hits = int(truth.sum())
    if not 0 < hits < len(truth):
        return float("nan")
    ordered = np.sort(said)
    ranks = (np.searchsorted(ordered, said, "left") + np.searchsorted(ordered, said, "right") + 1) / 2
    return float((ranks[truth].sum() - hits * (hits + 1) / 2) / (hits * (len(truth) - hits)))
