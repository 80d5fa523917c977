"""``dualchecker init``: a commented run file from a data file."""

import json
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from dualchecker.cli.init_file import Form, label_task, question_task, run_file, span_task
from dualchecker.cli.init_questions import guess_questions, question_hint
from dualchecker.cli.init_spans import SpanGuess, guess_spans

_TEXT_NAMES = ("text", "summary", "abstract", "sentence", "title", "question", "content", "body", "document", "review")
_LABEL_NAMES = ("label", "labels", "class", "category", "target", "gold", "intent", "answer", "y")
_DETAIL_NAMES = ("detail", "full_text", "fulltext", "body", "description", "context", "passage", "abstract")
_ID_NAMES = ("id", "uid", "key")


class Kind(StrEnum):
    """Of the task."""

    classification = "classification"
    extraction = "extraction"
    reasoning = "reasoning"


def init(
    data: Annotated[
        Path,
        typer.Argument(
            help="Your human-labelled texts: .jsonl, .json, .csv, .tsv or .parquet; spans also .conll, .bio or .iob."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The run file to write.")] = Path("run.yaml"),
    pool: Annotated[Path | None, typer.Option(help="Texts to label; without it, half of the data is used.")] = None,
    test: Annotated[Path | None, typer.Option(help="Labelled texts for the final report only.")] = None,
    kind: Annotated[
        Kind | None, typer.Option("--task", help="The kind of task; without it, what the data looks like.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Replace an existing run file.")] = False,
) -> None:
    """Write a commented run.yaml that fits your data."""
    from dualchecker.data import read_rows
    from dualchecker.errors import ConfigError, DataError

    if output.exists() and not force:
        raise ConfigError(f"{output} exists already.", fix="Use --force to replace it, or --output for another name.")
    numbered = read_rows(data)
    rows = [row for _, row in numbered]
    folder = output.resolve().parent
    paths = (_relative(data, folder) or "", _relative(pool, folder), _relative(test, folder))
    if kind is Kind.reasoning:
        questions = guess_questions(rows, str(data))
        task = question_task(questions.answer, questions.labels, questions.examples)
        _written(
            output, run_file(task, questions.columns, *paths, form="reasoning"), rows, [], "describe what is asked"
        )
        return
    columns = _guess(rows)
    spans = kind is not Kind.classification and guess_spans(
        numbered, data, columns, labelled=kind is None and _has_label_column(rows)
    )
    if spans and (kind is Kind.extraction or not _says_labels(rows, columns, spans)):
        task, columns = span_task(spans.labels, spans.per_text), spans.columns
        notes = ["Spans were found, so task.kind is extraction."]
    elif kind is Kind.extraction:
        raise DataError(
            f"No spans were found in {data}.",
            fix="Name their column 'spans', mark them by tags in the texts, or give a CoNLL file.",
        )
    else:
        labels, multiple = _checked_labels(rows, columns, data)
        task, notes = label_task(labels, multiple=multiple), []
        if kind is None and (hint := question_hint(rows, labels)):
            notes.append(hint)
        if multiple:
            notes.append("Several labels at once were found in the label column, so task.multiple is true.")
        if spans:
            notes.append("There are spans as well: with --task extraction these are the task.")
        spans = None
    form: Form = "spans" if spans else "labels"
    _written(output, run_file(task, columns, *paths, form=form), rows, notes, "describe your labels")


def _written(output: Path, content: str, rows: list[dict[str, Any]], notes: list[str], then: str) -> None:
    """Write the run file, and tell what to do next."""
    from dualchecker.data import write_text

    write_text(output, content)
    typer.echo(f"Written: {output}")
    for note in notes:
        typer.echo(note)
    if not any(name.lower() in _ID_NAMES for row in rows for name in row):
        typer.echo("No id column was found: rows are numbered, so keep their order. Or name it in data.columns.id.")
    typer.echo(f"Next: {then} in it, then  dualchecker plan", err=False)


def _checked_labels(rows: list[dict[str, Any]], columns: dict[str, str], data: Path) -> tuple[Counter[str], bool]:
    """How often each label stands in the label column, and whether a cell may hold several.

    Raises:
        DataError: It does not look like a label column.
    """
    from dualchecker.errors import DataError

    given = [row[columns["label"]] for row in rows if row.get(columns["label"]) not in (None, "")]
    labels, multiple = _labels(given)
    if len(labels) < 2:
        raise DataError(
            f"The column {columns['label']!r} of {data} holds {len(labels)} label(s); at least two are needed.",
            fix="Check that the file carries human labels.",
        )
    if len(labels) > max(200, len(rows) // 2):
        raise DataError(
            f"The column {columns['label']!r} of {data} holds {len(labels)} different values in {len(rows)} rows.",
            why="It does not look like a label column.",
            fix="Rename the label column to 'label'. If these are answers to questions: --task reasoning.",
        )
    return labels, multiple


def _has_label_column(rows: list[dict[str, Any]]) -> bool:
    return any(name.lower() in _LABEL_NAMES for row in rows for name in row)


def _says_labels(rows: list[dict[str, Any]], columns: dict[str, str], spans: SpanGuess) -> bool:
    """Whether a column holds labels of whole texts beside the spans."""
    return _has_label_column(rows) and columns["label"] != spans.columns.get("spans", "spans")


def _relative(path: Path | None, folder: Path) -> str | None:
    if path is None:
        return None
    absolute = path.resolve()
    return str(absolute.relative_to(folder)) if absolute.is_relative_to(folder) else str(absolute)


def _guess(rows: list[dict[str, Any]]) -> dict[str, str]:
    """Columns by name, else by content: labels repeat, texts are long."""
    names = list(dict.fromkeys(key for row in rows for key in row))
    sample = rows[:500]

    def mean_length(name: str) -> float:
        return sum(len(str(row.get(name) or "")) for row in sample) / len(sample)

    def distinct(name: str) -> int:
        return len({str(row.get(name)) for row in sample})

    lower = {name.lower(): name for name in names}
    label = next((lower[n] for n in _LABEL_NAMES if n in lower), None) or min(names, key=distinct)
    rest = [name for name in names if name != label]
    text = next((lower[n] for n in _TEXT_NAMES if n in lower and lower[n] in rest), None) or max(
        rest or names, key=mean_length
    )
    found = {"text": text, "label": label}
    longer = [n for n in _DETAIL_NAMES if n in lower and lower[n] not in (text, label)]
    if longer and mean_length(lower[longer[0]]) > mean_length(text):
        found["detail"] = lower[longer[0]]
    identity = next((n for n in names if n.lower() in _ID_NAMES and n not in found.values()), None)
    if identity:
        found["id"] = identity
    return found


def _labels(given: list[Any]) -> tuple[Counter[str], bool]:
    """How often each label stands in the label column, and whether a cell may hold several."""
    lists = any(isinstance(value, list) or _is_json_list(value) for value in given)
    whole = Counter(str(name) for value in given for name in (_items(value) if lists else [value]))
    parts = Counter(piece for name, count in whole.items() for piece in _divided(name) for _ in range(count))
    # Sets of labels are made of fewer names than there are sets; a name with a comma in it falls into more.
    divided = any(len(_divided(name)) > 1 for name in whole)
    sure = lists or any("|" in name for name in whole)
    if divided and (len(parts) < len(whole) or (sure and len(parts) == len(whole))):
        return parts, True
    return whole, lists


def _divided(cell: str) -> list[str]:
    """A cell at the character at which a task with several labels divides it."""
    from dualchecker.tasks.multilabel import SEPARATORS

    mark = next((mark for mark in SEPARATORS if mark in cell), None)
    return [piece.strip() for piece in cell.split(mark) if piece.strip()] if mark else [cell]


def _is_json_list(value: Any) -> bool:
    return isinstance(value, str) and value.lstrip().startswith("[") and _items(value) != [value]


def _items(value: Any) -> list[Any]:
    """The labels in a cell: a list, a list as JSON text, or one label."""
    if isinstance(value, list):
        return value
    try:
        found = json.loads(value)
    except (ValueError, TypeError):
        return [value]
    return found if isinstance(found, list) else [value]
