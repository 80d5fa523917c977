"""What can be held against a chain of thought, from its own words and the question alone.

A fault is no proof: a chain may say what it does not mean and be right all the same. But chains with one are much less
often right (docs/benchmarks.md), and finding it takes neither gold nor a model.
"""

import math
import re
from collections.abc import Collection, Iterable
from fractions import Fraction
from typing import Literal

from dualchecker.tasks.arithmetic import Statement, statements
from dualchecker.tasks.numbers import find_numbers, rounds_to

ChainFault = Literal[
    "arithmetic_wrong",
    "answer_not_reached",
    "number_from_nowhere",
    "answer_negative",
    "answer_fractional",
    "rival_named",
]

FAULT_LOG_ODDS = 2.0
"""What one fault takes from the log-odds that a chain is right: one in two becomes one in eight. Set, not fitted."""

RIVAL_LOG_ODDS = 1.0
"""The same of ``rival_named``, which is weaker: a choice may also be named to rule it out."""

LEAST = 1e-3
"""No chain is taken to be less likely right, or wrong, before its faults are counted."""

SAID_NOWHERE = frozenset(map(Fraction, (1, 2, 3, 4, 7, 10, 12, 24, 30, 52, 60, 100, 365, 1000, 3600)))
"""Numbers that a chain may take without saying from where: halves, days of a week, cents of a dollar."""

_COUNTS = re.compile(r"\bhow (many|much)\b(?: (?:more|fewer|less|other|of the))*(?: (\w+))?", re.I)
_MEASURED = re.compile(
    r"(?:milli|centi|kilo|k|c|m)?(?:met(?:er|re)|gram|lit(?:er|re)|g|m|l)s?|dollars?|cents?|euros?|hours?|days?|weeks?"
    r"|months?|years?|minutes?|seconds?|miles?|inch(?:es)?|feet|foot|yards?|acres?|pounds?|ounces?|tons?|cups?|pints?"
    r"|quarts?|gallons?|teaspoons?|tablespoons?|degrees?|percent|calories|times",
    re.I,
)
_SHARED_OUT = re.compile(r"\b(?:average|mean|per|rate|percentage|fraction)\b", re.I)


def chain_faults(question: str, rationale: str, answer: Fraction, equation: str = "") -> tuple[ChainFault, ...]:
    """What speaks against a chain of thought; empty where nothing does, or nothing in it can be checked.

    - ``arithmetic_wrong``: a calculation that it states does not hold.
    - ``answer_not_reached``: neither its last calculation nor its last number is the answer.
    - ``number_from_nowhere``: it calculates with a number that the question does not give and no earlier step makes.
    - ``answer_negative``, ``answer_fractional``: less than nothing, or a part of a thing, where an English question
      counts things and gives whole numbers only.

    Args:
        question: What was asked, with its numbers.
        rationale: The chain.
        answer: What it is said to arrive at.
        equation: Its last step, where that comes apart from the chain.
    """
    steps = statements(rationale)
    given = [number.value for number in find_numbers(question, words=True)]
    faults: list[ChainFault] = []
    if not all(step.holds for step in steps):
        faults.append("arithmetic_wrong")
    if not _reached(rationale, steps, answer):
        faults.append("answer_not_reached")
    if _from_nowhere(given, steps, equation):
        faults.append("number_from_nowhere")
    counted = _COUNTS.search(question)
    if counted and all(value.denominator == 1 and value >= 0 for value in given):
        if answer < 0:
            faults.append("answer_negative")
        if answer.denominator != 1 and _is_thing(counted) and not _SHARED_OUT.search(question):
            faults.append("answer_fractional")
    return tuple(faults)


def choice_faults(rationale: str, label: str, choices: Iterable[str]) -> tuple[ChainFault, ...]:
    """``rival_named`` where a chain names another of the choices; empty where it does not.

    Words count by their beginnings, and choices without a word of three letters are passed over.

    Args:
        rationale: The chain.
        label: The choice that it is said to arrive at.
        choices: All of them.
    """
    said = f" {_beginnings(rationale)} "
    own = f" {_beginnings(label)} "
    rivals = {f" {_beginnings(choice)} " for choice in choices} - {own}
    # "book" within the label "book shop" is no rival.
    return ("rival_named",) if any(r.strip() and r in said and r not in own for r in rivals) else ()


def doubted(probability: float, faults: Collection[ChainFault]) -> float:
    """The probability that a chain is right after its faults are counted; it ranks chains, and is not calibrated."""
    bounded = min(max(probability, LEAST), 1 - LEAST)
    taken = sum(RIVAL_LOG_ODDS if fault == "rival_named" else FAULT_LOG_ODDS for fault in faults)
    log_odds = math.log(bounded / (1 - bounded)) - taken
    return 1 / (1 + math.exp(-log_odds))


def _reached(rationale: str, steps: list[Statement], answer: Fraction) -> bool:
    """Whether the chain comes to the answer; one without a calculation is given the benefit of the doubt."""
    if not steps:
        return True
    last = find_numbers(rationale)[-1:]
    return steps[-1].right == answer or any(rounds_to(answer, one.value, one.decimals, True) for one in last)


def _from_nowhere(given: Iterable[Fraction], steps: list[Statement], equation: str) -> bool:
    """Whether a step takes a number that nothing before it gives. Signs are left out: ``51 - (-11)`` takes 11."""
    known = {abs(value) for value in given} | SAID_NOWHERE
    for step in steps:
        made = {abs(value) for value in (step.left, step.right) if value is not None}
        if not _values(step.text) <= known | made:
            return True
        known |= made
    return not _values(equation) <= known


def _values(text: str) -> set[Fraction]:
    return {abs(number.value) for number in find_numbers(text)}


def _beginnings(text: str) -> str:
    """Enough of each word to see that "swimming" and "swims" are one."""
    return " ".join(word[:5] for word in re.findall(r"\w{3,}", text.casefold()))


def _is_thing(counted: re.Match[str]) -> bool:
    """Whether whole things are counted, not hours or miles."""
    return counted[1].casefold() == "many" and not (counted[2] and _MEASURED.fullmatch(counted[2]))
