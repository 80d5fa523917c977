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


def best_exponent(
    probabilities: Array, truth: npt.NDArray[np.intp] | Array, strength: float = 0.0
) -> tuple[float, float]:
    """The exponent with the least mean log-loss on known labels, and that loss; (1, nan) without rows.

    Args:
        probabilities: Out-of-sample, shape (n, labels).
        truth: Column of the true label, shape (n,); or a calibrated probability of every label, shape (n, labels):
            then the loss is the one to be expected.
        strength: Inverse variance of a Gaussian prior around 0 on the exponent's logarithm; 0 for none.
    """
    if not len(truth):
        return 1.0, float("nan")
    target = np.eye(probabilities.shape[1])[truth] if truth.ndim == 1 else truth
    candidates = _EXPONENTS[_EXPONENTS > 0] if strength else _EXPONENTS
    losses = [-float((target * np.log(sharpen(probabilities, e))).sum(axis=1).mean()) for e in candidates]
    prior = [0.5 * strength * np.log(e) ** 2 / len(truth) if strength else 0.0 for e in candidates]
    best = int(np.argmin(np.add(losses, prior)))
    return float(candidates[best]), losses[best]
