"""Beliefs smoothed over neighbouring texts: what is alike is often labelled alike.

Label propagation on a nearest-neighbour graph (Zhou et al. 2004, "Learning with local and global consistency"), started
from a student's beliefs and corrected by the known labels (Huang et al. 2021, "Combining label propagation and simple
models"). It brings in the pool's own structure, which neither teacher nor student sees alone.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from dualchecker.embedding import Vectors, similarity

MOST_NODES = 20_000
"""Beyond this the all-pairs product takes minutes, and gold is rarely scarce."""

NEIGHBOURS, TEMPERATURE, SPREAD, STEPS, BELIEF = 10, 0.05, 0.8, 20, 0.5


def neighbour_graph(vectors: Vectors, neighbours: int = NEIGHBOURS, chunk: int = 2048) -> Any:
    """Symmetrically normalised affinities of nearest neighbours, a SciPy CSR matrix of shape (n, n)."""
    from scipy.sparse import csr_matrix, diags

    count = vectors.shape[0]
    neighbours = min(neighbours, count - 1)
    columns, values = [], []
    for start in range(0, count, chunk):
        part = similarity(vectors[start : start + chunk], vectors)
        part[np.arange(len(part)), np.arange(start, start + len(part))] = -np.inf
        near = np.argpartition(-part, neighbours - 1, axis=1)[:, :neighbours]
        columns.append(near)
        values.append(np.exp((np.take_along_axis(part, near, axis=1) - 1) / TEMPERATURE))
    rows = np.repeat(np.arange(count), neighbours)
    graph = csr_matrix((np.concatenate(values).ravel(), (rows, np.concatenate(columns).ravel())), shape=(count, count))
    graph = graph.maximum(graph.T)
    degree = 1 / np.sqrt(np.maximum(np.asarray(graph.sum(axis=1)).ravel(), 1e-12))
    return (diags(degree) @ graph @ diags(degree)).tocsr()


def propagate(graph: Any, beliefs: npt.NDArray[np.float64], known: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Beliefs after smoothing, shape (n, labels), rows sum to 1.

    Args:
        graph: From ``neighbour_graph``.
        beliefs: Probabilities, shape (n, labels); one-hot where ``known``.
        known: Rows whose label is given, which count double.
    """
    start = np.where(known[:, None], beliefs, BELIEF * beliefs)
    state = start
    for _ in range(STEPS):
        state = SPREAD * (graph @ state) + (1 - SPREAD) * start
    state = np.maximum(state, 1e-9)
    return np.asarray(state / state.sum(axis=1, keepdims=True))
