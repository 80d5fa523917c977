"""``dualchecker demo``: the whole job on the embedded corpus, with the embedded teacher."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Task(StrEnum):
    """What the demo asks."""

    classification = "classification"
    extraction = "extraction"
    reasoning = "reasoning"


@dataclass(frozen=True)
class _Demo:
    """One of the demos: what it asks, of what, who teaches, and the run file of its corpus."""

    asked: str
    texts: str
    teacher: str
    corpus: str
    output: Path


_GREEN = "400 invented texts: 80 with human {} (gold), 200 to label (pool), 120 to test.\n"
_EXEMPLAR = "The teacher is the embedded [italic]exemplar[/]: {}\nand is no language model.\n"

_DEMOS = {
    Task.classification: _Demo(
        "is a patent text about green innovation?",
        _GREEN.format("labels"),
        _EXEMPLAR.format("it votes with similar labelled texts"),
        "green-innovation",
        Path("runs/demo"),
    ),
    Task.extraction: _Demo(
        "what does a patent text do (cause), and what comes of it (effect)?",
        _GREEN.format("spans"),
        _EXEMPLAR.format("it carries over the spans of similar texts"),
        "green-innovation/extraction",
        Path("runs/demo-extraction"),
    ),
    Task.reasoning: _Demo(
        "how is a word problem solved?",
        "3,500 invented word problems: 200 with the right answer (gold), 3,000 to solve (pool), 300 to test.\n",
        "The teacher is a [italic]program[/] that writes chains of thought, errs as often as it is told to,\n"
        "and judges its own chains with known reliability. It is no language model.\n",
        "word-problems",
        Path("runs/demo-reasoning"),
    ),
}


def demo(
    task: Annotated[
        Task, typer.Option(help="Label whole texts, find causes and effects in them, or solve word problems.")
    ] = Task.classification,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the results; runs/demo, or runs/demo-TASK for another task.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the demo's run file.")
    ] = None,
) -> None:
    """Run everything on an invented corpus: no key, no GPU, no model hub."""
    from dualchecker.cli.display import console
    from dualchecker.cli.run import run
    from dualchecker.data.corpora import corpus_file

    chosen = _DEMOS[task]
    console.print(f"[bold]dualchecker demo[/]: {chosen.asked}\n{chosen.texts}{chosen.teacher}")
    run(corpus_file(chosen.corpus), [f"output={(output or chosen.output).resolve()}", *(settings or [])])
