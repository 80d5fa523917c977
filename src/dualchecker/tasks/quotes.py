"""From the words that a teacher quoted to the place in the text where they stand."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property

from dualchecker.tasks.folding import Folded, fold_text, parts_character, parts_word
from dualchecker.tasks.fuzzy import Searched
from dualchecker.tasks.settling import Place, Quote, settle

__all__ = ["Place", "Quote", "find_quotes"]

FOLDED = 0.99
"""Fit where only case, width, white space and kinds of quotes and dashes differ."""

STRIPPED = 0.98
"""Fit where, besides, the quote has marks that the text lacks: quotation marks, Markdown, a full stop at its end."""

ELLIPSIS = 0.95
"""By this the fit of the parts is multiplied where the quote leaves out what stands between them."""

MOST_PLACES = 2_000
"""Places of the same words that are looked at, from the beginning of the text."""

IN_WORD = 4
"""Letters that a quote has at least, where it stands inside of a longer word, and not with the very same characters."""

REACH = 200
"""What an ellipsis may leave out, in characters; or four times the length of the quote, if that is more."""

_ELLIPSIS = re.compile(r"\s*(?:\[ ?(?:\. ?){3,}\]|\( ?(?:\. ?){3,}\)|\.{3,}|\. \. \.(?: \.)*)\s*")
_MARKDOWN = re.compile(r"\*+|~~+|(?<![^\W_])_|_(?![^\W_])|(?<!\w)'|'(?!\w)|^(?:#+|>|-) ")
_BEFORE, _BEHIND = " \"'*_", " \"'*_.,;:。、؛،۔।"


def find_quotes(text: str, quotes: Sequence[Quote], least: float = 0.85) -> list[Place | None]:
    """The place of every quote, aligned with ``quotes``; None for one that is not in the text.

    A quote is looked for as it is; then without the differences that make no other words (see ``fold_text``); then
    without marks that the text lacks; then with something left out at an ellipsis; then as what is most like it. What
    stands there as whole words goes before what is a part of longer ones. See ``settle`` for quotes that stand there
    more than once.

    Args:
        text: The text.
        quotes: In the order in which the teacher gave them.
        least: The least fit of a place; 1 takes the very same characters only. Short quotes need more: see ``needed``.
    """
    page = _Page(text, least)
    known: dict[str, list[Place]] = {}
    for quote in quotes:
        if quote.text not in known:
            known[quote.text] = page.places(quote.text)
    # Folding a long text takes longer than finding what is there word for word.
    folded = page.folded if any(quote.before or quote.after for quote in quotes) else Folded("", [], [])
    return settle(quotes, [known[quote.text] for quote in quotes], folded)


class _Page:
    """A text in which quotes are looked for."""

    def __init__(self, text: str, least: float) -> None:
        self.text = text
        self.least = least

    @cached_property
    def folded(self) -> Folded:
        return fold_text(self.text)

    @cached_property
    def searched(self) -> Searched:
        return Searched(self.folded)

    def places(self, quote: str) -> list[Place]:
        """All places of the best kind at which a quote stands, in order, none of them overlapping."""
        whole, inside = self._exact(quote)
        if whole or self.least > FOLDED:
            return whole or inside
        words = fold_text(quote).text
        bared = _bared(words)
        for variant, fit in ((words, FOLDED), (bared if bared != words else "", STRIPPED)):
            if fit >= self.least and variant:
                whole, parts = self._same(variant, fit)
                if whole:
                    return whole
                inside = inside or (parts if _letters(variant) >= IN_WORD else [])
        return inside or self._with_gap(words) or self._alike(bared)

    def _exact(self, quote: str) -> tuple[list[Place], list[Place]]:
        """The very same characters, as whole words and as parts of words."""
        whole: list[Place] = []
        inside: list[Place] = []
        for start in _occurrences(self.text, quote):
            end = start + len(quote)
            if not parts_character(self.text, start) and not parts_character(self.text, end):
                parts = parts_word(self.text, start) or parts_word(self.text, end)
                _append(inside if parts else whole, Place(start, end, 1.0))
        return whole, inside

    def _same(self, words: str, fit: float) -> tuple[list[Place], list[Place]]:
        """The same folded characters, as whole words and as parts of words."""
        whole: list[Place] = []
        inside: list[Place] = []
        for start, end, parts in self._stretches(words):
            _append(inside if parts else whole, self._place(start, end, fit))
        return whole, inside

    def _stretches(self, words: str) -> Iterator[tuple[int, int, bool]]:
        """Where folded words stand in the folded text, and whether as parts of longer words."""
        folded = self.folded
        for start in _occurrences(folded.text, words):
            end = start + len(words)
            if not folded.parts(start) and not folded.parts(end):
                yield start, end, parts_word(folded.text, start) or parts_word(folded.text, end)

    def _place(self, start: int, end: int, fit: float) -> Place:
        return Place(self.folded.starts[start], self.folded.ends[end - 1], fit)

    def _with_gap(self, words: str) -> list[Place]:
        """From the head of a quote with an ellipsis to its tail; from the last head before each tail."""
        parts = [part for part in map(_bared, _ELLIPSIS.split(words)) if part]
        if not 2 <= len(parts) <= 8 or any(_letters(part) < 2 for part in parts):
            return []
        stretches = []
        likeness = 0.0
        for part in parts:
            same = [(start, end) for start, end, inside in self._stretches(part) if not inside]
            alike = None if same else self.searched.find(part, self.least)
            stretches.append(same or ([alike[:2]] if alike else []))
            likeness += len(part) * (FOLDED if same else alike[2] if alike else 0)
        fit = ELLIPSIS * likeness / sum(map(len, parts))
        if fit < self.least:
            return []
        reach = max(REACH, 4 * len(words))
        by_end: dict[int, int] = {}
        for start, end in stretches[0]:
            for following in stretches[1:]:
                index = bisect_left(following, (end, end))
                if index == len(following) or following[index][0] - end > reach:
                    break
                end = following[index][1]
            else:
                by_end[end] = start
        places: list[Place] = []
        for end, start in sorted(by_end.items()):
            _append(places, self._place(start, end, fit))
        return places

    def _alike(self, words: str) -> list[Place]:
        """What is most like folded words, wherever just this stands."""
        found = self.searched.find(words, self.least)
        if found is None or self.least > STRIPPED:
            return []
        start, end, likeness = found
        places: list[Place] = []
        for first, behind, inside in self._stretches(self.folded.text[start:end]):
            if not inside:
                _append(places, self._place(first, behind, min(likeness, STRIPPED)))
        return places


def _occurrences(text: str, words: str) -> Iterator[int]:
    start = text.find(words) if words else -1
    for _ in range(MOST_PLACES):
        if start < 0:
            return
        yield start
        start = text.find(words, start + 1)


def _append(places: list[Place], place: Place) -> None:
    """Add a place unless it overlaps the last one."""
    if not places or place.start >= places[-1].end:
        places.append(place)


def _bared(words: str) -> str:
    """Folded words without Markdown, marks around them and a full stop or ellipsis at their ends."""
    bare = _MARKDOWN.sub("", words)
    for _ in range(2):  # "... the flood." may stand in quotation marks, or they in it
        bare = bare.lstrip(_BEFORE).rstrip(_BEHIND)
        if leading := _ELLIPSIS.match(bare):
            bare = bare[leading.end() :]
        if (trailing := bare.rfind("[")) >= 0 and _ELLIPSIS.fullmatch(bare, trailing):
            bare = bare[:trailing]
    return bare


def _letters(words: str) -> int:
    return sum(map(str.isalnum, words))
