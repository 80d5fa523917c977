"""Spans as objects with start, end and label, as most tools have them; or with the words alone."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from dualchecker.errors import DataError
from dualchecker.records import Span
from dualchecker.tasks.quotes import Quote, find_quotes

_STARTS = ("start", "start_offset", "begin")
_ENDS = ("end", "end_offset")
_LABELS = ("label", "labels", "type", "entity")
_QUOTES = ("quote", "text")


def write_offsets(text: str, spans: Iterable[Span]) -> list[dict[str, Any]]:
    """Spans as objects, with the words for people to read."""
    return [
        {"start": span.start, "end": span.end, "label": span.label, "quote": text[span.start : span.end]}
        for span in sorted(set(spans))
    ]


def read_offsets(text: str, value: Any, where: str, notes: Counter[str] | None = None) -> list[Span] | None:
    """The spans of a text in the order given, twice where they are given twice; None where nothing is given.

    Args:
        text: The text.
        value: A list, or JSON text of one, of ``{"start", "end", "label"}``, ``{"label", "quote"}`` (or ``text``), or
            ``[start, end, label]``. Offsets count code points, the end is exclusive. An object may name several labels
            in a list. Words without offsets are found in the text.
        where: Names the record in errors.
        notes: Takes the count of peculiarities: ``quote_inexact``.

    Raises:
        DataError: Anything else; offsets that are no integers or not in the text; words that are not in the text or
            not at the offsets given with them.
    """
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{where}: the spans are not valid JSON.",
                why=str(error),
                fix='Write a list such as [{"start": 0, "end": 4, "label": "cause"}].',
            ) from None
    if value is None or value != value or isinstance(value, str):  # not-a-number is a missing cell of Parquet
        return None
    if not isinstance(value, list | tuple):
        raise DataError(
            f"{where}: the spans are no list, but {type(value).__name__}.",
            fix='Write a list such as [{"start": 0, "end": 4, "label": "cause"}].',
        )
    spans: list[Span | None] = []
    quoted: list[tuple[int, str, Quote]] = []
    for number, item in enumerate(value, 1):
        at = f"{where}, span {number}"
        start, end, labels, quote = _fields(item, at)
        for label in labels:
            if start is None and end is None:
                quoted.append((len(spans), label, Quote(quote or "")))
                spans.append(None)
            else:
                spans.append(checked(text, start, end, label, at, quote))
    for (index, label, words), place in zip(quoted, find_quotes(text, [q for *_, q in quoted]), strict=True):
        if place is None:
            raise DataError(
                f"{where}: the words {words.text[:80]!r} ({label}) are not in the text.",
                fix="Quote the text to the letter, or give start and end.",
            )
        if notes is not None and place.fit < 1:
            notes["quote_inexact"] += 1
        spans[index] = Span(place.start, place.end, label)
    return [span for span in spans if span is not None]


def _fields(item: Any, at: str) -> tuple[Any, Any, list[str], str | None]:
    """Start, end, labels and words of an item."""
    if isinstance(item, list | tuple) and len(item) == 3:
        item = dict(zip(("start", "end", "label"), item, strict=True))
    if not isinstance(item, Mapping):
        raise DataError(f"{at} is no object: {str(item)[:80]!r}.", fix='Write {"start": 0, "end": 4, "label": "..."}.')

    def first(names: tuple[str, ...]) -> Any:
        return next((item[name] for name in names if item.get(name) is not None), None)

    start, end, label, quote = first(_STARTS), first(_ENDS), first(_LABELS), first(_QUOTES)
    labels = [str(one) for one in (label if isinstance(label, list | tuple) else [label]) if one not in (None, "")]
    if not labels:
        raise DataError(
            f"{at} has no label.", why=f"It is {dict(item)!r:.200}.", fix='Add "label": one of the task\'s.'
        )
    if start is None and end is None and not (isinstance(quote, str) and quote.strip()):
        raise DataError(f"{at} has neither start and end nor a quote.", why=f"It is {dict(item)!r:.200}.")
    return start, end, labels, quote if isinstance(quote, str) else None


def checked(text: str, start: Any, end: Any, label: str, at: str, quote: str | None = None) -> Span:
    """A span that is in the text, and reads as it should.

    Raises:
        DataError: The offsets are no integers, not in the text, or ``quote`` does not stand there.
    """
    for name, value in (("start", start), ("end", end)):
        # Parquet turns a column of whole numbers with gaps into floats.
        whole = value.is_integer() if isinstance(value, float) else type(value) is int
        if not whole:
            raise DataError(
                f"{at}: its {name} is {value!r}, which is no whole number.", fix="Count code points from 0."
            )
    start, end = int(start), int(end)
    if not 0 <= start < end <= len(text):
        what = "is empty or ends before it starts" if start >= end else "is not inside the text"
        raise DataError(
            f"{at} ({label}, {start} to {end}) {what}.",
            why=f"The text has {len(text)} characters (Unicode code points); the end is the place behind the last one."
            + (" Bytes or UTF-16 units were counted, perhaps." if end > len(text) and not text.isascii() else ""),
            fix="Mend the offsets, or give a quote in their place.",
        )
    if quote is not None and not _alike(text[start:end], quote):
        units = utf16_places(text, start, end)
        utf16 = units if units and _alike(text[units[0] : units[1]], quote) else None
        raise DataError(
            f"{at} ({label}, {start} to {end}) reads {text[start:end][:80]!r} there, but {quote[:80]!r} is quoted.",
            why="The offsets count UTF-16 units, it seems; here they count Unicode code points." if utf16 else "",
            fix=f"Write {utf16[0]} to {utf16[1]}." if utf16 else "Mend one of them, or leave one of them out.",
        )
    return Span(start, end, label)


def _alike(left: str, right: str) -> bool:
    """The same words; tools differ in the blanks that they store."""
    return left == right or re.sub(r"\s+", "", left) == re.sub(r"\s+", "", right)


def utf16_places(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Code-point offsets for offsets in UTF-16 code units; None where one is inside a pair or outside the text."""
    code_points: dict[int, int] = {}
    units = 0
    for place, char in enumerate(text):
        code_points[units] = place
        units += 2 if ord(char) > 0xFFFF else 1
    code_points[units] = len(text)
    first, last = code_points.get(start), code_points.get(end)
    return None if first is None or last is None else (first, last)
