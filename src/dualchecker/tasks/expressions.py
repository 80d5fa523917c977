"""Arithmetic as models write it, in symbols and in words: a tokenizer and a parser over exact fractions.

Python's own parser never sees a reply. Depth, length and the size of every value are bounded.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from dualchecker.tasks.digits import match_number, plain
from dualchecker.tasks.numbers import CURRENCIES

EquationProblem = Literal["unparsable", "division_by_zero", "too_large"]
Kind = Literal["number", "operator", "open", "close", "equals", "is", "percent", "of", "word", "name", "break"]

MOST_BITS = 400
"""Size of numerator and denominator of any value on the way."""
MOST_DEPTH = 40
MOST_UNIT_WORDS = 3


class EquationError(Exception):
    """Why an expression has no value."""

    def __init__(self, problem: EquationProblem) -> None:
        super().__init__(problem)
        self.problem: EquationProblem = problem


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an expression.

    Attributes:
        kind: ``name`` is a single letter, which stands for something unknown; ``is`` a word that equates.
        text: As written, or the one sign for all ways to write an operator.
        start: Offset of its first character.
        end: Offset behind its last.
        value: Of a number; None where it is too large.
        decimals: See ``Number``.
    """

    kind: Kind
    text: str
    start: int
    end: int
    value: Fraction | None = None
    decimals: int | None = 0


_SIGNS: dict[str, tuple[Kind, str]] = {
    **dict.fromkeys("*×·⋅∙✕", ("operator", "*")),
    **dict.fromkeys("/÷", ("operator", "/")),
    **{sign: ("operator", sign) for sign in "+-^"},
    **dict.fromkeys("([{", ("open", "(")),
    **dict.fromkeys(")]}", ("close", ")")),
    **dict.fromkeys("=≈", ("equals", "=")),
    "%": ("percent", "%"),
}
_WORDS: dict[str, tuple[Kind, str]] = {
    **dict.fromkeys(("plus",), ("operator", "+")),
    **dict.fromkeys(("minus",), ("operator", "-")),
    **dict.fromkeys(("times", "multiplied by"), ("operator", "*")),
    **dict.fromkeys(("divided by",), ("operator", "/")),
    **dict.fromkeys(("is", "are", "equals", "makes", "gives", "is equal to", "equal to"), ("is", "=")),
    "of": ("of", "of"),
    "percent": ("percent", "%"),
    **dict.fromkeys(("and", "or", "so", "then", "if", "but", "which", "because", "not"), ("break", "and")),
}
_LATEX: dict[str, tuple[Kind, str]] = {
    **dict.fromkeys(("times", "cdot"), ("operator", "*")),
    "div": ("operator", "/"),
    **dict.fromkeys(("approx",), ("equals", "=")),
}
_PHRASE = re.compile(r"(?:multiplied by|divided by|is equal to|equal to)\b|[^\W\d_]+(?:['’-][^\W\d_]+)*", re.I)
_COMMAND = re.compile(r"\\(?:([a-zA-Z]+)|.)", re.S)
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]{1,60})\}\s*\{([^{}]{1,60})\}")
_SUPERSCRIPTS = {"²": 2, "³": 3, "¹": 1} | {chr(0x2074 + i): 4 + i for i in range(6)}


def tokens(text: str) -> list[Token]:
    """A text as numbers, operators, brackets and words; what is none of these is a ``break``."""
    text = plain(text)
    found: list[Token] = []
    position = 0
    while position < len(text):
        token = _next(text, position, found[-1] if found else None)
        position = token.end
        if token.text:
            found.append(token)
    return found


def _next(text: str, start: int, before: Token | None) -> Token:
    """The token at ``start``; one without text is passed over."""
    char = text[start]
    if char.isspace() or char in CURRENCIES:
        end = start + 1
        return Token("break", "\n", start, end) if char == "\n" else Token("word", "", start, end)
    if char in _SUPERSCRIPTS and before is not None and before.end == start:
        # Behind a word it is part of a unit: m².
        return (
            Token("operator", char, start, start + 1) if before.kind != "word" else Token("word", "", start, start + 1)
        )
    if (written := match_number(text, start)) is not None:
        return Token("number", text[start : written.end], start, written.end, written.value, written.decimals)
    if char.isdigit():
        return Token("break", "?", start, start + 1)
    if text.startswith("**", start):
        return Token("operator", "^", start, start + 2)
    if text.startswith("==", start):
        return Token("equals", "=", start, start + 2)
    if char in _SIGNS:
        return Token(*_SIGNS[char], start, start + 1)
    if char == "\\":
        return _latex(text, start)
    word = _PHRASE.match(text, start)
    if word is None:
        return Token("break", char, start, start + 1)
    end = word.end()
    if word[0] in ("x", "X") and (before is None or before.kind in ("number", "close", "percent", "word")):
        following = text[end:].lstrip(" " + CURRENCIES)[:1] if end - start == 1 else ""
        if (following.isdigit() or following == "(") and before is not None:
            return Token("operator", "*", start, end)
    if (
        re.fullmatch(r"[xX]", char)
        and before is not None
        and before.kind == "number"
        and text[start + 1 : start + 2].isdigit()
    ):
        return Token("operator", "*", start, start + 1)
    kind, sign = _WORDS.get(word[0].lower(), ("name" if end - start == 1 and char.isascii() else "word", word[0]))
    return Token(kind, sign, start, end)


def _latex(text: str, start: int) -> Token:
    command = _COMMAND.match(text, start)
    if command is None:
        return Token("break", "\\", start, start + 1)
    if command[1] in _LATEX:
        return Token(*_LATEX[command[1]], start, command.end())
    known = command[1] in ("left", "right", "text", "mathrm", None) and command[0] != "\\"
    return Token("word" if known else "break", "" if known else command[0], start, command.end())


def without_latex(text: str) -> str:
    r"""``\frac{a}{b}`` as ``((a)/(b))``."""
    return _FRACTION.sub(r"((\1)/(\2))", text)


class Parser:
    """A sum of products of powers, as far as it goes.

    Args:
        given: Tokens.
        start: Where the expression begins.

    Attributes:
        position: The first token behind what was read.
        operations: How many operators were applied to two values.
        divided: Whether one of them divides.
        scale: 100 if the last thing read was a percentage, else 1.
    """

    def __init__(self, given: Sequence[Token], start: int = 0) -> None:
        self._tokens = given
        self.position = start
        self.operations = 0
        self.divided = False
        self.scale = 1
        self._depth = 0

    def _peek(self, kind: Kind, signs: str = "") -> bool:
        if self.position >= len(self._tokens):
            return False
        token = self._tokens[self.position]
        return token.kind == kind and (not signs or token.text in signs)

    def _take(self) -> Token:
        self.position += 1
        return self._tokens[self.position - 1]

    def expression(self) -> Fraction:
        """The value of what stands here.

        Raises:
            EquationError: There is no expression here, or it has no value.
        """
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise EquationError("too_large")
        value = self._product()
        while self._peek("operator", "+-"):
            sign = self._take().text
            other = self._product()
            value = self._sized(value + other if sign == "+" else value - other)
            self.operations += 1
        self._depth -= 1
        return value

    def _product(self) -> Fraction:
        value = self._signed()
        while True:
            if self._peek("operator", "*/"):
                sign = self._take().text
            elif self._peek("of") and self.scale == 100:
                self._take()  # 20% of 50
                sign = "*"
            elif self._peek("open") and self._tokens[self.position - 1].kind in ("number", "close"):
                sign = "*"  # 2(3 + 4)
            else:
                return value
            other = self._signed()
            self.operations += 1
            if sign == "/":
                self.divided = True
                if other == 0:
                    raise EquationError("division_by_zero")
                value = self._sized(value / other)
            else:
                value = self._sized(value * other)

    def _signed(self) -> Fraction:
        negative = False
        while self._peek("operator", "+-"):
            negative ^= self._take().text == "-"
        value = self._power()
        return -value if negative else value

    def _power(self) -> Fraction:
        base = self._atom()
        if not (self.position < len(self._tokens) and self._tokens[self.position].kind == "operator"):
            return base
        raised = _SUPERSCRIPTS.get(self._tokens[self.position].text)
        if raised is not None:
            self._take()
            self.operations += 1
            return self._raise(base, Fraction(raised))
        if not self._peek("operator", "^"):
            return base
        self._take()
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise EquationError("too_large")
        exponent = self._signed()
        self._depth -= 1
        self.operations += 1
        return self._raise(base, exponent)

    def _raise(self, base: Fraction, exponent: Fraction) -> Fraction:
        if exponent.denominator != 1:
            raise EquationError("unparsable")
        if base == 0 and exponent < 0:
            raise EquationError("division_by_zero")
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        if abs(exponent) > MOST_BITS or bits * abs(exponent) > MOST_BITS:
            raise EquationError("too_large")
        return Fraction(base**exponent.numerator)

    def _atom(self) -> Fraction:
        self.scale = 1
        if self._peek("open"):
            self._take()
            value = self.expression()
            if not self._peek("close"):
                raise EquationError("unparsable")
            self._take()
        elif self._peek("number"):
            token = self._take()
            if token.value is None:
                raise EquationError("too_large")
            value = token.value
        else:
            raise EquationError("unparsable")
        self.scale = 1
        if self._peek("percent"):
            self._take()
            value, self.scale = value / 100, 100
        self._pass_units()
        return value

    def _pass_units(self) -> None:
        """Words behind a number: ``5 red apples + ...``."""
        words = 0
        while self._peek("word") and words < MOST_UNIT_WORDS:
            self._take()
            words += 1

    @staticmethod
    def _sized(value: Fraction) -> Fraction:
        if max(value.numerator.bit_length(), value.denominator.bit_length()) > MOST_BITS:
            raise EquationError("too_large")
        return value
