"""``dualchecker predict``: label new texts with a trained student."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dualchecker.config import Columns
    from dualchecker.records import Record
    from dualchecker.students import ReasoningStudent, SpanStudent, Student

Rows = list[dict[str, Any]]


class Format(StrEnum):
    """How to write what a student says."""

    jsonl = "jsonl"
    inline = "inline"


def predict(
    student: Annotated[Path, typer.Argument(help="A run's folder, or its student folder.")],
    data: Annotated[Path, typer.Argument(help="Texts: .jsonl, .json, .csv, .tsv or .parquet.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write; standard output if not given.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Column of the text; the run's own by default.")] = None,
    detail: Annotated[str | None, typer.Option(help="Column of the long form.")] = None,
    id_column: Annotated[str | None, typer.Option("--id", help="Column of the id.")] = None,
    choices: Annotated[str | None, typer.Option(help="Column of the choices that a question offers.")] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Where several labels may apply: the chance from which one does (0.5). "
            "Where questions are answered: the confidence under which no answer is given.",
        ),
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", help="Of spans: their offsets, or the text with tags around them.")
    ] = Format.jsonl,
) -> None:
    """Label texts with a trained student: id, label, confidence and the probability of every label, as JSON lines.

    Where several labels may apply, "labels" holds those whose probability reaches the threshold.

    A student of spans writes "spans": label, quote, probability, start and end (code points, end exclusive).

    A student that reasons writes "answer", "confidence", "direct" (its answer without a chain) and its "chains". With a
    threshold, an answer that is less sure is null, and "abstained" is true.
    """
    import json

    from dualchecker.data import write_jsonl
    from dualchecker.students import (
        answers_questions,
        finds_spans,
        load_label_student,
        load_reasoning_student,
        load_span_student,
    )

    folder = student / "student" if (student / "student").is_dir() else student
    if answers_questions(folder):
        say = _answers_of(load_reasoning_student(folder), form, threshold)
    elif finds_spans(folder):
        say = _spans_of(load_span_student(folder), form, threshold)
    else:
        say = _labels_of(load_label_student(folder), form, threshold)
    records, warnings = _read(folder, data, text, detail, id_column, choices)
    for warning in warnings:
        typer.echo(f"note: {warning}", err=True)
    result = say(records)
    if output is not None:
        write_jsonl(output, result)
        typer.echo(f"{len(result)} predictions written to {output}", err=True)
        return
    for line in result:
        typer.echo(json.dumps(line, ensure_ascii=False))


def _read(
    folder: Path, data: Path, text: str | None, detail: str | None, id_column: str | None, choices: str | None
) -> tuple[list["Record"], list[str]]:
    """The texts, by the columns of the student's own run where none are named."""
    from dualchecker.config import Columns
    from dualchecker.data import read_rows, to_records
    from dualchecker.students.files import read_description

    description = read_description(folder)
    known = description.get("columns", {})
    columns = Columns(
        id=id_column or known.get("id", "id"),
        text=text or known.get("text", "text"),
        detail=detail or known.get("detail"),
        label=known.get("label", "label"),
        choices=choices or known.get("choices", "choices"),
    )
    rows = read_rows(data)
    if detail is None and not any(columns.detail in row for _, row in rows):
        columns = columns.model_copy(update={"detail": None})
    records, warnings = to_records(rows, columns, source=str(data), need_label=False)
    return _with_choices(description, records, rows, columns, data), warnings


def _with_choices(
    description: Mapping[str, Any],
    records: list["Record"],
    rows: Sequence[tuple[int, Mapping[str, Any]]],
    columns: "Columns",
    data: Path,
) -> list["Record"]:
    """The records, where questions bring their own choices with these."""
    if "task" not in description:
        return records
    from dualchecker.data.questions import with_choices
    from dualchecker.students import AnswerReader

    task = AnswerReader.from_json(description["task"]).task
    # An empty question is not answered, whatever it offers.
    asked = [record for record in records if record.text.strip()]
    found = {r.id: r for r in with_choices(asked, rows, columns.choices, task, str(data))}
    return [found.get(record.id, record) for record in records]


def _labels_of(student: "Student", form: Format, threshold: float | None) -> Callable[[Sequence["Record"]], Rows]:
    """From records to rows, where a student labels whole texts."""
    from dualchecker.errors import ConfigError

    if form is not Format.jsonl:
        raise ConfigError(
            f"--format {form.value} does not fit this student.", why="It labels whole texts.", fix="Leave it out."
        )
    if threshold is not None and not student.multiple:
        raise ConfigError(
            "--threshold does not fit this student.",
            why="It chooses one label a text: the one with the highest probability.",
            fix="Leave the option out, and filter by confidence.",
        )
    limit = 0.5 if threshold is None else threshold

    def say(records: Sequence["Record"]) -> Rows:
        filled = [record for record in records if record.text.strip()]
        said = dict(zip((record.id for record in filled), student.predict(filled), strict=True))
        if student.multiple:
            return [_label_set(r.id, student.labels, said.get(r.id), limit) for r in records]
        return [_label(r.id, student.labels, said.get(r.id)) for r in records]

    return say


def _answers_of(
    student: "ReasoningStudent", form: Format, threshold: float | None
) -> Callable[[Sequence["Record"]], Rows]:
    """From records to rows, where a student answers questions by reasoning."""
    from dualchecker.errors import ConfigError
    from dualchecker.runs.chain_rows import reasoned_row

    if form is not Format.jsonl:
        raise ConfigError(
            f"--format {form.value} does not fit this student.", why="It answers questions.", fix="Leave it out."
        )
    nothing: dict[str, Any] = {"answer": None, "confidence": None, "direct": None, "chains": []}

    def row(said: Any) -> dict[str, Any]:
        found = reasoned_row(said)
        if threshold is None:
            return found
        unsure = said.answer is None or said.confidence < threshold
        return {**found, "answer": None if unsure else said.answer, "abstained": unsure}

    def say(records: Sequence["Record"]) -> Rows:
        filled = [record for record in records if record.text.strip()]
        said = dict(zip((record.id for record in filled), student.predict(filled), strict=True))
        empty = nothing if threshold is None else {**nothing, "abstained": True}
        return [{"id": r.id, **(row(said[r.id]) if r.id in said else empty)} for r in records]

    return say


def _spans_of(student: "SpanStudent", form: Format, threshold: float | None) -> Callable[[Sequence["Record"]], Rows]:
    """From records to rows, where a student finds spans."""
    from dualchecker.data.spans import write_inline
    from dualchecker.errors import ConfigError
    from dualchecker.runs.span_rows import scored_spans

    if threshold is not None:
        raise ConfigError(
            "--threshold does not fit this student.",
            why="It finds spans, which compete for the words of a text: the likeliest tagging as a whole is given.",
            fix="Leave the option out, and filter by probability.",
        )

    def say(records: Sequence["Record"]) -> Rows:
        filled = [record for record in records if record.text.strip()]
        said = dict(zip((record.id for record in filled), student.predict(filled), strict=True))
        if form is Format.inline:
            spans = {name: [one.span for one in some] for name, some in said.items()}
            return [{"id": r.id, "text": write_inline(r.text, spans.get(r.id, ())).value} for r in records]
        # An empty text has no answer, which is not the same as no span.
        return [
            {"id": r.id, "spans": scored_spans(r.text, said[r.id]) if r.id in said else None, "text": r.text}
            for r in records
        ]

    return say


def _label(name: str, labels: tuple[str, ...], row: Any) -> dict[str, Any]:
    """One line where one label is chosen."""
    if row is None:
        return {"id": name, "label": None, "confidence": None, "probabilities": None}
    best = int(row.argmax())
    shares = {label: round(float(p), 4) for label, p in zip(labels, row, strict=True)}
    return {"id": name, "label": labels[best], "confidence": round(float(row[best]), 4), "probabilities": shares}


def _label_set(name: str, labels: tuple[str, ...], row: Any, threshold: float) -> dict[str, Any]:
    """One line where several labels may apply; an empty text has none, which is not the same as an empty list."""
    if row is None:
        return {"id": name, "labels": None, "probabilities": None, "threshold": threshold}
    shares = {label: round(float(p), 4) for label, p in zip(labels, row, strict=True)}
    said = [label for label, p in zip(labels, row, strict=True) if p >= threshold]
    return {"id": name, "labels": said, "probabilities": shares, "threshold": threshold}
