"""``dualchecker convert``: texts with spans from one format to another."""

from pathlib import Path
from typing import Annotated

import typer

from dualchecker.cli.export import Format


def convert(
    source: Annotated[Path, typer.Argument(help="Texts with spans; the format is told by the file itself.")],
    output: Annotated[Path, typer.Argument(help="The file to write.")],
    to: Annotated[Format, typer.Option("--to", help="Its format.")],
    spans: Annotated[
        str, typer.Option(help="Column of the spans; inline where tags in the texts mark them.")
    ] = "spans",
    text: Annotated[str, typer.Option(help="Column of the text.")] = "text",
    id_column: Annotated[str, typer.Option("--id", help="Column of the id.")] = "id",
    force: Annotated[bool, typer.Option(help="Replace an existing file.")] = False,
) -> None:
    """Write texts with spans in another format: Label Studio, GLiNER, CoNLL, tagged texts or JSON lines."""
    from dualchecker.config import Columns
    from dualchecker.data import write_text
    from dualchecker.data.span_sets import read_marked
    from dualchecker.data.spans import span_file
    from dualchecker.errors import ConfigError, DataError

    if output.exists() and not force:
        raise ConfigError(f"{output} exists already.", fix="Use --force to replace it, or give another name.")
    texts, notes = read_marked(source, Columns(id=id_column, text=text, spans=spans, detail=None))
    made = span_file(texts, to.value)
    for note in (*notes, *made.notes):
        typer.echo(f"note: {note}", err=True)
    if texts and not made.texts:
        raise DataError(
            f"Of no text in {source} are the spans known: {output} was not written.",
            why="People have annotated none; Label Studio's predictions do not count as annotations.",
            fix="Annotate them first, or write them with --to label-studio, as tasks to be done.",
        )
    write_text(output, made.content)
    typer.echo(f"{made.texts} of {len(texts)} texts written to {output}", err=True)
