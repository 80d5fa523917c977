"""``dualchecker plan``: calls, tokens and money before anything is spent."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dualchecker.cli.run import Setting

if TYPE_CHECKING:
    from dualchecker.config import RunConfig


def plan(
    file: Annotated[Path, typer.Argument(help="The run file.")] = Path("run.yaml"),
    settings: Setting = None,
) -> None:
    """Show what a run will ask and cost, before anything is spent. Needs no key."""
    from rich.markup import escape
    from rich.table import Table

    from dualchecker.cli.display import console
    from dualchecker.config import load_config
    from dualchecker.runs import answer_price, plan_run

    config = load_config(file, settings or [])
    lines, dataset = plan_run(config)
    named = ", ".join(voice.label for voice in config.teacher.voices)
    teacher = f"panel of {named}" if config.teacher.kind == "panel" else config.teacher.label
    console.print(f"gold {len(dataset.gold)}, pool {len(dataset.pool)}, test {len(dataset.test)}; teacher {teacher}")
    notes = list(dataset.warnings)
    table = Table("step")
    for name in ("requests", "prompt tokens", "reply tokens", "cost"):
        table.add_column(name, justify="right")
    for line in lines:
        table.add_row(line.purpose, *_cells(line.requests, line.prompt_tokens, line.completion_tokens, line.cost))
    requests, prompt, completion, cost = (
        tuple(sum(getattr(line, name)[end] for line in lines) for end in (0, 1))
        for name in ("requests", "prompt_tokens", "completion_tokens", "cost")
    )
    table.add_section()
    table.add_row("all", *_cells(requests, prompt, completion, cost))
    console.print(table)
    console.print(
        f"[dim]{_range_in_words(config) if requests[0] < requests[1] else ''}"
        "Tokens are estimated, 80 to a reply (250 where the teacher reasons at length, 400 where it writes texts"
        f"{_more_in_words(config)}).[/]"
    )
    limit = config.limits.max_cost
    if limit is not None and cost[1] > limit:
        notes.append(f"the run stops before limits.max_cost = {limit:g} is crossed, and goes on when it is raised.")
    lacking = [
        voice
        for voice in config.teacher.voices
        if voice.kind in ("openai", "decisions") and not (voice.price_input or voice.price_output)
    ]
    if config.teacher.kind != "panel" and config.teacher in lacking:
        keys = "teacher.price_input" + (" and teacher.price_output" if config.teacher.kind == "openai" else "")
        notes.append(f"to see costs, set {keys} (per million tokens).")
    if any(voice.kind == "decisions" for voice in config.teacher.voices):
        notes.append("a decision endpoint writes no text; each of its questions is taken to count the whole prompt.")
    if config.teacher.kind == "panel" and len({answer_price(voice) for voice in config.teacher.voices}) == 1:
        notes.append(
            "all members have the same price, so none counts as dear: set their prices, or price (of an answer)."
        )
    for note in notes:
        console.print(f"[yellow]note:[/] {escape(note)}", soft_wrap=True)


def _range_in_words(config: "RunConfig") -> str:
    if config.method != "dualchecker":
        return "From: the method asks no more than it must. To: it asks all that it may. "
    if config.teacher.kind == "panel":
        return "From: the cheapest member alone settles every record. To: every member is asked about every record. "
    return "From: every record is settled at the first rung. To: every record climbs to the top. "


def _more_in_words(config: "RunConfig") -> str:
    """What the answers of some tasks add to a reply."""
    if config.task.kind == "extraction":
        return ", and what spans as long and many as the human ones take"
    if config.task.kind == "reasoning":
        return ", 120 more for a chain of thought; 60 to a self-evaluation"
    return ", 10 more a label where several may apply" if config.task.multiple else ""


Pair = tuple[float, ...]


def _cells(requests: Pair, prompt: Pair, completion: Pair, cost: Pair) -> list[str]:
    return [*(_span(pair) for pair in (requests, prompt, completion)), _span(cost, ",.4f")]


def _span(pair: Pair, form: str = ",.0f") -> str:
    low, high = pair
    return f"{low:{form}}" if low == high else f"{low:{form}} – {high:{form}}"
