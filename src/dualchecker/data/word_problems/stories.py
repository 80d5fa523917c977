"""The grammar of the stories: every sentence that a problem may be told in, as templates that are written and read.

A story is an opening (what its person has), any number of events, perhaps a second person, asides that have numbers but
no say, and a closing with the question. The same words serve several operators on purpose ("gives", "more", "left",
"each"): what a sentence does follows from who does it, and at times only from the question.
"""

import re
from dataclasses import dataclass
from functools import cache

NAMES = (
    "Ada", "Ben", "Clara", "David", "Emma", "Felix", "Hana", "Ivan", "Julia", "Kenji", "Lena", "Marco", "Nora", "Omar",
    "Paula", "Tom",
)  # fmt: skip

THINGS = (
    "apples", "beads", "books", "cards", "coins", "eggs", "keys", "marbles", "pears", "pencils", "plums", "shells",
    "stamps", "stickers", "stones", "tickets",
)  # fmt: skip
BOXES = {"bag": "bags", "basket": "baskets", "box": "boxes", "jar": "jars", "tray": "trays"}
PLACES = ("the beach", "the library", "the market", "the park", "the school", "the station")
COLOURS = ("blue", "green", "red", "white")

OPENINGS: dict[str, tuple[str, ...]] = {
    "start": (
        "{A} has {n} {things}.",
        "{A} owns {n} {things}.",
        "In the morning {A} has {n} {things}.",
        "{A} collects {n} {things} at {place}.",
    ),
    "groups": (
        "{A} has {k} {boxes} with {n} {things} in each.",
        "{A} fills {k} {boxes} with {n} {things} each.",
        "Each of the {k} {boxes} of {A} holds {n} {things}.",
        "There are {n} {things} in each of the {k} {boxes} of {A}.",
    ),
    "parts": (
        "{A} has {k} {colour} {things} and {n} {colour2} {things}.",
        "{A} gets {k} {things} on Monday and {n} {things} on Tuesday.",
        "{A} has {k} {things} at home and {n} {things} at {place}.",
    ),
    "after_giving": (
        "After giving {k} {things} to {C}, {A} has {n} {things}.",
        "{A} has {n} {things} left after {C} took {k} {things} away.",
    ),
    "after_getting": (
        "After getting {k} {things} from {C}, {A} has {n} {things}.",
        "{A} has {n} {things} with the {k} {things} that {C} gave away.",
    ),
}
"""What the person has; of the last two the count before may be asked, or ``k`` may have no say."""

EVENTS: dict[str, tuple[str, ...]] = {
    "gain": (
        "{C} gives {A} {n} {things}.",
        "{C} gives {n} {things} to {A}.",
        "Then {A} finds {n} {things} at {place}.",
        "{A} buys {n} more {things}.",
        "{A} buys {n} {things} from {C}.",
        "{A} takes {n} {things} from {C}.",
        "{C} leaves {n} {things} for {A}.",
    ),
    "loss": (
        "{A} gives {C} {n} {things}.",
        "{A} gives {n} {things} to {C}.",
        "Then {A} loses {n} {things} at {place}.",
        "{C} gets {n} more {things} from {A}.",
        "{C} buys {n} {things} from {A}.",
        "{C} takes {n} {things} from {A}.",
        "{A} leaves {n} {things} for {C}.",
    ),
    "times": (
        "After a swap at {place}, {A} has {n} times as many {things}.",
        "Then {A} wins until there are {n} times as many {things}.",
    ),
}
"""What changes the count. Told of other things than the story's, they are asides."""

OTHERS: dict[str, tuple[str, ...]] = {
    "rival": ("{B} has {n} {things}.", "{B} owns {n} {things}.", "At home {B} keeps {n} {things}."),
    "above": ("{B} has {n} more {things} than {A}.", "{A} has {n} fewer {things} than {B}."),
    "below": ("{B} has {n} fewer {things} than {A}.", "{A} has {n} more {things} than {B}."),
    "multiple": ("{B} has {n} times as many {things} as {A}.", "For each one that {A} has, {B} has {n} {things}."),
    "fraction": ("{A} has {n} times as many {things} as {B}.", "For each one that {B} has, {A} has {n} {things}."),
}
"""A second person, by a number or by comparison with the first."""

ASIDES: dict[str, tuple[str, ...]] = {
    "aside": (
        "{A} is {n} years old.",
        "{A} also has {n} {things}.",
        "The way to {place} takes {n} minutes.",
        "There are {n} children at {place}.",
        "{A} paid for {n} more {things} last year.",
    )
}
"""Numbers without a say."""

CLOSINGS: dict[str, tuple[str, ...]] = {
    "own": (
        "How many {things} does {A} have now?",
        "How many {things} does {A} have in the end?",
        "How many {things} are left with {A}?",
        "What is the number of {things} that {A} has now?",
    ),
    "first": (
        "How many {things} did {A} have at first?",
        "How many {things} were there before?",
    ),
    "other": (
        "How many {things} does {B} have?",
        "What is the number of {things} that {B} has?",
    ),
    "together": (
        "How many {things} do {A} and {B} have together?",
        "How many {things} do the two have in all?",
    ),
    "lead": (
        "How many more {things} does {A} have than {B}?",
        "How many fewer {things} does {B} have than {A}?",
        "How many {things} must {B} get to have as many as {A}?",
    ),
    "gap": (
        "How many more {things} does {B} have than {A}?",
        "How many more {things} does {A} need to have as many as {B}?",
        "How many {things} must {B} give away to have as many as {A}?",
    ),
    "share": (
        "{A} puts the {things} into {n} {boxes}, the same number in each. How many {things} are in one {box}?",
        "{A} shares the {things} with friends so that each of the {n} friends gets the same. "
        "How many {things} does each friend get?",
    ),
    "pack": (
        "{A} puts {n} {things} into each {box}. How many {boxes} does {A} fill?",
        "Each {box} holds {n} {things}. How many {boxes} does {A} need?",
    ),
}
"""What is asked. ``share`` and ``pack`` bring a number of their own."""


@dataclass(frozen=True)
class Told:
    """A sentence understood: its role, its numbers (``k`` before ``n``) and the words in its slots."""

    role: str
    numbers: tuple[int, ...]
    words: dict[str, str]


_SLOT = re.compile(r"\{(\w+)\}")
_WORDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("A", "B", "C"), NAMES),
    "things": THINGS,
    "box": tuple(BOXES),
    "boxes": tuple(BOXES.values()),
    "place": PLACES,
    **dict.fromkeys(("colour", "colour2"), COLOURS),
}


def matches(sentence: str, grammar: dict[str, tuple[str, ...]]) -> list[Told]:
    """Every way of reading a sentence (or a closing) by one part of the grammar."""
    found = [(role, p.fullmatch(sentence)) for role, patterns in _patterns(grammar) for p in patterns]
    return [_told(role, match) for role, match in found if match]


def endings(text: str) -> list[tuple[str, Told]]:
    """Every way of taking a closing off the end of a text: what stands before it, and the closing."""
    found = []
    for role, patterns in _patterns(CLOSINGS):
        for pattern in patterns:
            match = re.search(rf"(?:^| )(?:{pattern.pattern})$", text)
            if match:
                found.append((text[: match.start()], _told(role, match)))
    return found


def _told(role: str, match: re.Match[str]) -> Told:
    words = {slot: word for slot, word in match.groupdict().items() if slot not in ("k", "n")}
    numbers = tuple(int(match[slot]) for slot in ("k", "n") if slot in match.groupdict())
    return Told(role, numbers, words)


def _patterns(grammar: dict[str, tuple[str, ...]]) -> list[tuple[str, tuple[re.Pattern[str], ...]]]:
    return [(role, tuple(_compiled(template) for template in templates)) for role, templates in grammar.items()]


@cache
def _compiled(template: str) -> re.Pattern[str]:
    seen: set[str] = set()
    pattern = ""
    for place, part in enumerate(_SLOT.split(template)):
        if place % 2 == 0:
            pattern += re.escape(part)
        elif part in seen:
            pattern += rf"(?P={part})"
        else:
            seen.add(part)
            pattern += rf"(?P<{part}>{'|'.join(_WORDS[part]) if part in _WORDS else '[0-9]+'})"
    return re.compile(pattern)
