"""JSON, fast: orjson where it can, the standard library where it must (half characters, NaN, huge numbers)."""

import json
from typing import Any

import orjson

_SORTED = orjson.OPT_SORT_KEYS
_slow_canonical = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def json_bytes(value: Any) -> bytes:
    """Compact JSON as UTF-8, keys in their order; half a surrogate pair stays an escape.

    Raises:
        TypeError: The value holds something that is no JSON.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
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
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return json.loads(data)


def canonical_json(value: Any) -> bytes:
    """The one JSON text of a value, by which it is hashed: sorted keys, no spaces, numbers as Python writes them.

    Raises:
        TypeError: The value holds something that is no JSON.
    """
    if _plain(value):
        try:
            return orjson.dumps(value, option=_SORTED)
        except TypeError:
            pass
    return _slow_canonical(value).encode("utf-8", "surrogatepass")


def _plain(value: Any) -> bool:
    """Whether both libraries write the value alike; they differ on some floats, and on what is no JSON."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return True
    if kind is dict:
        return all(type(name) is str and _plain(one) for name, one in value.items())
    if kind is list or kind is tuple:
        return all(_plain(one) for one in value)
    return kind is float and (value == 0.0 or 1e-4 <= abs(value) < 1e15)
