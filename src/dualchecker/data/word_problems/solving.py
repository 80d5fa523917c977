"""From what a story tells to the steps of its solution."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dualchecker.data.word_problems.stories import CLOSINGS, EVENTS, OPENINGS, OTHERS, Told

Operator = Literal["+", "-", "*", "/"]


@dataclass(frozen=True)
class Step:
    """One step of arithmetic. ``claimed`` is what a flawed chain writes in place of the result."""

    operator: Operator
    left: int
    right: int
    claimed: int | None = None

    @property
    def result(self) -> int:
        """What the step truly gives; a division leaves no rest."""
        match self.operator:
            case "+":
                return self.left + self.right
            case "-":
                return self.left - self.right
            case "*":
                return self.left * self.right
            case "/":
                return self.left // self.right

    @property
    def stated(self) -> int:
        """What is written after the equals sign."""
        return self.result if self.claimed is None else self.claimed

    @property
    def sound(self) -> bool:
        """Whether it stays within the counting numbers: no rest, nothing below one."""
        if self.operator == "/" and (self.right == 0 or self.left % self.right):
            return False
        return self.result > 0


class _Unsolvable(Exception):
    pass


class _Working:
    """Steps as they are taken."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def take(self, operator: Operator, left: int, right: int) -> int:
        step = Step(operator, left, right)
        if not step.sound:
            raise _Unsolvable
        self.steps.append(step)
        return step.result


_OPERATORS: dict[str, Operator] = {
    "gain": "+", "loss": "-", "times": "*", "above": "+", "below": "-", "multiple": "*", "fraction": "/",
    "share": "/", "pack": "/", "groups": "*", "parts": "+", "after_giving": "+", "after_getting": "-",
}  # fmt: skip


def solve(story: Sequence[Told], closing: Told) -> tuple[tuple[Step, ...], tuple[int, ...]] | None:
    """The steps that lead to the answer, and the numbers that have no say, in the order of the story.

    Args:
        story: What is told before the closing, in order; its opening comes before its events.
        closing: The question.

    Returns:
        ``None`` for a story that does not hold together: nothing to start from, a count below one, a division with a
        rest, a person asked for of whom nothing is known.
    """
    working = _Working()
    try:
        used = _work(story, closing, working)
    except _Unsolvable:
        return None
    if not working.steps:
        return None
    idle = [told.numbers[: len(told.numbers) - used.get(place, 0)] for place, told in enumerate(story)]
    return tuple(working.steps), tuple(number for numbers in idle for number in numbers)


def _work(story: Sequence[Told], closing: Told, working: _Working) -> dict[int, int]:
    """Takes the steps; gives, by place in the story, how many of a sentence's last numbers had a say."""
    openings = [(place, told) for place, told in enumerate(story) if told.role in OPENINGS]
    others = [(place, told) for place, told in enumerate(story) if told.role in OTHERS]
    if len(openings) != 1 or len(others) > 1 or closing.role not in CLOSINGS:
        raise _Unsolvable
    place, opening = openings[0]
    held = opening.numbers[-1]
    if closing.role == "first":
        if not opening.role.startswith("after"):
            raise _Unsolvable
        working.take(_OPERATORS[opening.role], held, opening.numbers[0])
        return {place: 2}
    used = {place: 1}
    if opening.role in ("groups", "parts"):
        held = working.take(_OPERATORS[opening.role], *opening.numbers)
        used[place] = 2
    for at, told in enumerate(story):
        if told.role in EVENTS:
            held = working.take(_OPERATORS[told.role], held, told.numbers[0])
            used[at] = 1
    if closing.role in ("share", "pack"):
        working.take("/", held, closing.numbers[0])
    elif closing.role != "own":
        if not others:
            raise _Unsolvable
        used[others[0][0]] = 1
        _compare(held, others[0][1], closing.role, working)
    return used


def _compare(held: int, other: Told, asked: str, working: _Working) -> None:
    count = other.numbers[0]
    if other.role != "rival":
        count = working.take(_OPERATORS[other.role], held, count)
        if asked not in ("other", "together"):
            raise _Unsolvable  # the difference of two that are told by their difference is no problem
    elif asked == "other":
        raise _Unsolvable
    if asked == "together":
        working.take("+", held, count)
    elif asked == "lead":
        working.take("-", held, count)
    elif asked == "gap":
        working.take("-", count, held)
