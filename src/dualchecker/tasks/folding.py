"""Text without the differences that make no other words: width, case, white space, kinds of quotes and dashes.

A folded text keeps, for each of its characters, where in the original the character stands that it came from, so that
whatever is found in it has offsets in the original. User-perceived characters are never cut apart: a letter and its
accents, an emoji and what is joined to it, CR and LF (after Unicode's UAX #29, without its tables: what Python's
``unicodedata`` can tell).
"""

import re
import unicodedata
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache

_JOINER = "\u200d"
_REGIONAL = range(0x1F1E6, 0x1F200)
_UNSPACED = ((0x0E00, 0x10A0), (0x1780, 0x1800), (0x1950, 0x19E0))
"""Thai, Lao, Tibetan, Burmese, Khmer, Tai: words without blanks between them."""
_CJK = ((0x2E80, 0x3130), (0x3190, 0xA4D0), (0xF900, 0xFB00), (0xFE30, 0xFE50), (0xFF01, 0xFFF0), (0x1B000, 0x1B170))

_SINGLE, _DOUBLE = "'‘’‚‛‹›`´′", '"“”„‟«»″「」『』｢｣〝〞〟'
_AS = {ord(mark): "'" for mark in _SINGLE} | {ord(mark): '"' for mark in _DOUBLE}
_AS |= {0x2212: "-", 0x301C: "~", 0x22EF: "..."} | dict.fromkeys((*range(0x2010, 0x2016), 0xFE58, 0xFE63), "-")
_IGNORED = (
    *(0xAD, 0x34F, 0x61C, 0xFEFF),
    *range(0x180B, 0x1810),
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    *range(0xFE00, 0xFE10),
    *range(0xE0100, 0xE01F0),
)
_AS |= dict.fromkeys(_IGNORED, "")


@lru_cache(maxsize=1 << 16)
def is_cjk(char: str) -> bool:
    """Whether blanks around this character say nothing: Chinese and Japanese, with their punctuation."""
    code = ord(char)
    return 0x20000 <= code < 0x40000 or any(low <= code < high for low, high in _CJK)


@lru_cache(maxsize=1 << 16)
def in_word(char: str) -> bool:
    """Whether the character is part of a word, in a script that puts blanks between words."""
    if not (char.isalnum() or char == "_" or unicodedata.category(char)[0] == "M"):
        return False
    return not is_cjk(char) and not any(low <= ord(char) < high for low, high in _UNSPACED)


def parts_word(text: str, position: int) -> bool:
    """Whether a cut here would go through a word."""
    return 0 < position < len(text) and in_word(text[position - 1]) and in_word(text[position])


@lru_cache(maxsize=1 << 16)
def _extends(char: str) -> bool:
    """Whether the character belongs to the one before it."""
    code = ord(char)
    return (
        unicodedata.category(char)[0] == "M"
        or code in (0x200C, 0x200D, 0xFF9E, 0xFF9F, 0x0E33, 0x0EB3)
        or 0x1F3FB <= code <= 0x1F3FF  # skin tones
        or 0xE0020 <= code <= 0xE007F  # tags, as in the flag of Scotland
    )


def _syllable(char: str) -> str:
    """Leading consonant, vowel or trailing consonant of a Korean syllable, or a whole one without or with the last."""
    code = ord(char)
    if 0x1100 <= code < 0x1200:
        return "L" if code < 0x1160 else "V" if code < 0x11A8 else "T"
    if 0xAC00 <= code < 0xD7A4:
        return "v" if (code - 0xAC00) % 28 == 0 else "t"
    return ""


_SYLLABLES = frozenset({"LL", "LV", "Lv", "Lt", "VV", "VT", "vV", "vT", "TT", "tT"})


def parts_character(text: str, position: int) -> bool:
    """Whether a cut here would go through what people see as one character."""
    if not 0 < position < len(text):
        return False
    before, char = text[position - 1], text[position]
    if char < "\u0300":
        return before == "\r" and char == "\n"
    if _extends(char):
        # A mark that follows a line break or another control character stands by itself.
        return _extends(before) or unicodedata.category(before) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
    if ord(char) in _REGIONAL and ord(before) in _REGIONAL:  # flags are pairs
        first = position
        while first > 0 and ord(text[first - 1]) in _REGIONAL:
            first -= 1
        return (position - first) % 2 == 1
    if before == _JOINER and ord(char) not in _REGIONAL:
        return unicodedata.category(char) in ("So", "Sk") or 0x1F000 <= ord(char) < 0x20000
    return _syllable(before) + _syllable(char) in _SYLLABLES


@lru_cache(maxsize=1 << 16)
def _may_join(char: str) -> bool:
    """Whether there are characters that this one follows without a cut; quickly told for most."""
    if _extends(char) or _syllable(char) or char == "\n":
        return True
    return unicodedata.category(char) in ("So", "Sk") or 0x1F000 <= ord(char) < 0x20000


_ASCII = re.compile(r"[!-~]+(?=[\x00-\u02ff]|\Z)")
"""What nothing is joined to."""


@lru_cache(maxsize=1 << 16)
def _fold_character(character: str) -> str:
    """One user-perceived character without width, case and style; a blank for white space."""
    bare = character.translate(_AS)
    if not bare or bare.isspace():
        return " " if bare else ""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", bare).casefold())
    # Fullwidth quotes and dashes only show what they are now.
    return folded.translate(_AS)


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text and where it came from.

    Attributes:
        text: Folded: NFKC, case folded, one kind of quotes and dashes, no invisible characters, a single blank for any
            white space, none at the ends nor beside Chinese or Japanese.
        starts: For each of its characters, the offset in the original at which the source begins.
        ends: Likewise, the offset behind the source.
    """

    text: str
    starts: list[int]
    ends: list[int]

    def parts(self, position: int) -> bool:
        """Whether a cut here would go through a character of the original."""
        return 0 < position < len(self.starts) and self.starts[position - 1] == self.starts[position]

    def position(self, offset: int) -> int:
        """The first position that comes from ``offset`` in the original, or from behind it."""
        return bisect_left(self.starts, offset)


def fold_text(text: str) -> Folded:
    """Fold a text; see ``Folded``."""
    folded: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    blank: tuple[int, int] | None = None
    start = 0
    while start < len(text):
        ascii = _ASCII.match(text, start) if "!" <= text[start] <= "~" else None
        if ascii:  # many at once; the rest one by one
            end = ascii.end()
            character = ascii[0].lower().replace("`", "'")
        else:
            end = start + 1
            if end < len(text) and _may_join(text[end]):
                end = _end_of_character(text, start)
            character = _fold_character(text[start:end])
            if character == " ":
                blank = (blank[0] if blank else start, end)
        if character and character != " ":
            if blank:
                if folded and not is_cjk(folded[-1]) and not is_cjk(character[0]):
                    folded.append(" ")
                    starts.append(blank[0])
                    ends.append(blank[1])
                blank = None
            if ascii:
                folded.extend(character)
                starts.extend(range(start, end))
                ends.extend(range(start + 1, end + 1))
            else:
                for part in character:
                    folded.append(part)
                    starts.append(start)
                    ends.append(end)
        start = end
    return Folded("".join(folded), starts, ends)


def _end_of_character(text: str, start: int) -> int:
    """The offset behind the user-perceived character that begins here."""
    end = start + 1
    while end < len(text) and _may_join(text[end]):
        if ord(text[end]) in _REGIONAL and ord(text[end - 1]) in _REGIONAL:
            if end - start > 1:  # parts_character() would count a long row of flags from its beginning each time
                break
        elif not parts_character(text, end):
            break
        end += 1
    return end
