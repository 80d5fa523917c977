"""What the ledger verbs show."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from dualchecker.cli.display import console
from dualchecker.ledger import Damage, Merged, Part, Pruned, Stats, Totals, Verified

_SHOWN = 10
"""Damaged rows that are listed."""

_NAMES = {
    "requests": ("request", "requests"),
    "replies": ("answer", "answers"),
    "failures": ("failure", "failures"),
    "attempts": ("try", "tries"),
    "uses": ("use", "uses"),
    "batch_lines": ("unread result", "unread results"),
}


def print_stats(file: Path, stats: Stats) -> None:
    """The tables of ``ledger stats``."""
    totals = stats.totals
    console.print(f"[italic]{escape(str(file))}[/]  {_size(stats.size)}", soft_wrap=True)
    console.print(f"first request {_time(stats.first)}, last try {_time(stats.last)}" if stats.requests else "empty")
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    unanswered = stats.requests - totals.requests
    table.add_row("requests", f"{stats.requests:,}", f"{unanswered:,} without an answer" if unanswered else "")
    table.add_row("answers", f"{totals.requests:,}", "")
    forgotten = f"{stats.forgotten:,} forgotten" if stats.forgotten else ""
    noted = ", ".join(filter(None, [_listed(stats.failures), forgotten]))
    table.add_row("failed for good", f"{sum(stats.failures.values()):,}", escape(noted))
    table.add_row("tries", f"{totals.attempts:,}", escape(_listed(stats.attempts)))
    cached = (
        f"{totals.cached_tokens / totals.prompt_tokens:.0%} from the server's cache" if totals.cached_tokens else ""
    )
    table.add_row("prompt tokens", f"{totals.prompt_tokens:,}", cached)
    table.add_row("completion tokens", f"{totals.completion_tokens:,}", "")
    each = f"{totals.cost / totals.requests:.6f} an answer" if totals.cost and totals.requests else ""
    table.add_row("cost", f"{totals.cost:.4f}", each)
    seconds = ", ".join(f"{name} {value:.3f}" for name, value in stats.seconds.items())
    table.add_row("seconds a reply", "", seconds or "none yet")
    if stats.batches[0]:
        under_way = f"{stats.batches[1]:,} under way, {stats.unread:,} results that no run has read"
        table.add_row("batches", f"{stats.batches[0]:,}", under_way)
    console.print(table)
    console.print()
    console.print(_parts(("teacher",), stats.teachers))
    console.print()
    console.print(_parts(("asked for", "rung"), stats.purposes))
    if sum(part.requests for part in stats.purposes) > stats.requests:
        console.print("[dim]A request that served several purposes is in the row of each.[/]")


def _parts(heads: Sequence[str], parts: Iterable[Part]) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)  # so that it fits into 80 columns
    for head in heads:
        table.add_column(head, overflow="fold")  # names go on in the next line; nothing is cut
    for head in ("asked", "answers", "prompt\ntokens", "reply\ntokens", "cost"):
        table.add_column(head, justify="right", no_wrap=True)
    for part in parts:
        numbers = (part.requests, part.answers, part.prompt_tokens, part.completion_tokens)
        table.add_row(*map(escape, part.name), *(f"{number:,}" for number in numbers), f"{part.cost:.4f}")
    return table


def print_verified(file: Path, verified: Verified, *, everything: bool = False) -> None:
    """What was checked and how it is, with the first damaged rows or with all of them."""
    console.print(f"[italic]{escape(str(file))}[/]", soft_wrap=True)
    table = Table()
    table.add_column("")
    for head in ("rows", "not covered", "damaged"):
        table.add_column(head, justify="right")
    for name, rows in {"file": None, **verified.rows}.items():
        wrong = sum(damage.table == name for damage in verified.damages)
        if name == "batch_lines" and not (rows or wrong):
            continue  # most ledgers have seen no batch
        uncovered = verified.not_covered.get(name, 0)
        mark = f"[bold red]{wrong:,}[/]" if wrong else "[green]none[/]"
        table.add_row(name, "" if rows is None else f"{rows:,}", f"{uncovered:,}" if uncovered else "", mark)
    console.print(table)
    if verified.not_covered.get("replies"):
        console.print("[dim]Replies that are not covered were written by an older version, which made no hashes.[/]")
    if verified.not_covered.get("requests"):
        console.print("[dim]Requests that are not covered have lost their payload to `ledger prune --payloads`.[/]")
    if verified.not_sent:
        console.print(f"[dim]{verified.not_sent:,} uses are of requests that were not sent, or not yet.[/]")
    if verified.sound:
        console.print("All is as it was written.")
    else:
        _print_damages(verified.damages, None if everything else _SHOWN)


def print_merged(file: Path, merged: Sequence[Merged], totals: Totals) -> None:
    """What each source brought."""
    for one in merged:
        new = f"{_counted(one.rows)} are new" if any(one.rows.values()) else "nothing is new"
        both = f"; {one.twice:,} answered in both" if one.twice else ""
        console.print(f"[italic]{escape(one.source)}[/]: {new}{both}.", soft_wrap=True)
    given_up = sum(one.given_up for one in merged)
    if any(one.twice for one in merged):
        console.print(
            f"Of two answers to the same request the earlier one is kept; the others cost {given_up:.4f}, which is no"
            " longer counted.",
            soft_wrap=True,
        )
    for one in merged:
        if one.under_way:
            console.print(
                f"[yellow]note:[/] {one.under_way:,} batches of {escape(one.source)} are with the provider. Their"
                " results go there; merge it again when it has them.",
                soft_wrap=True,
            )
        if one.refused:
            console.print(f"Left out of {escape(one.source)}:", soft_wrap=True)
            _print_damages(one.refused)
    console.print(
        f"{escape(str(file))} holds {totals.requests:,} answers, cost {totals.cost:.4f}.",
        soft_wrap=True,
    )


def print_pruned(file: Path, pruned: Pruned, before: int, after: int | None) -> None:
    """What went, or would go."""
    done = after is not None
    gone = _counted(pruned.rows)
    if not gone and not pruned.payloads:
        console.print(f"{escape(str(file))}: there is nothing of that kind.", soft_wrap=True)
        return
    console.print(f"[italic]{escape(str(file))}[/]", soft_wrap=True)
    if gone:
        console.print(f"{'Removed' if done else 'Would remove'} {gone}.", soft_wrap=True)
    if pruned.payloads:
        verb = "Emptied" if done else "Would empty"
        console.print(f"{verb} {pruned.payloads:,} payloads; their answers stay.", soft_wrap=True)
    if after is not None:
        console.print(f"The ledger took {_size(before)} and takes {_size(after)}.")
    else:
        console.print(f"That is about {_size(pruned.freed)} of {_size(before)}.")
    if pruned.rows["replies"]:
        console.print(
            f"[yellow]note:[/] those answers cost {pruned.cost:.4f}. A run that needs one of them asks, and pays,"
            " again; limits.max_cost no longer counts them.",
            soft_wrap=True,
        )
    if not done:
        console.print("Nothing was changed; add --yes to do it.")


def _print_damages(damages: Sequence[Damage], most: int | None = _SHOWN) -> None:
    """A line each and no table: keys must not be cut where the terminal is narrow."""
    for damage in damages[:most]:
        console.print(f"  {damage.table:<8}  {damage.key or '-'}  {damage.what}", soft_wrap=True, markup=False)
    if most is not None and len(damages) > most:
        console.print(f"  and {len(damages) - most:,} more; `ledger verify --all` lists them, --json for scripts.")


def _counted(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {_NAMES[name][count != 1]}" for name, count in rows.items() if count)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _size(size: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
