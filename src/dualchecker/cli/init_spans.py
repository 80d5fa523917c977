"""What ``init`` makes of a file in which people marked spans."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SPAN_NAMES = ("spans", "entities", "annotations", "labels", "label")
Numbered = tuple[int, dict[str, Any]]


@dataclass(frozen=True)
class SpanGuess:
    """How a file marks spans.

    Attributes:
        columns: The columns by their role, as in ``data.columns``; those that have their usual name are left out.
        labels: How often each label is marked.
        per_text: The fewest and the most spans of a label in a text.
    """

    columns: dict[str, str]
    labels: Counter[str]
    per_text: Mapping[str, tuple[int, int]]


def guess_spans(
    rows: Sequence[Numbered], path: Path, guessed: Mapping[str, str], *, labelled: bool
) -> SpanGuess | None:
    """How the rows mark spans; None where they mark none.

    Args:
        rows: As read.
        path: Of their file.
        guessed: Columns by role, as guessed for texts that are labelled as a whole.
        labelled: A column is called like one of labels, so that tags in the texts need mean nothing.

    Raises:
        DataError: They mark spans that cannot be read.
    """
    from dualchecker.config import Columns
    from dualchecker.data.span_rows import INLINE, span_rows
    from dualchecker.data.spans import CONLL_ENDINGS, is_gliner, is_task
    from dualchecker.errors import DataError

    conll = path.suffix.lower() in CONLL_ENDINGS
    tasks, words = (any(shape(row) for _, row in rows) for shape in (is_task, is_gliner))
    columns = {role: name for role, name in guessed.items() if role in ("id", "text", "detail")}
    if conll or words:
        columns, spans = {}, "spans"
    elif tasks:
        columns, spans = _of_task(next(row for _, row in rows if is_task(row))), "spans"
    else:
        column = next((name for name in _SPAN_NAMES if any(_is_list_of_spans(row.get(name)) for _, row in rows)), None)
        if column is None and (labelled or not _tagged(rows, columns["text"])):
            return None
        spans = column or INLINE
    known = Columns(**{"detail": None, **columns, "spans": spans})  # type: ignore[arg-type]
    alike, found = span_rows(rows, known, spans, path.name, Counter())
    given = [Counter(label for *_, label in json.loads(row[found.label])) for _, row in alike if row.get(found.label)]
    given = _spelt_alike(given)
    labels = sum(given, Counter[str]())
    if not labels and (conll or tasks or words):
        raise DataError(
            f"Nobody has marked a span in {path.name}.",
            why="Its tasks hold no annotations of people." if tasks else "It is in a format for spans, and has none.",
            fix="Export it after people have marked some.",
        )
    if not labels:
        return None
    per_text = {name: (min(one[name] for one in given), max(one[name] for one in given)) for name in labels}
    return SpanGuess(columns if spans == "spans" else {**columns, "spans": spans}, labels, per_text)


def _spelt_alike(given: Sequence[Counter[str]]) -> list[Counter[str]]:
    """The same counts, with names that differ only in case, width or separators as one: a run takes them for one."""
    from dualchecker.tasks.names import fold

    usual: dict[str, str] = {}
    for name, _ in sum(given, Counter[str]()).most_common():
        usual.setdefault(fold(name), name)
    alike: list[Counter[str]] = []
    for one in given:
        counts = Counter[str]()
        for name, count in one.items():
            counts[usual[fold(name)]] += count
        alike.append(counts)
    return alike


def _of_task(task: Mapping[str, Any]) -> dict[str, str]:
    """Columns of a task of Label Studio: its text is what is longest."""
    data = {name: value for name, value in task["data"].items() if isinstance(value, str)}
    return {"text": max(data, key=lambda name: len(data[name]))} if data and "text" not in data else {}


def _is_list_of_spans(value: Any) -> bool:
    """Whether a cell is a list of objects or triples that tell spans, or JSON text of one."""
    if isinstance(value, str):
        if not value.lstrip().startswith("[") or "[]" in value:
            return False
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return False
    return isinstance(value, list) and any(
        (isinstance(item, Mapping) and ("start" in item or "start_offset" in item or "quote" in item))
        or (isinstance(item, list) and len(item) == 3 and all(isinstance(place, int) for place in item[:2]))
        for item in value
    )


def _tagged(rows: Sequence[Numbered], text: str) -> bool:
    """Whether tags in the texts mark spans: where any text has some, all that have any can be read."""
    from dualchecker.data.spans import read_inline
    from dualchecker.errors import DataError

    found = False
    for _, row in rows:
        try:
            found = bool(read_inline(str(row.get(text) or ""), "")[1]) or found
        except DataError:
            return False
    return found
