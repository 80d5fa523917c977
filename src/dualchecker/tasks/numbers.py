"""Numbers as people write them, read by value and exactly: ``1,234.5``, ``1.234,5``, ``1 1/2``, ``$12``, ``twenty-one``.

Nothing here costs more than the length of the text: digits and exponents are bounded before anything is computed.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from dualchecker.tasks.folding import in_word
from dualchecker.tasks.number_words import LARGE, find_words

MOST_DIGITS = 40
"""A number whose numerator or denominator has more is ``number_too_large``."""

NumberProblem = Literal["number_missing", "numbers_several", "number_too_large", "number_unreadable"]
"""Why a text is not read as one number; ``number_unreadable``: there is one, but the text says something else of it."""

CURRENCIES = "$€£¥₹₩₽¢"


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text.

    Attributes:
        value: What it is worth; a percentage is worth what stands before its sign (``50%`` is 50, with the unit ``%``).
        start: Offset of its first character, sign and currency included.
        end: Offset behind its last.
        unit: The currency before it, or the sign or word right behind it; empty where there is none.
        decimals: How many decimal places are written, fewer than 0 with an exponent; None for a fraction.
        notes: ``answer_inexact`` where it is only said to be about right, or a bound; only from ``read_number``.
    """

    value: Fraction
    start: int
    end: int
    unit: str = ""
    decimals: int | None = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """Unsigned digits at some place: where they end, their value (None: too large) and decimal places."""

    end: int
    value: Fraction | None
    decimals: int | None


_AS = dict.fromkeys(map(ord, "\u2212\ufe63\uff0d\u2010\u2011"), "-") | {0x2044: "/", 0x2215: "/", 0x2019: "'"}
_AS |= dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f\u3000"), " ")


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


_TOKEN = re.compile(r"(?:\d+(?:[.,']\d+)*|(?<!\d)\.\d+)(?:[eE][+-]?\d+(?![\w]))?")
_SPACED = re.compile(r"[1-9]\d{0,2}(?: \d{3}){1,8}(?:[.,]\d+)?(?! ?\d|[.,']\d)")
_WHOLE = re.compile(r"\d+")
_OVER = re.compile(r"/(\d+)(?![\d/]|[.,]\d)")
_MIXED = re.compile(r" (\d{1,9})/(\d{1,9})(?![\d/]|[.,]\d)")
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
    return abs(value.numerator) < 10**MOST_DIGITS and value.denominator < 10**MOST_DIGITS


def match_number(text: str, position: int) -> Written | None:
    """The unsigned number without a fraction that begins at ``position`` of a ``plain`` text."""
    char = text[position : position + 1]
    if vulgar := _vulgar(char):
        return Written(position + 1, vulgar, None)
    if not (char.isdigit() or char == "."):
        return None
    match = _SPACED.match(text, position) or _TOKEN.match(text, position)
    worth = _worth(match[0]) if match else None
    if match is None or worth is None:
        return None
    value, decimals = worth
    end = match.end()
    if (half := _vulgar(text[end : end + 1])) and decimals == 0:
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
        following = _WHOLE.match(text, end)
        if following is None or len(following[0]) > 8:
            break
        value, end = Fraction(int(following[0])), following.end()
    return Written(end, None if value is None else total + value, 0)


def _vulgar(char: str) -> Fraction | None:
    """``½`` and its like."""
    if char < "¼" or unicodedata.category(char) != "No":
        return None
    over, _, under = unicodedata.normalize("NFKC", char).partition("\u2044")
    return Fraction(int(over), int(under)) if over.isdecimal() and under.isdecimal() and int(under) else None


_LEADS = re.compile(rf"(?P<before>[-+])?(?:(?P<money>[{CURRENCIES}]) ?)?(?P<behind>[-+])?\Z")
_UNIT = re.compile(r" ?([%‰°€$£¥₹₩₽¢]|[^\W\d_]+(?:/[^\W\d_]+)?[²³]?)")


def _scan(text: str, words: bool) -> Iterator[Number | tuple[int, int]]:
    """Every number of a ``plain`` text in order; of one that is too large only where it stands."""
    spelled = iter(find_words(text)) if words else iter(())
    word = next(spelled, None)
    position = 0
    for match in re.finditer(r"\d|\.\d|[¼-¾⅐-⅞↉]", text):
        start = match.start()
        if start < position:
            continue
        while word is not None and word[0] < start:
            if word[0] >= position:
                yield Number(Fraction(word[2]), word[0], word[1], _unit_behind(text, word[1]))
            word = next(spelled, None)
        if start > 0 and in_word(text[start - 1]) and not text[start - 1].isdigit():
            position = _glued(text, start)
            continue
        for one in _at(text, start):
            yield one
            position = one[1] if isinstance(one, tuple) else one.end
    while word is not None:
        if word[0] >= position:
            yield Number(Fraction(word[2]), word[0], word[1], _unit_behind(text, word[1]))
        word = next(spelled, None)


def _glued(text: str, start: int) -> int:
    """Where the digits end that belong to a word, as in ``B12``."""
    match = _WHOLE.match(text, start)
    return match.end() if match else start + 1


def _at(text: str, start: int) -> Iterator[Number | tuple[int, int]]:
    """The number that begins at ``start``; several where digits are a list, such as ``1,2,3``."""
    written = match_number(text, start)
    if written is None:
        token = _TOKEN.match(text, start)
        end = token.end() if token else start + 1
        for digits in _WHOLE.finditer(text, start, end):
            if len(digits[0]) > MOST_DIGITS:
                yield digits.span()
            else:
                yield Number(Fraction(int(digits[0])), digits.start(), digits.end())
        return
    begin, sign, currency = _before(text, start)
    end, value, decimals = written.end, written.value, written.decimals
    if value is not None and decimals == 0 and text[start:end].isdigit():
        over, mixed = _OVER.match(text, end), _MIXED.match(text, end)
        if over and len(over[1]) <= MOST_DIGITS and int(over[1]):
            value, end, decimals = value / int(over[1]), over.end(), None
        elif mixed and 0 < int(mixed[1]) < int(mixed[2]):
            value, end, decimals = value + Fraction(int(mixed[1]), int(mixed[2])), mixed.end(), None
        elif text[end : end + 1] == " " and (half := _vulgar(text[end + 1 : end + 2])):
            value, end, decimals = value + half, end + 2, None
    if value is None:
        yield begin, end
    else:
        yield Number(sign * value, begin, end, currency or _unit_behind(text, end), decimals)


def _before(text: str, start: int) -> tuple[int, int, str]:
    """Where sign and currency before a number begin, its sign, and its currency."""
    begin, sign, currency = start, 1, ""
    match = _LEADS.search(text, max(0, start - 5), start)
    if match is None:
        return start, 1, ""
    # Behind something it is an operator, and so is no sign.
    ahead = text[match.start() - 1 : match.start()]
    signed = match["before"] or match["behind"] or ""
    if signed and (ahead.isalnum() or (ahead and ahead in ")]}%.'\"")):
        begin = match.start("money") if match["before"] and match["money"] else match.end() - len(match["behind"] or "")
        return (begin, 1, match["money"] or "") if match["before"] else (start, 1, "")
    return match.start(), -1 if signed == "-" else 1, match["money"] or ""


def _unit_behind(text: str, end: int) -> str:
    unit = _UNIT.match(text, end)
    return unit[1] if unit else ""


def find_numbers(text: str, words: bool = False) -> list[Number]:
    """Every number of a text, in order; those that are too large are left out.

    Args:
        text: Any text.
        words: Whether English number words count too (``twenty-one``). ``one`` is often no number.
    """
    return [one for one in _scan(plain(text), words) if isinstance(one, Number)]


_OPERATES = re.compile(r"[+*×÷·⋅^=<>]|(?:^|[\s(])[-/](?:[\s)]|$)|(?<=\s)[xX](?=[\s)]|$)|^[xyzn]\b")
_DENIES = re.compile(r"\b(?:not|never|neither|nor|isn't|wasn't|cannot|can't|nicht|pas)\b", re.I)
_INEXACT = re.compile(
    r"\b(?:about|around|roughly|approximately|approx|nearly|almost|over|at least|at most|up to"
    r"|(?:more|less|fewer|greater) than|etwa|ungefähr|environ|aproximadamente|unos)\b|[~≈]|約|大约|大約",
    re.I,
)


def read_number(text: str) -> Number | NumberProblem:
    """The one number that a text gives, with what stands around it: units, a currency, ``about``.

    Number words are read where there are no digits.
    """
    even = plain(text)
    found = list(_scan(even, words=False)) or list(_scan(even, words=True))
    if not found:
        return "number_missing"
    if any(isinstance(one, tuple) for one in found):
        return "number_too_large"
    if len(found) > 1:
        return "numbers_several"
    number = found[0]
    assert isinstance(number, Number)
    lead, trail = even[: number.start], even[number.end :]
    if _OPERATES.search(lead.lstrip(" =")) or _OPERATES.search(trail) or _DENIES.search(lead):
        return "number_unreadable"
    sign = -1 if re.search(r"\b(?:minus|negative)\s+$", lead, re.I) else 1
    notes = ("answer_inexact",) if _INEXACT.search(lead) or re.match(r"\s*(?:or more|or less|\+)", trail) else ()
    return Number(sign * number.value, number.start, number.end, number.unit, number.decimals, notes)


def canonical_number(value: Fraction) -> str:
    """One way to write a number: ``42``, ``-3.5``; ``1/3`` where no decimal is exact (or it would be very long)."""
    if value.denominator == 1:
        return str(value.numerator)
    twos, rest = 0, value.denominator
    while rest % 2 == 0:
        twos, rest = twos + 1, rest // 2
    fives = 0
    while rest % 5 == 0:
        fives, rest = fives + 1, rest // 5
    places = max(twos, fives)
    if rest != 1 or places > 30:
        return f"{value.numerator}/{value.denominator}"
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def rounds_to(value: Fraction, written: Fraction, decimals: int | None, divided: bool = False) -> bool:
    """Whether ``written``, with so many decimal places, is ``value``, to the digits given.

    A whole number stands for another value only behind a division: 10 / 4 is not 3, 11 / 4 is.
    """
    gap = abs(value - written)
    if gap == 0 or decimals is None:
        return gap == 0
    if decimals > 0:
        return 2 * gap <= Fraction(1, 10**decimals)
    return divided and decimals == 0 and 2 * gap < 1
