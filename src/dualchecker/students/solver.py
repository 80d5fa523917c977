"""Logistic regression with soft targets and weights, multinomial or one a label: convex, solved by L-BFGS."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

Blocks = Sequence[Any]
"""Features side by side, each of shape (n, d_i), dense or SciPy CSR; kept apart, since dense ones multiply faster."""


def softmax(scores: npt.NDArray[Any]) -> Array:
    """Row-wise, shape (n, k) to (n, k)."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True), dtype=np.float64)
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def scores_of(blocks: Blocks, weights: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Linear scores, shape (n, k); ``weights`` has shape (sum of d_i + 1, k), the last row is the intercept."""
    total, start = weights[-1], 0
    for block in blocks:
        end = start + block.shape[1]
        total = total + block @ weights[start:end]
        start = end
    return np.asarray(total)


def fit_softmax(
    blocks: Blocks,
    targets: Array,
    weights: Array,
    *,
    l2: float,
    max_iterations: int = 150,
) -> npt.NDArray[np.float32]:
    """Minimise weighted cross-entropy + l2/2 * |W|^2 (intercepts are free).

    Args:
        blocks: Features; see ``Blocks``.
        targets: Shape (n, k), rows sum to 1.
        weights: Shape (n,).
        l2: Strength of the ridge on the sum (not the mean) of losses: scikit-learn's ``1 / C``.
        max_iterations: Of L-BFGS.

    Returns:
        Weights, shape (sum of d_i + 1, k), intercepts last.
    """
    # Half the memory traffic; the gradient's last digits do not matter to L-BFGS at this tolerance.
    importance = weights.astype(np.float32)[:, None]
    wanted = targets.astype(np.float32) * importance

    def head(scores: npt.NDArray[Any]) -> tuple[float, npt.NDArray[Any]]:
        scores = scores - scores.max(axis=1, keepdims=True)
        delta = np.exp(scores)
        sums = delta.sum(axis=1, keepdims=True)
        value = float(np.vdot(importance, np.log(sums))) - float(np.vdot(wanted, scores))
        delta *= importance / sums
        delta -= wanted
        return value, delta

    return _minimise(blocks, targets.shape[1], head, float(weights.sum()), l2=l2, max_iterations=max_iterations)


def sigmoid(scores: npt.NDArray[Any]) -> Array:
    """Element-wise, shape (n, k) to (n, k); rows do not sum to 1."""
    return np.asarray(1 / (1 + np.exp(-np.clip(scores, -60, 60), dtype=np.float64)))


def fit_sigmoid(
    blocks: Blocks,
    targets: Array,
    weights: Array,
    *,
    l2: float,
    max_iterations: int = 150,
) -> npt.NDArray[np.float32]:
    """Independent logistic regressions on the same features, one a column, solved together.

    Minimises weighted binary cross-entropy + l2/2 * |W|^2. Intercepts carry a hundredth of the ridge, so that a label
    that never (or always) occurs has an optimum.

    Args:
        blocks: Features; see ``Blocks``.
        targets: Chance that each label applies, shape (n, k).
        weights: Of each (text, label), shape (n, k); 0 where nothing is known about a label of a text.
        l2: As in ``fit_softmax``.
        max_iterations: Of L-BFGS.

    Returns:
        Weights, shape (sum of d_i + 1, k), intercepts last.
    """
    importance = weights.astype(np.float32)
    wanted = targets.astype(np.float32)

    def head(scores: npt.NDArray[Any]) -> tuple[float, npt.NDArray[Any]]:
        value = float(np.vdot(importance, np.logaddexp(0, scores) - wanted * scores))
        return value, importance * (sigmoid(scores).astype(np.float32) - wanted)

    # A text's labels are so many examples: the mean is over texts, as where one label is chosen.
    total = float(weights.sum()) / targets.shape[1]
    return _minimise(blocks, targets.shape[1], head, total, l2=l2, max_iterations=max_iterations, intercept=0.01)


def _minimise(
    blocks: Blocks,
    labels: int,
    head: Callable[[npt.NDArray[Any]], tuple[float, npt.NDArray[Any]]],
    total: float,
    *,
    l2: float,
    max_iterations: int,
    intercept: float = 0.0,
) -> npt.NDArray[np.float32]:
    """Weights that minimise a sum of losses and a ridge.

    Args:
        blocks: Features.
        labels: Number of score columns.
        head: From scores, shape (n, labels), to the sum of losses and its gradient by the scores.
        total: What the sum is divided by, so that the tolerance means the same for any number of texts.
        l2: Ridge strength.
        max_iterations: Of L-BFGS.
        intercept: Share of the ridge that intercepts carry.
    """
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits

    # Columns that are empty in all examples have weight zero at the optimum: they need not be searched.
    used = np.concatenate([*_used_columns(blocks), [True]])
    full, blocks = len(used), [_narrowed(block) for block in blocks]
    shape = (int(used.sum()), labels)
    transposed = [block.T.tocsr() if hasattr(block, "tocsr") else np.ascontiguousarray(block.T) for block in blocks]
    scale = 1.0 / max(total, 1e-12)

    def loss(flat: Array) -> tuple[float, Array]:
        matrix = flat.reshape(shape).astype(np.float32)
        value, delta = head(scores_of(blocks, matrix))
        gradient = np.empty(shape, dtype=np.float32)
        row = 0
        for block in transposed:
            gradient[row : row + block.shape[0]] = block @ delta
            row += block.shape[0]
        gradient[-1] = delta.sum(axis=0)
        ridge = matrix.copy()
        ridge[-1] *= intercept
        value += 0.5 * l2 * float(np.vdot(ridge, matrix))
        gradient += l2 * ridge
        return value * scale, gradient.astype(np.float64).ravel() * scale

    first = np.zeros(shape)
    # One thread: the vectors are short, and OpenBLAS threads that wait for each other between small steps made this
    # twelve times slower beside a busy neighbour.
    with threadpool_limits(limits=1, user_api="blas"):
        result = minimize(
            loss,
            first.ravel(),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": max_iterations, "maxfun": max_iterations * 2, "ftol": 1e-7},
        )
    weights_out = np.zeros((full, labels), dtype=np.float32)
    weights_out[used] = result.x.reshape(shape)
    return weights_out


def _used_columns(blocks: Blocks) -> list[npt.NDArray[np.bool_]]:
    masks = []
    for block in blocks:
        mask = np.ones(block.shape[1], dtype=bool)
        if hasattr(block, "indices"):
            mask[:] = False
            mask[block.indices] = True
        masks.append(mask)
    return masks


def _narrowed(block: Any) -> Any:
    return block[:, np.unique(block.indices)] if hasattr(block, "indices") else block
