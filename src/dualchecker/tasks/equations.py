"""Answers that are equations: ``(84 / 2)``, ``x = 3 + 4``, ``3 + 4 = 7``. Their exact value, or why there is none."""

from dataclasses import dataclass
from fractions import Fraction

from dualchecker.tasks.digits import fits
from dualchecker.tasks.expressions import EquationError, EquationProblem, Parser, Token, tokens, without_latex
from dualchecker.tasks.numbers import rounds_to

MOST_CHARACTERS = 500
"""A longer equation is ``too_large``."""


@dataclass(frozen=True, slots=True)
class Solved:
    """The value of an equation.

    Attributes:
        value: Of its first side.
        operations: How many operators stand in it.
        agrees: Whether its sides are equal, to the digits given.
    """

    value: Fraction
    operations: int = 0
    agrees: bool = True


def solve(text: str) -> Solved | EquationProblem:
    """The value of an expression or of an equation whose sides have values.

    A side that only names something (``x = ``, ``total cost = ``) says nothing and is passed over.

    Args:
        text: An equation and nothing else; units behind numbers, and currencies, are passed over.
    """
    if len(text) > MOST_CHARACTERS:
        return "too_large"
    sides: list[list[Token]] = [[]]
    for token in tokens(without_latex(text)):
        if token.kind in ("equals", "is"):
            sides.append([])
        else:
            sides[-1].append(token)
    while len(sides) > 1 and all(token.kind in ("word", "name") for token in sides[0]):
        sides.pop(0)
    values: list[Fraction] = []
    agrees, operations, divided = True, 0, False
    for side in sides:
        parser = Parser(side)
        try:
            value = parser.expression()
        except EquationError as error:
            return error.problem
        if parser.position != len(side):
            return "unparsable"
        operations += parser.operations
        divided |= parser.divided
        numbers = [token for token in side if token.kind == "number"]
        decimals = numbers[0].decimals if parser.operations == 0 and len(numbers) == 1 and parser.scale == 1 else None
        agrees &= not values or rounds_to(values[0], value, decimals, divided)
        values.append(value)
    return Solved(values[0], operations, agrees) if fits(values[0]) else "too_large"


def evaluate(text: str) -> Fraction | EquationProblem:
    """The value of an equation; see ``solve``."""
    solved = solve(text)
    return solved.value if isinstance(solved, Solved) else solved
