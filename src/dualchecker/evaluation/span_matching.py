"""Which predicted span answers which gold span."""

from collections.abc import Iterable, Sequence

from dualchecker.records import Span


def match(said: Iterable[Span], gold: Iterable[Span], *, any_label: bool = False) -> list[tuple[Span, Span, float]]:
    """One-to-one pairs of a predicted and a gold span that share a character.

    The pair with the largest overlap (``Span.overlap``) is made first, then the next of the spans that are left; among
    equals one of the same label, then the one that shares more characters, then the earlier one. So spans that are
    the same are always a pair, and no order of the lists matters. This is not the matching with the most pairs: a
    span that is left over stays so, even where others could have been paired differently to make room for it.

    Args:
        said: Predicted spans of one text.
        gold: Human spans of the same text.
        any_label: Whether spans of different labels may be a pair.

    Returns:
        Predicted span, gold span, overlap.
    """
    mine, theirs = sorted(set(said)), sorted(set(gold))
    pairs = []
    for one in mine:
        for other in theirs:
            if other.start >= one.end:
                break  # in order of their start: no later one shares a character
            if (any_label or one.label == other.label) and other.end > one.start:
                pairs.append((-one.overlap(other), one.label != other.label, -one.shared(other), one, other))
    found, taken_said, taken_gold = [], set(), set()
    for negative, _, _, one, other in sorted(pairs):
        if one not in taken_said and other not in taken_gold:
            found.append((one, other, -negative))
            taken_said.add(one)
            taken_gold.add(other)
    return found


def covered(spans: Sequence[Span], by: Iterable[Span]) -> float:
    """Sum over ``spans`` of the share of characters that lie in any span of ``by``."""
    stretches: list[tuple[int, int]] = []
    for start, end in sorted((span.start, span.end) for span in by):
        if stretches and start <= stretches[-1][1]:
            stretches[-1] = (stretches[-1][0], max(end, stretches[-1][1]))
        else:
            stretches.append((start, end))
    return sum(
        sum(max(0, min(span.end, end) - max(span.start, start)) for start, end in stretches) / (span.end - span.start)
        for span in spans
    )


def least_left_out(spans: Iterable[Span]) -> int:
    """How many spans of a text must be left out, at the least, so that no two of the others overlap."""
    kept, end, count = 0, -1, 0
    for span in sorted(set(spans), key=lambda span: span.end):
        count += 1
        if span.start >= end:
            kept, end = kept + 1, span.end
    return count - kept
