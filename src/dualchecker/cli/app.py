"""The application and its verbs."""

from typing import Annotated

import typer

import dualchecker
from dualchecker.cli.batch import app as batch
from dualchecker.cli.bench import bench
from dualchecker.cli.convert import convert
from dualchecker.cli.demo import demo
from dualchecker.cli.export import export
from dualchecker.cli.init import init
from dualchecker.cli.ledger import app as ledger
from dualchecker.cli.plan import plan
from dualchecker.cli.predict import predict
from dualchecker.cli.report import report
from dualchecker.cli.run import run
from dualchecker.cli.status import status

app = typer.Typer(
    name="dualchecker",
    help="A few hundred human labels and an LLM in; audited labels and a small model you can ship out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"dualchecker {dualchecker.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Exit codes: 0 done, 1 other, 2 run file, 3 data, 4 ledger, 5 teacher, 6 limit, 7 student, 8 batches pending,
    130 interrupted."""


for verb in (demo, init, plan, run, status, report, predict, export, convert, bench):
    app.command()(verb)
app.add_typer(ledger)
app.add_typer(batch)
