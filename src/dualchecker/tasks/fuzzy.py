"""Where in a folded text words stand that are not quite there: the shortest stretch that is most like them.

Likeness is rapidfuzz's ``ratio``: twice the longest common subsequence over the sum of both lengths. Scanning a text
for every quote is slow, so shared n-grams vote for the places worth a look, and only those are aligned.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz

from dualchecker.tasks.folding import Folded, is_cjk, parts_word

MOST_CHARACTERS = 2_000
"""A longer quote is not looked for: quotes are phrases, and likeness costs the square of the length."""

SHORT = 3
"""How much stricter short quotes are judged: see ``needed``."""

REORDERED = 0.9
"""Likeness where the same words stand in another order; at least four of them, and most in order."""

_LOOKS = 6  # places worth a look; more found nothing on the benchmark's development seed
_MOST_VOTES = 100_000
_HEAD = 64  # what rapidfuzz aligns in one machine word


def needed(quote: str, least: float) -> float:
    """The likeness that a quote needs: ``least``, and the closer to 1 the fewer letters it has.

    By ``least + (1 - least) * 3 / letters``: at 0.85, six letters allow no change at all, seven one missing or added,
    ten one replaced, and a hundred fifteen.
    """
    letters = sum(char.isalnum() for char in quote)
    return least + (1 - least) * min(1.0, SHORT / letters) if letters else 1.0


@dataclass(frozen=True)
class Grams:
    """The n-grams of a text, sorted, with their positions."""

    text: str
    size: int
    codes: npt.NDArray[np.uint64] = field(init=False)
    order: npt.NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        codes = _codes(self.text, self.size)
        order = np.argsort(codes, kind="stable")
        object.__setattr__(self, "order", order)
        object.__setattr__(self, "codes", codes[order])

    def diagonals(self, quote: str) -> npt.NDArray[np.int64]:
        """For every n-gram shared: how far behind its place in the quote it stands in the text. Rare ones first."""
        wanted = _codes(quote, self.size)
        low = np.searchsorted(self.codes, wanted, "left")
        count = np.searchsorted(self.codes, wanted, "right") - low
        rare = np.argsort(count, kind="stable")
        rare = rare[(count[rare] > 0) & (np.cumsum(count[rare]) <= _MOST_VOTES)]
        if not len(rare):
            return np.zeros(0, dtype=np.int64)
        return np.concatenate([self.order[low[i] : low[i] + count[i]] - i for i in rare])


def _codes(text: str, size: int) -> npt.NDArray[np.uint64]:
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    if len(points) < size:
        return np.zeros(0, dtype=np.uint64)
    codes = points[: len(points) - size + 1].copy()
    for k in range(1, size):
        codes = codes << np.uint64(21) | points[k : len(points) - size + 1 + k]
    return codes


@dataclass(frozen=True)
class Searched:
    """A folded text made ready to be searched for what is only alike."""

    folded: Folded

    @cached_property
    def _pairs(self) -> Grams:
        return Grams(self.folded.text, 2)

    @cached_property
    def _triples(self) -> Grams:
        return Grams(self.folded.text, 3)

    def find(self, quote: str, least: float) -> tuple[int, int, float] | None:
        """Start, end and likeness of the stretch most like a folded quote; the shortest of equals, then the first.

        It begins and ends at whole characters and, where the script has blanks, at whole words. None where nothing is
        as like as ``needed``.
        """
        wanted = needed(quote, least)
        if wanted >= 1 or len(quote) > MOST_CHARACTERS:
            return None
        rough = []
        for low, high in self._worth_a_look(quote):
            window = self._align(quote, low, high)
            if window:
                rough.append((fuzz.ratio(quote, self.folded.text[window[0] : window[1]]), window))
        rough.sort(key=lambda item: (-item[0], item[1]))
        if least <= REORDERED and quote.count(" ") >= 3:
            for score, window in rough[:2]:
                if score >= 60 and (same := self._same_words(quote, window[0])):
                    return *same, REORDERED
        refined = (self._refine(quote, *window) for _, window in rough[:2])
        best = max((found for found in refined if found), default=None)
        if best is None or best[0] / 100 < wanted:
            return None
        return -best[2], -best[2] - best[1], best[0] / 100

    def _worth_a_look(self, quote: str) -> Iterator[tuple[int, int]]:
        """Where most n-grams are shared in about the same order: lowest and highest start of the quote there."""
        short = len(quote) < 16 or sum(map(is_cjk, quote)) * 2 > len(quote)
        diagonals = (self._pairs if short else self._triples).diagonals(quote)
        if not len(diagonals):
            return
        width = max(4, len(quote) // 4)
        base = int(diagonals.min())
        votes = np.bincount((diagonals - base) // width)
        both = votes + np.append(votes[1:], 0)  # a place may lie across two neighbours
        for bucket in np.argsort(-both, kind="stable")[:_LOOKS].tolist():
            if both[bucket]:
                yield base + bucket * width, base + (bucket + 2) * width

    def _align(self, quote: str, low: int, high: int) -> tuple[int, int] | None:
        """A window of about the right place and length."""
        text = self.folded.text
        slack = min(len(quote) // 4 + 4, 60)
        head = _place(quote[:_HEAD], text, low - slack, high + slack + min(len(quote), _HEAD))
        if head is None or len(quote) <= _HEAD:
            return head
        tail = _place(quote[-_HEAD:], text, low + len(quote) - _HEAD - slack, high + len(quote) + slack)
        return (head[0], tail[1]) if tail and tail[1] > head[0] else None

    def _refine(self, quote: str, start: int, end: int) -> tuple[float, int, int] | None:
        """The best of the windows whose ends lie near by, as (score, minus its length, minus its start)."""
        text = self.folded.text
        starts = [i for i in self._cuts(start) if i < len(text) and text[i] != " "]
        ends = [j for j in self._cuts(end) if j > 0 and text[j - 1] != " "]
        best = None
        # One end after the other, twice: nearly always what all pairs would give, at a tenth of the cost.
        for pass_ in range(4):
            pairs = [(start, j) for j in ends] if pass_ % 2 else [(i, end) for i in starts]
            tried = None
            for i, j in pairs:
                if i < j:
                    score = fuzz.ratio(quote, text[i:j], score_cutoff=tried[0] if tried else 0)
                    tried = max(tried or (score, i - j, -i), (score, i - j, -i))
            if tried is None:
                return None
            if pass_ > 1 and tried == best:
                break
            best = tried
            start, end = -best[2], -best[2] - best[1]
        return best

    def _same_words(self, quote: str, start: int) -> tuple[int, int] | None:
        """Near by, a stretch of the same words in another order."""
        text, size = self.folded.text, len(quote)
        letters, words = sorted(quote), sorted(quote.split(" "))
        for i in self._cuts(start):
            window = text[i : i + size]
            if sorted(window) == letters and sorted(window.split(" ")) == words:
                cut = self.folded.parts(i + size) or parts_word(text, i + size)
                if not cut:
                    return i, i + size
        return None

    def _cuts(self, middle: int) -> list[int]:
        """Positions near by where a place may begin or end."""
        text = self.folded.text
        middle = min(max(middle, 0), len(text))
        near = range(max(0, middle - 24), min(len(text), middle + 24) + 1)
        cuts = [i for i in near if not self.folded.parts(i) and not parts_word(text, i)]
        return sorted(cuts, key=lambda i: abs(i - middle))[:25]


def _place(part: str, text: str, low: int, high: int) -> tuple[int, int] | None:
    low, high = max(0, low), min(len(text), high)
    if high <= low:
        return None
    found: Any = fuzz.partial_ratio_alignment(part, text[low:high])
    if found is None or found.dest_end <= found.dest_start:
        return None
    return low + found.dest_start, low + found.dest_end
