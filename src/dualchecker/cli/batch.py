"""``dualchecker batch``: requests in files, sent by hand or by the run, and what has become of them."""

from pathlib import Path
from typing import Annotated

import typer

from dualchecker.cli.run import Setting

app = typer.Typer(
    name="batch",
    help="Requests in batch files, at half the price: write them, bring results back, look, cancel.",
    no_args_is_help=True,
)

_FILE = typer.Argument(help="The run file.")
_PLACE = typer.Argument(help="A run file, a run's folder, or a ledger.")
_RESULTS = typer.Argument(help="Files of results and of errors, as the provider gives them; in any order.")
_NAMES = typer.Argument(help="Names of batches, as `batch status` shows them.")
_ALL = typer.Option("--all", help="All that are open, in place of names.")
_AT_MOST = 5


@app.command("export")
def export_verb(file: Annotated[Path, _FILE] = Path("run.yaml"), settings: Setting = None) -> None:
    """Run until answers are needed, and write the requests into files to be sent by hand (teacher.batch: file)."""
    from dualchecker.cli.run import run
    from dualchecker.config import load_config
    from dualchecker.errors import BatchPending, ConfigError

    if not any(voice.batch == "file" for voice in load_config(file, settings or []).teacher.voices):
        raise ConfigError(
            "No teacher of this run file is asked by files that go by hand.",
            fix="Set teacher.batch: file, or add --set teacher.batch=file here and whenever this run goes on.",
        )
    try:
        run(file, settings)
    except BatchPending as pending:
        typer.echo(f"{pending.what}\n{pending.fix}")


@app.command("import")
def import_verb(file: Annotated[Path, _PLACE], results: Annotated[list[Path], _RESULTS]) -> None:
    """Bring results back; the next run reads them. The same file twice changes nothing."""
    from dualchecker.cli.ledger import existing_ledger
    from dualchecker.errors import DataError
    from dualchecker.ledger import Ledger
    from dualchecker.runs.batches import import_results

    for name in results:
        if not name.is_file():
            raise DataError(f"There is no file of results {name}.", fix="Check the path.")
    with Ledger.open(existing_ledger(file)) as ledger:
        found = import_results(ledger, results)
    typer.echo(f"{found.answers:,} answers and {found.errors:,} errors are new; {found.again:,} were there already.")
    if found.strangers:
        names = ", ".join(found.strangers[:_AT_MOST]) + (", ..." if len(found.strangers) > _AT_MOST else "")
        typer.echo(f"{len(found.strangers):,} results are of no request of this run, and are skipped: {names}")
    if found.unreadable:
        typer.echo(f"{found.unreadable:,} lines are no results, and are skipped.")
    if found.answers or found.errors:
        typer.echo("Run the same command as before: it goes on with them.")
    elif found.strangers and not found.again:
        raise DataError(
            "Nothing in these files is of this run; nothing was imported.",
            why="Its batches hold no request with any of these custom_ids.",
            fix="Name the run file, or the ledger, whose files of requests were sent.",
        )


@app.command("status")
def status_verb(file: Annotated[Path, _PLACE] = Path("run.yaml")) -> None:
    """List the batches of a run, as the ledger knows them since a run last looked."""
    import time

    from dualchecker.cli.ledger import existing_ledger
    from dualchecker.ledger import BatchBook, Ledger
    from dualchecker.runs.batches import name_of, state_of

    with Ledger.open(existing_ledger(file), read_only=True) as ledger:
        batches = BatchBook(ledger).all()
    if not batches:
        typer.echo("This run has no batches.")
        return
    for batch in batches:  # no table: a name has to be whole, to be given to the other verbs
        hours = (time.time() - batch.created) / 3600
        failed = f", {batch.failed:,} failed" if batch.failed else ""
        typer.echo(name_of(batch))
        typer.echo(f"  {batch.teacher}: {state_of(batch)}")
        typer.echo(f"  {batch.done:,} of {batch.total:,} done{failed}; {hours:.1f} h old")


@app.command("cancel")
def cancel_verb(
    file: Annotated[Path, _FILE] = Path("run.yaml"),
    names: Annotated[list[str] | None, _NAMES] = None,
    everything: Annotated[bool, _ALL] = False,
) -> None:
    """Ask the provider to stop work on batches. What is done is paid for, and read by the next run."""
    from dualchecker.cli.ledger import existing_ledger
    from dualchecker.config import load_config
    from dualchecker.ledger import Ledger
    from dualchecker.runs.batches import cancel, name_of

    _need_names(names, everything)
    config = load_config(file)
    with Ledger.open(existing_ledger(file)) as ledger:
        found = cancel(config, ledger, names or [])
    for batch, remote in found:
        typer.echo(f"{name_of(batch)}: {remote.status}")
    if not found:
        typer.echo("The provider has no open batch of this run.")


@app.command("forget")
def forget_verb(
    file: Annotated[Path, _PLACE] = Path("run.yaml"),
    names: Annotated[list[str] | None, _NAMES] = None,
    everything: Annotated[bool, _ALL] = False,
) -> None:
    """Give batches up that will bring nothing any more: their requests are sent, and paid for, again."""
    from dualchecker.cli.ledger import existing_ledger
    from dualchecker.ledger import Ledger
    from dualchecker.runs.batches import forget, name_of

    _need_names(names, everything)
    with Ledger.open(existing_ledger(file)) as ledger:
        found = forget(ledger, names or [])
    for batch in found:
        typer.echo(f"{name_of(batch)}: forgotten; the next run sends what it held of its {batch.total:,} requests")
    if found:
        typer.echo("What the provider has done, or still does, of them is paid for, and will be paid for again.")
    else:
        typer.echo("No batch of this run is open.")


def _need_names(names: list[str] | None, everything: bool) -> None:
    from dualchecker.errors import ConfigError

    if everything and names:
        raise ConfigError("Both names and --all were given.", fix="Give one of them.")
    if not everything and not names:
        raise ConfigError(
            "No batch was named.",
            fix="Name batches after the run file, as `dualchecker batch status` shows them; or add --all.",
        )
