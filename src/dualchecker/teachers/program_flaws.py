"""The flaws of the program that teaches word problems: which there are, where they strike, and how they are seen."""

import hashlib
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from dualchecker.data.word_problems import Operator, Problem, Step

Kind = Literal["operator", "misread", "slip"]
"""A wrong operator, a number taken from the wrong place, or wrong arithmetic."""

Steps = tuple[Step, ...]


@dataclass(frozen=True)
class Flaws:
    """How often the program errs, and how well it judges chains of thought. All are shares in 0..1.

    Attributes:
        operator: Of the steps, on average: another operator than the question asks for.
        misread: Of the steps: a number from the wrong place, a distractor where there is one.
        slip: Of the steps: wrong arithmetic.
        missed: Of the wrong chains that it decides on: those it calls correct.
        false_alarm: Of the right chains that it decides on: those it calls wrong.
        uncertain: Of all chains: those it does not decide on.
        habit: Of its wrong answers to one question: those that are the one error which the question invites.
    """

    operator: float = 0.08
    misread: float = 0.08
    slip: float = 0.05
    missed: float = 0.25
    false_alarm: float = 0.1
    uncertain: float = 0.1
    habit: float = 0.6

    def __post_init__(self) -> None:
        for name, value in self.as_values().items():
            if not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}; a share is between 0 and 1.")

    def as_values(self) -> dict[str, float]:
        return asdict(self)

    def weight(self, kind: Kind) -> float:
        return {"operator": self.operator, "misread": self.misread, "slip": self.slip}[kind]

    def risk(self, problem: Problem) -> float:
        """Chance that an answer to this question is wrong: at least one step flawed, and more so if it is hard."""
        sound = 1 - min(1.0, self.operator + self.misread + self.slip)
        return min(_MOST_RISK, (1 - sound ** len(problem.steps)) * 3 * difficulty(problem) ** 2)


_MOST_RISK = 0.95


def difficulty(problem: Problem) -> float:
    """How hard a question is, uniform in 0..1: a hash of its text; its square is 1/3 on average.

    The hash stands for all that makes a question hard to a language model and cannot be seen from outside. As it is
    fixed, the errors of samples are correlated: many questions are never failed, a few nearly always.
    """
    return int.from_bytes(hashlib.sha256(problem.text.encode()).digest()[:8], "big") / 2**64


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
    makers: dict[Kind, Callable[[Problem], Iterable[Steps | None]]]
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


def _other_numbers(problem: Problem) -> list[Steps | None]:
    """With distractors where they can be used so, else with the problem's other numbers."""
    used = [number for step in problem.steps for number in (step.left, step.right)]
    found = list(_with_numbers(problem.steps, problem.distractors))
    return found if any(found) else list(_with_numbers(problem.steps, used))


def _with_numbers(steps: Steps, numbers: Sequence[int]) -> Iterator[Steps | None]:
    for place, step in enumerate(steps):
        before = {earlier.result for earlier in steps[:place]}  # these are worked out, not read
        for number in dict.fromkeys(numbers):
            if step.left not in before and number != step.left:
                yield _redone(steps, place, Step(step.operator, number, step.right))
            if step.right not in before and number != step.right:
                yield _redone(steps, place, Step(step.operator, step.left, number))


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
