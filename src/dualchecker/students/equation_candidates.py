"""What could be asked for: the small equations over the numbers that stand in a question."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations

from dualchecker.students.words import word_tokens
from dualchecker.tasks.numbers import find_numbers

MOST_FOR_THREE, MOST_FOR_FOUR = 8, 6
"""A question with more numbers gets no equations over three, or four, of them: there would be too many."""

_END = re.compile(r"[.?!。？！](?=\s|$)|[。？！]|\n")


@dataclass(frozen=True)
class Form:
    """An equation over slots.

    Attributes:
        name: Over the slots a, b, c, d.
        value: Of the numbers in the slots; division by zero raises.
        ordered: Pairs of slots that may be swapped without changing the value: only one order is made.
    """

    name: str
    value: Callable[..., float]
    ordered: tuple[tuple[int, int], ...] = ()

    @property
    def slots(self) -> int:
        return len(set(re.findall("[a-d]", self.name)))


FORMS = (
    Form("a", lambda a: a),
    Form("a+b", lambda a, b: a + b, ((0, 1),)),
    Form("a-b", lambda a, b: a - b),
    Form("a*b", lambda a, b: a * b, ((0, 1),)),
    Form("a/b", lambda a, b: a / b),
    Form("a+b+c", lambda a, b, c: a + b + c, ((0, 1), (1, 2))),
    Form("a*b*c", lambda a, b, c: a * b * c, ((0, 1), (1, 2))),
    Form("a+b-c", lambda a, b, c: a + b - c, ((0, 1),)),
    Form("a-b-c", lambda a, b, c: a - b - c, ((1, 2),)),
    Form("(a+b)*c", lambda a, b, c: (a + b) * c, ((0, 1),)),
    Form("(a-b)*c", lambda a, b, c: (a - b) * c),
    Form("(a+b)/c", lambda a, b, c: (a + b) / c, ((0, 1),)),
    Form("(a-b)/c", lambda a, b, c: (a - b) / c),
    Form("a/(b+c)", lambda a, b, c: a / (b + c), ((1, 2),)),
    Form("a/(b-c)", lambda a, b, c: a / (b - c)),
    Form("a*b/c", lambda a, b, c: a * b / c, ((0, 1),)),
    Form("a/(b*c)", lambda a, b, c: a / (b * c), ((1, 2),)),
    Form("a*b+c", lambda a, b, c: a * b + c, ((0, 1),)),
    Form("a*b-c", lambda a, b, c: a * b - c, ((0, 1),)),
    Form("c-a*b", lambda a, b, c: c - a * b, ((0, 1),)),
    Form("a/b+c", lambda a, b, c: a / b + c),
    Form("a/b-c", lambda a, b, c: a / b - c),
    Form("c-a/b", lambda a, b, c: c - a / b),
    Form("a+b+c+d", lambda a, b, c, d: a + b + c + d, ((0, 1), (1, 2), (2, 3))),
    Form("(a+b)-(c+d)", lambda a, b, c, d: a + b - c - d, ((0, 1), (2, 3))),
    Form("a*b+c*d", lambda a, b, c, d: a * b + c * d, ((0, 1), (2, 3), (0, 2))),
    Form("a*b-c*d", lambda a, b, c, d: a * b - c * d, ((0, 1), (2, 3))),
)


@dataclass(frozen=True)
class Candidate:
    """An equation over a question's numbers.

    Attributes:
        form: Index in ``FORMS``.
        places: The number in each slot, as an index among the question's numbers.
        value: What it comes to.
    """

    form: int
    places: tuple[int, ...]
    value: float


@dataclass(frozen=True)
class Story:
    """A question as words and numbers.

    Attributes:
        tokens: Words in small letters, ``#`` for each number, signs; in order.
        numbers: Values in order.
        where: Each number's index in ``tokens``.
        asks: Index in ``tokens`` where the last sentence begins, which asks.
    """

    tokens: tuple[str, ...]
    numbers: tuple[float, ...]
    where: tuple[int, ...]
    asks: int


def read_story(text: str) -> Story:
    """Split a question into words and numbers; the last sentence is taken to be what is asked."""
    body = text.rstrip()
    ends = [match.end() for match in _END.finditer(body) if body[match.end() :].strip()]
    cut = ends[-1] if ends else 0
    tokens: list[str] = []
    numbers: list[float] = []
    where: list[int] = []
    asks = place = 0
    # "one" is more often a pronoun than a number.
    found = [one for one in find_numbers(text, words=True) if text[one.start : one.end].casefold() != "one"]
    for number in [*found, None]:
        end = number.start if number else len(text)
        for left, right in word_tokens(text[place:end]):
            asks += place + left < cut
            tokens.append(_plain(text[place + left : place + right]))
        if number:
            asks += number.start < cut
            where.append(len(tokens))
            numbers.append(float(number.value))
            tokens.append("#")
            place = number.end
    return Story(tuple(tokens), tuple(numbers), tuple(where), asks)


def _plain(word: str) -> str:
    """Small letters, and no plural s: enough to see that "crayons" and "crayon" are one."""
    word = word.casefold()
    return word[:-1] if len(word) > 3 and word.endswith("s") else word


def candidates(numbers: tuple[float, ...]) -> Iterator[Candidate]:
    """Every equation of ``FORMS`` over different numbers of a question; those that divide by zero are left out."""
    count = len(numbers)
    for index, form in enumerate(FORMS):
        if (form.slots > 2 and count > MOST_FOR_THREE) or (form.slots > 3 and count > MOST_FOR_FOUR):
            continue
        for places in permutations(range(count), form.slots):
            if any(places[left] > places[right] for left, right in form.ordered):
                continue
            try:
                value = form.value(*(numbers[place] for place in places))
            except ZeroDivisionError:
                continue
            yield Candidate(index, places, value)
