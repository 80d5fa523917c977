"""Splits by fraction, and checks that no text stands on both sides of a fence."""

import hashlib
import random
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import takewhile

import numpy as np
import numpy.typing as npt

from dualchecker.records import Record


def _gap(match: re.Match[str]) -> str:
    """A space; but the vowel signs and tone marks of a word, which ``\\W`` takes for punctuation, stay."""
    between = match[0]
    if between.isascii():
        return " "
    marks = "".join(takewhile(lambda c: unicodedata.category(c)[0] == "M", between))
    return marks if marks == between else marks + " "


def fingerprint(text: str) -> str:
    """A text's identity but for case, width, white space and punctuation (32 hex digits)."""
    if text.isascii():  # has no width and no marks
        folded = text.lower()
        plain = re.sub(r"[\W_]+", " ", folded).strip()
    else:
        folded = unicodedata.normalize("NFKC", text).casefold()
        plain = re.sub(r"[\W_]+", _gap, folded).strip()
    return hashlib.blake2b((plain or folded).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def same_as(text: str) -> Callable[[str], bool]:
    """Tells of other texts whether they have the same ``fingerprint``; quick where they differ, as almost all do."""
    plain = text.isascii()
    start = _beginning(text[:40]) if plain else ""

    def same(other: str) -> bool:
        if plain and other.isascii():
            begins = _beginning(other[:40])
            if not (begins.startswith(start) or start.startswith(begins)):
                return False
        return fingerprint(text) == fingerprint(other)

    return same


@lru_cache(maxsize=4096)
def _beginning(start: str) -> str:
    """The letters and digits at the start of an ASCII text: of two with one fingerprint, one begins like the other."""
    return re.sub(r"[\W_]+", "", start).lower()


def stratum(record: Record) -> str:
    """What records are drawn alike by: the label, or the set of labels that its spans have."""
    if record.spans is not None:
        return "\x1f".join(sorted({span.label for span in record.spans}))
    return record.label or ""


def text_folds(records: Iterable[Record], count: int, seed: int = 0) -> npt.NDArray[np.intp]:
    """Fold of each record; the same text is in one fold wherever it stands, so that no twin gives the answer away."""
    prints = (fingerprint(record.text) for record in records)
    if seed:
        prints = (hashlib.blake2b(f"{seed}:{one}".encode(), digest_size=16).hexdigest() for one in prints)
    return np.array([int(one[:8], 16) % count for one in prints], dtype=np.intp)


def find_leaks(left: Iterable[Record], right: Iterable[Record]) -> list[tuple[Record, Record]]:
    """Pairs (left, right) with the same text, exactly or after normalisation."""
    by_text = {fingerprint(record.text): record for record in left if record.text.strip()}
    return [
        (by_text[key], record)
        for record in right
        if record.text.strip() and (key := fingerprint(record.text)) in by_text
    ]


def stratified_split(
    records: Sequence[Record], fractions: Mapping[str, float], seed: int, rest: str
) -> dict[str, list[Record]]:
    """Split by ``stratum`` so that every part has each label's share; what no fraction claims goes to ``rest``.

    Texts with one fingerprint stay together, so that a split by fraction cannot leak.
    """
    generator = random.Random(seed)
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[fingerprint(record.text)].append(record)
    strata: dict[str, list[list[Record]]] = defaultdict(list)
    for group in groups.values():
        strata[stratum(group[0])].append(group)
    parts: dict[str, list[Record]] = {name: [] for name in (*fractions, rest)}
    carry = dict.fromkeys(fractions, 0.0)
    for label in sorted(strata):
        members = strata[label]
        generator.shuffle(members)
        position = 0
        for name, fraction in fractions.items():
            carry[name] += fraction * len(members)
            count = min(round(carry[name]), len(members) - position)
            carry[name] -= count
            parts[name] += [record for group in members[position : position + count] for record in group]
            position += count
        parts[rest] += [record for group in members[position:] for record in group]
    order = {id(record): index for index, record in enumerate(records)}
    return {name: sorted(part, key=lambda r: order[id(r)]) for name, part in parts.items()}
