"""``dualchecker run``: the whole job."""

import time
from pathlib import Path
from typing import Annotated

import typer

Setting = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override a key of the run file, e.g. --set student.seed=7. Repeatable."
    ),
]


def run(
    file: Annotated[Path, typer.Argument(help="The run file.")] = Path("run.yaml"),
    settings: Setting = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask again what the teacher refused, or found too long.")
    ] = False,
) -> None:
    """Label the pool, train the student, write the report. Run again to resume."""
    from dualchecker.cli.display import TerminalProgress, print_result, print_where
    from dualchecker.config import load_config
    from dualchecker.runs import distill

    config = load_config(file, settings or [])
    started = time.monotonic()
    with TerminalProgress() as progress:
        result = distill(config, progress=progress, retry_failed=retry_failed)
    print_result(result.metrics)
    print_where(
        result.folder,
        cost=result.metrics["cost"],
        requests=result.metrics["requests"]["used"],
        seconds=time.monotonic() - started,
        money=result.metrics["money"],
    )
