"""``dualchecker status``: how far a run is."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from dualchecker.ledger import BatchBook, Totals
    from dualchecker.ledger.bills import Job

_NO_FAILURE = ("ok", "hedge_lost")
"""Outcomes of tries that failed at nothing: of a request that is sent twice, one answer is enough."""


def status(
    place: Annotated[Path, typer.Argument(help="A run file or a run's folder.")] = Path("run.yaml"),
) -> None:
    """Show what a run has asked and spent so far; works while it is running."""
    from rich.markup import escape

    from dualchecker.cli.display import console
    from dualchecker.cli.display_money import money_line
    from dualchecker.cli.ledger import check_place, existing_ledger
    from dualchecker.config import load_config
    from dualchecker.ledger import BatchBook, Ledger
    from dualchecker.ledger.bills import used
    from dualchecker.runs.prices import in_process, prices_by_name
    from dualchecker.runs.spending import spending

    check_place(place)
    # In the folder, the run file is there once the run is complete; prices tell what the server's cache saved.
    file = place if not place.is_dir() else place / "run.yaml"
    config = load_config(file) if file != place / "run.yaml" or file.is_file() else None
    folder = place if config is None or place.is_dir() else config.output_dir
    with Ledger.open(existing_ledger(place), read_only=True) as ledger, ledger.snapshot():
        totals, outcomes, uses = ledger.totals(), ledger.outcomes(), used(ledger)
        prices, at_home = (prices_by_name(config), in_process(config)) if config else ({}, [])
        money = spending(ledger, prices, at_home=at_home)
        under_way = _under_way(BatchBook(ledger))
    console.print(f"[italic]{escape(str(folder))}[/]", soft_wrap=True)  # as a title it would break where the table ends
    console.print(_table(uses, money["by_purpose"] if totals.cost > 0 else None))
    failures = ", ".join(f"{name} {count}" for name, count in outcomes.items() if name not in _NO_FAILURE) or "none"
    console.print(
        f"{totals.requests:,} requests answered in {totals.attempts:,} attempts (failures: {failures}); "
        f"{totals.prompt_tokens:,} + {totals.completion_tokens:,} tokens; cost {totals.cost:.4f}.",
        soft_wrap=True,
    )
    for line in filter(None, (money_line(money), under_way)):
        console.print(f"[dim]{escape(line)}[/]", soft_wrap=True)
    console.print(
        "The run is complete."
        if _complete(folder, totals)
        else "The run is not complete: dualchecker run goes on where it stopped."
    )


def _table(uses: "Mapping[Job, tuple[int, int]]", paid: Mapping[str, Any] | None) -> "Table":
    """Records and requests by purpose and rung; the cost of each request once, at the first of its purposes by name."""
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    table.add_column("asked for")
    table.add_column("rung")
    for name in ("records", "requests", *(["cost"] if paid is not None else [])):
        table.add_column(name, justify="right")
    for (purpose, rung), (records, requests) in sorted(uses.items()):
        cost = [] if paid is None else [f"{paid.get(f'{purpose}/{rung}', {}).get('cost', 0.0):,.4f}"]
        table.add_row(escape(purpose), escape(rung), f"{records:,}", f"{requests:,}", *cost)
    return table


def _under_way(book: "BatchBook") -> str:
    """What is with a provider; empty where nothing is."""
    batches = book.open()
    if not batches:
        return ""
    waiting = len(book.under_way(batches))
    return f"{len(batches):,} {'batch' if len(batches) == 1 else 'batches'} under way, {waiting:,} requests."


def _complete(folder: Path, totals: "Totals") -> bool:
    """Whether a run has come to its end here with this ledger; one that is empty may be new, and the result old."""
    from dualchecker.jsontext import from_json

    try:
        metrics = from_json((folder / "metrics.json").read_bytes())
        asked = metrics["requests"]["used"]
    except (OSError, ValueError, TypeError, KeyError):
        return False
    return bool(totals.requests or not asked)
