"""From the words that a teacher quoted to the place in the text where they stand."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quote:
    """What a teacher says is in the text.

    Attributes:
        text: The words quoted.
        before: Words that it says stand directly before, if it says so.
        after: Words that it says stand directly behind.
        near: Offset at which it says that the quote starts; a hint among several places, never believed by itself.
    """

    text: str
    before: str = ""
    after: str = ""
    near: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a quote stands.

    Attributes:
        start: Code-point offset of the first character.
        end: Offset behind the last character.
        fit: 1 for the very same characters; below that, how alike quote and text are there.
    """

    start: int
    end: int
    fit: float


def find_quotes(text: str, quotes: Sequence[Quote], least: float = 0.85) -> list[Place | None]:
    """The place of every quote, aligned with ``quotes``; None for one that is not in the text.

    Args:
        text: The text.
        quotes: In the order in which the teacher gave them.
        least: The least fit of a place.
    """
    places: list[Place | None] = []
    for quote in quotes:
        start = text.find(quote.text) if quote.text else -1
        places.append(Place(start, start + len(quote.text), 1.0) if start >= 0 else None)
    return places
