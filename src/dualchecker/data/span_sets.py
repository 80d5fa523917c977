"""Human spans: read, checked, and kept as a set for each text."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dualchecker.config import Columns
from dualchecker.data.files import Numbered, read_rows
from dualchecker.data.rows import to_records
from dualchecker.data.span_rows import INLINE, SpanColumns, span_rows
from dualchecker.data.spans import CONLL_ENDINGS, Marked, flat, is_task
from dualchecker.data.splits import fingerprint
from dualchecker.errors import DataError
from dualchecker.records import Record, Span
from dualchecker.tasks import Extraction

_NOTES = {
    "quote_inexact": "spans are quoted, and not to the letter: each is taken where the text fits it best",
    "annotated_twice": "tasks are annotated more than once: the ground truth is taken, else the last one changed",
    "utf16_offsets": "spans have offsets in UTF-16 units (an old Label Studio) and are read so",
    "twice": "spans are given twice and count once",
    "blank_edges": "spans begin or end with a blank, which a student of words cannot learn",
}


def span_records(
    path: Path, columns: Columns, task: Extraction, role: str, *, need: bool
) -> tuple[list[Record], list[str]]:
    """The records of a file with their spans, and warnings.

    ``Record.spans`` holds each span once, in order, and ``Record.label`` what a teacher would have to reply. Without
    ``need`` (the pool) a record may go without, and labels that the task does not know are left out.

    Raises:
        DataError: Spans are missing though needed, cannot be read, are not in the text or blank, or have an unknown
            label though needed; says which record.
    """
    notes: Counter[str] = Counter()
    source = f"{role} ({path.name})"
    # A CoNLL file has no names of its own.
    names = Columns() if path.suffix.lower() in CONLL_ENDINGS else columns
    rows = read_rows(path)
    alike, found = span_rows(rows, names, names.spans, source, notes)
    warnings = []
    if need:
        alike, bare = _with_spans(rows, alike, found, names.spans, source)
        if bare:
            warnings.append(f"{source}: {bare} tasks that nobody has annotated are left out.")
    read, odd = to_records(alike, found, source=source, need_label=need, blank_label="[]" if need else None)
    unknown: Counter[str] = Counter()
    records = [_with(record, task, source, None if need else unknown, notes) for record in read]
    if unknown:
        warnings.append(
            f"{role}: {sum(unknown.values())} spans have labels that are not among the task's and are ignored "
            f"({', '.join(repr(name) for name, _ in unknown.most_common(3))})."
        )
    warnings += [f"{source}: {count} {_NOTES[name]}." for name, count in sorted(notes.items())]
    return records, [*odd, *warnings]


def read_marked(path: Path, columns: Columns) -> tuple[list[Marked], list[str]]:
    """The texts of a file with their spans, whatever their labels, and warnings.

    Raises:
        DataError: The file or its spans cannot be read; says which record.
    """
    notes: Counter[str] = Counter()
    names = Columns() if path.suffix.lower() in CONLL_ENDINGS else columns
    alike, found = span_rows(read_rows(path), names, names.spans, path.name, notes)
    records, warnings = to_records(alike, found, source=path.name, need_label=False)
    texts = [
        Marked(r.id, r.text, None if r.label is None else tuple(sorted({Span(*one) for one in json.loads(r.label)})))
        for r in records
    ]
    return texts, [*warnings, *(f"{path.name}: {count} {_NOTES[name]}." for name, count in sorted(notes.items()))]


def _with_spans(
    rows: Sequence[Numbered], alike: list[Numbered], columns: SpanColumns, spans: str, source: str
) -> tuple[list[Numbered], int]:
    """Rows that have spans, and how many tasks of Label Studio nobody has annotated."""
    filled = [entry for entry in alike if entry[1].get(columns.label) is not None]
    if any(is_task(row) for _, row in rows) and filled:
        return filled, len(alike) - len(filled)
    if not filled and any(columns.text in row for _, row in alike):
        known = list(dict.fromkeys(key for _, row in alike for key in row))
        raise DataError(
            f"{source} has no spans.",
            why="No text has a tag." if spans == INLINE else f"Its columns are {', '.join(map(repr, known))}.",
            fix="Set data.columns.spans to the column that holds them, or to inline if tags in the texts mark them.",
        )
    missing = [number for number, row in alike if row.get(columns.label) is None and row.get(columns.text)]
    if missing and filled:
        raise DataError(
            f"Row {missing[0]} of {source} has no spans ({len(missing)} rows have none).",
            fix="Write [] where people found none; leave out texts that nobody has annotated.",
        )
    return alike, 0


def _with(record: Record, task: Extraction, source: str, unknown: Counter[str] | None, notes: Counter[str]) -> Record:
    """The record with its spans, whose labels are the task's."""
    if record.label is None:
        return record
    spans: list[Span] = []
    for start, end, name in json.loads(record.label):
        words = record.text[start:end]
        label = task.find(name)
        if label is None and unknown is not None:
            unknown[name] += 1
            continue
        if label is None:
            raise DataError(
                f"{source}, record {record.id!r}, has a span with the label {name!r}, which the task does not know.",
                why=f"The task's labels are {', '.join(map(repr, task.labels))}. The span reads {words[:80]!r}.",
                fix="Add it under task.labels, or mend the record.",
            )
        if not words.strip():
            raise DataError(
                f"{source}, record {record.id!r}: the span {start} to {end} ({label}) holds nothing but blanks.",
                fix="Remove it, or mend its offsets.",
            )
        spans.append(Span(start, end, label))
    each = tuple(sorted(set(spans)))
    counts = {
        "twice": len(spans) - len(each),
        "blank_edges": sum(record.text[s.start : s.end] != record.text[s.start : s.end].strip() for s in each),
    }
    notes.update({name: count for name, count in counts.items() if count})
    return replace(record, spans=each, label=task.write(record.text, each))


def check_span_sets(gold: Sequence[Record], task: Extraction) -> list[str]:
    """What is odd about gold's spans but can be lived with.

    Raises:
        DataError: There is no gold, or no record of it has a span.
    """
    if not gold:
        raise DataError(
            "No gold record is left to learn from.", fix="Give gold texts, or smaller fractions to the rest."
        )
    counts = Counter(span.label for record in gold for span in record.spans or ())
    if not counts:
        raise DataError(
            f"None of the {len(gold)} gold records has a span.",
            why="There is nothing to learn from, and nothing to judge a teacher by.",
            fix="Add gold records in which people marked spans; a handful of each label is a start.",
        )
    warnings = []
    never = [name for name in task.names if not counts[name]]
    if never:
        warnings.append(f"gold has no span of {', '.join(map(repr, never))}: the student cannot learn it there.")
    overlaps = Counter((inner.label, outer.label) for r in gold for inner, outer in flat(r.spans or ())[1])
    if overlaps:
        pairs = ", ".join(f"{inner} with {outer}: {count}" for (inner, outer), count in overlaps.most_common(5))
        warnings.append(
            f"gold: {sum(overlaps.values())} of {sum(counts.values())} spans overlap another, which a flat student "
            f"cannot express ({pairs}): it learns the longer ones."
        )
    for label in task.names:
        per_text = [sum(span.label == label for span in record.spans or ()) for record in gold]
        for wrong, rule in (
            (sum(count > 1 for count in per_text) if task.single(label) else 0, "more than one span"),
            (sum(count < 1 for count in per_text) if task.needs(label) else 0, "no span"),
        ):
            if wrong:
                warnings.append(
                    f"gold: {wrong} of {len(gold)} records have {rule} of {label!r}, against task.occurrence."
                )
    if len(gold) < 20:
        warnings.append(f"gold has only {len(gold)} records: confidence and thresholds will be very uncertain.")
    return warnings


def same_spans(left: Record, right: Record) -> bool:
    """Whether two records of one text, but for case, width and blanks, have the same words under the same labels."""

    def words(record: Record) -> Counter[tuple[str, str]]:
        return Counter((s.label, fingerprint(record.text[s.start : s.end])) for s in record.spans or ())

    return words(left) == words(right)
