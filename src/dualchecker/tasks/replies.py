"""Reading what a model wrote: JSON where there is some, lines where there is none, confidences in any dress."""

import contextlib
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from dualchecker.jsontext import from_json

_NUMBER = re.compile(r"^\s*([0-9]+(?:[.,][0-9]+)?|[.,][0-9]+)\s*(%|percent|/\s*(?:100|10|1)\b)?\s*$", re.I)


def read_confidence(value: object) -> tuple[float | None, str]:
    """A stated confidence as a number in 0..1, and the name of a peculiarity (or an empty string).

    ``0.9``, ``"0,9"``, ``"90%"``, ``90`` and ``"9/10"`` are read; ``"high"``, ``150`` and nonsense are *not turned
    into a number*: the signal is then missing and the note says why.
    """
    if value is None or value == "":
        return None, "confidence_absent"
    if isinstance(value, bool):
        return None, "confidence_unreadable"
    if isinstance(value, int) and abs(value) > 100:
        return None, "confidence_out_of_range"  # before float(), which overflows at 309 digits
    if isinstance(value, int | float):
        number, unit = float(value), ""
    else:
        text = unicodedata.normalize("NFKC", str(value).strip())
        # Longer texts are no confidence, and would only feed the pattern's backtracking.
        match = _NUMBER.match(text) if len(text) <= 40 else None
        if match is None:
            return None, "confidence_unreadable"
        number, unit = float(match[1].replace(",", ".")), (match[2] or "").replace(" ", "").lower()
    if unit in ("%", "percent", "/100"):
        number /= 100
    elif unit == "/10":
        number /= 10
    elif unit == "" and 1 < number <= 100:
        # A bare 2..100 can only be a percentage; 1 < x < 2 is more likely a slip than "1.5 %".
        number = number / 100 if number >= 2 else number
    if not 0 <= number <= 1:
        return None, "confidence_out_of_range"
    return number, ""


_DECODER = json.JSONDecoder(strict=False)


def read_objects(text: str) -> Iterator[dict[str, Any]]:
    """Every JSON object that starts somewhere in ``text``, outermost ones, in order."""
    if text[:1] == "{" and text[-1:] == "}":  # one object and nothing else, as was asked for
        with contextlib.suppress(ValueError, RecursionError):
            value = from_json(text)
            if isinstance(value, dict):
                yield value
                return
    position = text.find("{")
    tries = 0
    while position != -1 and tries < 50:  # a bound, so that a reply full of open braces stays cheap
        try:
            value, end = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            tries += 1
            position = text.find("{", position + 1)
            continue
        if isinstance(value, dict):
            yield value
        position = text.find("{", end)


def _lines(text: str, names: Sequence[str]) -> dict[str, Any] | None:
    """``name: value`` lines, with Markdown emphasis, list marks, quotes and trailing commas ignored."""
    found: dict[str, Any] = {}
    for name in names:
        # No pattern spans lines and no two neighbours can match the same blanks: a hostile reply stays cheap.
        pattern = rf"^[ \t>#*_•{{-]*[\"']?{re.escape(name)}[\"'*_]*[ \t]*[:=：](.*)$"
        for match in re.findall(pattern, text, re.I | re.M):
            value = match.strip().removesuffix(",").strip(" *_`")
            if value[:1] in ('"', "'") and value[-1:] != value[:1]:
                continue  # a string cut in the middle
            if value := value.strip(" *_`\"'"):
                found[name] = value
    return found or None


def read_object(reply: str, names: Sequence[str]) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """The fields ``names`` of a reply, and notes on how they had to be found.

    A JSON object with at least one of the names is preferred (the last one, since models that think aloud conclude
    at the end); then a truncated object's complete ``"name": value`` lines; then ``name: value`` lines.
    """
    best: dict[str, Any] | None = None
    for candidate in read_objects(reply):
        fields = {str(key).strip().lower(): value for key, value in candidate.items()}
        if any(name in fields for name in names):
            best = {name: fields[name] for name in names if name in fields}
    if best is not None:
        exact = reply.strip().startswith("{") and reply.strip().endswith("}")
        return best, () if exact else ("json_in_prose",)
    complete = {}
    for name in names:  # a reply cut at the token limit: take what was finished, never a half value
        value = rf'"{re.escape(name)}"\s*:\s*("(?:[^"\\]|\\.)*"|-?[0-9.]+(?=\s*[,}}]))'
        for text in re.findall(value, reply, re.S):
            with contextlib.suppress(ValueError):
                complete[name] = json.loads(text, strict=False)
    if complete:
        return complete, ("json_truncated",)
    lines = _lines(reply, names)
    return lines, ("read_from_lines",) if lines else ()
