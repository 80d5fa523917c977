"""Which of several places a quote means: by its context, by a hint, by what stands beside it in the answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from dualchecker.tasks.folding import Folded, fold_text

CONTEXT = 60
"""Characters of context that are compared on each side."""

LEAST_CONTEXT = 50.0
"""Likeness (0..100) below which a stated context says nothing about where a quote stands."""


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


def settle(quotes: Sequence[Quote], options: Sequence[Sequence[Place]], folded: Folded) -> list[Place | None]:
    """One place for each quote that has any.

    Where there are several: those of the same words that an earlier quote has taken are left out while others remain.
    Then the stated context decides; then the offset hint, by the nearest start. Otherwise the order does: of the places
    that begin behind the last quote placed and not behind the beginning of the next one that stands in one place only
    (or of all, if there is none), it is the one nearest to those neighbours; without neighbours the first. Quotes of
    the same words leave enough places behind them for those that follow: given as often as they stand in the text,
    they take its places one by one.
    """
    chosen: list[Place | None] = [places[0] if len(places) == 1 else None for places in options]
    taken: dict[str, set[int]] = {}
    left: dict[str, int] = {}
    for quote in quotes:
        left[quote.text] = left.get(quote.text, 0) + 1
    last: Place | None = None
    for number, (quote, places) in enumerate(zip(quotes, options, strict=True)):
        left[quote.text] -= 1
        if len(places) > 1:
            used = taken.setdefault(quote.text, set())
            free = [place for place in places if place.start not in used] or list(places)
            free = _by_context(quote, free, folded)
            if len(free) > 1 and quote.near is not None:
                near = quote.near
                free = [min(free, key=lambda place: abs(place.start - near))]
            if len(free) > 1:
                behind = [place for place in free if place.start > max(used, default=-1)] or free
                behind = behind[: max(1, len(behind) - left[quote.text])]
                following = next((place for place in chosen[number + 1 :] if place), None)
                free = [_by_neighbours(behind, last, following)]
            chosen[number] = free[0]
            used.add(free[0].start)
        last = chosen[number] or last
    return chosen


def _by_neighbours(places: Sequence[Place], before: Place | None, after: Place | None) -> Place:
    ordered = [
        place
        for place in places
        # It may be what the one behind it begins with: a signal such as "to" of a cause "to foil the march".
        if (before is None or place.start >= before.end) and (after is None or place.start <= after.start)
    ]
    neighbours = [place for place in (before, after) if place]

    def gap(place: Place) -> int:
        return min((max(place.start - one.end, one.start - place.end, 0) for one in neighbours), default=0)

    return min(ordered or places, key=lambda place: (gap(place), place.start))


def _by_context(quote: Quote, places: list[Place], folded: Folded) -> list[Place]:
    """The places whose surroundings are most like those stated."""
    before = fold_text(quote.before[-4 * CONTEXT :]).text[-CONTEXT:]
    after = fold_text(quote.after[: 4 * CONTEXT]).text[:CONTEXT]
    if len(places) < 2 or not (before or after):
        return places
    scores = []
    for place in places:
        start, end = folded.position(place.start), folded.position(place.end)
        sides = [fuzz.ratio(before, folded.text[max(0, start - len(before) - 1) : start].strip())] if before else []
        sides += [fuzz.ratio(after, folded.text[end : end + len(after) + 1].strip())] if after else []
        scores.append(sum(sides) / len(sides))
    best = max(scores)
    if best < LEAST_CONTEXT:
        return places
    return [place for place, score in zip(places, scores, strict=True) if score >= best - 1e-9]
