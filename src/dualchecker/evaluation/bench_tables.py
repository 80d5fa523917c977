"""The tables of a bench as Markdown and as rows for CSV."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dualchecker.evaluation.bench import OVERALL, Comparison
from dualchecker.evaluation.bench_measures import MEASURES, WORDS
from dualchecker.evaluation.comparison import Difference
from dualchecker.evaluation.formats import DASH, decimal, interval, known, money, percent, plural, whole

_NAMED = 6
"""So many runs without a result are named for each reason; bench.csv names all."""

HOW_TO_READ = (
    "Scores are means over seeds, with 95 % bootstrap intervals over records. The teacher is scored on all pool "
    "records that carry a human label; a missing label is wrong. Calls, tokens and cost are what a method used, also "
    "where the reply was in the ledger already; seconds are of computing, and such replies took none."
)

HOW_SPANS = (
    " Where spans are asked for, span F1 counts those with exactly the human offsets and label, overlap F1 those that "
    "share a character with a human one of their label; accepted is the share of the spans."
)

HOW_ANSWERS = (
    " Where questions are answered, an answer is right if it is equal to the human one, whatever the steps to it; the "
    "student's is that by vote of its chains."
)

HOW_DIFFERENCES = (
    "In percentage points, on the same records and seeds, with paired 95 % bootstrap intervals. Bold: the interval "
    "excludes 0. In square brackets: how many of the {unit} have the sign of the mean."
)


@dataclass(frozen=True)
class Table:
    """Words in rows; the first column names the row."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def score_table(comparison: Comparison, data: str) -> Table:
    """Scores, calls and cost of all methods on one data set, or over all."""
    teacher, kept, student = shown_scores(comparison, data)
    head = (
        "method",
        *(WORDS[name] for name in teacher),
        "accepted",
        *(WORDS[name] for name in kept),
        *(WORDS[name] for name in student),
        "student ECE",
        "calls / record",
        "tokens / record",
        "cost",
        "seconds",
    )
    rows = []
    for row in comparison.tables[data]:
        name, numbers, scores = row.method, row.numbers, row.scores
        if not row.seeds:
            rows.append([f"{name} *", *[DASH] * (len(head) - 1)])
            continue
        rows.append(
            [
                f"{name} *" if row.missing else name,
                *(interval(scores.get(score)) for score in teacher),
                percent(numbers.get("accepted")),
                *(interval(scores.get(score)) for score in (*kept, *student)),
                percent(numbers.get("student_ece")),
                decimal(numbers.get("requests_per_record"), 2),
                whole(numbers.get("tokens_per_record")),
                money(numbers.get("cost")),
                decimal(numbers.get("seconds"), 1),
            ]
        )
    return Table("scores", head, rows)


def shown_scores(comparison: Comparison, data: str) -> tuple[list[str], list[str], list[str]]:
    """The scores that a data set's tables show: of the teacher, of what was accepted, of the student."""
    measures = comparison.measures(data)
    main = [name for one in measures for name in one.main]
    return (
        [f"teacher_{name}" for name in main],
        [f"accepted_{one.kept}" for one in measures],
        [f"student_{name}" for name in main],
    )


def difference_table(comparison: Comparison, data: str, baseline: str) -> Table | None:
    """Differences from one baseline; None where no method can be compared with it."""
    teacher, _, student = shown_scores(comparison, data)
    there = {name for row in comparison.tables[data] for name in row.against.get(baseline, {})}
    shown = [name for name in (*teacher, *student) if name in there]
    rows = [
        [
            row.method,
            *(points(row.against[baseline].get(name), row.each_seed[baseline].get(name, ())) for name in shown),
        ]
        for row in comparison.tables[data]
        if row.against.get(baseline)
    ]
    return Table(f"difference from {baseline}", ("method", *(WORDS[name] for name in shown)), rows) if rows else None


def points(apart: Difference | None, each: Sequence[float] = ()) -> str:
    """``**+1.6 (0.4 to 2.9)** [3/3]``: percentage points, bold where the interval excludes 0."""
    if apart is None or known(apart.value) is None:
        return DASH
    text = f"{100 * apart.value:+.1f}"
    if known(apart.low) is not None:
        text += f" ({100 * apart.low:+.1f} to {100 * apart.high:+.1f})"
        text = f"**{text}**" if clear(apart) else text
    same = sum(value * apart.value > 0 for value in each)
    return f"{text} [{same}/{len(each)}]" if each else text


def clear(apart: Difference) -> bool:
    """Whether the interval excludes 0."""
    return apart.low > 0 or apart.high < 0


def missing(comparison: Comparison, data: str) -> list[tuple[str, str]]:
    """Every reason why a run has no result, and the runs of which it is the reason."""
    runs: dict[str, list[str]] = {}
    for row in comparison.tables[data]:
        for place, why in row.missing.items():
            runs.setdefault(why, []).append(f"{row.method} on {place}")
    return [
        (why, ", ".join(own[:_NAMED]) + (f" and {plural(len(own) - _NAMED, 'other')}" if len(own) > _NAMED else ""))
        for why, own in runs.items()
    ]


def title(comparison: Comparison, data: str) -> str:
    """The heading of a data set's tables."""
    if data != OVERALL:
        return data
    return f"Mean over {len(comparison.tables) - 1} data sets"


def about(comparison: Comparison, data: str) -> str:
    """What the tables of a data set rest on."""
    seeds = f"seeds {', '.join(map(str, comparison.seeds))}" if len(comparison.seeds) > 1 else "one seed"
    if data == OVERALL:
        everywhere = tuple(name for name in comparison.tables if name != OVERALL)
        short: dict[tuple[str, ...], list[str]] = {}
        for row in comparison.tables[data]:
            if row.over != everywhere:
                short.setdefault(row.over, []).append(row.method)
        gaps = "".join(
            f" Over {', '.join(over) or 'none of them'} alone, so not comparable with the others: {', '.join(who)}."
            for over, who in short.items()
        )
        return f"Every data set counts alike; {seeds}.{gaps}"
    pool, test = comparison.sizes.get(data, (0, 0))
    return f"{pool:,} pool records with a human label, {test:,} test records; {seeds}."


def how_to_read(comparison: Comparison) -> str:
    """What the numbers are."""
    there = {kind for kinds in comparison.kinds.values() for kind in kinds}
    more = (("extraction", HOW_SPANS), ("reasoning", HOW_ANSWERS))
    return HOW_TO_READ + "".join(words for kind, words in more if kind in there)


def markdown(comparison: Comparison) -> str:
    """All tables as Markdown."""
    parts = ["# Bench", how_to_read(comparison)]
    names = [name for name in comparison.tables if name != OVERALL]
    for data in [*([OVERALL] if OVERALL in comparison.tables else []), *names]:
        parts += [f"## {title(comparison, data)}", about(comparison, data), _grid(score_table(comparison, data))]
        gone = missing(comparison, data)
        if gone:
            parts.append("\\* without these runs:")
            parts.append("\n".join(f"- {_plain(why)} ({_plain(runs)})" for why, runs in gone))
        for baseline in comparison.baselines:
            table = difference_table(comparison, data, baseline)
            if table:
                unit = "data sets" if data == OVERALL else "seeds"
                how = HOW_DIFFERENCES.format(unit=unit)
                parts += [f"### {title(comparison, data)}: {table.title}", how, _grid(table)]
    return "\n\n".join(parts) + "\n"


def _grid(table: Table) -> str:
    lines = [table.head, ["---", *["---:"] * (len(table.head) - 1)], *table.rows]
    return "\n".join(f"| {' | '.join(_plain(cell) for cell in line)} |" for line in lines)


def _plain(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def cell_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """One row a run, with its scores on the records as they are."""
    rows = []
    for cell in comparison.cells:
        row: dict[str, Any] = {"data": cell.data, "method": cell.method, "seed": cell.seed, "state": cell.state}
        row["reason"] = cell.reason
        known = {f"{side}_{name}": x for side, its in cell.sides.items() for name, x in its.scores().items()}
        row |= {name: _digits(known.get(name)) for name in MEASURES[cell.kind].scores}
        rows.append(row | {name: _digits(value) for name, value in cell.numbers.items()})
    return rows


def summary_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """One row for each data set (and all), method and score: mean, interval, differences, sign by seed."""
    rows = []
    for data, table in comparison.tables.items():
        for row in table:
            base = {"data": data, "method": row.method, "seeds": len(row.seeds), "datasets": len(row.over)}
            for name in [name for measures in comparison.measures(data) for name in measures.scores]:
                estimate: Mapping[str, Any] = row.scores.get(name, {})
                entry = {**base, "score": name, **{k: _digits(estimate.get(k)) for k in ("value", "low", "high")}}
                for baseline in comparison.baselines:
                    apart = row.against.get(baseline, {}).get(name)
                    for part in ("value", "low", "high", "p"):
                        entry[f"minus_{baseline}_{part}"] = _digits(getattr(apart, part)) if apart else ""
                    each = row.each_seed.get(baseline, {}).get(name, ())
                    entry[f"minus_{baseline}_each"] = " ".join(f"{value:+.4f}" for value in each)
                rows.append(entry)
    return rows


def _digits(value: Any) -> Any:
    number = known(value)
    if number is None or isinstance(value, int):
        return "" if value is None or number is None else value
    return round(number, 6)
