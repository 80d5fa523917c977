"""Where labels or predictions are worst: quality by metadata, label, rung and length, with a guard against noise."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dualchecker.errors import ConfigError
from dualchecker.evaluation.intervals import bootstrap_all, noise_raised, percentile, wilson
from dualchecker.evaluation.metrics import chance_ece
from dualchecker.evaluation.scores import ConfidenceScores, LabelScores
from dualchecker.records import Record

LEAST = 20
"""Records that a slice needs: with fewer, an accuracy is uncertain by 20 points and more."""

MOST_VALUES = 20
"""A metadata column with more distinct values than this is no category: numbers are cut into quartiles, words are
left out, or, where the column was asked for, the most frequent values are shown."""

LISTED = 40
"""Slices that are written down; all are counted."""

FALSE_ALARMS = 0.05
"""Expected share of marked slices that are marked by chance."""

_REPEATS = 300
_OTHERS, _MISSING = "(others)", "(missing)"

Mark = Literal["worse", "better"]

Groups = Mapping[str, Sequence[str | None]]
"""By the name of a column: the value of each record, None where the record is in no slice of it."""


@dataclass(frozen=True)
class Judged:
    """Records with what was said and what is true; all lists aligned.

    Attributes:
        records: The texts, with metadata.
        predicted: Labels; None is wrong.
        truth: Human labels.
        right: Whether the one means the other.
        confidence: In ``predicted``.
        accepted: Whether the label was accepted; None where nothing is.
        rungs: The rung that each label came from; None where there are none.
    """

    records: Sequence[Record]
    predicted: Sequence[str | None]
    truth: Sequence[str]
    right: Sequence[bool]
    confidence: Sequence[float]
    accepted: Sequence[bool] | None = None
    rungs: Sequence[str | None] | None = None


@dataclass(frozen=True)
class Slice:
    """Some of the records, and whether their accuracy differs from that of all others.

    Attributes:
        column: What the records were told apart by.
        value: What these have in common.
        also: Other slices of the very same records.
        inside: Which records, shape (records,).
        accuracy: Of these records.
        p: Adjusted for the number of slices.
        marked: Whether they are beyond chance, and on which side.
    """

    column: str
    value: str
    also: tuple[str, ...]
    inside: npt.NDArray[np.bool_]
    accuracy: float
    p: float
    marked: Mark | None


def check_columns(records: Sequence[Record], columns: Sequence[str]) -> None:
    """Refuse a column that no record has, before anything is asked.

    Raises:
        ConfigError: Names the column and those that are there.
    """
    there = list(dict.fromkeys(key for record in records for key in record.meta))
    for column in columns:
        if column not in there:
            raise ConfigError(
                f"report.slices names the column {column!r}, which the data does not have.",
                why=f"Besides id, text, detail and label there are: {', '.join(map(repr, there)) or 'none'}.",
                fix="Name one of these, or set report.slices: auto.",
            )


def group(judged: Judged, columns: Sequence[str] | None = None) -> dict[str, list[str | None]]:
    """The slices of each column.

    Args:
        judged: The records.
        columns: Metadata columns; None takes all that are categories or numbers.
    """
    count = len(judged.records)
    groups: dict[str, list[str | None]] = {
        "human label": list(judged.truth),
        "predicted label": [label if label is not None else "(none)" for label in judged.predicted],
        "length in characters": _quartiles([float(len(r.text)) for r in judged.records]),
    }
    if judged.rungs is not None:
        groups["rung"] = list(judged.rungs)
    there = dict.fromkeys(key for record in judged.records for key in record.meta)
    for column in there if columns is None else columns:
        values = _values([record.meta.get(column) for record in judged.records], asked=columns is not None)
        # A column named as one of ours must not hide it.
        groups[column if column not in groups else f"{column} (column)"] = values or [None] * count
    return groups


def judge_slices(judged: Judged, groups: Groups, *, seed: int = 0) -> dict[str, Any]:
    """Quality of every slice that is large enough, the worst first.

    A slice is *marked* where its accuracy differs from that of all other records by more than chance explains: exact
    two-sided Fisher test, adjusted for the number of slices by Benjamini and Hochberg (1995), so that about one in
    twenty marked slices is a false alarm, however many there are to look at.

    Returns:
        ``overall`` accuracy, ``count`` of records, ``looked_at`` (number of slices tested), ``marked``, ``least``
        (records that a slice needs), and ``rows`` with ``column``, ``value``, ``also`` (slices of the very same
        records, which are counted once), ``count``, ``accuracy`` (Wilson interval), ``macro_f1`` (null where all have
        one label) and ``ece`` (bootstrap intervals), ``accepted`` (share, null where nothing is accepted), ``p``
        (adjusted) and ``marked`` (``worse``, ``better`` or null). Those marked as worse come first, then by accuracy.
    """
    found = find_slices(judged.right, groups)
    rows = [
        {
            "column": one.column,
            "value": one.value,
            "also": list(one.also),
            **_measured(judged, one.inside, seed),
            "p": one.p,
            "marked": one.marked,
        }
        for one in found[:LISTED]
    ]
    return {
        "overall": float(np.mean(judged.right)) if len(judged.right) else float("nan"),
        "count": len(judged.right),
        "looked_at": len(found),
        "marked": sum(one.marked is not None for one in found),
        "least": LEAST,
        "rows": rows,
    }


def find_slices(right: Sequence[bool], groups: Groups) -> list[Slice]:
    """The slices that are large enough, tested against all other records; those marked as worse first."""
    hits = np.asarray(right, dtype=bool)
    found: dict[bytes, tuple[str, str, npt.NDArray[np.bool_]]] = {}
    also: dict[bytes, list[str]] = {}
    for column, values in groups.items():
        for value in dict.fromkeys(value for value in values if value is not None):
            inside = np.array([other == value for other in values], dtype=bool)
            if not LEAST <= inside.sum() < len(inside):
                continue
            if (key := inside.tobytes()) in found:
                also[key].append(f"{column}: {value}")
            else:
                found[key], also[key] = (column, value, inside), []
    adjusted = benjamini_hochberg([_fisher(hits, inside) for _, _, inside in found.values()])
    slices = []
    for (key, (column, value, inside)), p in zip(found.items(), adjusted, strict=True):
        accuracy = float(hits[inside].mean())
        marked: Mark | None = None if p > FALSE_ALARMS else "worse" if accuracy < hits.mean() else "better"
        slices.append(Slice(column, value, tuple(also[key]), inside, accuracy, p, marked))
    return sorted(slices, key=lambda one: (one.marked != "worse", one.accuracy, one.column, one.value))


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """p-values adjusted for their number: those up to 0.05 hold on average one false alarm in twenty."""
    order = np.argsort(p)[::-1]
    ranks = np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum.accumulate(np.minimum(np.asarray(p, dtype=float)[order] * len(order) / ranks, 1.0))
    return [float(value) for value in adjusted]


def _fisher(right: npt.NDArray[np.bool_], inside: npt.NDArray[np.bool_]) -> float:
    """Chance of a table at least as unlikely, were the slice a random draw of the records."""
    from scipy.stats import hypergeom

    low, high = max(0, int(inside.sum() + right.sum()) - len(right)), min(int(inside.sum()), int(right.sum()))
    chances = hypergeom.pmf(np.arange(low, high + 1), len(right), right.sum(), inside.sum())
    seen = chances[int((right & inside).sum()) - low]
    return float(min(1.0, chances[chances <= seen * (1 + 1e-7)].sum()))


def _measured(judged: Judged, inside: npt.NDArray[np.bool_], seed: int) -> dict[str, Any]:
    rows = np.flatnonzero(inside).tolist()
    labels = LabelScores([judged.predicted[i] for i in rows], [judged.truth[i] for i in rows])
    confidence, right = [judged.confidence[i] for i in rows], [judged.right[i] for i in rows]
    sure = ConfidenceScores(confidence, right)
    bins = max(1, min(10, len(rows) // LEAST))  # a bin of two answers would measure chance alone

    def measure(weights: npt.NDArray[np.intp] | None) -> dict[str, float]:
        return {"macro_f1": labels.macro_f1(weights), "ece": sure.ece(weights, bins)}

    # Of a slice by label F1 says nothing: every other label is missing from it by construction.
    mixed = all(len({part[i] for i in rows}) > 1 for part in (judged.predicted, judged.truth))
    values, draws = bootstrap_all(measure, len(rows), repeats=_REPEATS, seed=seed)
    chance = chance_ece(confidence, bins=bins, repeats=_REPEATS, seed=seed)
    return {
        "count": len(rows),
        "accuracy": wilson(sum(right), len(rows)).to_dict(),
        "macro_f1": percentile(values["macro_f1"], draws["macro_f1"]).to_dict() if mixed else None,
        "ece": noise_raised(values["ece"], draws["ece"], chance).to_dict(),
        "accepted": None if judged.accepted is None else float(np.mean([judged.accepted[i] for i in rows])),
    }


def _values(values: Sequence[Any], *, asked: bool) -> list[str | None] | None:
    """A metadata column as categories; None if it is none."""
    plain = [None if value is None or value != value or value == "" else value for value in values]
    distinct = Counter(_word(value) for value in plain if value is not None)
    if len(distinct) > MOST_VALUES:
        numbers = [_number(value) for value in plain]
        if all((number is None) == (value is None) for number, value in zip(numbers, plain, strict=True)):
            return [cell if cell is not None else _MISSING for cell in _quartiles(numbers)]
        if not asked:
            return None
        kept = {name for name, _ in distinct.most_common(MOST_VALUES)}
        return [_MISSING if v is None else _word(v) if _word(v) in kept else _OTHERS for v in plain]
    if not distinct or (len(distinct) == 1 and None not in plain):
        return None
    return [_MISSING if value is None else _word(value) for value in plain]


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)[:80]


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _quartiles(values: Sequence[float | None]) -> list[str | None]:
    """Four ranges of about equal size, named by the smallest and largest value in them; fewer where values repeat."""
    known = np.array([value for value in values if value is not None])
    if not len(known):
        return [None] * len(values)
    edges = np.unique(np.quantile(known, [0.25, 0.5, 0.75]))
    place = [None if value is None else int(np.searchsorted(edges, value, side="left")) for value in values]
    where = np.searchsorted(edges, known, side="left")
    names = {
        number: f"{known[where == number].min():.6g} to {known[where == number].max():.6g}"
        for number in np.unique(where).tolist()
    }
    return [None if number is None else names[number] for number in place]
