"""Words of a text for the formats that count in words, without loss of a character."""

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache

from dualchecker.errors import DataError
from dualchecker.records import Span

Places = list[tuple[int, int]]
"""Start and end of each word, in code points."""

_NO_BLANKS = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # kana
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
"""Scripts that put no blanks between words: there every character is a word, so that spans end between words."""


@lru_cache(maxsize=1 << 16)
def _kind(char: str) -> str:
    if char.isspace():
        return "blank"
    if unicodedata.category(char)[0] == "M" or char == "\u200d":
        return "mark"
    if any(low <= ord(char) <= high for low, high in _NO_BLANKS):
        return "single"
    return "word" if char.isalnum() or char == "_" else "single"


def tokenise(text: str, spans: Iterable[Span] = ()) -> Places:
    """The words of a text: runs of letters and digits, and every other character by itself.

    Words also end where a span begins or ends, so that spans can be told in words. In scripts without blanks every
    character is a word. Combining marks stay with what they stand on, unless a span parts them. What lies between two
    words is always blank.
    """
    cuts = {place for span in spans for place in (span.start, span.end)}
    places: Places = []
    previous = "blank"
    for place, char in enumerate(text):
        kind = _kind(char)
        if kind == "blank":
            previous = kind
            continue
        joins = kind == "mark" or (kind == "word" and previous == "word")
        if joins and previous != "blank" and place not in cuts:
            places[-1] = (places[-1][0], place + 1)  # a mark leaves the kind of what it stands on
            continue
        places.append((place, place + 1))
        previous = "word" if kind == "mark" else kind
    return places


def words_of(places: Places, span: Span) -> tuple[int, int] | None:
    """First and last word (both counted from 0, the last included) inside a span; None where it holds none."""
    first = bisect_left(places, (span.start, -1))
    last = bisect_right(places, span.end, key=lambda place: place[1]) - 1
    return (first, last) if first <= last else None


def trims(places: Places, words: tuple[int, int], span: Span) -> bool:
    """Whether a span, told in words, loses blanks at its edges."""
    return (places[words[0]][0], places[words[1]][1]) != (span.start, span.end)


def join(words: Sequence[str]) -> tuple[str, Places]:
    """A text of words with one blank between them, and where they stand in it."""
    places: Places = []
    place = 0
    for word in words:
        places.append((place, place + len(word)))
        place += len(word) + 1
    return " ".join(words), places


def locate(text: str, words: Sequence[str], where: str) -> Places:
    """Where words stand in the text that they were taken from.

    Raises:
        DataError: They are not the text's, one after the other with nothing but blanks between.
    """
    places: Places = []
    place = 0
    for word in words:
        while not text.startswith(word, place) and text[place : place + 1].isspace():
            place += 1
        if not text.startswith(word, place):
            raise DataError(
                f"{where}: the word {word!r} is not where the text goes on.",
                why=f"There the text reads {text[place : place + 30]!r}.",
                fix="Mend it, or leave the text out: then the words are put together with blanks.",
            )
        places.append((place, place + len(word)))
        place += len(word)
    return places
