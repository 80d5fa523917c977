"""JSON, fast: orjson where it can, the standard library where it must (half characters, NaN, huge numbers)."""

import json
import math
import re
from collections.abc import Callable
from typing import Any

import orjson

_SORTED = orjson.OPT_SORT_KEYS
_STRICT = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME  # refused, as the standard library does
_slow_canonical = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
_HUGE = float(2**63)
_LONG, _LONG_BYTES = re.compile(r"\d{19}"), re.compile(rb"\d{19}")


def json_bytes(value: Any) -> bytes:
    """Compact JSON as UTF-8, keys in their order; half a surrogate pair stays an escape, not-a-number ``NaN``.

    Raises:
        TypeError: The value holds something that is no JSON.
    """
    try:
        data = orjson.dumps(value, option=_STRICT)
    except TypeError:
        return _slow_json(value)
    # orjson writes NaN as null, which would come back as nothing at all.
    return _slow_json(value) if b"null" in data and _holds(value, _not_finite) else data


def _slow_json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def json_text(value: Any) -> str:
    """``json_bytes`` as a string that any file or database takes."""
    return json_bytes(value).decode()


def from_json(data: str | bytes | bytearray) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: It is none.
        RecursionError: It is nested too deeply.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return json.loads(data)
    # orjson reads whole numbers beyond 64 bits as floats.
    long = (_LONG_BYTES if isinstance(data, bytes | bytearray) else _LONG).search(data)  # type: ignore[arg-type]
    return json.loads(data) if long and _holds(value, _huge) else value


def _not_finite(number: float) -> bool:
    return not math.isfinite(number)


def _huge(number: float) -> bool:
    return abs(number) >= _HUGE


def _holds(value: Any, wanted: Callable[[float], bool]) -> bool:
    """Whether there is such a float anywhere in the value."""
    kind = type(value)
    if kind is str:
        return False
    if kind is dict:
        value = value.values()
    elif kind is not list and kind is not tuple:
        return isinstance(value, float) and wanted(value)
    for one in value:  # noqa: SIM110 (a generator would take twice as long)
        if _holds(one, wanted):
            return True
    return False


def canonical_json(value: Any) -> bytes:
    """The one JSON text of a value, by which it is hashed: sorted keys, no spaces, numbers as Python writes them.

    Raises:
        TypeError: The value holds something that is no JSON.
    """
    if _plain(value):
        try:
            return orjson.dumps(value, option=_SORTED | _STRICT)
        except TypeError:
            pass
    return _slow_canonical(value).encode("utf-8", "surrogatepass")


def _plain(value: Any) -> bool:
    """Whether both libraries write the value alike; they differ on some floats, and on what is no JSON."""
    left = [value]
    while left:
        one = left.pop()
        kind = type(one)
        if kind is dict:
            left.extend(one.values())  # a name that is no string is refused by orjson
        elif kind is list or kind is tuple:
            left.extend(one)
        elif kind is float and not (one == 0.0 or 1e-4 <= abs(one) < 1e15):
            return False
    return True
