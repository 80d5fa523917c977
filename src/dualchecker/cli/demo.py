"""``dualchecker demo``: the whole job on the embedded corpus, with the embedded teacher."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    output: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("runs/demo"),
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the demo's run file.")
    ] = None,
) -> None:
    """Run everything on an invented corpus: no key, no GPU, no model hub."""
    from dualchecker.cli.display import console
    from dualchecker.cli.run import run
    from dualchecker.data.corpora import corpus_path

    console.print(
        "[bold]dualchecker demo[/]: is a patent text about green innovation?\n"
        "400 invented texts: 80 with human labels (gold), 200 to label (pool), 120 to test.\n"
        "The teacher is the embedded [italic]exemplar[/]: it votes with similar labelled texts\n"
        "and is no language model.\n"
    )
    file = corpus_path("green-innovation") / "run.yaml"
    run(file, [f"output={output.resolve()}", *(settings or [])])
