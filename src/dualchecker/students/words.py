"""Tokens of a text in any language, with offsets: words where a script has blanks, single characters elsewhere."""

import unicodedata
from functools import cache

from dualchecker.students.bio import Token

# Written without blanks between words, or (Hangul) with endings that belong to no name: each character by itself.
_SINGLE = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1100, 0x11FF),  # Hangul letters
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x2FDF),  # radicals
    (0x3005, 0x3007),
    (0x3021, 0x31FF),  # Kana, Bopomofo, Hangul letters
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),  # Han
    (0xA960, 0xA97F),
    (0xAC00, 0xD7FF),  # Hangul
    (0xF900, 0xFAFF),
    (0xFF66, 0xFFDC),  # half-width Kana and Hangul
    (0x1B000, 0x1B16F),
    (0x20000, 0x3FFFF),  # Han
)
_JOINER = "\u200d"


@cache
def _sort(character: str) -> str:
    """``blank``, ``word``, ``mark`` (belongs to what is before it), ``single`` or ``sign``."""
    if character.isspace():
        return "blank"
    category, code = unicodedata.category(character), ord(character)
    if category[0] == "M" or character in "\u200c\u200d" or 0x1F3FB <= code <= 0x1F3FF:
        return "mark"
    if category[0] in "LN" or character == "_":
        return "single" if any(first <= code <= last for first, last in _SINGLE) else "word"
    return "sign"


def word_tokens(text: str) -> list[Token]:
    """Words, single characters of scripts without blanks, and signs; everything but blanks is in one of them.

    Combining marks, variation selectors and skin tones belong to the character before them, and what follows a
    zero-width joiner belongs to it: an emoji or an accented letter is never cut in two.
    """
    tokens: list[Token] = []
    last = "blank"  # what the token that ends here may be continued by
    for place, character in enumerate(text):
        kind = _sort(character)
        if kind == "blank":
            last = "blank"
        elif last != "blank" and (
            kind == "mark" or (kind == "word" and last == "word") or (kind == "sign" and text[place - 1] == _JOINER)
        ):
            tokens[-1] = tokens[-1][0], place + 1
        else:
            tokens.append((place, place + 1))
            last = "sign" if kind == "mark" else kind
    return tokens
