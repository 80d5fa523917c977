"""The flaws of the program that teaches word problems: which there are, where they strike, and how they are seen."""

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from dualchecker.data.word_problems import Operator, Problem, Step

Kind = Literal["operator", "misread", "slip"]
"""A wrong operator, a number taken from the wrong place, or wrong arithmetic."""

Steps = tuple[Step, ...]


@dataclass(frozen=True)
class Flaws:
    """How often the program errs, and how well it judges chains of thought.

    Attributes:
        wrong: Share of its answers that are wrong, on average over questions of all kinds (about: it depends on how
            many of them are hard).
        operator: Weight of a wrong operator among its errors.
        misread: Weight of a number from the wrong place, a distractor where there is one.
        slip: Weight of an arithmetic slip.
        habit: Share of its errors on a question that are the one that the question invites, the same each time.
        insight: How much higher the stated confidence is on average where the answer is right, and lower where not.
        alert: How often it sees an error that is there, asked to evaluate a chain.
        alarm: How often it calls a right chain wrong.
        unsure: How often it says ``uncertain``, whatever the chain.
    """

    wrong: float = 0.3
    operator: float = 0.4
    misread: float = 0.35
    slip: float = 0.25
    habit: float = 0.6
    insight: float = 0.05
    alert: float = 0.7
    alarm: float = 0.1
    unsure: float = 0.1

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}; a rate is between 0 and 1.")
        if not self.operator + self.misread + self.slip:
            raise ValueError("One kind of error at least needs a weight.")

    def as_values(self) -> dict[str, float]:
        return asdict(self)

    def risk(self, hard: float) -> float:
        """Chance that an answer to a question of this difficulty is wrong: few errors but on hard ones."""
        return min(0.95, 4 * self.wrong * hard**2)

    def weight(self, kind: Kind) -> float:
        return {"operator": self.operator, "misread": self.misread, "slip": self.slip}[kind]


def difficulty(problem: Problem) -> float:
    """How hard a question is, in 0..1: by its steps, its distractors and, for the most part, a hash of its text.

    The hash stands for all that makes a question hard to a language model and cannot be seen from outside. As it is
    fixed, errors of samples are correlated.
    """
    drawn = int.from_bytes(hashlib.sha256(problem.text.encode()).digest()[:8], "big") / 2**64
    return 0.6 * drawn + 0.2 * min(1.0, (len(problem.steps) - 1) / 2) + 0.2 * bool(problem.distractors)


def flawed(problem: Problem, flaws: Flaws, chance: random.Random) -> Steps:
    """The steps of a problem with one flaw, which leads to another answer."""
    kinds = [kind for kind in get_args(Kind) if flaws.weight(kind)]
    while kinds:
        kind = chance.choices(kinds, weights=[flaws.weight(kind) for kind in kinds])[0]
        wrong = [steps for steps in variants(problem, kind) if steps[-1].stated != problem.answer]
        if wrong:
            return chance.choice(wrong)
        kinds.remove(kind)  # a question with one number has no other to misread
    return _slipped(problem.steps, len(problem.steps) - 1, 1) or problem.steps


def reaching(problem: Problem, answer: str) -> Steps | None:
    """Steps with one flaw that lead to this answer, if there are any."""
    for kind in get_args(Kind):
        for steps in variants(problem, kind):
            if str(steps[-1].stated) == answer:
                return steps
    return None


def variants(problem: Problem, kind: Kind) -> list[Steps]:
    """All ways in which one flaw of a kind can strike, in a fixed order; the steps behind it go on from its result."""
    makers = {"operator": _other_operators, "misread": _other_numbers, "slip": _slips}
    return [steps for steps in makers[kind](problem) if steps is not None]


def first_wrong(steps: Sequence[Step], problem: Problem) -> str:
    """The first step of a chain that is wrong, in words; empty if there is none.

    A chain is right that takes the problem's steps in their order; sums and products may stand the other way round.
    """
    for place, expected in enumerate(problem.steps):
        if place >= len(steps):
            return f"The step {_written(expected)} is missing."
        step = steps[place]
        if not _same(step, expected):
            return f"The step {_written(step)} does not fit the question, which asks for {_written(expected)} here."
        if step.stated != step.result:
            return f"The step {_written(step)} is wrong: it gives {step.result}."
    if len(steps) > len(problem.steps):
        return f"The step {_written(steps[len(problem.steps)])} is one too many."
    return ""


def _other_operators(problem: Problem) -> Iterator[Steps | None]:
    for place, step in enumerate(problem.steps):
        for operator in get_args(Operator):
            if operator != step.operator:
                yield _redone(problem.steps, place, Step(operator, step.left, step.right))


def _other_numbers(problem: Problem) -> Iterator[Steps | None]:
    """Distractors where there are any, else the problem's other numbers."""
    used = [number for step in problem.steps for number in (step.left, step.right)]
    for place, step in enumerate(problem.steps):
        before = {earlier.result for earlier in problem.steps[:place]}
        for number in dict.fromkeys(problem.distractors or used):
            if step.left not in before and number != step.left:
                yield _redone(problem.steps, place, Step(step.operator, number, step.right))
            if step.right not in before and number != step.right:
                yield _redone(problem.steps, place, Step(step.operator, step.left, number))


def _slips(problem: Problem) -> Iterator[Steps | None]:
    for place in range(len(problem.steps)):
        for by in (1, -1, 2, -2, 10, -10):
            yield _slipped(problem.steps, place, by)


def _slipped(steps: Steps, place: int, by: int) -> Steps | None:
    step = steps[place]
    return _redone(steps, place, Step(step.operator, step.left, step.right, claimed=step.result + by))


def _redone(steps: Steps, place: int, wrong: Step) -> Steps | None:
    """The steps with a wrong one, on whose result the later ones build; None where they cannot."""
    if not wrong.sound or wrong.stated <= 0:
        return None
    done = [*steps[:place], wrong]
    moved = {steps[place].result: wrong.stated}
    for before, step in zip(steps[place:], steps[place + 1 :], strict=False):
        left = moved.get(step.left, step.left)
        built_on = step.left == before.result
        right = step.right if built_on and step.left != step.right else moved.get(step.right, step.right)
        new = Step(step.operator, left, right)
        if not new.sound:
            return None
        done.append(new)
        moved[step.result] = new.result
    return tuple(done)


def _same(step: Step, expected: Step) -> bool:
    if step.operator != expected.operator:
        return False
    told, asked = (step.left, step.right), (expected.left, expected.right)
    return told == asked or (step.operator in "+*" and told[::-1] == asked)


def _written(step: Step) -> str:
    return f"{step.left} {step.operator} {step.right} = {step.stated}"
