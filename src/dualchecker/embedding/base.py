"""The seam between texts and vectors."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Vectors = Any
"""Row-normalised vectors, one row a text: a dense float32 array (n, d) or a SciPy CSR matrix of that shape."""


class Embedder(Protocol):
    """Turns texts into row-normalised vectors, so that a product of two is their cosine similarity."""

    @property
    def name(self) -> str:
        """Identifies the vectors: same name and same text, same vector."""
        ...

    def fit(self, texts: Sequence[str]) -> None:
        """Learn from the texts of the run what can be learnt (document frequencies); may do nothing."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row a text, in the given order; an empty list gives zero rows."""
        ...


def similarity(left: Vectors, right: Vectors) -> npt.NDArray[np.float32]:
    """Cosine similarities, shape (rows of left, rows of right), in one matrix product."""
    product = left @ right.T
    return np.asarray(product.toarray() if hasattr(product, "toarray") else product, dtype=np.float32)
