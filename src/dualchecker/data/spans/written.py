"""What a format can express of a text's spans, and what it cannot."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from dualchecker.records import Span

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Written(Generic[Value]):
    """A text with its spans in some format.

    Attributes:
        value: What goes into the file.
        left_out: Spans that the format cannot express beside the others.
        trimmed: Spans written without the blanks at their edges, which the format cannot express.
    """

    value: Value
    left_out: tuple[Span, ...] = ()
    trimmed: int = 0


def flat(spans: Iterable[Span]) -> tuple[list[Span], list[tuple[Span, Span]]]:
    """The spans that are left where none may overlap another: of two that do, the longer, else the earlier.

    Returns:
        The spans kept, in order, and each other one with the kept span that it overlaps.
    """
    kept: list[Span] = []
    rest: list[tuple[Span, Span]] = []
    for span in sorted(set(spans), key=lambda s: (s.start - s.end, s)):
        over = next((other for other in kept if other.start < span.end and span.start < other.end), None)
        if over is None:
            kept.append(span)
        else:
            rest.append((span, over))
    return sorted(kept), rest
