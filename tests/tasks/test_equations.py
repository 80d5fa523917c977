"""Equations as answers, and arithmetic statements inside chains of thought."""

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualchecker.tasks.arithmetic import soundness, statements
from dualchecker.tasks.equations import Solved, evaluate, solve


@pytest.mark.parametrize(
    ("text", "worth"),
    [
        ("(84 / 2)", "42"), ("84/2", "42"), ("( ( 17.0 + 15.0 ) + 2.0 )", "34"), ("(16 * 17) * 4", "1088"),
        ("1 - 16 / 8/2", "0"), ("2 - 3 - 4", "-5"), ("2 + 3 * 4", "14"), ("-2^2", "-4"), ("2^3^2", "512"),
        ("2**10", "1024"),
        ("2^-2", "1/4"), ("5²", "25"), ("12 ÷ 4 × 3", "9"), ("3 · 4", "12"), ("5 x 3", "15"), ("5x3", "15"),
        ("2(3+4)", "14"),
        ("(1+2)(3+4)", "21"), ("[2 + 3] * 2", "10"), ("−5 + 3", "-2"), ("10 - -3", "13"), ("--3", "3"),
        ("20% * 50", "10"), ("20% of 50", "10"), ("½ * 3", "3/2"), ("1,200 + 300", "1500"), ("3,5 + 1", "9/2"),
        ("$5 * 3", "15"), ("5 apples + 3 apples", "8"), ("12 plus 5", "17"), ("84 divided by 2", "42"),
        ("3 \\times 4", "12"), ("\\frac{3}{4} + 1", "7/4"), ("６ ＋ ７", "13"),
        ("x = 3 + 4", "7"), ("total cost = 5 * 3", "15"), ("3 + 4 = 7", "7"), ("10 / 3 = 3.33", "10/3"),
    ],
)  # fmt: skip
def test_values(text: str, worth: str) -> None:
    assert evaluate(text) == Fraction(worth)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "unparsable"), ("x", "unparsable"), ("2x", "unparsable"), ("(2 * x)", "unparsable"),
        ("(some - 8)", "unparsable"),
        ("((491 - 21", "unparsable"), ("3 +", "unparsable"), ("* 3", "unparsable"), ("3 4", "unparsable"),
        ("()", "unparsable"), ("(28 - 13) and (28 - 15)", "unparsable"), ("(14, 21)", "unparsable"),
        ("2^0.5", "unparsable"),
        ("__import__('os')", "unparsable"), ("1 if 2 else 3", "unparsable"), ("1;2", "unparsable"),
        ("x = ", "unparsable"),
        ("1/0", "division_by_zero"), ("1 / (3 - 3)", "division_by_zero"), ("0^-1", "division_by_zero"),
        ("9**9**9", "too_large"), ("2^1000000", "too_large"), ("9" * 400, "too_large"),
        ("1+" * 300 + "1", "too_large"),
        ("(" * 100 + "1" + ")" * 100, "too_large"), ("2^" * 200 + "1", "too_large"),
        ("*".join(["9" * 39] * 9), "too_large"),
    ],
)  # fmt: skip
def test_named_problems(text: str, problem: str) -> None:
    assert evaluate(text) == problem


def test_sides_that_do_not_agree() -> None:
    for text, agrees in {"3 + 4 = 7": True, "3 + 4 = 8": False, "7 = 3 + 4": True, "1 + 1 = 2 = 3": False}.items():
        solved = solve(text)
        assert isinstance(solved, Solved) and solved.agrees is agrees, text


@st.composite
def trees(draw: st.DrawFn, depth: int = 4) -> tuple[str, Fraction]:
    """A written expression with its value, worked out beside the parser."""
    if depth == 0 or draw(st.booleans()):
        number = draw(st.integers(0, 999))
        return str(number), Fraction(number)
    (left, one), (right, other) = draw(trees(depth - 1)), draw(trees(depth - 1))
    sign = draw(st.sampled_from("+-*/" if other else "+-*"))
    worth = {"+": one + other, "-": one - other, "*": one * other}.get(sign)
    return f"({left} {sign} {right})", one / other if worth is None else worth


@given(trees())
def test_brackets_of_any_shape(tree: tuple[str, Fraction]) -> None:
    text, worth = tree
    found = evaluate(text)
    assert found == worth or (found == "too_large" and max(abs(worth.numerator), worth.denominator) >= 10**30)


@given(st.one_of(st.text(max_size=80), st.text(alphabet="0123456789+-*/^()=.% xé\\{}²½$\n", max_size=80)))
def test_any_text_has_a_value_or_a_named_problem(text: str) -> None:
    found = evaluate(text)
    assert isinstance(found, Fraction) or found in {"unparsable", "division_by_zero", "too_large"}
    for one in statements(text):
        assert text[one.start : one.end] == one.text
    sound = soundness(text)
    assert sound is None or 0 <= sound <= 1


@pytest.mark.parametrize(
    ("chain", "held"),
    [
        ("84 / 2 = 42.", [True]), ("84 / 2 = 43.", [False]), ("12 plus 5 is 17", [True]), ("5 x 3 = 15", [True]),
        ("5 apples + 3 apples = 8 apples.", [True]), ("So she had 10 - (3 + 6) = 1 emails", [True]),
        ("16 * 17 = 272 * 4 = 1088", [False, True]), ("1 + 2 + 3 = 3 + 3 = 6", [True, True]),
        ("10 / 3 = 3.33", [True]), ("10 / 3 = 3.34", [False]), ("186 / 19 = 9 rows", [False]),
        ("701 / 6 = 117", [True]),
        ("7 / 2 = 4", [False]), ("2.4 + 2.4 = 5", [False]), ("1181 * 275 = 322,775 dollars", [False]),
        ("20% of 50 is 10", [True]), ("10 / 40 = 25%", [True]), ("10 / 40 * 100 = 25%", [True]),
        ("5 / 0 = 0", [False]),
        ("1. 5 + 3 = 8\n2. 8 - 1 = 7", [True, True]), ("- 5 + 3 = 8", [True]), ("-5 + 3 = -2", [True]),
        ("3 - 5 = −2", [True]),
        ("6 boxes of 5 + 3 = 8", [True]), ("3 + 4 = 7 - so he has 7", [True]),
        ("10 * 45 seeds. 10 * 45 is 450.", [True]),
        ("$5 × 3 = $15", [True]), ("5 + 3 equals 8 and 8 - 1 gives 6", [True, False]), ("1,200 + 300 = 1,500", [True]),
        ("x + 5 + 3 = 10", []), ("2x + 4 = 14", []), ("some - 563 - 558 = 3", []), ("5 + 3 = 3 * x", []),
        ("That is 332.", []),
        ("10 - 2 is 5 more than 3", []), ("5 + 3 is more than 7", []), ("", []), ("no numbers at all", []),
    ],
)  # fmt: skip
def test_statements(chain: str, held: list[bool]) -> None:
    assert [one.holds for one in statements(chain)] == held
    assert soundness(chain) == (sum(held) / len(held) if held else None)


@pytest.mark.parametrize("piece", ["1+", "1 + 1 = ", "(", "-", "a ", "1 a ", "= ", "1 is ", "^", "%", "x", "9", "1 x "])
def test_long_chains_stay_cheap(piece: str) -> None:
    began = time.perf_counter()
    soundness(piece * 5_000)
    evaluate(piece * 5_000)
    assert time.perf_counter() - began < 20
