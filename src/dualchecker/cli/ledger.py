"""``dualchecker ledger``: look into what was paid for, check it, hand it on, put it together, thin it out."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    name="ledger",
    help="Sum up, verify, export, merge and prune ledgers: what was asked, what came back, and what it cost.",
    no_args_is_help=True,
)

_PLACE = typer.Argument(help="A run file, a run's folder, or a ledger.")
_JSON = typer.Option("--json", help="One JSON object, for scripts.")
_SUFFIXES = {".sqlite", ".sqlite3", ".db"}


@app.command("stats")
def stats_verb(place: Annotated[Path, _PLACE] = Path("run.yaml"), as_json: Annotated[bool, _JSON] = False) -> None:
    """Sum up: requests, answers, failures, tokens, cost, seconds; works while a run is going on."""
    from dualchecker.cli.ledger_display import print_stats
    from dualchecker.ledger import Ledger, stats

    file = existing_ledger(place)
    with Ledger.open(file, read_only=True) as ledger:
        found = stats(ledger)
    if as_json:
        _print_json({"ledger": str(file), **_plain(found)})
    else:
        print_stats(file, found)


@app.command("verify")
def verify_verb(
    place: Annotated[Path, _PLACE] = Path("run.yaml"),
    as_json: Annotated[bool, _JSON] = False,
    all_of_it: Annotated[bool, typer.Option("--all", help="List every damaged row, not the first ten.")] = False,
) -> None:
    """Check the file, the hash of each row and the key of each request; exit code 4 if anything is damaged."""
    from dualchecker.cli.ledger_display import print_verified
    from dualchecker.errors import LedgerError
    from dualchecker.ledger import SAVE, Ledger, verify

    file = existing_ledger(place)
    with Ledger.open(file, read_only=True) as ledger:
        if not ledger.has("meta"):  # for a run that is an empty ledger, which it fills; but nothing was checked here
            raise LedgerError(
                f"There is no ledger in {file}.",
                why="It holds no tables: nothing was written to it, or something has emptied it.",
                fix="If a run was killed as it began, run it again. If there were answers in it, bring back a backup.",
            )
        found = verify(ledger)
    if as_json:
        _print_json({"ledger": str(file), "sound": found.sound, **_plain(found)})
    else:
        print_verified(file, found, everything=all_of_it)
    if found.sound:
        return
    if as_json:
        raise typer.Exit(LedgerError.exit_code)
    merge = "`dualchecker ledger merge NEW.sqlite OLD` takes over all that is right; what is not is then asked again."
    raise LedgerError(
        f"The ledger {file} is damaged in {_count(len(found.damages), 'place')}.",
        why="Its disk, or something that wrote to it from outside.",
        fix=SAVE if found.unreadable else merge,
    )


@app.command("export")
def export_verb(
    place: Annotated[Path, _PLACE] = Path("run.yaml"),
    output: Annotated[Path, typer.Argument(help="A new file, or - for standard output.")] = Path("-"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> None:
    """Write every request as a line of JSON, with what was sent, what came back, each try and each use."""
    from dualchecker.jsontext import json_bytes
    from dualchecker.ledger import Ledger, export_rows

    count = 0
    with Ledger.open(existing_ledger(place), read_only=True) as ledger, _writer(output, force) as write:
        for row in export_rows(ledger):
            write(json_bytes(row) + b"\n")
            count += 1
    typer.echo(f"{_count(count, 'request')} written to {'standard output' if _is_stdout(output) else output}", err=True)


@app.command("merge")
def merge_verb(
    target: Annotated[Path, typer.Argument(help="The ledger, folder or run file to merge into; made if missing.")],
    sources: Annotated[list[Path], typer.Argument(help="Run files, runs' folders or ledgers. They stay as they are.")],
) -> None:
    """Put ledgers together: what any of them has an answer to is not paid for again. All of it happens, or nothing."""
    from contextlib import ExitStack

    from dualchecker.cli.ledger_display import print_merged
    from dualchecker.errors import ConfigError, LedgerError
    from dualchecker.ledger import Ledger, merge

    if not target.exists() and target.suffix not in _SUFFIXES:
        raise ConfigError(
            f"There is no {target}, and a new ledger to merge into must be named *.sqlite.",
            fix=f"Name {target.with_suffix('.sqlite')}; or a run file, run's folder or ledger that is there.",
        )
    files = [ledger_file(source) for source in sources]
    with ExitStack() as stack:
        opened = [stack.enter_context(Ledger.open(file, read_only=True)) for file in files]
        into = stack.enter_context(Ledger.open(ledger_file(target)))
        found = merge(into, opened)
        print_merged(into.path, found, into.totals())
    refused = sum(len({damage.key for damage in one.refused}) for one in found)
    if refused:
        raise LedgerError(
            f"{_count(refused, 'request')} with damaged rows {'was' if refused == 1 else 'were'} left out.",
            fix="All else is merged. A run asks for what was left out again.",
        )


@app.command("prune")
def prune_verb(
    place: Annotated[Path, _PLACE] = Path("run.yaml"),
    unused: Annotated[bool, typer.Option("--unused", help="Requests that nothing in this ledger has used.")] = False,
    failures: Annotated[bool, typer.Option("--failures", help="Requests without an answer.")] = False,
    payloads: Annotated[
        bool, typer.Option("--payloads", help="What was sent; the answers stay, and are found as before.")
    ] = False,
    before: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Only what was first asked before it (UTC)."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this, only say what would go.")] = False,
) -> None:
    """Remove what no longer serves. Says what would go, and removes it with --yes; asked again, it is paid again."""
    from dualchecker.cli.ledger_display import print_pruned
    from dualchecker.errors import ConfigError
    from dualchecker.ledger import Ledger, Selection, prune, would_prune

    since = None if before is None else before.replace(tzinfo=UTC).timestamp()
    selection = Selection(unused, failures, payloads, since)
    if selection == Selection():
        raise ConfigError(
            "Nothing is chosen to be pruned.", fix="Add --unused, --failures, --payloads or --before DATE; see --help."
        )
    with Ledger.open(existing_ledger(place), read_only=not yes) as ledger:
        size = ledger.size()
        found = prune(ledger, selection) if yes else would_prune(ledger, selection)
        print_pruned(ledger.path, found, size, ledger.size() if yes else None)


def ledger_file(place: Path) -> Path:
    """The ledger that is meant by a run file, a run's folder or its own path; it need not exist.

    Raises:
        ConfigError: There is no such run file or folder, or the run file is wrong.
    """
    from dualchecker.config import load_config

    if place.is_dir():
        return place / "ledger.sqlite"
    if place.suffix in _SUFFIXES or _is_database(place):
        return place
    check_place(place)
    return load_config(place).output_dir / "ledger.sqlite"


def existing_ledger(place: Path) -> Path:
    """The same where it must be there already.

    Raises:
        LedgerError: It is not.
    """
    from dualchecker.errors import LedgerError

    file = ledger_file(place)
    if not file.exists():
        if file == place:
            raise LedgerError(f"There is no ledger {file}.", fix="Check the path.")
        raise LedgerError(
            f"Nothing was run yet: there is no ledger {file}.",
            fix="The first `dualchecker run` or `dualchecker batch export` makes it.",
        )
    return file


def check_place(place: Path) -> None:
    """Whether what a verb was given is there at all.

    Raises:
        ConfigError: It is not.
    """
    from dualchecker.errors import ConfigError

    if not place.exists():
        noun = "run file" if place.suffix in (".yaml", ".yml") else "run file, run's folder or ledger"
        raise ConfigError(f"There is no {noun} {place}.", fix="Check the path.")


def _is_database(file: Path) -> bool:
    if not file.is_file():
        return False
    try:
        with file.open("rb") as stream:
            return stream.read(16) == b"SQLite format 3\0"
    except OSError:
        return False  # whoever reads it as a run file says why it cannot be read


def _is_stdout(output: Path) -> bool:
    return str(output) == "-"


@contextmanager
def _writer(output: Path, force: bool) -> Iterator[Callable[[bytes], Any]]:
    """Writes lines to standard output, or to a file that is whole or not there."""
    import sys

    from dualchecker.data import writing
    from dualchecker.errors import DataError

    if _is_stdout(output):
        yield sys.stdout.buffer.write
        sys.stdout.buffer.flush()
        return
    if output.exists() and not (force and output.is_file()):
        fix = "Name a new file, or add --force to overwrite this one." if output.is_file() else "Name a new file."
        raise DataError(f"{output} exists.", fix=fix)
    if not output.parent.is_dir():
        raise DataError(f"{output} cannot be written: there is no folder {output.parent}.", fix="Check the path.")
    try:
        with writing(output) as stream:
            yield stream.write
    except OSError as error:
        raise DataError(f"{output} cannot be written.", why=str(error)) from error


def _plain(value: Any) -> Any:
    from dataclasses import asdict

    return asdict(value)


def _print_json(value: Any) -> None:
    import json

    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
