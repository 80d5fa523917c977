"""``dualchecker predict``: label new texts with a trained student."""

from pathlib import Path
from typing import Annotated, Any

import typer


def predict(
    student: Annotated[Path, typer.Argument(help="A run's folder, or its student folder.")],
    data: Annotated[Path, typer.Argument(help="Texts: .jsonl, .csv, .tsv or .parquet.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write; standard output if not given.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Column of the text; the run's own by default.")] = None,
    detail: Annotated[str | None, typer.Option(help="Column of the long form.")] = None,
    id_column: Annotated[str | None, typer.Option("--id", help="Column of the id.")] = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Where several labels may apply: the chance from which one does (0.5)."),
    ] = None,
) -> None:
    """Label texts with a trained student: id, label, confidence and the probability of every label, as JSON lines.

    Where several labels may apply, "labels" holds those whose probability reaches the threshold.
    """
    import json

    from dualchecker.config import Columns
    from dualchecker.data import read_rows, to_records, write_jsonl
    from dualchecker.errors import ConfigError
    from dualchecker.students import load_label_student
    from dualchecker.students.files import read_description

    folder = student / "student" if (student / "student").is_dir() else student
    trained = load_label_student(folder)
    if threshold is not None and not trained.multiple:
        raise ConfigError(
            "--threshold does not fit this student.",
            why="It chooses one label a text: the one with the highest probability.",
            fix="Leave the option out, and filter by confidence.",
        )
    limit = 0.5 if threshold is None else threshold
    known = read_description(folder).get("columns", {})
    columns = Columns(
        id=id_column or known.get("id", "id"),
        text=text or known.get("text", "text"),
        detail=detail or known.get("detail"),
        label=known.get("label", "label"),
    )
    rows = read_rows(data)
    if detail is None and not any(columns.detail in row for _, row in rows):
        columns = columns.model_copy(update={"detail": None})
    records, warnings = to_records(rows, columns, source=str(data), need_label=False)
    for warning in warnings:
        typer.echo(f"note: {warning}", err=True)
    filled = [record for record in records if record.text.strip()]
    probabilities = dict(zip((record.id for record in filled), trained.predict(filled), strict=True))
    result: list[dict[str, Any]] = []
    for record in records:
        row = probabilities.get(record.id)
        if trained.multiple:
            result.append(_label_set(record.id, trained.labels, row, limit))
            continue
        if row is None:
            result.append({"id": record.id, "label": None, "confidence": None, "probabilities": None})
            continue
        best = int(row.argmax())
        shares = {label: round(float(p), 4) for label, p in zip(trained.labels, row, strict=True)}
        result.append(
            {
                "id": record.id,
                "label": trained.labels[best],
                "confidence": round(float(row[best]), 4),
                "probabilities": shares,
            }
        )
    if output is not None:
        write_jsonl(output, result)
        typer.echo(f"{len(result)} predictions written to {output}", err=True)
        return
    for line in result:
        typer.echo(json.dumps(line, ensure_ascii=False))


def _label_set(name: str, labels: tuple[str, ...], row: Any, threshold: float) -> dict[str, Any]:
    """One line where several labels may apply; an empty text has none, which is not the same as an empty list."""
    if row is None:
        return {"id": name, "labels": None, "probabilities": None, "threshold": threshold}
    shares = {label: round(float(p), 4) for label, p in zip(labels, row, strict=True)}
    said = [label for label, p in zip(labels, row, strict=True) if p >= threshold]
    return {"id": name, "labels": said, "probabilities": shares, "threshold": threshold}
