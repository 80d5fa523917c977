"""Vectors once: an embedder that remembers every text it has seen, in memory and in a run's folder."""

import hashlib
import os
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dualchecker.embedding.base import Embedder, Vectors


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class CachedEmbedder:
    """Wraps an embedder of dense vectors.

    Args:
        inner: The embedder.
        folder: Where vectors are kept between processes; None keeps them in memory only.
    """

    def __init__(self, inner: Embedder, folder: Path | None = None) -> None:
        self._inner = inner
        self._vectors: dict[bytes, npt.NDArray[np.float32]] = {}
        self._file: Path | None = None
        if folder is not None:
            name = hashlib.sha256(inner.name.encode()).hexdigest()[:16]
            self._file = folder / f"vectors-{name}.npz"
            self._load()

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def inner(self) -> Embedder:
        return self._inner

    def fit(self, texts: Sequence[str]) -> None:
        self._inner.fit(texts)

    def embed(self, texts: Sequence[str]) -> Vectors:
        keys = [_digest(text) for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._vectors}
        if missing:
            fresh = np.asarray(self._inner.embed(list(missing.values())), dtype=np.float32)
            self._vectors.update(zip(missing, fresh, strict=True))
        if not keys:
            return self._inner.embed([])
        return np.stack([self._vectors[key] for key in keys])

    def save(self) -> None:
        """Write the vectors to the folder, if there is one."""
        if self._file is None or not self._vectors:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        keys = np.frombuffer(b"".join(self._vectors), dtype=np.uint8).reshape(-1, 16)
        temporary = self._file.with_name(f".{self._file.name}.{os.getpid()}.tmp.npz")
        np.savez(temporary, keys=keys, vectors=np.stack(list(self._vectors.values())))
        temporary.replace(self._file)

    def _load(self) -> None:
        if self._file is None or not self._file.is_file():
            return
        try:
            with np.load(self._file, allow_pickle=False) as stored:
                self._vectors = {k.tobytes(): v for k, v in zip(stored["keys"], stored["vectors"], strict=True)}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
            # A damaged cache costs time, not results.
            self._vectors = {}
