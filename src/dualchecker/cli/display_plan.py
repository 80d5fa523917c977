"""A plan as the terminal shows it, and as scripts read it."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from dualchecker.config import RunConfig
from dualchecker.data import Dataset
from dualchecker.ledger import Ledger, Totals
from dualchecker.runs import Plan, Probe, answer_price
from dualchecker.runs.counting import tokenizer_file
from dualchecker.runs.prices import build_prices, check_money, prices_by_name

Pair = tuple[float, ...]

_SUMS = ("requests", "prompt_tokens", "completion_tokens", "cost")


def plan_table(lines: Sequence[Plan]) -> Table:
    """Every step with its range; where a probe was asked, with the money to reckon with."""
    probed = any(line.expected is not None for line in lines)
    table = Table(
        box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
    )  # without lines between columns it fits 80 columns
    table.add_column("step", min_width=11)
    for name in ("requests", "tokens in", "tokens out", "cost", *(["expected"] if probed else [])):
        table.add_column(name, justify="right", overflow="fold")
    for line in lines:
        table.add_row(line.purpose, *_cells(line), *([_expected([line])] if probed else []))
    table.add_section()
    table.add_row("all", *_cells(lines), *([_expected(lines)] if probed else []))
    return table


def _total(lines: Plan | Sequence[Plan], name: str) -> Pair:
    every = [lines] if isinstance(lines, Plan) else lines
    return tuple(sum(getattr(line, name)[end] for line in every) for end in (0, 1))


def _cells(lines: Plan | Sequence[Plan]) -> list[str]:
    requests, prompt, completion, cost = (_total(lines, name) for name in _SUMS)
    return [
        _span(requests, _whole),
        _span(prompt, _short),
        _span(completion, _short),
        _span(cost, _money) if _priced(lines) else "?",
    ]


def _priced(lines: Plan | Sequence[Plan]) -> bool:
    """Whether the price of everything that may be asked is known; a sum with a part that is not says nothing."""
    every = [lines] if isinstance(lines, Plan) else lines
    return all(line.priced or not line.requests[1] for line in every)


def _expected(lines: Sequence[Plan]) -> str:
    if not _priced(lines):
        return "?"
    return _money(sum(line.expected[1] for line in lines if line.expected))


def _span(pair: Pair, form: Callable[[float], str]) -> str:
    low, high = map(form, pair)
    return low if low == high else f"{low}–{high}"


def _whole(number: float) -> str:
    return f"{number:,.0f}"


def _money(amount: float) -> str:
    return f"{amount:,.4f}" if amount < 10 else f"{amount:,.2f}"


def _short(tokens: float) -> str:
    """Three digits of a large number: the table must fit a narrow terminal, and no estimate is better than that."""
    for limit, unit in ((1e6, "M"), (1e4, "k")):
        if tokens >= limit:
            scaled = tokens / (1e6 if unit == "M" else 1e3)
            return f"{scaled:.0f}{unit}" if scaled >= 100 else f"{scaled:.1f}{unit}"
    return _whole(tokens)


def price_lines(config: RunConfig) -> list[str]:
    """What the listed prices are, and of which day: they may have changed since."""
    found = []
    for name, price in prices_by_name(config).items():
        if price.source and price.source != "run file":
            cached = f", {price.cached_input:g} cached" if price.cached_input is not None else ""
            day = f", known to {price.as_of}" if price.as_of else ""
            found.append(
                f"{name}: {price.input:g} in{cached}, {price.output:g} out per million tokens ({price.source}{day})"
            )
    return found


def probe_lines(probe: Probe | None) -> list[str]:
    """What a probe asked, cost and found."""
    if probe is None:
        return []
    found = [
        f"Probe: {probe.records} records; {probe.requests} requests answered now, cost {probe.cost:.4f}. "
        "They are in the run's ledger and are not paid again."
    ]
    for purpose, seen in sorted(probe.measured.items()):
        cached = f" ({seen.cached:,.0f} of them cached)" if seen.cached else ""
        found.append(
            f"  {purpose}: {seen.prompt:,.0f} prompt tokens{cached} and {seen.completion:,.0f} reply tokens on average"
        )
    if probe.climbs is not None and not probe.fixed:
        p = probe.climbs
        found.append(
            f"  climb to the second rung: {100 * p.value:.0f} % of records (95 %: {100 * p.low:.0f} to "
            f"{100 * p.high:.0f} %), as far as so few answers tell"
        )
    return found


def words_below(config: RunConfig, lines: Sequence[Plan], probe: Probe | None) -> str:
    """What the ends of the ranges mean, and how tokens were counted."""
    ranged = _total(lines, "requests")[0] < _total(lines, "requests")[1]
    if probe is not None and "label" in probe.measured:
        counted = "Tokens are as measured by the probe; prompts that it did not send are scaled from estimates."
    else:
        by = "counted with the tokenizer" if tokenizer_file(config.teacher, config) else "estimated"
        counted = (
            f"Prompt tokens are {by}, replies taken as 80 (250 where the teacher reasons at length, 400 where it "
            f"writes texts{_more(config)})."
        )
    return f"{_range(config, probe) if ranged else ''}{counted}{_longer(config, probe)}{_lasting(config, lines)}"


def _longer(config: RunConfig, probe: Probe | None) -> str:
    """Why even the upper end may be too low."""
    if (probe is not None and "label" in probe.measured) or not any(v.kind == "openai" for v in config.teacher.voices):
        return ""
    return " How long replies are is assumed: a model that thinks before it answers writes more, and costs more."


def _lasting(config: RunConfig, lines: Sequence[Plan]) -> str:
    """How long the run takes because of limits by the minute."""
    limits, (requests, _) = config.limits, _total(lines, "requests")
    tokens = _total(lines, "prompt_tokens")[0] + _total(lines, "completion_tokens")[0]
    paced = {
        "requests_per_minute": requests / limits.requests_per_minute if limits.requests_per_minute else 0.0,
        "tokens_per_minute": tokens / limits.tokens_per_minute if limits.tokens_per_minute else 0.0,
    }
    name, minutes = max(paced.items(), key=lambda item: item[1])
    if not minutes:
        return ""
    return f" Under limits.{name} = {getattr(limits, name)} this takes at least {_duration(minutes)}."


def _duration(minutes: float) -> str:
    if minutes < 1:
        return f"{math.ceil(60 * minutes)} s"
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def _range(config: RunConfig, probe: Probe | None) -> str:
    if config.method != "dualchecker":
        return "From: the method asks no more than it must. To: it asks all that it may. "
    if config.teacher.kind == "panel":
        return "From: the cheapest member alone settles every record. To: every member is asked about every record. "
    if probe is not None and probe.climbs is not None:
        return (
            "From and to: the ends of the 95 % interval of the share that climbs. Above the second rung as many settle "
            "as at the first, or none; expected is the middle. "
        )
    return "From: every record is settled at the first rung. To: every record climbs to the top. "


def _more(config: RunConfig) -> str:
    """What the answers of some tasks add to a reply."""
    if config.task.kind == "extraction":
        return ", and what spans as long and many as the human ones take"
    if config.task.kind == "reasoning":
        return ", 120 more for a chain of thought; 60 to a self-evaluation"
    return ", 10 more a label where several may apply" if config.task.multiple else ""


def held(config: RunConfig) -> Totals | None:
    """What the ledger of the run's folder holds by now; None where there is none.

    Raises:
        LedgerError: It is damaged.
    """
    file = config.output_dir / "ledger.sqlite"
    if not file.is_file():
        return None
    with Ledger.open(file, read_only=True) as ledger:
        return ledger.totals()


def held_line(totals: Totals | None) -> str:
    """The same in words; empty where nothing was answered or paid."""
    if totals is None or not (totals.requests or totals.cost):
        return ""
    return (
        f"This folder's ledger already holds {totals.requests:,} answers (cost {totals.cost:.4f}); "
        "requests that are in it are not asked again."
    )


def notes_of(config: RunConfig, lines: Sequence[Plan], dataset: Dataset, probe: Probe | None) -> list[str]:
    """What the user should know."""
    notes = [*dataset.warnings, *check_money(config)]
    limit = config.limits.max_cost
    if limit is not None and _total(lines, "cost")[1] > limit:
        notes.append(f"the run stops before limits.max_cost = {limit:g} is crossed, and goes on when it is raised.")
    if any(voice.kind == "decisions" for voice in config.teacher.voices):
        notes.append("a decision endpoint writes no text; each of its questions is taken to count the whole prompt.")
    prices = build_prices(config)
    if config.teacher.kind == "panel" and len({answer_price(voice, prices) for voice in config.teacher.voices}) == 1:
        notes.append(
            "all members have the same price, so none counts as dear: set their prices, or price (of an answer)."
        )
    return [*notes, *(probe.remarks if probe else ())]


def document(
    config: RunConfig,
    lines: Sequence[Plan],
    dataset: Dataset,
    probe: Probe | None,
    notes: Sequence[str],
    totals: Totals | None = None,
) -> str:
    """The same as JSON. Pairs are at least and at most; ``expected`` is null without a probe, ``cost`` where a price is
    not known, ``ledger`` where there is none."""

    def step(some: Sequence[Plan]) -> dict[str, Any]:
        known = [line.expected for line in some if line.expected]
        priced = _priced(some)
        cost = sum(e[1] for e in known) if priced else None
        expected = {"requests": sum(e[0] for e in known), "cost": cost} if known else None
        sums: dict[str, Any] = {name: _total(some, name) for name in _SUMS}
        return {**sums, **({} if priced else {"cost": None}), "expected": expected}

    return json.dumps(
        {
            "data": {"gold": len(dataset.gold), "pool": len(dataset.pool), "test": len(dataset.test)},
            "method": config.method,
            "prices": {name: asdict(price) for name, price in prices_by_name(config).items()},
            "steps": [{"step": line.purpose, **step([line])} for line in lines],
            "total": step(lines),
            "ledger": {"answers": totals.requests, "cost": totals.cost} if totals else None,
            "probe": asdict(probe) if probe else None,
            "notes": list(notes),
        },
        ensure_ascii=False,
        indent=2,
    )
