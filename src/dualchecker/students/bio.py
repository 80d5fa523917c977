"""Spans as tags of tokens (BIO) and back: what a flat student can express, and what it cannot."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dualchecker.errors import StudentError
from dualchecker.records import Span, TaughtSpan

Token = tuple[int, int]
"""Offsets of a token in its text, end exclusive. Tokens come in order, are never empty and do not overlap."""

OUTSIDE = 0
"""Column of the tag ``O``."""


def tag_names(labels: Sequence[str]) -> tuple[str, ...]:
    """``O``, then ``B-`` and ``I-`` of each label: the columns of all scores of tags."""
    return ("O", *(f"{part}-{label}" for label in labels for part in "BI"))


def begin(label: int) -> int:
    """Column of ``B-`` of the label with this number."""
    return 1 + 2 * label


def inside(label: int) -> int:
    """Column of ``I-`` of the label with this number."""
    return 2 + 2 * label


def token_range(tokens: Sequence[Token], span: Span) -> tuple[int, int] | None:
    """First and last token that share a character with the span; None where none does."""
    first = bisect_right(tokens, span.start, key=lambda token: token[1])
    last = bisect_left(tokens, span.end, key=lambda token: token[0]) - 1
    return (first, last) if first <= last else None


@dataclass(frozen=True, slots=True)
class Fitted:
    """A span as tokens have it.

    Attributes:
        number: Its place among the spans given.
        first: Its first token.
        last: Its last token.
    """

    number: int
    first: int
    last: int


def flatten(tokens: Sequence[Token], spans: Sequence[Span]) -> tuple[list[Fitted], list[int]]:
    """Those that can be tagged side by side.

    Of spans that overlap in a token the longest stays (in characters): of nested ones the outer one. Of equally long
    ones the first in order of ``Span`` stays.

    Returns:
        The spans that stay, in order of the text; and the numbers of those left out: they overlap one that stays, or
        have no token.
    """
    taken = bytearray(len(tokens))
    kept: list[Fitted] = []
    left: list[int] = []
    for number in sorted(range(len(spans)), key=lambda n: (spans[n].start - spans[n].end, spans[n])):
        place = token_range(tokens, spans[number])
        if place is None or any(taken[place[0] : place[1] + 1]):
            left.append(number)
            continue
        first, last = place
        taken[first : last + 1] = b"\1" * (last - first + 1)
        kept.append(Fitted(number, first, last))
    return sorted(kept, key=lambda fitted: fitted.first), sorted(left)


def write_tags(tokens: Sequence[Token], spans: Sequence[Span], labels: Sequence[str]) -> npt.NDArray[np.intp]:
    """The column of each token's tag, shape (len(tokens),); spans that cannot be tagged are left out (``flatten``)."""
    column = {label: number for number, label in enumerate(labels)}
    tags = np.full(len(tokens), OUTSIDE, dtype=np.intp)
    for fitted in flatten(tokens, spans)[0]:
        label = column[spans[fitted.number].label]
        tags[fitted.first] = begin(label)
        tags[fitted.first + 1 : fitted.last + 1] = inside(label)
    return tags


def read_tags(tokens: Sequence[Token], tags: Iterable[int], labels: Sequence[str]) -> list[tuple[Span, int, int]]:
    """Spans of a sequence of tags, with their first and last token.

    Raises:
        ValueError: The sequence is illegal: an ``I-`` that continues nothing of its label.
    """
    spans: list[tuple[Span, int, int]] = []
    open_label = -1
    for place, tag in enumerate(tags):
        label, part = divmod(int(tag) - 1, 2)
        if tag == OUTSIDE:
            open_label = -1
        elif part == 0:
            open_label = label
            spans.append((Span(*tokens[place], labels[label]), place, place))
        elif label != open_label:
            raise ValueError(f"token {place} continues {labels[label]!r} where none is open")
        else:
            span, first, _ = spans[-1]
            spans[-1] = Span(span.start, tokens[place][1], span.label), first, place
    return spans


@dataclass(frozen=True, slots=True)
class TokenGoal:
    """What a student should say of each token of a text.

    Attributes:
        targets: Probabilities of the tags, shape (tokens, tags); rows sum to 1.
        weights: How much each token counts, shape (tokens,); 0 hides it.
        unexpressed: Spans that are not taught, since they overlap a longer one or have no token.
        snapped: Number of taught spans that tokens give other offsets: a boundary inside a token moves outward, blanks
            at the ends fall away.
    """

    targets: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]
    unexpressed: tuple[Span, ...]
    snapped: int


def token_goal(
    tokens: Sequence[Token],
    spans: Sequence[TaughtSpan],
    labels: Sequence[str],
    *,
    soft: bool = False,
    unseen: Sequence[tuple[int, int]] = (),
) -> TokenGoal:
    """Targets and weights of a text's tokens.

    A token of a span has the span's weight. With ``soft``, its tag has probability ``TaughtSpan.target`` and ``O`` the
    rest; otherwise its tag has all. A span of weight 0 hides its tokens; so does one that cannot be expressed, since
    its tokens are not outside either, and so does a stretch that is ``unseen``. All of these give way to spans that are
    taught. All other tokens are ``O`` with weight 1.

    Raises:
        StudentError: A span has a label that is not in ``labels``.
    """
    column = {label: number for number, label in enumerate(labels)}
    if unknown := {taught.span.label for taught in spans} - column.keys():
        raise StudentError(f"Training examples carry unknown labels: {', '.join(map(repr, sorted(unknown)))}.")
    shown = [taught for taught in spans if taught.weight > 0]
    hidden = [taught.span for taught in spans if taught.weight <= 0]
    hidden += [Span(start, end, "") for start, end in unseen]
    kept, left = flatten(tokens, [taught.span for taught in shown])
    unexpressed = tuple(shown[number].span for number in left)
    targets = np.zeros((len(tokens), 1 + 2 * len(labels)))
    weights = np.ones(len(tokens))
    targets[:, OUTSIDE] = 1
    for span in (*hidden, *unexpressed):
        if place := token_range(tokens, span):
            weights[place[0] : place[1] + 1] = 0
    snapped = 0
    for fitted in kept:
        taught = shown[fitted.number]
        label, share = column[taught.span.label], taught.target if soft else 1.0
        rows = slice(fitted.first, fitted.last + 1)
        targets[rows, OUTSIDE] = 1 - share
        targets[fitted.first, begin(label)] = share
        targets[fitted.first + 1 : fitted.last + 1, inside(label)] = share
        weights[rows] = taught.weight
        snapped += (tokens[fitted.first][0], tokens[fitted.last][1]) != (taught.span.start, taught.span.end)
    return TokenGoal(targets, weights, unexpressed, snapped)
