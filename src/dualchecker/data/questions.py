"""Questions to reason about: the choices that each brings, and human answers in one form."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dualchecker.errors import DataError
from dualchecker.records import Record
from dualchecker.tasks import Reasoning
from dualchecker.tasks.names import fold

_SEPARATORS = ("|", ";")


def with_choices(
    records: Sequence[Record], rows: Sequence[tuple[int, Mapping[str, Any]]], column: str, task: Reasoning, role: str
) -> list[Record]:
    """The records, each with the choices of its row, where the answer is a choice; else as they are.

    Args:
        records: Made of ``rows`` by ``to_records``, in their order.
        rows: With their numbers in the file.
        column: That holds the choices: a list, its JSON text, or text with ``|`` or ``;`` between them.
        task: What is asked.
        role: Of the file, for messages.

    Raises:
        DataError: A question has no choices, or a single one.
    """
    if task.answer != "choice":
        return list(records)
    if task.labels:
        return [replace(record, choices=tuple(task.labels)) for record in records]
    found = {id(record): _choices(record.meta.get(column)) for record in records}
    short = next((record for record in records if len({fold(choice) for choice in found[id(record)]}) < 2), None)
    if short is not None:
        there = any(column in row for _, row in rows)
        raise DataError(
            f"{role} record {short.id!r} offers no choices." if there else f"{role} has no column {column!r}.",
            why="task.answer is choice, so every question needs at least two choices that differ"
            + (f"; it has {list(found[id(short)])!r}." if there else "."),
            fix="Set data.columns.choices, list them under task.labels if all questions have the same, "
            "or set task.answer to number or text.",
        )
    return [
        replace(
            record,
            choices=found[id(record)],
            meta={name: value for name, value in record.meta.items() if name != column},
        )
        for record in records
    ]


def _choices(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            mark = next((mark for mark in _SEPARATORS if mark in value), None)
            value = value.split(mark) if mark else []
    if isinstance(value, Mapping):  # {"label": ["A", ...], "text": [...]}, as some data sets on hubs have it
        value = value.get("text")
    if not isinstance(value, Sequence) or isinstance(value, str):
        return ()
    return tuple(text for choice in value if choice is not None and (text := str(choice).strip()))


def known_answers(records: Sequence[Record], task: Reasoning, role: str) -> list[Record]:
    """Human answers in canonical form.

    Raises:
        DataError: One cannot be read as what the task asks for.
    """
    return [replace(record, label=_read(record, task, role)) for record in records]


def _read(record: Record, task: Reasoning, role: str) -> str:
    answer, outcome, _ = task.read_answer(record.label, record.choices or ())
    if answer is not None:
        return answer
    among = f" Its choices are {', '.join(map(repr, record.choices))}." if record.choices else ""
    raise DataError(
        f"{role} record {record.id!r} has the answer {record.label!r}, which is no {task.answer}.",
        why=f"{outcome.replace('_', ' ')}.{among}",
        fix="Mend the record, or set task.answer to what the answers are.",
    )


def pool_answers(records: Sequence[Record], task: Reasoning) -> tuple[list[Record], Counter[str]]:
    """Answers of the pool in canonical form, and those that cannot be read, which are left out."""
    unknown: Counter[str] = Counter()
    result = []
    for record in records:
        answer = None
        if record.label is not None:
            answer = task.read_answer(record.label, record.choices or ())[0]
            if answer is None:
                unknown[record.label] += 1
        result.append(replace(record, label=answer))
    return result, unknown


def check_answers(gold: Sequence[Record], warnings: list[str]) -> None:
    """Make sure that there is gold to learn from.

    Raises:
        DataError: There is none.
    """
    if not gold:
        raise DataError(
            "No gold record is left to learn from.", fix="Give gold questions, or smaller fractions to the rest."
        )
    if len({record.label for record in gold}) == 1 and len(gold) > 1:
        warnings.append(f"all {len(gold)} gold answers are {gold[0].label!r}: is this the right column?")
    if len(gold) < 20:
        warnings.append(f"gold has only {len(gold)} records: confidence and thresholds will be very uncertain.")
