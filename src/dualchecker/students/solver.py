"""Multinomial logistic regression with soft targets and weights: a convex problem, solved by L-BFGS."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def softmax(scores: Array) -> Array:
    """Row-wise, shape (n, k) to (n, k)."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def fit_softmax(
    features: object,
    targets: Array,
    weights: Array,
    *,
    l2: float,
    start: tuple[Array, Array] | None = None,
    max_iterations: int = 200,
) -> tuple[Array, Array]:
    """Minimise weighted cross-entropy + l2/2 * |W|^2.

    Args:
        features: Shape (n, d), dense or SciPy CSR.
        targets: Shape (n, k), rows sum to 1.
        weights: Shape (n,).
        l2: Strength of the ridge on the sum (not the mean) of losses: scikit-learn's ``1 / C``.
        start: Coefficients (k, d) and intercepts (k,) to start from.
        max_iterations: Of L-BFGS.

    Returns:
        Coefficients, shape (k, d), and intercepts, shape (k,).
    """
    from scipy.optimize import minimize

    labels = targets.shape[1]
    dimensions = features.shape[1]  # type: ignore[attr-defined]
    weighted = targets * weights[:, None]
    scale = 1.0 / max(float(weights.sum()), 1e-12)

    def loss(flat: Array) -> tuple[float, Array]:
        matrix = flat.reshape(labels, dimensions + 1)
        coefficients, intercepts = matrix[:, :-1], matrix[:, -1]
        scores = np.asarray(features @ coefficients.T) + intercepts  # type: ignore[operator]
        top = scores.max(axis=1, keepdims=True)
        exponentials = np.exp(scores - top)
        sums = exponentials.sum(axis=1, keepdims=True)
        value = float(np.sum(weights * (np.log(sums) + top)[:, 0]) - np.sum(weighted * scores))
        delta = exponentials / sums * weights[:, None] - weighted
        gradient = np.empty_like(matrix)
        gradient[:, :-1] = np.asarray((features.T @ delta).T) + l2 * coefficients  # type: ignore[attr-defined]
        gradient[:, -1] = delta.sum(axis=0)
        value += 0.5 * l2 * float(np.sum(coefficients**2))
        return value * scale, (gradient * scale).ravel()

    first = np.zeros((labels, dimensions + 1))
    if start is not None:
        first[:, :-1], first[:, -1] = start
    result = minimize(
        loss,
        first.ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": max_iterations, "maxfun": max_iterations * 2},
    )
    matrix = result.x.reshape(labels, dimensions + 1)
    return matrix[:, :-1].copy(), matrix[:, -1].copy()
