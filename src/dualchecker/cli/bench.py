"""``dualchecker bench``: methods compared on equal terms."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dualchecker.config import BenchConfig

Commas = str | None
_FAILED = 1


def bench(
    file: Annotated[Path | None, typer.Argument(help="A bench file, or a run file.")] = None,
    corpus: Annotated[
        Commas,
        typer.Option(help="Embedded corpora instead of a file, with commas, such as green-innovation/extraction."),
    ] = None,
    methods: Annotated[Commas, typer.Option(help="Methods, with commas.")] = None,
    seeds: Annotated[Commas, typer.Option(help="How many seeds, from 0; or several, with commas.")] = None,
    against: Annotated[Commas, typer.Option(help="Methods to compare with, with commas.")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A key of the run file for all runs. Repeatable."),
    ] = None,
    only: Annotated[
        Commas,
        typer.Option(help="Run only these: data sets, methods, seeds, or patterns such as green/*/0, with commas."),
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run failed ones again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be run and asked.")] = False,
) -> None:
    """Compare methods on equal terms: data sets, methods, seeds, and one table. Run again to resume.

    Exit code 1 if a run failed or went over its budget; the others are kept and compared all the same.
    """
    from dualchecker.cli.bench_display import BenchWatcher, print_comparison, print_plan
    from dualchecker.runs.bench import plan_bench, run_bench

    config = _config(file, corpus, methods, seeds, against, output, settings or [])
    chosen = _split(only) or []
    if dry_run:
        print_plan(plan_bench(config, only=chosen, retry_failed=retry_failed), len(config.seeds))
        return
    started = time.monotonic()
    with BenchWatcher() as watcher:
        result = run_bench(config, only=chosen, retry_failed=retry_failed, watcher=watcher)
    print_comparison(result, seconds=time.monotonic() - started)
    if result.failed:
        raise typer.Exit(_FAILED)


def _config(
    file: Path | None,
    corpus: str | None,
    methods: str | None,
    seeds: str | None,
    against: str | None,
    output: Path | None,
    settings: list[str],
) -> "BenchConfig":
    from dualchecker.config import build_bench, load_bench, parse_setting
    from dualchecker.errors import ConfigError

    if (file is None) == (corpus is None):
        raise ConfigError(
            "A bench needs either a file or --corpus.",
            fix="Example: dualchecker bench --corpus green-innovation --methods few_shot,dualchecker",
        )
    given = {
        "methods": _split(methods),
        "seeds": _seeds(seeds),
        "against": _split(against),
        "output": str(output.resolve()) if output else None,
    }
    own = {".".join(keys): value for keys, value in map(parse_setting, settings)}
    if file is None:
        datasets = {name.replace("/", "-"): {"corpus": name} for name in _split(corpus) or []}
        return build_bench({"datasets": datasets, **given, "settings": own}, source="(from the command line)")
    return load_bench(file, settings=own, **given)


def _split(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def _seeds(text: str | None) -> list[int] | None:
    from dualchecker.errors import ConfigError

    if text is None:
        return None
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise ConfigError(f"--seeds {text!r} is no number.", fix="Examples: --seeds 3, or --seeds 0,1,7") from None
    if "," not in text and numbers[0] < 1:
        raise ConfigError(f"--seeds {text} leaves nothing to run.", fix="Example: --seeds 3")
    return numbers if "," in text else list(range(numbers[0]))
