"""The tables of a bench as Markdown and as rows for CSV."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dualchecker.evaluation.bench import OVERALL, SCORES, Comparison, Row
from dualchecker.evaluation.comparison import Difference
from dualchecker.evaluation.formats import DASH, decimal, interval, known, money, percent, plural, whole
from dualchecker.evaluation.scores import LabelScores

DIFFERENCES = ("teacher_macro_f1", "teacher_accuracy", "student_macro_f1", "student_accuracy")
"""Scores whose differences are shown; CSV holds all."""

WORDS = {
    "teacher_macro_f1": "teacher macro-F1",
    "teacher_accuracy": "teacher accuracy",
    "accepted_macro_f1": "macro-F1 of accepted",
    "accepted_accuracy": "accuracy of accepted",
    "student_macro_f1": "student macro-F1",
    "student_accuracy": "student accuracy",
}
"""Scores as the tables call them."""

_NAMED = 6
"""So many runs without a result are named for each reason; bench.csv names all."""

HOW_TO_READ = (
    "Scores are means over seeds, with 95 % bootstrap intervals over records. The teacher is scored on all pool "
    "records that carry a human label; a missing label is wrong. Calls, tokens and cost are what a method used, also "
    "where the reply was in the ledger already; seconds are of computing, and such replies took none."
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
    head = (
        "method",
        *(WORDS[name] for name in ("teacher_macro_f1", "teacher_accuracy")),
        "accepted",
        WORDS["accepted_accuracy"],
        *(WORDS[name] for name in ("student_macro_f1", "student_accuracy")),
        "student ECE",
        "calls / record",
        "tokens / record",
        "cost",
        "seconds",
    )
    return Table("scores", head, [_score_cells(comparison, data, row) for row in comparison.tables[data]])


def _score_cells(comparison: Comparison, data: str, row: Row) -> list[str]:
    name = row.method
    if not row.seeds:
        return [f"{name} *", *[DASH] * 11]
    numbers = row.numbers
    return [
        f"{name} *" if row.missing else name,
        interval(row.scores.get("teacher_macro_f1")),
        interval(row.scores.get("teacher_accuracy")),
        percent(numbers.get("accepted")),
        interval(row.scores.get("accepted_accuracy")),
        interval(row.scores.get("student_macro_f1")),
        interval(row.scores.get("student_accuracy")),
        percent(numbers.get("student_ece")),
        decimal(numbers.get("requests_per_record"), 2),
        whole(numbers.get("tokens_per_record")),
        money(numbers.get("cost")),
        decimal(numbers.get("seconds"), 1),
    ]


def difference_table(comparison: Comparison, data: str, baseline: str) -> Table | None:
    """Differences from one baseline; None where no method can be compared with it."""
    shown = [name for name in DIFFERENCES if any(name in r.against.get(baseline, {}) for r in comparison.tables[data])]
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


def markdown(comparison: Comparison) -> str:
    """All tables as Markdown."""
    parts = ["# Bench", HOW_TO_READ]
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
        kept = [i for i, yes in enumerate(cell.accepted) if yes]
        sides = {
            "teacher": (cell.teacher.labels, cell.teacher.truth),
            "accepted": ([cell.teacher.labels[i] for i in kept], [cell.teacher.truth[i] for i in kept]),
            "student": (cell.student.labels, cell.student.truth),
        }
        for side, (labels, truth) in sides.items():
            scores = LabelScores(labels, truth)
            row |= {f"{side}_macro_f1": _digits(scores.macro_f1()), f"{side}_accuracy": _digits(scores.accuracy())}
        rows.append(row | {name: _digits(value) for name, value in cell.numbers.items()})
    return rows


def summary_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """One row for each data set (and all), method and score: mean, interval, differences, sign by seed."""
    rows = []
    for data, table in comparison.tables.items():
        for row in table:
            base = {"data": data, "method": row.method, "seeds": len(row.seeds), "datasets": len(row.over)}
            for name in SCORES:
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
