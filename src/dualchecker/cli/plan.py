"""``dualchecker plan``: calls, tokens and money before anything is spent."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dualchecker.cli.run import Setting

if TYPE_CHECKING:
    from dualchecker.config import RunConfig
    from dualchecker.runs import Probe


def plan(
    file: Annotated[Path, typer.Argument(help="The run file.")] = Path("run.yaml"),
    settings: Setting = None,
    probe: Annotated[
        bool,
        typer.Option(
            "--probe", help="Ask about 20 records that the run will ask anyway, to measure tokens. This costs money."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document in place of the table.")] = False,
) -> None:
    """Show what a run will ask and cost, before anything is spent. Asks nobody and needs no key, but for --probe."""
    from rich.markup import escape

    from dualchecker.cli.display import TerminalProgress, console
    from dualchecker.cli.display_plan import (
        document,
        held,
        held_line,
        notes_of,
        plan_table,
        price_lines,
        probe_lines,
        words_below,
    )
    from dualchecker.config import load_config
    from dualchecker.errors import LedgerError
    from dualchecker.runs import plan_run, probe_run

    config = load_config(file, settings or [])
    probed: Probe | None = None
    if probe and as_json:  # nothing but the document on standard output
        probed = probe_run(config)
    elif probe:
        with TerminalProgress() as progress:
            probed = probe_run(config, progress=progress)
    lines, dataset = plan_run(config, probed)
    notes = notes_of(config, lines, dataset, probed)
    try:
        totals = held(config)
    except LedgerError as error:  # a plan can do without
        totals = None
        notes.append(str(error))
    if as_json:
        typer.echo(document(config, lines, dataset, probed, notes, totals))
        return
    console.print(
        f"gold {len(dataset.gold)}, pool {len(dataset.pool)}, test {len(dataset.test)}; teacher {_teacher(config)}"
    )
    for line in (*price_lines(config), *probe_lines(probed)):
        console.print(escape(line), soft_wrap=True)
    console.print(plan_table(lines))
    console.print(f"[dim]{escape(words_below(config, lines, probed))}[/]")
    if line := held_line(totals):
        console.print(line, soft_wrap=True)
    for note in notes:
        console.print(f"[yellow]note:[/] {escape(note)}", soft_wrap=True)


def _teacher(config: "RunConfig") -> str:
    names = [voice.label for voice in config.teacher.voices]
    return f"panel of {', '.join(names)}" if config.teacher.kind == "panel" else config.teacher.label
