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
    from dualchecker.cli.display_money import money_line
    from dualchecker.cli.ledger import check_place, existing_ledger
    from dualchecker.config import load_config
    from dualchecker.ledger import Ledger
    from dualchecker.runs.prices import prices_by_name
    from dualchecker.runs.spending import spending

    check_place(place)
    # In the folder, the run file is there once the run is complete; prices tell what the server's cache saved.
    file = place if not place.is_dir() else place / "run.yaml"
    config = load_config(file) if file != place / "run.yaml" or file.is_file() else None
    folder = place if config is None or place.is_dir() else config.output_dir
    with Ledger.open(existing_ledger(place), read_only=True) as ledger:
        totals, outcomes, uses = ledger.totals(), ledger.outcomes(), ledger.uses()
        money = spending(ledger, prices_by_name(config) if config else {})
    console.print(f"[italic]{escape(str(folder))}[/]", soft_wrap=True)  # as a title it would break where the table ends
    table = Table()
    table.add_column("asked for")
    table.add_column("rung")
    table.add_column("requests", justify="right")
    priced = totals.cost > 0
    for name in ("requests", "cost") if priced else ():
        table.add_column(name, justify="right")
    for (purpose, rung), count in sorted(uses.items()):
        paid = money["by_purpose"].get(f"{purpose}/{rung}", {"requests": 0, "cost": 0.0})
        more = [f"{paid['requests']:,}", f"{paid['cost']:,.4f}"] if priced else []
        table.add_row(purpose, rung, f"{count:,}", *more)
    console.print(table)
    failures = ", ".join(f"{name} {count}" for name, count in outcomes.items() if name != "ok") or "none"
    console.print(
        f"{totals.requests:,} requests answered in {totals.attempts:,} attempts (failures: {failures}); "
        f"{totals.prompt_tokens:,} + {totals.completion_tokens:,} tokens; cost {totals.cost:.4f}.",
        soft_wrap=True,
    )
    if line := money_line(money):
        console.print(f"[dim]{escape(line)}[/]", soft_wrap=True)
    done = (folder / "metrics.json").is_file()
    console.print(
        "The run is complete." if done else "The run is not complete: dualchecker run goes on where it stopped."
    )
