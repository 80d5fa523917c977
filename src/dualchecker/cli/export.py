"""``dualchecker export``: a run's labels in the formats of other tools."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """What to write."""

    jsonl = "jsonl"
    inline = "inline"
    conll = "conll"
    label_studio = "label-studio"
    gliner = "gliner"


class Which(StrEnum):
    """Whose labels to write."""

    accepted = "accepted"
    partial = "partial"
    all = "all"


def export(
    place: Annotated[Path, typer.Argument(help="A run's folder or a run file.")] = Path("run.yaml"),
    form: Annotated[Format, typer.Option("--format", help="All but jsonl are for spans.")] = Format.jsonl,
    status: Annotated[
        Which, typer.Option(help="Texts with every label trusted; also those with some; or all.")
    ] = Which.accepted,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write; standard output if not given.")
    ] = None,
) -> None:
    """Write the labels of a finished run for other tools: Label Studio, GLiNER, CoNLL, tagged texts or JSON lines."""
    import sys

    from dualchecker.config import load_config
    from dualchecker.data import write_text
    from dualchecker.runs.export import export_labels

    folder = place if place.is_dir() else load_config(place).output_dir
    made = export_labels(folder, form.value, status.value)
    for note in made.notes:
        typer.echo(f"note: {note}", err=True)
    if output is None:
        sys.stdout.write(made.content)
        return
    write_text(output, made.content)
    typer.echo(f"{made.texts} texts written to {output}", err=True)
