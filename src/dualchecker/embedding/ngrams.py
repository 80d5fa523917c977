"""Character n-gram TF-IDF: needs no model and serves any language."""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from dualchecker.embedding.base import Vectors

_FEATURES = 2**18
_RANGE = (2, 4)


class NgramEmbedder:
    """Hashed character n-grams (2-4, inside word boundaries) with sub-linear counts and inverse document frequencies.

    ``fit`` learns the document frequencies; before it, all n-grams count alike. Vectors are SciPy CSR rows.

    Args:
        idf: Inverse document frequencies of a saved embedder, shape (features,).
        features: Number of hash buckets.
    """

    def __init__(self, idf: npt.NDArray[Any] | None = None, features: int = _FEATURES) -> None:
        self._idf = idf
        self._features = features if idf is None else len(idf)
        self._rows: dict[str, Any] = {}  # each text is counted once: some hundred numbers a text

    @property
    def features(self) -> int:
        """Number of hash buckets, the width of the vectors."""
        return self._features

    @property
    def name(self) -> str:
        return f"ngrams:{_RANGE[0]}-{_RANGE[1]}:{self._features}:{self._digest}"

    @cached_property
    def _digest(self) -> str:
        return "unfitted" if self._idf is None else hashlib.sha256(self._idf.tobytes()).hexdigest()[:12]

    @property
    def idf(self) -> npt.NDArray[Any] | None:
        """Inverse document frequencies, shape (features,), for saving."""
        return self._idf

    def _counts(self, texts: Sequence[str]) -> Any:
        from sklearn.feature_extraction.text import HashingVectorizer

        vectorizer = HashingVectorizer(
            analyzer="char_wb", ngram_range=_RANGE, n_features=self._features, norm=None, alternate_sign=False
        )
        return vectorizer.transform(text.encode("utf-8", "replace").decode() for text in texts)

    def fit(self, texts: Sequence[str]) -> None:
        if not texts:
            return
        counts = self._counts(texts)
        frequency = np.bincount(counts.indices, minlength=self._features)
        # n-grams never seen in the run get the weight of the rarest ones rather than an outlier's.
        self._idf = np.log((1 + len(texts)) / (1 + np.maximum(frequency, 1))) + 1
        self.__dict__.pop("_digest", None)
        self._rows.clear()

    def embed(self, texts: Sequence[str]) -> Vectors:
        from scipy.sparse import csr_matrix, vstack

        if not len(texts):
            return csr_matrix((0, self._features), dtype=np.float32)
        missing = list(dict.fromkeys(text for text in texts if text not in self._rows))
        if missing:
            fresh = self._compute(missing)
            self._rows.update({text: fresh[i] for i, text in enumerate(missing)})
        return vstack([self._rows[text] for text in texts], format="csr")

    def _compute(self, texts: Sequence[str]) -> Vectors:
        from sklearn.preprocessing import normalize

        counts = self._counts(texts)
        counts.data = 1 + np.log(counts.data)
        if self._idf is not None:
            counts.data *= self._idf[counts.indices]
        return normalize(counts).astype(np.float32)
