"""How the embedded teacher "writes" a text: it puts together clauses of the texts that it was shown.

It invents nothing and understands nothing; it lets a method that needs written texts run from end to end.
"""

import random
import re
from typing import Any

from dualchecker.prompts import LEVELS, Prompt
from dualchecker.records import Demonstration
from dualchecker.teachers.span_recombination import recombine_spans

_CLAUSES = re.compile(r"(?<=[.!?;,:])\s+|(?<=[。！？、；])")


def recombine(prompt: Prompt) -> dict[str, Any]:
    """The fields of a reply to a ``generate`` prompt: a harder text from hard ones, an easier one from the others."""
    shown, draw = prompt.shown, random.Random(prompt.hash)
    body: dict[str, Any] = {"weakness": "The embedded teacher cannot tell; it recombines the texts that it was shown."}
    for level in LEVELS:
        own = [d for d in shown.demonstrations if (d.record.id in shown.hard) == (level == "harder")]
        own = own or list(shown.demonstrations)
        if own and shown.spans:
            body[level] = recombine_spans(draw.choice(own), shown.demonstrations, draw)
        elif own:
            first = draw.choice(own)
            body[level] = {
                "text": _mixed(first, _partners(first, own, shown.demonstrations), draw),
                "label": first.label,
            }
    return body


def _partners(first: Demonstration, near: list[Demonstration], everything: tuple[Demonstration, ...]) -> list[str]:
    """Texts of the same label to mix with, of the same difficulty if there are any."""
    for group in (near, everything):
        same = [d.record.text for d in group if d.label == first.label and d.record.id != first.record.id]
        if same:
            return same
    return []


def _mixed(first: Demonstration, partners: list[str], draw: random.Random) -> str:
    """The first half of one text's clauses and the second half of another's; alone, a text's halves change places."""
    clauses = _CLAUSES.split(first.record.text.strip())
    if not partners:
        middle = len(clauses) // 2
        return " ".join([*clauses[middle:], *clauses[:middle]])
    other = _CLAUSES.split(draw.choice(partners).strip())
    return " ".join([*clauses[: (len(clauses) + 1) // 2], *other[len(other) // 2 :]])
