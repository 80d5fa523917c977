"""Chains of thought for word problems: written in several wordings, and their arithmetic read back."""

import re
from collections.abc import Sequence

from dualchecker.data.word_problems.problems import Problem
from dualchecker.data.word_problems.solving import Operator, Step

_WORDINGS: tuple[tuple[str, str, bool], ...] = (
    ("First ", ". Then ", False),
    ("", ", so ", False),
    ("We get ", ". Next ", True),
    ("The number of {unit}: ", " and ", False),
    ("Step by step: ", ", ", True),
    ("Of the {unit}, ", ". After that, ", True),
)
"""How it starts, what stands between two steps, and whether sums and products are told the other way round."""

WORDINGS = len(_WORDINGS)
"""How many wordings there are."""

_STATEMENT = re.compile(r"(-?[0-9]+) ([-+*/]) (-?[0-9]+) = (-?[0-9]+)")
_ANSWER = re.compile(r"The answer is (-?[0-9]+)\.\s*$")


def write_chain(steps: Sequence[Step], problem: Problem, wording: int) -> str:
    """A chain of thought in short sentences, each step as ``a op b = c``, that ends with ``The answer is c.``

    Args:
        steps: Usually those of the problem; flawed ones are written as they are.
        problem: What it is about.
        wording: One of ``range(WORDINGS)``.
    """
    lead, link, turned = _WORDINGS[wording]
    told = link.join(statement(_turned(step) if turned else step) for step in steps)
    return f"{lead.format(unit=problem.unit)}{told}. The answer is {steps[-1].stated}."


def statement(step: Step) -> str:
    """``12 + 5 = 17``, with what the step claims to give."""
    return f"{step.left} {step.operator} {step.right} = {step.stated}"


def read_chain(text: str) -> tuple[tuple[Step, ...], int | None]:
    """The arithmetic of a chain in any words, and the answer that it ends with (None without one)."""
    steps = []
    for left, sign, right, stated in _STATEMENT.findall(text):
        operator: Operator = sign
        step = Step(operator, int(left), int(right))
        holds = step.sound and step.result == int(stated)
        steps.append(step if holds else Step(operator, int(left), int(right), int(stated)))
    answer = _ANSWER.search(text)
    return tuple(steps), int(answer[1]) if answer else None


def _turned(step: Step) -> Step:
    return Step(step.operator, step.right, step.left, step.claimed) if step.operator in "+*" else step
