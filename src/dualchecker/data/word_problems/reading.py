"""Understanding a word problem: the stories' own grammar, read backwards. No table of answers."""

import re

from dualchecker.data.word_problems.problems import Problem
from dualchecker.data.word_problems.solving import solve
from dualchecker.data.word_problems.stories import ASIDES, EVENTS, OPENINGS, OTHERS, Told, endings, matches

_SENTENCE = re.compile(r"(?<=\.) ")


def read_problem(text: str) -> Problem | None:
    """The problem that a text tells, or ``None`` if it is not told by this grammar.

    Args:
        text: Any text; every one that ``make_problems`` writes is understood.
    """
    for before, closing in endings(text.strip()):
        story = _story(_SENTENCE.split(before), closing)
        solved = solve(story, closing) if story is not None else None
        if story is not None and solved is not None:
            things = next(told for told in story if told.role in OPENINGS).words["things"]
            unit = closing.words["boxes"] if closing.role == "pack" else things
            return Problem(text.strip(), *(solved[0], unit, solved[1]))
    return None


def _story(sentences: list[str], closing: Told) -> list[Told] | None:
    """Each sentence in its role; ``None`` once one of them has none."""
    opening: Told | None = None
    story: list[Told] = []
    for sentence in sentences:
        if opening is None and (found := matches(sentence, OPENINGS)):
            opening = told = found[0]
        else:
            read = _after(sentence, opening, closing)
            if read is None:
                return None
            told = read
        story.append(told)
    return story if opening is not None and _agree(closing, opening) else None


def _after(sentence: str, opening: Told | None, closing: Told) -> Told | None:
    """A sentence that is not the opening: with a say if it is of the person and things of the story, else an aside."""
    said = matches(sentence, EVENTS) + matches(sentence, OTHERS)
    for told in said:
        if opening is not None and _agree(told, opening) and _asked(told, closing):
            return told
    aside = next(iter(matches(sentence, ASIDES) + said), None)
    return Told("aside", aside.numbers, aside.words) if aside else None


def _agree(told: Told, opening: Told) -> bool:
    """Whether it is about the same person and the same things."""
    return all(told.words.get(slot, opening.words[slot]) == opening.words[slot] for slot in ("A", "things"))


def _asked(told: Told, closing: Told) -> bool:
    """Whether its second person, if there is one, can be the one asked for."""
    return "B" not in told.words or closing.words.get("B", told.words["B"]) == told.words["B"]
