"""English number words: ``seven``, ``twenty-one``, ``one hundred and five``, ``two thousand``."""

import re
from collections.abc import Iterator

_BELOW_TWENTY = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_SMALL = {word: value for value, word in enumerate(_BELOW_TWENTY)}
_TENS = dict(
    zip(("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), range(20, 100, 10), strict=True)
)
LARGE = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
"""Words that multiply what stands before them."""

_WORD = re.compile(rf"\b(?:{'|'.join((*_SMALL, *_TENS, *LARGE))})\b", re.I)
_JOINED = re.compile(r"(?:[ \t]+|-|[ \t]+(and)[ \t]+)", re.I)


def find_words(text: str) -> Iterator[tuple[int, int, int]]:
    """Every number in words: where it begins and ends, and its value."""
    run: list[tuple[int, int, str, bool]] = []  # start, end, word, whether "and" stands before it
    for match in _WORD.finditer(text):
        joined = _JOINED.fullmatch(text, run[-1][1], match.start()) if run and match.start() - run[-1][1] < 12 else None
        if joined is None:
            yield from _numbers(run)
            run = []
        run.append((match.start(), match.end(), match[0].lower(), bool(joined and joined[1])))
    yield from _numbers(run)


def _numbers(run: list[tuple[int, int, str, bool]]) -> Iterator[tuple[int, int, int]]:
    """One number out of words in a row, or several: ``five six``."""
    total, current, last, begin, end = 0, 0, "", 0, 0
    for start, stop, word, with_and in run:
        if last and not _continues(last, word, current, total, with_and):
            yield begin, end, total + current
            total, current, last = 0, 0, ""
        begin = begin if last else start
        if word == "hundred":
            current = (current or 1) * 100
        elif word in LARGE:
            total, current = total + (current or 1) * LARGE[word], 0
        else:
            current += _SMALL.get(word, _TENS.get(word, 0))
        last, end = word, stop
    if last:
        yield begin, end, total + current


def _continues(last: str, word: str, current: int, total: int, with_and: bool) -> bool:
    """Whether a word goes on with the number before it."""
    if with_and and (last not in LARGE or word in LARGE):
        return False
    if word == "hundred":
        return 0 < current < 100
    if word in LARGE:
        return current > 0 and (total == 0 or LARGE[word] < total)
    if last in _TENS:
        return 0 < _SMALL.get(word, 0) < 10
    return last in LARGE and word != "zero"
