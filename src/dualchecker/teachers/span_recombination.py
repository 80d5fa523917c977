"""How the embedded teacher "writes" a text with spans: the beginning of one that it was shown and the end of another.

Texts are cut between clauses and never inside a span, so that every span stays whole.
"""

import random
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from dualchecker.records import Demonstration, Record, Span

_CUT = re.compile(r"(?<=[.!?;,:])\s+|(?<=[。！？、；])|\s+(?=[—–(])")

_MOST_CUTS = 12


def recombine_spans(first: Demonstration, shown: Sequence[Demonstration], draw: random.Random) -> dict[str, Any]:
    """A text that begins like ``first``, with spans of the same labels as it has if that can be had.

    Returns:
        ``{"text", "spans": [{"label", "quote", "start"}]}``; ``start`` tells apart places of the same words.
    """
    others = [demo for demo in shown if demo.record.id != first.record.id] or [first]
    wanted = Counter(span.label for span in first.record.spans or ())
    best: tuple[tuple[int, float], str, list[Span]] | None = None
    for other in others:
        for head in _cuts(first.record, draw):
            for tail in _cuts(other.record, draw):
                text, spans = _joined(first.record, head, other.record, tail)
                there = Counter(span.label for span in spans)
                missed = (wanted - there).total() + (there - wanted).total()
                rank = (missed, draw.random())
                if text and (best is None or rank < best[0]):
                    best = rank, text, spans
    if best is None:  # one clause each: nothing to cut
        text, spans = _joined(first.record, len(first.record.text), others[0].record, 0)
        best = (0, 0.0), text, spans
    _, text, spans = best
    quoted = [{"label": s.label, "quote": text[s.start : s.end], "start": s.start} for s in sorted(spans)]
    return {"text": text, "spans": quoted}


def _cuts(record: Record, draw: random.Random) -> list[int]:
    """Offsets between clauses that are in no span: of the first character of the clause behind; some, if many."""
    found = [match.end() for match in _CUT.finditer(record.text)]
    inside = [(span.start, span.end) for span in record.spans or ()]
    cuts = [cut for cut in found if 0 < cut < len(record.text) and not any(s < cut < e for s, e in inside)]
    return draw.sample(cuts, min(len(cuts), _MOST_CUTS))


def _joined(first: Record, head: int, other: Record, tail: int) -> tuple[str, list[Span]]:
    """The beginning of one text and the end of another, and the spans that lie in them."""
    begin = first.text[:head].rstrip()
    end = other.text[tail:]
    # Scripts that put no blank between clauses get none.
    between = " " if begin[-1:].isascii() else ""
    shift = len(begin) + len(between) - tail
    spans = [span for span in first.spans or () if span.end <= len(begin)]
    spans += [Span(s.start + shift, s.end + shift, s.label) for s in other.spans or () if s.start >= tail]
    return begin + between + end, spans
