"""What the linear tagger sees of a token: its wording and neighbours, and what a frozen encoder makes of it."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from dualchecker.embedding import CachedEmbedder, Embedder
from dualchecker.students.bio import Token
from dualchecker.students.words import word_tokens

Ids = npt.NDArray[np.uint64]

_BITS = 17
DEPTH = 2 / 3
"""How far up the layer is whose vectors are used. The last layers of a sentence encoder are about the sentence; on
causes and effects in news, F1 of exact spans was 20 with the last of six layers, and 33 with the fourth."""

SHARE = 1.0
_CACHED_TOKENS = 400_000
_AROUND = (-2, -1, 1, 2)
_MIX = np.uint64(0x9E3779B97F4A7C15)


@lru_cache(maxsize=200_000)
def _word_ids(word: str) -> tuple[int, int, int, int, int, int]:
    """Hashes of a word, its beginning, its ends and its shape; the same in every process."""
    lower = word.lower()
    shape = "".join("A" if c.isupper() else "a" if c.isalpha() else "0" if c.isnumeric() else c for c in word[:12])
    short = "".join(c for c, before in zip(shape, "\0" + shape, strict=False) if c != before)
    forms = (lower, "p" + lower[:3], "s" + lower[-2:], "s" + lower[-3:], "w" + short, "k" + str(min(len(word), 12)))
    return tuple(zlib.crc32(form.encode("utf-8", "replace")) for form in forms)  # type: ignore[return-value]


def _mixed(ids: Ids, salt: int) -> Ids:
    """Another hash of the same features, so that each use of them has buckets of its own."""
    with np.errstate(over="ignore"):
        mixed = (ids + np.uint64(salt)) * _MIX
        return np.asarray((mixed ^ (mixed >> np.uint64(29))) * _MIX)


def _shifted(column: Ids, by: int) -> Ids:
    """The column of the token that many places further on; 1 where there is none."""
    out = np.ones_like(column)
    if by > 0:
        out[:-by] = column[by:]
    else:
        out[-by:] = column[:by]
    return out


def _distances(marks: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Tokens since the last mark (0 at it), counted from the text's start where there is none, in six sizes."""
    places = np.arange(len(marks))
    last = np.maximum.accumulate(np.where(marks, places, -1))
    return np.searchsorted([1, 2, 3, 6, 12], places - last, side="right")


def lexical_ids(text: str, tokens: Sequence[Token]) -> npt.NDArray[np.int32]:
    """Buckets of each token's features, shape (tokens, features): all of them apply."""
    if not tokens:
        return np.zeros((0, 1), dtype=np.int32)
    words = [text[start:end] for start, end in tokens]
    own = np.array([_word_ids(word) for word in words], dtype=np.uint64)
    lower, _, _, end, shape, _ = own.T
    columns = [*own.T]
    for by in _AROUND:
        columns += [_shifted(column, by) for column in ((lower, shape, end) if abs(by) == 1 else (lower,))]
    columns += [_mixed(_shifted(lower, -1), 1) ^ lower, _mixed(lower, 2) ^ _shifted(lower, 1)]
    sign = np.array([not any(c.isalnum() for c in word) for word in words])
    before, after = _distances(sign), _distances(sign[::-1])[::-1]
    place = np.arange(len(words))
    positions = [np.minimum(place, 4), np.minimum(place[::-1], 4), place * 5 // len(words), before, after]
    positions.append(before * 6 + after)
    columns += [np.asarray(position, dtype=np.uint64) for position in positions]
    salted = [_mixed(column, number + 10) for number, column in enumerate(columns)]
    return np.asarray(np.stack(salted, axis=1) >> np.uint64(64 - _BITS), dtype=np.int32)


@dataclass(frozen=True, slots=True)
class _Seen:
    tokens: list[Token]
    lexical: npt.NDArray[np.int32]
    vectors: npt.NDArray[np.float16] | None


class TokenFeatures:
    """Feature blocks of tokens. What it has computed of a text it keeps (of so many tokens), so that many students
    can be fitted on the same texts.

    Args:
        embedder: The run's; only an encoder has vectors of tokens, of any other nothing is used.
        share: How strongly the vectors count beside the wording; 0 leaves them out.
        depth: How far up the encoder's layers the vectors are taken, 0..1.
    """

    def __init__(self, embedder: Embedder | None = None, share: float = SHARE, depth: float = DEPTH) -> None:
        self._encoder = _encoder(embedder) if share else None
        self.share, self.depth = (share if self._encoder else 0.0), depth
        self._seen: dict[str, _Seen] = {}
        self._held = 0

    def tokens(self, texts: Sequence[str]) -> list[list[Token]]:
        """Words, characters and signs of each text; see ``word_tokens``."""
        return [one.tokens for one in self._look_at(texts)]

    def blocks(self, texts: Sequence[str]) -> tuple[list[list[Token]], list[Any]]:
        """The tokens of each text, and their features: a block of shape (all tokens, d) each."""
        from scipy.sparse import csr_matrix

        seen = self._look_at(texts)
        ids = [one.lexical for one in seen if one.tokens]
        width = ids[0].shape[1] if ids else 1
        flat = np.concatenate(ids) if ids else np.zeros((0, width), dtype=np.int32)
        values = np.full(flat.size, 1 / np.sqrt(width), dtype=np.float32)
        starts = np.arange(len(flat) + 1) * width
        lexical = csr_matrix((values, flat.ravel(), starts), shape=(len(flat), 2**_BITS))
        lexical.sum_duplicates()
        blocks: list[Any] = [lexical]
        if self._encoder:
            vectors = [one.vectors for one in seen if one.vectors is not None and len(one.tokens)]
            if vectors:
                blocks.append(np.concatenate(vectors).astype(np.float32) * np.float32(self.share))
            else:
                blocks.append(np.zeros((0, 1), dtype=np.float32))
        return [one.tokens for one in seen], blocks

    def _look_at(self, texts: Sequence[str]) -> list[_Seen]:
        new = list(dict.fromkeys(text for text in texts if text not in self._seen))
        fresh = dict(zip(new, self._compute(new), strict=True))
        for text, one in fresh.items():
            if self._held < _CACHED_TOKENS:
                self._seen[text] = one
                self._held += len(one.tokens)
        return [fresh[text] if text in fresh else self._seen[text] for text in texts]

    def _compute(self, texts: Sequence[str]) -> list[_Seen]:
        tokens = [word_tokens(text) for text in texts]
        vectors: list[npt.NDArray[np.float16] | None] = [None] * len(texts)
        if self._encoder and texts:
            from dualchecker.embedding.token_vectors import token_vectors

            pieces = token_vectors(self._encoder, texts, self.depth)
            vectors = [_pooled(its, *piece) for its, piece in zip(tokens, pieces, strict=True)]
        return [_Seen(*one) for one in zip(tokens, map(lexical_ids, texts, tokens), vectors, strict=True)]


def _pooled(
    words: Sequence[Token], pieces: Sequence[Token], vectors: npt.NDArray[np.float32]
) -> npt.NDArray[np.float16]:
    """The mean of the pieces of each word, of Euclidean length 1 (0 for a word that the encoder does not see)."""
    sums = np.concatenate([np.zeros((1, vectors.shape[1])), np.cumsum(vectors, axis=0, dtype=np.float64)])
    out = np.zeros((len(words), vectors.shape[1]))
    starts, ends = np.array([p[0] for p in pieces]), np.array([p[1] for p in pieces])
    if len(words) and len(pieces):
        first = np.searchsorted(ends, [word[0] for word in words], side="right")
        last = np.searchsorted(starts, [word[1] for word in words], side="left")
        last = np.maximum(first, last)
        out = sums[last] - sums[first]
        out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)
    return out.astype(np.float16)


def _encoder(embedder: Embedder | None) -> Any:
    from dualchecker.embedding.transformer import TransformerEmbedder

    inner = embedder.inner if isinstance(embedder, CachedEmbedder) else embedder
    return inner if isinstance(inner, TransformerEmbedder) else None
