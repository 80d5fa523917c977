"""Numbers and texts as the report shows them."""

import math
import unicodedata
from collections.abc import Mapping
from typing import Any

DASH = "–"
"""Stands where there is no value."""

_NBSP = "\N{NO-BREAK SPACE}"

_REORDERING = {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
"""Characters that can make a text read otherwise than it is stored (overrides, embeddings, isolates)."""


def known(value: Any) -> float | None:
    """A finite number, or None for anything else: not-a-number, null, a missing key's default."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def percent(value: Any) -> str:
    """``0.712`` as ``71.2 %``."""
    number = known(value)
    return DASH if number is None else f"{100 * number:.1f}{_NBSP}%"


def interval(estimate: Mapping[str, Any] | float | None) -> str:
    """``71.2 % (64.0–78.1)``, or without the bounds where they are not known."""
    value, low, high = _bounds(estimate)
    shown = percent(value)
    if shown == DASH or low is None or high is None:
        return shown
    return f"{shown} ({100 * low:.1f}–{100 * high:.1f})"


def decimal_interval(estimate: Mapping[str, Any] | float | None) -> str:
    """``0.712 (0.640–0.781)``, or without the bounds where they are not known."""
    value, low, high = _bounds(estimate)
    shown = decimal(value)
    return shown if shown == DASH or low is None or high is None else f"{shown} ({low:.3f}–{high:.3f})"


def _bounds(estimate: Mapping[str, Any] | float | None) -> tuple[Any, float | None, float | None]:
    """Value and ends; runs of version 0.1 wrote some numbers without their interval."""
    if not isinstance(estimate, Mapping):
        return estimate, None, None
    return estimate.get("value"), known(estimate.get("low")), known(estimate.get("high"))


def decimal(value: Any, places: int = 3) -> str:
    """A plain number: ``0.730``."""
    number = known(value)
    return DASH if number is None else f"{number:.{places}f}"


def whole(value: Any) -> str:
    """A count: ``12,480``."""
    number = known(value)
    return DASH if number is None else f"{round(number):,}"


def money(value: Any) -> str:
    """An amount without its currency, which nobody told us; four places where two would show nothing."""
    number = known(value)
    if number is None:
        return DASH
    return f"{number:,.4f}" if 0 < number < 1 else f"{number:,.2f}"


def each(value: Any) -> str:
    """The price of one thing, which may be very small: two digits that tell."""
    number = known(value)
    if number is None or not 0 < number < 0.01:
        return money(value)
    return f"{number:.{min(1 - math.floor(math.log10(number)), 9)}f}"


def share(part: Any, total: Any) -> float | None:
    """``part / total``, or None without a total."""
    above, below = known(part), known(total)
    return above / below if above is not None and below else None


def plural(number: int, one: str, many: str = "") -> str:
    """``1 record``, ``2 records``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def cut(text: str, limit: int) -> str:
    """At most ``limit`` characters, with an ellipsis where something is missing."""
    return text if len(text) <= limit else text[:limit].rstrip() + " …"


def visible(text: str) -> str:
    """The text with characters that deceive or break a page spelled out, such as ``[U+202E]``.

    These are control characters, halves of a surrogate pair (no file can hold them) and those that reorder text.
    Letters, marks and joiners of every script stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"[U+{ord(c):04X}]" if _is_trouble(c) else c for c in text)


def _is_trouble(character: str) -> bool:
    if character in "\n\t\r":
        return False
    return character in _REORDERING or unicodedata.category(character) in ("Cc", "Cs")
