"""``dualchecker demo``: the whole job on the embedded corpus, with the embedded teacher."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Task(StrEnum):
    """What the demo asks."""

    classification = "classification"
    extraction = "extraction"


_ASKED = {
    Task.classification: "is a patent text about green innovation?",
    Task.extraction: "what does a patent text do (cause), and what comes of it (effect)?",
}
_HUMAN = {Task.classification: "human labels", Task.extraction: "human spans"}
_TEACHER = {
    Task.classification: "it votes with similar labelled texts",
    Task.extraction: "it carries over the spans of similar texts",
}
_CORPORA = {Task.classification: "green-innovation", Task.extraction: "green-innovation/extraction"}
_OUTPUTS = {Task.classification: Path("runs/demo"), Task.extraction: Path("runs/demo-extraction")}


def demo(
    task: Annotated[
        Task, typer.Option(help="Label whole texts, or find causes and effects in them.")
    ] = Task.classification,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the results; runs/demo or runs/demo-extraction if not given.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the demo's run file.")
    ] = None,
) -> None:
    """Run everything on an invented corpus: no key, no GPU, no model hub."""
    from dualchecker.cli.display import console
    from dualchecker.cli.run import run
    from dualchecker.data.corpora import corpus_file

    console.print(
        f"[bold]dualchecker demo[/]: {_ASKED[task]}\n"
        f"400 invented texts: 80 with {_HUMAN[task]} (gold), 200 to label (pool), 120 to test.\n"
        f"The teacher is the embedded [italic]exemplar[/]: {_TEACHER[task]}\n"
        "and is no language model.\n"
    )
    run(corpus_file(_CORPORA[task]), [f"output={(output or _OUTPUTS[task]).resolve()}", *(settings or [])])
