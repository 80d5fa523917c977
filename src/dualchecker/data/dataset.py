"""Gold, pool and test, loaded and checked against each other."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from dualchecker.config import RunConfig
from dualchecker.data.files import read_rows
from dualchecker.data.label_sets import check_label_sets, pool_label_sets, with_known_label_sets
from dualchecker.data.questions import check_answers, known_answers, pool_answers, with_choices
from dualchecker.data.rows import to_records
from dualchecker.data.span_sets import check_span_sets, same_spans, span_records
from dualchecker.data.splits import find_leaks, stratified_split
from dualchecker.errors import DataError
from dualchecker.records import Record
from dualchecker.tasks import Classification, Extraction, MultiLabel, Reasoning, Task

Readable = Classification | Extraction | Reasoning
"""Tasks whose data can be read."""


@dataclass(frozen=True)
class Dataset:
    """The three sets of a run, and what was noticed on the way in."""

    gold: tuple[Record, ...]
    pool: tuple[Record, ...]
    test: tuple[Record, ...]
    warnings: tuple[str, ...] = ()


def load_dataset(config: RunConfig, task: Task) -> Dataset:
    """Read, map, split and check the data of a run.

    Raises:
        DataError: See ``read_rows``, ``to_records`` and ``span_records``; also: unknown or too few labels in gold,
            leaks into test.
    """
    if not isinstance(task, Readable):
        raise TypeError(f"data of a {type(task).__name__} cannot be read")
    warnings: list[str] = []

    def read(name: str, role: str, *, need_label: bool) -> list[Record]:
        path = config.path(name)
        if isinstance(task, Extraction):
            records, found = span_records(path, config.data.columns, task, role, need=need_label)
            warnings.extend(found)
            return records
        rows = read_rows(path)
        records, found = to_records(
            rows,
            config.data.columns,
            source=f"{role} ({path.name})",
            need_label=need_label,
            # People who were asked for all labels and wrote none have said that none applies.
            blank_label="[]" if task.multiple and need_label else None,
        )
        warnings.extend(found)
        if isinstance(task, Reasoning):
            return with_choices(records, rows, config.data.columns.choices, task, role)
        return records

    data = config.data
    gold = _known(read(data.gold, "gold", need_label=True), task, "gold")
    fractions = {name: value for name, value in (("pool", data.pool), ("test", data.test)) if isinstance(value, float)}
    parts = stratified_split(gold, fractions, data.seed, rest="gold") if fractions else {"gold": gold}
    gold = parts["gold"]
    pool = parts["pool"] if "pool" in parts else read(str(data.pool), "pool", need_label=False)
    test = parts.get("test") or (read(data.test, "test", need_label=True) if isinstance(data.test, str) else [])

    test = _known(test, task, "test")
    pool, unknown = _known_in_pool(pool, task)
    if unknown:
        warnings.append(
            f"pool: {sum(unknown.values())} {_not_known(task)} and are ignored "
            f"({', '.join(repr(name) for name, _ in unknown.most_common(3))})."
        )
    if isinstance(task, Extraction):
        warnings += check_span_sets(gold, task)
    elif isinstance(task, MultiLabel):
        warnings += check_label_sets(gold, task)
    elif isinstance(task, Reasoning):
        check_answers(gold, warnings)
    else:
        _check_gold(gold, task, warnings)
    if any(teacher.kind == "recorded" for teacher in config.teacher.voices):
        _check_shared_ids(gold, pool)
    _check_leaks(gold, pool, test, allow=data.allow_leaks, warnings=warnings)
    return Dataset(tuple(gold), tuple(pool), tuple(test), tuple(warnings))


def _not_known(task: Readable) -> str:
    return f"answers are no {task.answer}" if isinstance(task, Reasoning) else "labels are not among the task's"


def _known(records: list[Record], task: Readable, role: str) -> list[Record]:
    """Human-labelled records with the task's labels; spans have theirs from the reader."""
    if isinstance(task, Extraction):
        return records
    if isinstance(task, Reasoning):
        return known_answers(records, task, role)
    known = with_known_label_sets if isinstance(task, MultiLabel) else _with_known_labels
    return known(records, task, role)


def _known_in_pool(records: list[Record], task: Readable) -> tuple[list[Record], Counter[str]]:
    if isinstance(task, Extraction):
        return records, Counter()
    if isinstance(task, Reasoning):
        return pool_answers(records, task)
    return pool_label_sets(records, task) if isinstance(task, MultiLabel) else _pool_labels(records, task)


def _with_known_labels(records: Iterable[Record], task: Classification, role: str) -> list[Record]:
    result = []
    for record in records:
        label = task.find(record.label)
        if label is None:
            raise DataError(
                f"{role} record {record.id!r} has the label {record.label!r}, which the task does not know.",
                why=f"The task's labels are {', '.join(map(repr, task.labels))}.",
                fix="Set task.multiple: true if several labels may apply to a text."
                if (record.label or "").startswith("[")
                else "Add it under task.labels, or mend the record.",
            )
        result.append(replace(record, label=label))
    return result


def _pool_labels(records: Iterable[Record], task: Classification) -> tuple[list[Record], Counter[str]]:
    unknown: Counter[str] = Counter()
    result = []
    for record in records:
        label = task.find(record.label) if record.label is not None else None
        if label is None and record.label is not None:
            unknown[record.label] += 1
        result.append(replace(record, label=label))
    return result, unknown


def _check_gold(gold: list[Record], task: Classification, warnings: list[str]) -> None:
    if not gold:
        raise DataError(
            "No gold record is left to learn from.", fix="Give gold texts, or smaller fractions to the rest."
        )
    counts: Mapping[str, int] = Counter(record.label or "" for record in gold)
    if len(counts) < 2:
        raise DataError(
            f"All {len(gold)} gold records carry the label {next(iter(counts))!r}.",
            why="Neither a threshold nor a student can be fitted on one label.",
            fix="Add gold records of the other labels; a handful of each is a start.",
        )
    missing = [name for name in task.labels if name not in counts]
    if missing:
        warnings.append(f"gold has no record of {', '.join(map(repr, missing))}: the student cannot learn it there.")
    if len(gold) < 20:
        warnings.append(f"gold has only {len(gold)} records: confidence and thresholds will be very uncertain.")


def _check_shared_ids(gold: list[Record], pool: list[Record]) -> None:
    texts = {record.id: record.text for record in gold}
    clash = next((record for record in pool if texts.get(record.id, record.text) != record.text), None)
    if clash is not None:
        raise DataError(
            f"The id {clash.id!r} stands for one text in gold and for another in pool.",
            why="Recorded answers are found by id.",
            fix="Make ids unique over both files.",
        )


def _check_leaks(
    gold: list[Record], pool: list[Record], test: list[Record], *, allow: bool, warnings: list[str]
) -> None:
    for role, left in (("gold", gold), ("pool", pool)):
        leaks = find_leaks(left, test)
        if leaks and not allow:
            mine, theirs = leaks[0]
            raise DataError(
                f"{len(leaks)} test texts also stand in {role} (first: {role} {mine.id!r} = test {theirs.id!r}).",
                why="The final report would score the student on texts it has seen.",
                fix="Remove them from one side, or set data.allow_leaks: true to accept it.",
            )
        if leaks:
            warnings.append(f"{len(leaks)} test texts also stand in {role} (allowed by data.allow_leaks).")
    both = find_leaks(gold, pool)
    if both:
        warnings.append(
            f"{len(both)} pool texts also stand in gold; they are labelled like any other, never with themselves "
            "as a demonstration."
        )
    twins = [pair for pair in find_leaks(gold, gold) if pair[0].id != pair[1].id and _differ(*pair)]
    if twins:
        what = "labels" if twins[0][0].spans is None else "spans"
        warnings.append(
            f"{len(twins)} gold texts occur twice with different {what} (first: {twins[0][0].id!r}, "
            f"{twins[0][1].id!r}): one of each is wrong."
        )


def _differ(left: Record, right: Record) -> bool:
    return left.label != right.label if left.spans is None else not same_spans(left, right)
