"""How alike the words of two texts are, each with its neighbours: what the embedded teacher carries spans over by."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from dualchecker.records import Span

Floats = npt.NDArray[np.float64]

# Chosen on 300 sentences of causal-news (spans_train) with five demonstrations each, and checked on 300 others.
_NEAR, _BEHIND = 1.0, 0.15
"""Weight of the neighbour across a boundary, and of the other one."""
_HEAT_INSIDE, _HEAT_EDGE = 0.1, 0.2
"""Temperatures: how alike a word must be for its tag to count."""
_PLACE = 1.0
"""What it costs to stand elsewhere in the text, for the inside of a span; boundaries follow the words alone."""

# Kanji and kana have no blanks between words: runs of one script are the units, and particles come letter by letter.
_WORD = re.compile(
    r"[\u3041-\u309f\u0e00-\u0e7f]|[\u30a0-\u30ff\uff66-\uff9f]+|[\u3400-\u9fff々]+|[^\W_\u3041-\u30ff\u3400-\u9fff]"
    r"(?:[^\W_\u3041-\u30ff\u3400-\u9fff\u0e00-\u0e7f]|[\u0300-\u036f]|['’\-](?=\w))*|[^\s]"
)


def words_of(text: str) -> list[tuple[int, int]]:
    """Offsets of the words and punctuation marks of a text in any script."""
    return [match.span() for match in _WORD.finditer(text)]


@dataclass(frozen=True)
class Words:
    """A text by words: their offsets, what they are, and their vectors where there are any (else no columns)."""

    places: tuple[tuple[int, int], ...]
    folded: tuple[str, ...]
    vectors: npt.NDArray[np.float32]
    marks: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.places)

    def tags(self, spans: Sequence[Span], label: str) -> Floats:
        """Inside, first and last word of the label's spans, as 0 and 1, shape (3, words)."""
        found = np.zeros((3, len(self)))
        for first, last in self.covered(span for span in spans if span.label == label):
            found[0, first : last + 1] = found[1, first] = found[2, last] = 1
        return found

    def covered(self, spans: Any) -> list[tuple[int, int]]:
        """First and last word of each span that has any."""
        found = []
        for span in spans:
            inside = [i for i, (start, end) in enumerate(self.places) if start < span.end and end > span.start]
            found += [(inside[0], inside[-1])] if inside else []
        return found


def tag_weights(text: Words, words: Words, middle: npt.NDArray[np.float32]) -> Iterator[Floats]:
    """How much each word of a demonstration tells about each word of the text, for inside, first, last.

    Shape (words of the text, words of the demonstration) each; one at a time, since texts may be long.
    """
    alike = _by_vectors(text, words, middle) if len(middle) else _by_letters(text, words)
    before, after = _shifted(alike, 1), _shifted(alike, -1)
    along, across = (np.linspace(0, 1, len(one)) for one in (text, words))
    away = np.abs(along[:, None] - across[None])
    yield np.exp((alike + _BEHIND * (before + after) - _PLACE * away) / _HEAT_INSIDE)
    yield np.exp((alike + _NEAR * before + _BEHIND * after) / _HEAT_EDGE)
    yield np.exp((alike + _NEAR * after + _BEHIND * before) / _HEAT_EDGE)


def _by_vectors(text: Words, words: Words, middle: npt.NDArray[np.float32]) -> Floats:
    """Cosine similarities, away from the middle of all words shown, to which all vectors of a transformer lean."""
    left, right = (
        (one.vectors - middle) / np.maximum(np.linalg.norm(one.vectors - middle, axis=1, keepdims=True), 1e-9)
        for one in (text, words)
    )
    return np.asarray(left @ right.T, dtype=np.float64)


def _by_letters(text: Words, words: Words) -> Floats:
    """1 for the same word, down to 0 for one that is not even of the same kind."""
    mine, others = ({word: i for i, word in enumerate(dict.fromkeys(one.folded))} for one in (text, words))
    known = np.array([[_same(a, b) for b in others] for a in mine])
    return known[np.ix_([mine[word] for word in text.folded], [others[word] for word in words.folded])]


@lru_cache(maxsize=2**16)
def _same(left: str, right: str) -> float:
    if left == right:
        return 1.0
    mine, others = _pairs(left), _pairs(right)
    dice = 2 * len(mine & others) / (len(mine) + len(others))
    return 0.6 * dice + 0.2 * (_kind(left) == _kind(right))


@lru_cache(maxsize=2**14)
def _pairs(word: str) -> frozenset[str]:
    padded = f" {word} "
    return frozenset(padded[i : i + 2] for i in range(len(padded) - 1))


@lru_cache(maxsize=2**14)
def _kind(word: str) -> str:
    """Number, mark, or script of a word, by the Unicode name of its first letter."""
    if word[0].isdigit():
        return "number"
    if not word[0].isalnum():
        return "mark"
    return unicodedata.name(word[0], "?").split(" ")[0] + ("" if len(word) > 3 else " short")


def _shifted(alike: Floats, by: int) -> Floats:
    """How alike the neighbours are (``by`` 1: those before), where both texts end there: half."""
    padded = np.zeros((alike.shape[0] + 2, alike.shape[1] + 2))
    padded[1:-1, 1:-1] = alike
    padded[0, 0] = padded[-1, -1] = 0.5
    return padded[1 - by : padded.shape[0] - 1 - by, 1 - by : padded.shape[1] - 1 - by]
