"""Digits as people write them: separators, fractions, exponents, ``5 million``, ``3万``; any script's digits."""

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from dualchecker.tasks.number_words import LARGE

MOST_DIGITS = 40
"""A number whose numerator or denominator has more is ``number_too_large``."""


@dataclass(frozen=True, slots=True)
class Written:
    """Unsigned digits at some place: where they end, their value (None: too large) and decimal places."""

    end: int
    value: Fraction | None
    decimals: int | None


_AS = dict.fromkeys(map(ord, "\u2212\ufe63\uff0d\u2010\u2011"), "-") | {0x2044: "/", 0x2215: "/", 0x2019: "'"}
_AS |= dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f\u3000"), " ")


_LIMIT: int = 10**MOST_DIGITS


@lru_cache(maxsize=1 << 14)
def _plain_character(char: str) -> str:
    if (known := _AS.get(ord(char))) is not None:
        return known
    if (digit := unicodedata.decimal(char, None)) is not None:
        return str(digit)
    # A full-width comma parts clauses, never thousands.
    return chr(ord(char) - 0xFEE0) if 0xFF01 <= ord(char) <= 0xFF5E and char != "，" else char


def plain(text: str) -> str:
    """The text with ASCII digits, one kind of minus and of blank; every character stays at its offset."""
    if text.isascii():
        return text
    # Between digits an en dash is a range; elsewhere before a number it is a minus.
    return re.sub(r"(?<!\d)–(?=\s?[\d(])", "-", "".join(map(_plain_character, text)))


TOKEN = re.compile(r"(?:\d+(?:[.,']\d+)*|(?<!\d)\.\d+)(?:[eE][+-]?\d+(?![\w]))?")
_SPACED = re.compile(r"[1-9]\d{0,2}(?: \d{3}){1,8}(?:[.,]\d+)?(?! ?\d|[.,']\d)")
WHOLE = re.compile(r"\d+")
_GROUPED = re.compile(r"[1-9]\d{0,2}(?P<mark>[,.' ])\d{3}(?:(?P=mark)\d{3})*|[1-9]\d?(?:,\d{2})+,\d{3}")
_LARGE = re.compile(rf" ?({'|'.join(LARGE)})\b", re.I)
_EAST = {"千": 10**3, "万": 10**4, "萬": 10**4, "億": 10**8, "亿": 10**8}


def _ungrouped(digits: str) -> str | None:
    """Digits with separators as digits with at most a decimal point; None where it is no one number."""
    marks = [char for char in digits if not char.isdigit()]
    if not marks:
        return digits
    last, rest = marks[-1], marks[:-1]
    if last in ",." and last not in rest:
        head, _, tail = digits.rpartition(last)
        if not rest and not (last == "," and _GROUPED.fullmatch(digits)):
            return f"{head}.{tail}"
        if rest and _GROUPED.fullmatch(head):
            return f"{re.sub('[^0-9]', '', head)}.{tail}"
    # A single point is a decimal point; several of them can only part thousands.
    return re.sub("[^0-9]", "", digits) if _GROUPED.fullmatch(digits) else None


def _worth(token: str) -> tuple[Fraction | None, int] | None:
    """Value (None: too large) and decimal places of digits; None where they are no one number."""
    if token.isascii() and token.isdigit() and len(token) <= MOST_DIGITS:
        return Fraction(int(token)), 0
    mantissa, _, exponent = token.lower().partition("e")
    digits = _ungrouped(mantissa)
    if digits is None:
        return None
    whole, _, decimals = digits.partition(".")
    if len(digits) > 3 * MOST_DIGITS or len(exponent) > 4 or abs(power := int(exponent or 0)) > MOST_DIGITS:
        return None, 0
    value = Fraction(int((whole + decimals) or 0)) * Fraction(10) ** (power - len(decimals))
    return (value if fits(value) else None), len(decimals) - power


def fits(value: Fraction) -> bool:
    """Whether a value is within the bounds of what is read (``MOST_DIGITS``)."""
    return max(abs(value.numerator), value.denominator) < _LIMIT


def match_number(text: str, position: int) -> Written | None:
    """The unsigned number without a fraction that begins at ``position`` of a ``plain`` text."""
    char = text[position : position + 1]
    if part := vulgar(char):
        return Written(position + 1, part, None)
    if not (char.isdigit() or char == "."):
        return None
    match = _SPACED.match(text, position) or TOKEN.match(text, position)
    worth = _worth(match[0]) if match else None
    if match is None or worth is None:
        return None
    value, decimals = worth
    end = match.end()
    if (half := vulgar(text[end : end + 1])) and decimals == 0:
        return Written(end + 1, None if value is None else value + half, None)
    if large := _LARGE.match(text, end):
        value, end = None if value is None else value * LARGE[large[1].lower()], large.end()
        decimals -= len(str(LARGE[large[1].lower()])) - 1
    elif text[end : end + 1] in _EAST and end < len(text):
        return _east(text, end, value)
    return Written(end, value if value is not None and fits(value) else None, decimals)


def _east(text: str, end: int, value: Fraction | None) -> Written:
    """``3万5000``: the digits before ``end`` are worth ``value``."""
    total = Fraction(0)
    below = 10**12
    while (scale := _EAST.get(text[end : end + 1])) and scale < below and value is not None:
        total, below, end, value = total + value * scale, scale, end + 1, Fraction(0)
        following = WHOLE.match(text, end)
        if following is None or len(following[0]) > 8:
            break
        value, end = Fraction(int(following[0])), following.end()
    return Written(end, None if value is None else total + value, 0)


def vulgar(char: str) -> Fraction | None:
    """``½`` and its like."""
    if char < "¼" or unicodedata.category(char) != "No":
        return None
    over, _, under = unicodedata.normalize("NFKC", char).partition("\u2044")
    return Fraction(int(over), int(under)) if over.isdecimal() and under.isdecimal() and int(under) else None
