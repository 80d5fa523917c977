"""What the terminal shows of a bench."""

import re
import time
from collections.abc import Sequence

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table

from dualchecker.asking import Progress
from dualchecker.cli.display import console
from dualchecker.cli.display_words import percent, with_interval
from dualchecker.evaluation.bench import OVERALL
from dualchecker.evaluation.bench_measures import WORDS
from dualchecker.evaluation.bench_tables import missing, points, title
from dualchecker.runs.bench import Bench, Cell, CellPlan, Outcome


class BenchWatcher:
    """A bar over all runs on a terminal, and a line for each that ends. A context manager."""

    def __init__(self) -> None:
        self._bars: Bars | None = None
        self._start = time.monotonic()
        self._number, self._total = 0, 0
        self._said: set[tuple[str, str]] = set()

    def __enter__(self) -> "BenchWatcher":
        if console.is_terminal:
            columns = (TextColumn("  {task.description}"), BarColumn(bar_width=24), MofNCompleteColumn())
            self._bars = Bars(*columns, TimeElapsedColumn(), console=console, transient=True)
            self._bars.start()
            self._task = self._bars.add_task("bench", total=None)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def begin(self, cell: Cell, number: int, total: int) -> Progress:
        self._number, self._total = number, total
        return _CellProgress(self, cell)

    def end(self, cell: Cell, outcome: Outcome) -> None:
        for note in outcome.notes:
            if (cell.data, note) not in self._said:  # every run on the same data remarks the same
                self._said.add((cell.data, note))
                self._print(f"[yellow]note:[/] {escape(cell.data)}: {escape(note)}")
        elapsed = f"[dim]{time.monotonic() - self._start:7.1f} s  {self._number}/{self._total}[/]"
        if outcome.state == "done":
            spent = f", cost {outcome.used.cost:.4f}" if outcome.used.cost else ""
            words = f"{outcome.seconds:.1f} s, {outcome.used.requests:,} requests{spent}"
        else:
            words = f"[red]{outcome.state}:[/] {escape(outcome.reason)}"
        self._print(f"{elapsed}  [bold]{escape(cell.name)}[/]  {words}")
        if self._bars is not None:
            self._bars.update(self._task, completed=self._number, total=self._total)

    def show(self, cell: Cell, words: str) -> None:
        """What is under way."""
        if self._bars is not None:
            text = f"{escape(cell.name)}: {escape(words)}"
            self._bars.update(self._task, description=text, completed=self._number - 1, total=self._total)

    def _print(self, text: str) -> None:
        (self._bars.console if self._bars else console).print(text, soft_wrap=True)


class _CellProgress:
    """The stages of one run, beside the bar."""

    def __init__(self, watcher: BenchWatcher, cell: Cell) -> None:
        self._watcher, self._cell, self._stage = watcher, cell, ""

    def stage(self, name: str, detail: str = "") -> None:
        self._stage = name
        self._watcher.show(self._cell, name)

    def asking(self, done: int, total: int, *, fresh: int, failed: int, cost: float) -> None:
        if done == total or not done % 10:
            self._watcher.show(self._cell, f"{self._stage} {done:,}/{total:,}")

    def training(self, step: int, total: int) -> None:
        self._watcher.show(self._cell, f"training {step:,}/{total:,}")

    def note(self, text: str) -> None:
        return None  # shown once the run has ended


def print_plan(plans: Sequence[CellPlan], seeds: int) -> None:
    """What is still to be run, and what that may ask."""
    table = Table("data set", "method")
    for name in ("runs", "to run", "requests", "cost"):
        table.add_column(name, justify="right")
    for plan in plans:
        table.add_row(
            plan.data, plan.method, str(plan.cells), str(plan.todo), _span(plan.requests), _span(plan.cost, ",.4f")
        )
    table.add_section()
    sums = [tuple(sum(getattr(p, name)[end] for p in plans) for end in (0, 1)) for name in ("requests", "cost")]
    total = [str(sum(getattr(p, name) for p in plans)) for name in ("cells", "todo")]
    table.add_row("all", "", *total, _span(sums[0]), _span(sums[1], ",.4f"))
    console.print(table)
    console.print(
        f"[dim]{seeds} seed(s). From: every record is settled at the first rung. To: every record climbs to the top. "
        "What methods ask alike is paid once, so the bill can be lower.[/]"
    )


def _span(pair: Sequence[float], form: str = ",.0f") -> str:
    low, high = pair
    return f"{low:{form}}" if low == high else f"{low:{form}} – {high:{form}}"


_NARROW = 110
"""A terminal with fewer columns has each interval under its value; else its numbers would be broken apart."""


def _fitting(words: str, blank: str) -> str:
    """The words on two lines, broken at the first such blank, where the terminal is narrow."""
    return re.sub(blank, "\n", words, count=1) if console.width < _NARROW else words


def print_comparison(bench: Bench, *, seconds: float) -> None:
    """The table over all data sets, or that of the only one; the files have the others."""
    comparison = bench.comparison
    data = OVERALL if OVERALL in comparison.tables else next(iter(comparison.tables))
    table = Table(title=title(comparison, data), title_justify="left")
    table.add_column("method", overflow="fold")
    heads = [measures.main[0] for measures in comparison.measures(data)]
    teacher, student = ([f"{side}_{name}" for name in heads] for side in ("teacher", "student"))
    base = comparison.baselines[0] if comparison.baselines else None
    apart = [f"{WORDS[name] if len(heads) > 1 else 'student'}, from {base}" for name in student if base]
    for head in [*(WORDS[n] for n in teacher), "accepted", *(WORDS[n] for n in student), "calls / record", *apart]:
        table.add_column(_fitting(head, r" (?!/)"), justify="right", overflow="fold")
    for row in comparison.tables[data]:
        calls = row.numbers.get("requests_per_record")
        cells = [
            f"{row.method} *" if row.missing else row.method,
            *(with_interval(row.scores.get(name)) for name in teacher),
            percent(row.numbers.get("accepted")),
            *(with_interval(row.scores.get(name)) for name in student),
            "–" if calls is None else f"{calls:.2f}",
        ]
        if base:
            cells += [points(row.against.get(base, {}).get(name)).replace("*", "") for name in student]
        table.add_row(*(escape(_fitting(cell, r" (?=\()")) for cell in cells))
    console.print()
    console.print(table)
    differences = ", differences in percentage points" if base else ""
    console.print(f"[dim]In brackets: 95 % bootstrap intervals{differences}.[/]")
    states = [outcome.state for outcome in bench.outcomes.values()]
    if not bench.complete:
        counts = ", ".join(f"{states.count(s)} {s}" for s in ("failed", "over budget", "not run") if s in states)
        console.print(f"[yellow]* incomplete:[/] {counts}; the reasons are in bench.md.")
    for why, runs in missing(comparison, data):
        if why.startswith("left out"):
            console.print(f"[yellow]*[/] {escape(why)} ({escape(runs)})", soft_wrap=True)
    console.print(f"\n{states.count('done')} of {len(states)} runs have a result; {seconds:.0f} s.")
    for name, file in (("Page", "bench.html"), ("Tables", "bench.md, bench.csv, summary.csv")):
        console.print(f"[bold]{name:<8}[/] {escape(str(bench.folder))}/{file}", soft_wrap=True)
