"""A text as words with their places, in any script, for scores that count words."""

import re
import unicodedata

_ASCII = re.compile(r"\w+|[^\w\s]")

_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007),  # signs that repeat or stand for a Han character
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),  # Katakana of half width
    (0x20000, 0x3FFFF),  # Han beyond the first plane
)
"""Scripts that are written without spaces between words."""

_JOINERS = "\u200c\u200d\ufe0e\ufe0f"


def words(text: str) -> list[tuple[int, int]]:
    """Start and end of every word, in order.

    A word is a run of letters and digits. In scripts without spaces between words (Chinese, Japanese, Thai, ...) every
    letter is one, and so is every sign that is neither letter nor white space. Marks, joiners and skin tones belong to
    what stands before them.
    """
    if text.isascii():
        return [match.span() for match in _ASCII.finditer(text)]
    found: list[tuple[int, int]] = []
    open_end = -1  # behind a run of letters that may go on
    for place, character in enumerate(text):
        kind = unicodedata.category(character)
        if found and found[-1][1] == place and (kind[0] == "M" or character in _JOINERS or _is_tone(character)):
            start, _ = found[-1]
            found[-1] = (start, place + 1)
            open_end = place + 1 if open_end == place else open_end
        elif kind[0] in "LN" or character == "_":
            if _is_unspaced(character):
                found.append((place, place + 1))
            elif open_end == place:
                found[-1] = (found[-1][0], place + 1)
                open_end = place + 1
            else:
                found.append((place, place + 1))
                open_end = place + 1
        elif kind[0] not in "ZC" or kind == "Co":
            found.append((place, place + 1))
    return found


def _is_unspaced(character: str) -> bool:
    code = ord(character)
    return code >= 0x0E00 and any(first <= code <= last for first, last in _UNSPACED)


def _is_tone(character: str) -> bool:
    return "\U0001f3fb" <= character <= "\U0001f3ff"
