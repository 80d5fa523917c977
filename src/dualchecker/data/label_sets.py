"""Human labels where several may apply to a text: read, checked, and kept as a set."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from dualchecker.errors import DataError
from dualchecker.records import Record
from dualchecker.tasks import Classification, MultiLabel


def _label_set(record: Record, task: MultiLabel) -> tuple[tuple[str, ...], list[str]]:
    """The labels of a record in the task's order, and the names that the task does not know."""
    pieces = task.pieces(record.label or "[]")
    found = {piece: task.find(piece) for piece in pieces}
    return tuple(n for n in task.names if n in found.values()), [p for p, name in found.items() if name is None]


def _with(record: Record, labels: tuple[str, ...], task: MultiLabel) -> Record:
    return replace(record, labels=labels, label=task.write(labels))


def with_known_label_sets(records: Iterable[Record], task: Classification, role: str) -> list[Record]:
    """Records with their label sets; a label that is named twice counts once.

    Raises:
        DataError: A record names a label that the task does not have.
    """
    if not isinstance(task, MultiLabel):
        raise TypeError("the task takes one label a text")
    result = []
    for record in records:
        labels, unknown = _label_set(record, task)
        if unknown:
            mark = task.separator_of(record.label or "")
            separated = mark is not None and any(mark in name for name in task.names)
            raise DataError(
                f"{role} record {record.id!r} has the label {unknown[0]!r}, which the task does not know.",
                why=f"The task's labels are {', '.join(map(repr, task.labels))}."
                + (" One of them holds the character at which the labels were separated." if separated else ""),
                fix=f"Write the labels as a JSON list, such as {task.write(task.names[:2])}."
                if separated
                else "Add it under task.labels, or mend the record.",
            )
        result.append(_with(record, labels, task))
    return result


def pool_label_sets(records: Iterable[Record], task: MultiLabel) -> tuple[list[Record], Counter[str]]:
    """Pool records with the label sets they may have, and the labels that the task does not know.

    Where one label is unknown the whole set is: it would be wrong to count the rest as all that applies.
    """
    unknown: Counter[str] = Counter()
    result = []
    for record in records:
        if record.label is None:
            result.append(record)
            continue
        labels, strange = _label_set(record, task)
        unknown.update(strange)
        result.append(replace(record, label=None) if strange else _with(record, labels, task))
    return result, unknown


def check_label_sets(gold: Sequence[Record], task: MultiLabel) -> list[str]:
    """What is odd about gold's label sets but can be lived with.

    Raises:
        DataError: There is no gold, or every label either always or never applies.
    """
    if not gold:
        raise DataError(
            "No gold record is left to learn from.", fix="Give gold texts, or smaller fractions to the rest."
        )
    counts = Counter(label for record in gold for label in record.labels or ())
    never = [name for name in task.names if not counts[name]]
    always = [name for name in task.names if counts[name] == len(gold)]
    if len(never) + len(always) == len(task.names):
        raise DataError(
            f"In all {len(gold)} gold records every label either always or never applies.",
            why="Neither a threshold nor a student can be fitted where nothing differs.",
            fix="Add gold records with other labels; a handful of each is a start.",
        )
    warnings = []
    if never:
        warnings.append(f"gold has no record of {', '.join(map(repr, never))}: the student cannot learn it there.")
    if always:
        warnings.append(f"{', '.join(map(repr, always))} applies to every gold record: nothing shows when it does not.")
    if all(len(record.labels or ()) == 1 for record in gold):
        warnings.append(
            "Every gold record carries exactly one label, though task.multiple is true: without it the labels "
            "compete, which such data asks for."
        )
    if len(gold) < 20:
        warnings.append(f"gold has only {len(gold)} records: confidence and thresholds will be very uncertain.")
    return warnings
