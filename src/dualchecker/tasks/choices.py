"""The choices that a question offers: what they are called, and which one a reply means."""

import re
from collections.abc import Callable, Sequence

from dualchecker.tasks.names import fold

MOST_CHARACTERS = 1000
"""A longer answer is not searched for the words of a choice."""


def letter(position: int) -> str:
    """The name of a choice by its place: ``a``, ``b``, ... ``z``, ``aa``, ``ab``, ..."""
    name = ""
    while position >= 0:
        position, last = divmod(position, 26)
        name = chr(ord("a") + last) + name
        position -= 1
    return name


_CALLED = r"(?:(?:choice|option|letter|answer)\s+)"
_ALONE = re.compile(rf"\W*{_CALLED}?[(\[]?([a-z]{{1,2}})[)\].:,*]*\W*", re.I)
_LED = re.compile(
    rf"\W*(?:{_CALLED}?[(\[]([a-z]{{1,2}})[)\]]|{_CALLED}([a-z])\b|([a-z])[).:]|([A-Z])\s+[-–—])[*_]*[:.,]?\s*(?=\S)(.*)",
    re.I | re.S,
)
_MENTIONED = re.compile(rf"[(\[]([a-z])[)\]]|\b{_CALLED}([a-z])\b(?!')", re.I)
_DENIED = re.compile(r"\b(?:not|neither|nor|isn't|cannot|can't|except)\b", re.I)


def match_choice(said: object, choices: Sequence[str]) -> tuple[str | None, str]:
    """The choice that an answer means, with the name of a peculiarity (or an empty string).

    In this order: the very words of a choice; the same but for case, width and separators; its letter, alone or with
    its words; its words (or letter) somewhere in the answer, where those of no other choice are. A choice that is
    itself a letter or a number is so never taken for the name of another. The same words twice are one choice.

    Returns:
        One of ``choices``, noted ``choice_by_letter`` (a letter whose words are not those of any choice) or
        ``choice_in_words`` (among other words); or None with what is wrong: ``choice_missing``,
        ``choice_contradictory`` (letter and words of different choices), ``choices_several``.
    """
    text = ("true" if said else "false") if isinstance(said, bool) else str(said).strip()
    if text in choices:
        return text, ""
    distinct = list(dict.fromkeys(choices))
    if same := _same(text, distinct, fold):
        return (same[0], "") if len(same) == 1 else (None, "choices_several")
    if (alone := _ALONE.fullmatch(text)) and (named := _by_letter(alone[1], choices)) is not None:
        return named, ""
    if led := _LED.fullmatch(text[:MOST_CHARACTERS]):
        named = _by_letter(led[1] or led[2] or led[3] or led[4], choices)
        if named is not None and not _MENTIONED.search(led[5]):
            return _with_words(named, led[5], distinct)
    if same := _same(text, distinct, _letters):
        return (same[0], "") if len(same) == 1 else (None, "choices_several")
    return _among_words(text, choices)


def find_choice(said: object, choices: Sequence[str]) -> str | None:
    """The choice that an answer means, or None where it means none, or not one alone; see ``match_choice``."""
    return match_choice(said, choices)[0]


def _same(text: str, distinct: Sequence[str], key: Callable[[str], str]) -> list[str]:
    """The choices with the same key as a text."""
    wanted = key(text)
    return [choice for choice in distinct if key(choice) == wanted] if wanted else []


def _letters(text: str) -> str:
    """A text without white space and marks, for ``vet's office`` and ``vets office``; empty if signs matter in it."""
    folded = fold(text)
    return re.sub(r"\W+", "", folded) if re.search(r"[^\W\d]{2}", folded) else ""


def _by_letter(name: str, choices: Sequence[str]) -> str | None:
    return next((choice for place, choice in enumerate(choices) if letter(place) == name.lower()), None)


def _with_words(named: str, words: str, distinct: Sequence[str]) -> tuple[str | None, str]:
    """A choice named by its letter, with the words behind the letter."""
    if same := _same(words, distinct, fold) or _same(words, distinct, _letters):
        return (named, "") if named in same else (None, "choice_contradictory")
    there = _within(words, distinct)
    if there and named not in there:
        return None, "choice_contradictory"
    if len(there) > 1:
        return None, "choices_several"
    return named, "choice_by_letter"


def _within(text: str, distinct: Sequence[str]) -> list[str]:
    """The choices whose words stand in a text, but not as part of those of a longer one."""
    folded = fold(text[:MOST_CHARACTERS])
    found: list[str] = []
    for choice in sorted(distinct, key=len, reverse=True):
        words = fold(choice)
        pattern = rf"(?<!\w){re.escape(words)}(?!\w)" if words.isascii() else re.escape(words)
        if words and (len(words) > 1 or not words.isalpha()) and re.search(pattern, folded):
            found.append(choice)
            folded = re.sub(pattern, "\0", folded)
    return found


def _among_words(text: str, choices: Sequence[str]) -> tuple[str | None, str]:
    """The one choice that a text mentions, by words or letter."""
    if _DENIED.search(text):
        return None, "choice_missing"
    there = _within(text, list(dict.fromkeys(choices)))
    lettered = [_by_letter(one[0] or one[1], choices) for one in _MENTIONED.findall(text[:MOST_CHARACTERS])]
    meant = dict.fromkeys([*there, *(choice for choice in lettered if choice is not None)])
    if not meant:
        return None, "choice_missing"
    return (next(iter(meant)), "choice_in_words") if len(meant) == 1 else (None, "choices_several")
