"""How long a server asks to wait, in the ways in which servers say it."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import time

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")

_RESETS = (
    ("x-ratelimit-reset-requests", "x-ratelimit-remaining-requests"),
    ("x-ratelimit-reset-tokens", "x-ratelimit-remaining-tokens"),
    ("anthropic-ratelimit-requests-reset", "anthropic-ratelimit-requests-remaining"),
    ("anthropic-ratelimit-tokens-reset", "anthropic-ratelimit-tokens-remaining"),
    ("x-ratelimit-reset", "x-ratelimit-remaining"),
    ("ratelimit-reset", "ratelimit-remaining"),
)

_LONGEST_HINT = 60.0
"""Most of these headers tell when the allowance is whole again, and much of it is back sooner."""

_EPOCH = 10**9
"""A larger number is a time and no duration."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait from ``retry-after-ms`` or ``Retry-After`` (seconds or an HTTP date); None if unreadable."""
    for name, unit in (("retry-after-ms", 1000), ("Retry-After", 1)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(seconds, 0.0)
    date = _http_date(headers.get("Retry-After", ""))
    return None if date is None else max(date - _server_time(headers), 0.0)


def limit_hint(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait after a 429: as it asks, else until the allowances that it says are spent are back.

    Where it does not say which allowance is spent, the slowest to come back counts. Bounded by a minute.
    """
    if (asked := retry_after(headers)) is not None:
        return asked
    told = [(_reset(headers.get(reset, ""), headers), headers.get(left, "")) for reset, left in _RESETS]
    known = [(seconds, left.strip()) for seconds, left in told if seconds is not None]
    spent = [seconds for seconds, left in known if left == "0"] or [seconds for seconds, _ in known]
    return min(max(spent), _LONGEST_HINT) if spent else None


def _reset(text: str, headers: Mapping[str, str]) -> float | None:
    """Seconds until a reset that is told as ``1m30.5s``, as seconds, as a time since 1970 (s or ms), or as a date."""
    text = text.strip().lower()
    if not text or len(text) > 40:
        return None
    if _DURATION.fullmatch(text):
        return math.fsum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    try:
        number = float(text)
    except ValueError:
        moment = _iso_date(text)
        return None if moment is None else max(moment - _server_time(headers), 0.0)
    if not math.isfinite(number) or number < 0:
        return None
    if number < _EPOCH:
        return number
    return max((number / 1000 if number >= _EPOCH * 100 else number) - _server_time(headers), 0.0)


def _server_time(headers: Mapping[str, str]) -> float:
    """Now, by the server's own clock where it tells: what it says of times is by that one, and ours may be wrong."""
    told = _http_date(headers.get("Date", ""))
    return time() if told is None else told


def _http_date(text: str) -> float | None:
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _iso_date(text: str) -> float | None:
    try:
        date = datetime.fromisoformat(text.upper())
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
