"""Arithmetic inside prose: which statements such as ``12 + 5 = 17`` a chain of thought makes, and which hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from dualchecker.tasks.expressions import MOST_UNIT_WORDS, EquationError, Parser, Token, tokens
from dualchecker.tasks.numbers import rounds_to

MOST_TOKENS = 60
"""How far to either side of an equals sign a statement is looked for."""

_COMPARES = frozenset({"more", "less", "fewer", "greater", "smaller", "larger", "times", "higher", "lower"})


@dataclass(frozen=True, slots=True)
class Statement:
    """A calculation with its result, as a text states it.

    Attributes:
        text: Its words.
        start: Offset of its first character.
        end: Offset behind its last.
        left: What the calculation gives.
        right: What the text says that it gives.
        holds: Whether they are equal, to the digits given. A division by zero never holds.
    """

    text: str
    start: int
    end: int
    left: Fraction | None
    right: Fraction
    holds: bool


def statements(chain: str) -> list[Statement]:
    """Every calculation with a result in a text, in order: ``84 / 2 = 42``, ``12 plus 5 is 17``, ``5 kg x 3 = 15 kg``.

    Calculations with unknowns (``2x + 4 = 14``) are none. Of ``1 + 2 + 3 = 3 + 3 = 6`` both equations count.
    """
    given = tokens(chain)
    found = []
    for place, token in enumerate(given):
        if token.kind in ("equals", "is"):
            statement = _statement(chain, given, place)
            if statement is not None:
                found.append(statement)
    return found


def soundness(chain: str) -> float | None:
    """Share of a chain's ``statements`` that hold; None where it makes none."""
    found = statements(chain)
    return sum(one.holds for one in found) / len(found) if found else None


def _statement(chain: str, given: Sequence[Token], place: int) -> Statement | None:
    left = _left(given, place)
    right = _right(given, place) if left is not None else None
    if left is None or right is None:
        return None
    start, value, divided = left
    stated, decimals, end, scale = right
    holds = value is not None and any(
        rounds_to(value * by, stated * by, decimals, divided) or (by > 1 and rounds_to(value, stated * by, decimals))
        for by in {1, scale}
    )
    begin, behind = given[start].start, given[end - 1].end
    return Statement(chain[begin:behind], begin, behind, value, stated, holds)


def _left(given: Sequence[Token], place: int) -> tuple[int, Fraction | None, bool] | None:
    """The longest calculation that ends before ``place``: its first token, its value, whether it divides."""
    first, words = place, 0
    while first > 0 and place - first < MOST_TOKENS:
        kind = given[first - 1].kind
        words = words + 1 if kind == "word" else 0
        if kind in ("equals", "is", "break", "name") or words > MOST_UNIT_WORDS:
            break
        first -= 1
    side = given[:place]
    for start in range(first, place):
        if side[start].kind not in ("number", "open", "operator"):
            continue
        if side[start].kind == "operator" and (side[start].text != "-" or not _is_sign(side, start)):
            continue
        before = side[start - 1].kind if start else "break"
        if before == "operator" and not _is_bullet(side, start - 1):
            # What it begins with belongs to something that has no value: "x + 5 + 3 = 10".
            continue
        parser = Parser(side, start)
        try:
            value = parser.expression()
        except EquationError as error:
            if error.problem == "division_by_zero":
                return start, None, True
            continue
        if parser.position == place and parser.operations:
            return start, value, parser.divided
    return None


def _is_sign(side: Sequence[Token], start: int) -> bool:
    """Whether a minus belongs to the number behind it: nothing stands before it that it could be taken from."""
    alone = start == 0 or side[start - 1].kind in ("break", "equals", "is")
    return alone and start + 1 < len(side) and side[start + 1].start == side[start].end


def _is_bullet(side: Sequence[Token], place: int) -> bool:
    """Whether an operator is the mark of a list item."""
    begins = place == 0 or side[place - 1].text == "\n"
    return begins and side[place].text in "-*" and side[place + 1].start > side[place].end


def _right(given: Sequence[Token], place: int) -> tuple[Fraction, int | None, int, int] | None:
    """What stands behind an equals sign: its value, decimal places, the token behind it, 100 for a percentage."""
    parser = Parser(given[: place + 1 + MOST_TOKENS], place + 1)
    numbers = [token for token in given[place + 1 : place + 3] if token.kind == "number"]
    decimals = numbers[0].decimals if numbers else None
    try:
        value = parser.expression()
    except EquationError:
        # "= 10 - so he has 10": a dash, no minus; but "= 3 * x" has no value.
        return _number_before_dash(given, place + 1)
    behind = given[parser.position] if parser.position < len(given) else None
    if behind is not None and behind.kind in ("name", "operator", "open"):
        return None
    last = given[place + 1 : parser.position]
    if given[place].kind == "is" and any(token.text.lower() in _COMPARES for token in last):
        return None
    if parser.operations:
        return value, None, parser.position, 1
    return value, decimals, parser.position, parser.scale


def _number_before_dash(given: Sequence[Token], start: int) -> tuple[Fraction, int | None, int, int] | None:
    if start + 2 >= len(given) or given[start].kind != "number" or given[start + 1].text != "-":
        return None
    value = given[start].value
    if value is None or given[start + 2].kind not in ("word", "break"):
        return None
    return value, given[start].decimals, start + 1, 1
