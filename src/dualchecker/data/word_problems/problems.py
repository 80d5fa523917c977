"""Arithmetic word problems, made by a grammar and a seed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dualchecker.data.word_problems.solving import Step, solve
from dualchecker.data.word_problems.stories import (
    ASIDES,
    BOXES,
    CLOSINGS,
    COLOURS,
    EVENTS,
    NAMES,
    OPENINGS,
    OTHERS,
    PLACES,
    THINGS,
    Told,
)
from dualchecker.errors import DataError

_GRAMMAR = {**OPENINGS, **EVENTS, **OTHERS, **ASIDES, **CLOSINGS}
_TRIES = 20_000
"""Plans that may fail in a row before it is said that the wishes cannot be met."""


@dataclass(frozen=True)
class Problem:
    """A word problem with the steps that solve it.

    Attributes:
        text: The story and its question.
        steps: The steps in order; the last one's result is the answer.
        unit: What is counted (``shells``).
        distractors: Numbers in the text that have no say, in the order of the text.
    """

    text: str
    steps: tuple[Step, ...]
    unit: str
    distractors: tuple[int, ...]

    @property
    def answer(self) -> int:
        return self.steps[-1].result


def make_problems(
    count: int,
    seed: int,
    *,
    largest: int = 30,
    steps: Sequence[float] = (0.35, 0.45, 0.2),
    distracted: float = 0.4,
) -> list[Problem]:
    """Different problems, of which no two have the same text.

    Args:
        count: How many.
        seed: Decides everything; more problems of one seed begin with the same ones.
        largest: No number in a text and no result on the way is above it; at least 10.
        steps: Shares of problems with one, two and three steps.
        distracted: Share of problems to which an aside with a number is added.
    """
    chance = random.Random(f"word problems {seed}")
    made: dict[str, Problem] = {}
    failed = 0
    wanted = chance.choices((1, 2, 3), weights=steps)[0]
    while len(made) < count:
        problem = _attempt(chance, wanted, largest, distracted)
        if problem is None or problem.text in made:
            failed += 1
            if failed > _TRIES:
                raise DataError(
                    f"Only {len(made)} of {count} word problems could be made.",
                    why=f"With no number above {largest} there are too few different ones.",
                    fix="Ask for fewer, or raise 'largest'.",
                )
            continue
        failed = 0
        made[problem.text] = problem
        wanted = chance.choices((1, 2, 3), weights=steps)[0]
    return list(made.values())


def _attempt(chance: random.Random, wanted: int, largest: int, distracted: float) -> Problem | None:
    words = _words(chance)
    story, closing = _plan(chance, words, wanted, largest)
    solved = solve(story, closing)
    if solved is None or len(solved[0]) != wanted or any(step.result > largest for step in solved[0]):
        return None
    sentences = [(told, _tell(chance, told)) for told in story]
    if chance.random() < distracted:
        aside = _aside(chance, words, largest, closing.role)
        sentences.insert(chance.randint(1, len(story)), (replace(aside, role="aside"), _tell(chance, aside)))
    steps, distractors = solve([told for told, _ in sentences], closing) or solved
    text = " ".join([sentence for _, sentence in sentences] + [_tell(chance, closing)])
    unit = closing.words["boxes"] if closing.role == "pack" else words["things"]
    return Problem(text, steps, unit, distractors)


def _words(chance: random.Random) -> dict[str, str]:
    """One choice for every slot of a story; ``D`` and ``others`` are for asides."""
    people = chance.sample(NAMES, 4)
    box = chance.choice(list(BOXES))
    colours = chance.sample(COLOURS, 2)
    things, others = chance.sample(THINGS, 2)
    return {
        **dict(zip("ABCD", people, strict=True)),
        "things": things,
        "others": others,
        "box": box,
        "boxes": BOXES[box],
        "place": chance.choice(PLACES),
        "colour": colours[0],
        "colour2": colours[1],
    }


_OPENING_WEIGHTS = {"start": 6, "groups": 3, "parts": 3, "after_giving": 1, "after_getting": 1}
_EVENT_WEIGHTS = {"gain": 3, "loss": 3, "times": 1}
_CLOSING_WEIGHTS = {"own": 6, "first": 1, "other": 3, "together": 2, "lead": 1, "gap": 1, "share": 2, "pack": 1}


def _plan(chance: random.Random, words: dict[str, str], wanted: int, largest: int) -> tuple[list[Told], Told]:
    """What might be told and asked; many plans do not hold together, and are thrown away."""

    def told(role: str, *numbers: int) -> Told:
        return Told(role, numbers, words)

    def small() -> int:
        return chance.randint(2, max(5, largest // 5))

    def any_number() -> int:
        return chance.randint(2, largest)

    asked = chance.choices(list(_CLOSING_WEIGHTS), weights=list(_CLOSING_WEIGHTS.values()))[0]
    closing = told(asked, *((small(),) if asked in ("share", "pack") else ()))
    reversible = [role for role in OPENINGS if role.startswith("after")]
    opening = chance.choices(list(_OPENING_WEIGHTS), weights=list(_OPENING_WEIGHTS.values()))[0]
    if asked == "first":
        opening = chance.choice(reversible)
    if opening == "start":
        story = [told(opening, any_number())]
    else:
        pair = [small() if opening == "groups" else any_number(), any_number()]
        # What was got is part of what is there now.
        story = [told(opening, *(sorted(pair) if opening == "after_getting" else pair))]
    if asked == "first":
        return story, closing
    events = chance.randint(0, wanted)
    for _ in range(events):
        event = chance.choices(list(_EVENT_WEIGHTS), weights=list(_EVENT_WEIGHTS.values()))[0]
        story.append(told(event, small() if event == "times" else any_number()))
    if asked in ("other", "together", "lead", "gap"):
        relation = chance.choice(list(OTHERS))
        story.append(told(relation, small() if relation in ("multiple", "fraction") else any_number()))
    return story, closing


def _aside(chance: random.Random, words: dict[str, str], largest: int, asked: str) -> Told:
    """A number without a say: about something else, of other things, or of a person nobody asks for."""
    number = (chance.randint(2, largest),)
    # Not "below": one who has 9 fewer than 5 would be nobody.
    unasked = ("rival", "above") if asked in ("own", "first", "share", "pack") else ()
    role = chance.choice(("aside", "aside", "gain", "loss", "rival of others", *unasked))
    if role in unasked:
        return Told(role, number, words)
    others = {"things": words["others"], "B": words["D"], "C": words["D"]}
    return Told(role.removesuffix(" of others"), number, {**words, **others})


def _tell(chance: random.Random, told: Told) -> str:
    numbers = dict(zip(("k", "n")[-len(told.numbers) :], told.numbers, strict=False))
    slots: dict[str, object] = {**told.words, **numbers}
    return chance.choice(_GRAMMAR[told.role]).format_map(slots)
