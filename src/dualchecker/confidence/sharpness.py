"""One exponent that makes a distribution as sure as it may be: temperature scaling on probabilities."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_EXPONENTS = np.concatenate([[0.0], np.geomspace(0.05, 8, 60)])
_FLOOR = 1e-4


def sharpen(probabilities: Array, exponent: float) -> Array:
    """Rows to the power of ``exponent``, normalised; 0 makes them uniform, 1 leaves them, more makes them surer."""
    log = exponent * np.log(np.maximum(probabilities, _FLOOR))
    powers = np.exp(log - log.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def best_exponent(probabilities: Array, truth: npt.NDArray[np.intp]) -> tuple[float, float]:
    """The exponent with the least mean log-loss on known labels, and that loss; (1, nan) without rows.

    Args:
        probabilities: Out-of-sample, shape (n, labels).
        truth: Column of the true label, shape (n,).
    """
    if not len(truth):
        return 1.0, float("nan")
    rows = np.arange(len(truth))
    losses = [-float(np.log(sharpen(probabilities, e)[rows, truth]).mean()) for e in _EXPONENTS]
    best = int(np.argmin(losses))
    return float(_EXPONENTS[best]), losses[best]
