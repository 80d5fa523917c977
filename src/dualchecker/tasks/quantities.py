"""An answer that is a number, in any dress: digits, words, an equation, among units, in a formula."""

import re
from fractions import Fraction

from dualchecker.tasks.answers import bare
from dualchecker.tasks.digits import fits, plain
from dualchecker.tasks.equations import Solved, solve
from dualchecker.tasks.expressions import without_latex
from dualchecker.tasks.numbers import Number, read_number

MOST_CHARACTERS = 500
"""A longer text is no answer."""

_OPERATOR = re.compile(r"[+*×÷·^=]|\s[-/x]\s|\d\s*[-/x]\s*[\d(]|[(\[]\s*-?[\d.]+\s*$")
_JOINT = re.compile(
    r"\s*(?:,\s|;|[,\s]\s*\b(?:or|and|oder|und|ou|et|o|y)\b\s|または|もしくは|或者|或|和|と|\sor\s)\s*(?:\b(?:or|and)\b)?",
    re.I,
)
_BOXED = re.compile(r"\\(?:boxed|text|mathrm)\s*\{([^{}]*)\}")
_BRACKETS = re.compile(r"\\[()\[\]]")
_PROBLEMS = {"division_by_zero": "division_by_zero", "too_large": "answer_too_large"}

Reading = tuple[Fraction | None, str, tuple[str, ...]]
"""Value, outcome and notes."""


def read_quantity(said: object) -> Reading:
    """The number that an answer gives.

    ``42 km/h``, ``$1,234.50``, ``forty-two`` and ``(84 / 2)`` are read; a percentage is worth what stands before its
    sign (note ``percent``). Several different numbers are no answer, and neither is an equation with an unknown.

    Outcomes: ``ok``, ``answer_missing``, ``answer_unreadable``, ``answer_too_large``, ``answers_several``,
    ``equation_unparsable``, ``division_by_zero``.
    """
    if said is None or isinstance(said, bool) or not isinstance(said, str | int | float | Fraction):
        return None, "answer_missing" if said is None else "answer_unreadable", ()
    if isinstance(said, int | Fraction):
        value = Fraction(said)
        return (value, "ok", ()) if fits(value) else (None, "answer_too_large", ())
    if isinstance(said, float):
        said = repr(said)
    text = bare(said)
    if "\\" in text:
        text = _BRACKETS.sub("", _BOXED.sub(r"\1", text)).replace("\\$", "$").strip()
    if not text:
        return None, "answer_missing", ()
    return _read(text) if len(text) <= MOST_CHARACTERS else (None, "answer_unreadable", ())


def _read(text: str) -> Reading:
    number = read_number(text)
    if isinstance(number, Number) and text.count("(") <= text.count(")"):
        notes = number.notes + (("percent",) if number.unit == "%" else ())
        return number.value, "ok", notes
    if number == "number_too_large":
        return None, "answer_too_large", ()
    if number == "number_missing":
        return None, "answer_unreadable", ()
    solved = solve(text)
    if isinstance(solved, Solved):
        if not solved.agrees:  # "3 + 4 = 8": which of the two?
            return None, "answers_several", ()
        return solved.value, "ok", ("equation",) if solved.operations else ()
    if solved in _PROBLEMS:
        return None, _PROBLEMS[solved], ()
    parts = _parts(text)
    values = {_alone(part) for part in parts}
    if len(parts) > 1 and None not in values:
        return (values.pop(), "ok", ()) if len(values) == 1 else (None, "answers_several", ())
    if _OPERATOR.search(plain(without_latex(text))):
        return None, "equation_unparsable", ()
    return None, "answers_several" if number == "numbers_several" else "answer_unreadable", ()


def _parts(text: str) -> list[str]:
    """The alternatives, or items of a list, that a text names."""
    inside = text[1:-1] if text.startswith("(") and text.endswith(")") and _closes_last(text) else text
    parts = _JOINT.split(re.sub(r"^\s*(?:either|entweder|both)\s", "", inside, flags=re.I))
    return [part for part in parts if part.strip()][:20]


def _closes_last(text: str) -> bool:
    """Whether the bracket that opens a text is closed by its last character."""
    depth = 0
    for place, char in enumerate(text):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if depth == 0:
            return place == len(text) - 1
    return False


def _alone(part: str) -> Fraction | None:
    number = read_number(part)
    if isinstance(number, Number):
        return number.value
    solved = solve(part)
    return solved.value if isinstance(solved, Solved) and solved.agrees else None
