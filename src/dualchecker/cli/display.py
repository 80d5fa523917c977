"""What the terminal shows: progress, tables, errors."""

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from dualchecker.cli.display_chains import COLUMNS as CHAIN_COLUMNS
from dualchecker.cli.display_chains import chain_lines, chain_remarks, chain_table, student_cells
from dualchecker.cli.display_money import money_line, spent_words
from dualchecker.cli.display_spans import MEASURES as SPAN_MEASURES
from dualchecker.cli.display_spans import span_remarks, span_table
from dualchecker.cli.display_words import LABEL_SET_MEASURES, MEASURES, REFERENCES, STAGES, percent, with_interval
from dualchecker.errors import DualcheckerError

console = Console(highlight=False)
stderr = Console(stderr=True, highlight=False)

_WORST = 3
"""Slices named at the end of a run."""

_PLAIN_EVERY = 15.0
"""Seconds between progress lines where there is no terminal."""


def print_error(error: DualcheckerError) -> None:
    """What happened, why, and what to do, each on its own line."""
    stderr.print(f"[bold red]error:[/] {escape(error.what)}", soft_wrap=True)
    for mark, text in (("why", error.why), ("do", error.fix)):
        if text.strip():
            stderr.print(f"  [bold]{mark}:[/] {escape(text.rstrip())}", soft_wrap=True)


class TerminalProgress:
    """Bars with rate, spend and time left on a terminal; plain lines elsewhere. A context manager."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._last = 0.0
        self._name = ""
        self._fresh: tuple[float, int] = (0.0, 0)
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> "TerminalProgress":
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("  {task.description:<18}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TextColumn("{task.fields[extra]}"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )
            self._bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def stage(self, name: str, detail: str = "") -> None:
        self._end_task()
        self._name = name
        elapsed = time.monotonic() - self._start
        line = f"[dim]{elapsed:6.1f} s[/]  [bold]{escape(name)}[/]  {escape(detail)}"
        (self._bar.console if self._bar else console).print(line, soft_wrap=True)
        self._last = time.monotonic()

    def asking(self, done: int, total: int, *, fresh: int, failed: int, cost: float) -> None:
        now = time.monotonic()
        if fresh <= 1:
            self._fresh = (now, fresh)
        since, before = self._fresh
        rate = (fresh - before) / (now - since) if now - since > 0.5 else 0.0
        parts = [
            f"{rate:.0f}/s" if rate else "",
            f"spent {cost:.4f}" if cost else "",
            f"{failed} failed" if failed else "",
        ]
        self._show("asking", done, total, "  ".join(part for part in parts if part))

    def training(self, step: int, total: int) -> None:
        self._show("training", step, total, "")

    def note(self, text: str) -> None:
        (self._bar.console if self._bar else console).print(f"[yellow]note:[/] {escape(text)}", soft_wrap=True)

    def _show(self, what: str, done: int, total: int, extra: str) -> None:
        if self._bar is not None:
            if self._task is None:
                self._task = self._bar.add_task(what, total=total, extra=extra)
            self._bar.update(self._task, description=what, completed=done, total=total, extra=extra)
            if done >= total:
                self._end_task()
        elif time.monotonic() - self._last > _PLAIN_EVERY:
            self._last = time.monotonic()
            console.print(f"{self._last - self._start:8.1f} s  {what} {done}/{total}  {extra}".rstrip(), soft_wrap=True)

    def _end_task(self) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.remove_task(self._task)
        self._task = None


def print_result(metrics: Mapping[str, Any]) -> None:
    """The tables that end a run."""
    stages, kind = metrics["teacher"]["stages"], str(metrics.get("kind"))
    if stages:
        console.print()
        console.print(_TABLES.get(kind, _label_table)(metrics))
    else:
        console.print("\nNo teacher was asked.")
    if stages and not any(name in stage for stage in stages.values() for name in ("accuracy", "strict_f1")):
        console.print(
            f"[dim]The pool carries no human {_NOUNS.get(kind, 'labels')}, so how many are right is estimated on "
            "gold; see the report.[/]"
        )
    for line in chain_lines(metrics) if kind == "reasoning" else ():
        console.print(escape(line), soft_wrap=True)
    calibration = metrics["teacher"].get("calibration") or {}
    for message in filter(None, [calibration.get("threshold", {}).get("message"), *calibration.get("remarks", ())]):
        console.print(f"[yellow]note:[/] {escape(message)}", soft_wrap=True)
    for message in _REMARKS[kind](metrics) if kind in _REMARKS else ():
        console.print(f"[yellow]note:[/] {escape(message)}", soft_wrap=True)
    _print_student(metrics)
    _print_closer(metrics)


_NOUNS = {"extraction": "spans", "reasoning": "answers"}
_TABLES: dict[str, Callable[[Mapping[str, Any]], Table]] = {"extraction": span_table, "reasoning": chain_table}
_REMARKS: dict[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "extraction": span_remarks,
    "reasoning": chain_remarks,
}
"""What differs by kind of task, in place of what whole texts with labels have."""


def _label_table(metrics: Mapping[str, Any]) -> Table:
    """The teacher's labels after each stage."""
    stages = metrics["teacher"]["stages"]
    table = Table(
        title=f"Teacher ({metrics['teacher']['name']}) on the {metrics['data']['pool']} pool texts"
        + (", each label decided by itself" if metrics.get("multiple") else ""),
        title_justify="left",
    )
    table.add_column("")
    table.add_column("right, of all", justify="right")
    table.add_column("kept", justify="right")
    table.add_column("abstained", justify="right")
    table.add_column("right, of the kept", justify="right")
    words = STAGES | ({"teacher_checker": "+ panel"} if metrics["teacher"].get("panel") else {})
    for name, stage in stages.items():
        count = max(stage["count"], 1)
        table.add_row(
            words.get(name, name),
            with_interval(stage.get("accuracy")),
            percent(stage["accepted"] / count),
            percent((stage["abstained"] + stage["failed"]) / count),
            with_interval((stage.get("kept") or {}).get("accuracy")),
        )
    return table


def _print_student(metrics: Mapping[str, Any]) -> None:
    student, test = metrics["student"], metrics["data"]["test"]
    if not student["test"]:
        console.print("\nNo test file was given, so the student is not scored.")
        return
    kind = metrics.get("kind")
    texts = "questions" if kind == "reasoning" else "texts"
    table = Table(title=f"Student ({student['kind']}) on the {test} test {texts}", title_justify="left")
    table.add_column("trained on")
    spans = kind == "extraction"
    measures = SPAN_MEASURES if spans else LABEL_SET_MEASURES if metrics.get("multiple") else MEASURES
    for head in CHAIN_COLUMNS if kind == "reasoning" else measures.values():
        table.add_column(head, justify="right")
    noun = "answers" if kind == "reasoning" else "labels"
    labels = f"checked {noun}" if metrics["method"] == "dualchecker" else noun
    rows = {f"gold + {labels} (this run)": student["test"]}
    rows |= {REFERENCES.get(name, name): value for name, value in metrics.get("references", {}).items()}
    for name, row in rows.items():
        cells = student_cells(row) if kind == "reasoning" else [with_interval(row[measure]) for measure in measures]
        table.add_row(name, *cells)
    console.print()
    console.print(table)
    console.print("[dim]In brackets: 95 % bootstrap intervals.[/]")


def _print_closer(metrics: Mapping[str, Any]) -> None:
    """What stands out beyond chance, in a line each; the tables are in the report."""
    lines: list[str] = []
    for name, who in (("pool", "the pool's labels are"), ("test", "the student is")):
        found = (metrics.get("slices") or {}).get(name) or {}
        worse = [row for row in found.get("rows") or () if row.get("marked") == "worse"]
        for row in worse[:_WORST]:
            where = escape(f"{row['column']}: {row['value']}")
            right = f"{with_interval(row['accuracy'])} of {row['count']} right"
            lines.append(f"Where {who} worst: [bold]{where}[/], {right}, overall {percent(found['overall'])}")
    if lines:
        lines.append("[dim]Only what chance does not explain; all of it is in the report.[/]")
    noise = metrics.get("noise")
    if noise and noise["flagged"]:
        lines.append(f"{noise['flagged']} of {noise['checked']} accepted labels look wrong to a second check.")
    if lines:
        console.print()
    for line in lines:
        console.print(line, soft_wrap=True)


def print_where(
    folder: Any, *, cost: float, requests: int, seconds: float | None = None, money: Mapping[str, Any] | None = None
) -> None:
    """What it took, and where everything is."""
    took = f", {seconds:.0f} s" if seconds is not None else ""
    console.print(f"\n{requests} requests answered, {spent_words(cost, money or {})}{took}.", soft_wrap=True)
    if requests and (line := money_line(money or {})):
        console.print(f"[dim]{escape(line)}[/]", soft_wrap=True)
    console.print(f"[bold]Report[/]   {escape(str(folder))}/report.html", soft_wrap=True)
    console.print(f"[bold]Labels[/]   {escape(str(folder))}/labels.jsonl (and .parquet)", soft_wrap=True)
    console.print(f"[bold]Student[/]  {escape(str(folder))}/student", soft_wrap=True)
    sys.stdout.flush()
