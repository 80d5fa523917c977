"""``dualchecker status``: how far a run is."""

from pathlib import Path
from typing import Annotated

import typer


def status(
    place: Annotated[Path, typer.Argument(help="A run file or a run's folder.")] = Path("run.yaml"),
) -> None:
    """Show what a run has asked and spent so far; works while it is running."""
    from rich.markup import escape
    from rich.table import Table

    from dualchecker.cli.display import console
    from dualchecker.config import load_config
    from dualchecker.ledger import Ledger

    folder = place if place.is_dir() else load_config(place).output_dir
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        totals, outcomes, uses = ledger.totals(), ledger.outcomes(), ledger.uses()
    console.print(f"[italic]{escape(str(folder))}[/]", soft_wrap=True)  # as a title it would break where the table ends
    table = Table()
    table.add_column("asked for")
    table.add_column("rung")
    table.add_column("records", justify="right")
    for (purpose, rung), count in sorted(uses.items()):
        table.add_row(purpose, rung, f"{count:,}")
    console.print(table)
    failures = ", ".join(f"{name} {count}" for name, count in outcomes.items() if name != "ok") or "none"
    console.print(
        f"{totals.requests:,} requests answered in {totals.attempts:,} attempts (failures: {failures}); "
        f"{totals.prompt_tokens:,} + {totals.completion_tokens:,} tokens; cost {totals.cost:.4f}.",
        soft_wrap=True,
    )
    done = (folder / "metrics.json").is_file()
    console.print(
        "The run is complete." if done else "The run is not complete: dualchecker run goes on where it stopped."
    )
