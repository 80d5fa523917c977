"""Numbers as people write them, read by value and exactly: ``1,234.5``, ``1.234,5``, ``1 1/2``, ``$12``, ``ten``.

Nothing here costs more than the length of the text: digits and exponents are bounded before anything is computed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from dualchecker.tasks.digits import MOST_DIGITS, TOKEN, WHOLE, fits, match_number, plain, vulgar
from dualchecker.tasks.folding import in_word
from dualchecker.tasks.number_words import find_words

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


_OVER = re.compile(r"/(\d+)(?![\d/]|[.,]\d)")
_MIXED = re.compile(r" (\d{1,9})/(\d{1,9})(?![\d/]|[.,]\d)")
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
    match = WHOLE.match(text, start)
    return match.end() if match else start + 1


def _at(text: str, start: int) -> Iterator[Number | tuple[int, int]]:
    """The number that begins at ``start``; several where digits are a list, such as ``1,2,3``."""
    written = match_number(text, start)
    if written is None:
        token = TOKEN.match(text, start)
        end = token.end() if token else start + 1
        for digits in WHOLE.finditer(text, start, end):
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
        elif text[end : end + 1] == " " and (half := vulgar(text[end + 1 : end + 2])):
            value, end, decimals = value + half, end + 2, None
    if value is None or not fits(value):
        yield begin, end
    else:
        yield Number(sign * value, begin, end, currency or _unit_behind(text, end), decimals)


def _before(text: str, start: int) -> tuple[int, int, str]:
    """Where sign and currency before a number begin, its sign, and its currency."""
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
