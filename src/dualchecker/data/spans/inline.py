"""Texts with tags in them: ``<cause>heavy rain</cause> made the road <effect>wet</effect>``.

In a tagged text ``&lt;`` stands for ``<``, ``&gt;`` for ``>`` and ``&amp;`` for ``&``. A ``<`` that begins no tag, as
in ``a < b``, and any other ``&`` may stand as they are. Tags may nest and cross; a closing tag closes the last one open
of its name, so two crossing spans of one label cannot be written.
"""

import re
from collections.abc import Iterable

from dualchecker.data.spans.written import Written
from dualchecker.errors import DataError
from dualchecker.records import Span

_TAG_OR_ESCAPE = re.compile(r"<(/?)([^\s<>/](?:[^<>]*[^\s<>])?)>|&(?:lt|gt|amp);")
_ESCAPES = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}


def _plain(escaped: str) -> str:
    return re.sub(r"&(?:lt|gt|amp);", lambda match: _ESCAPES[match[0]], escaped)


def read_inline(tagged: str, where: str) -> tuple[str, list[Span]]:
    """The text without its tags, and the spans that they mark, in the order in which they are closed.

    Args:
        tagged: See above.
        where: Names the record in errors.

    Raises:
        DataError: A tag is not closed, never opened, or holds nothing.
    """
    parts: list[str] = []
    length = last = 0
    opened: list[tuple[str, int]] = []
    spans: list[Span] = []

    def refuse(what: str) -> DataError:
        return DataError(f"{where}: {what}.", fix="Mend the tags; where the text itself has a <, write &lt; for it.")

    for match in _TAG_OR_ESCAPE.finditer(tagged):
        before = tagged[last : match.start()]
        parts.append(before)
        length += len(before)
        last = match.end()
        if match[2] is None:
            parts.append(_ESCAPES[match[0]])
            length += 1
            continue
        name = _plain(match[2])
        if not match[1]:
            opened.append((name, length))
            continue
        same = [i for i, (n, _) in enumerate(opened) if n == name]
        same = same or [i for i, (n, _) in enumerate(opened) if n.casefold() == name.casefold()]
        if not same:
            raise refuse(f"{match[0]} closes a tag that is not open")
        label, start = opened.pop(same[-1])
        if start == length:
            raise refuse(f"<{label}> marks nothing")
        spans.append(Span(start, length, label))
    if opened:
        raise refuse(f"the tag <{opened[-1][0]}> is not closed")
    parts.append(tagged[last:])
    return "".join(parts), spans


def write_inline(text: str, spans: Iterable[Span]) -> Written[str]:
    """A text with tags around its spans; ``read_inline`` gives back both to the letter.

    Of two crossing spans of one label the later is left out.

    Raises:
        DataError: A label cannot be a tag: it is empty, or has a blank at an edge or a slash in front.
    """
    kept: list[Span] = []
    left_out: list[Span] = []
    for span in sorted(set(spans), key=lambda s: (s.start, -s.end, s.label)):
        crosses = any(o.label == span.label and o.start < span.start < o.end < span.end for o in kept)
        (left_out if crosses else kept).append(span)
    closing: dict[int, list[Span]] = {}
    opening: dict[int, list[Span]] = {}
    for span in kept:
        opening.setdefault(span.start, []).append(span)
        closing.setdefault(span.end, []).insert(0, span)
    parts: list[str] = []
    last = 0
    for place in sorted({*opening, *closing}):
        parts.append(_escaped(text[last:place]))
        parts += [f"</{_tag(span.label)}>" for span in closing.get(place, ())]
        parts += [f"<{_tag(span.label)}>" for span in opening.get(place, ())]
        last = place
    parts.append(_escaped(text[last:]))
    return Written("".join(parts), tuple(left_out))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _tag(label: str) -> str:
    name = _escaped(label)
    match = _TAG_OR_ESCAPE.fullmatch(f"<{name}>")
    if match is None or match[2] != name:
        raise DataError(f"The label {label!r} cannot be written as a tag.", fix="Choose another format.")
    return name
