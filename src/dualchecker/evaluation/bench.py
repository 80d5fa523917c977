"""Methods compared over data sets and seeds: scores with intervals, and paired differences from baselines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np

from dualchecker.evaluation.bench_measures import MEASURES, NOTHING, SCORES, Answers, Judged, JudgedSpans, Measures
from dualchecker.evaluation.comparison import Difference
from dualchecker.evaluation.resampled import Draws, Resamples, difference, over_seeds, summarised

OVERALL = "all"
"""Name of the table over all data sets."""


@dataclass(frozen=True)
class Scored:
    """One run of a bench.

    Attributes:
        data: Name of the data set.
        method: Name of the method.
        seed: Of the run.
        state: ``done``, or why there is nothing.
        reason: More about that.
        teacher: Labels of the pool records that have a human one.
        accepted: Which of these were accepted.
        student: Predictions on the test set.
        numbers: Everything else, by name.
        kind: Of the task, a name of ``MEASURES``.
        kept: The accepted spans, where spans are accepted one by one.
    """

    data: str
    method: str
    seed: int
    state: str
    reason: str = ""
    teacher: Answers = NOTHING
    accepted: tuple[bool, ...] = ()
    student: Answers = NOTHING
    numbers: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "classification"
    kept: JudgedSpans | None = None

    @property
    def sides(self) -> dict[str, Answers]:
        """What is scored, by the side that it is of."""
        kept = self.teacher.only(self.accepted) if isinstance(self.teacher, Judged) else self.kept
        return {"teacher": self.teacher, "accepted": kept or NOTHING, "student": self.student}


@dataclass(frozen=True)
class Row:
    """One method on one data set, or over all of them.

    Attributes:
        method: Its name.
        seeds: The seeds of which there is a result.
        missing: Why there is none of the others, by ``data set/seed``.
        scores: Mean over seeds with interval, by the names in ``SCORES``; what is not known is left out.
        numbers: Means over seeds.
        against: By baseline and score: the paired difference over the seeds that both have.
        each_seed: By baseline and score: the difference of each seed alone.
        over: The data sets of which there is a result.
    """

    method: str
    seeds: tuple[int, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)
    against: Mapping[str, Mapping[str, Difference]] = field(default_factory=dict)
    each_seed: Mapping[str, Mapping[str, tuple[float, ...]]] = field(default_factory=dict)
    over: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """All tables of a bench.

    Attributes:
        cells: What went in, one for each run.
        tables: Rows by data set, and by ``OVERALL`` where there are several.
        baselines: What the others are compared with.
        seeds: All seeds.
        sizes: Numbers of judged pool and test records by data set, of its first run.
        kinds: The kinds of tasks by data set; those of all of them by ``OVERALL``.
    """

    cells: Sequence[Scored]
    tables: Mapping[str, Sequence[Row]]
    baselines: Sequence[str]
    seeds: Sequence[int]
    sizes: Mapping[str, tuple[int, int]]
    kinds: Mapping[str, tuple[str, ...]]

    def measures(self, data: str) -> list[Measures]:
        """The scores of a data set; of all of them those of each kind, since no mean is over two kinds."""
        return [MEASURES[kind] for kind in self.kinds[data]]


_Runs = dict[tuple[str, int], dict[str, Draws]]
"""Draws of every score, by method and seed."""


def compare(
    cells: Sequence[Scored], *, methods: Sequence[str], baselines: Sequence[str], repeats: int = 1000
) -> Comparison:
    """The tables of a bench.

    Records are resampled, not seeds: a record that stands in several runs is drawn into all of them or into none, and
    the mean over seeds is taken within each resample. The interval says what other records would change; what other
    seeds change is told by ``each_seed``. Differences are over the seeds (and data sets) that both methods have.

    Args:
        cells: All runs, also those without a result.
        methods: Order of the rows.
        baselines: Methods to compare with.
        repeats: Resamples.
    """
    tables: dict[str, list[Row]] = {}
    drawn: dict[str, _Runs] = {}
    sizes = {}
    kinds: dict[str, tuple[str, ...]] = {}
    for number, data in enumerate(dict.fromkeys(cell.data for cell in cells)):
        mine = [cell for cell in cells if cell.data == data]
        done = [cell for cell in mine if cell.state == "done"]
        kinds[data] = tuple(dict.fromkeys(cell.kind for cell in mine))
        pool, test = (
            Resamples(list(chain.from_iterable(side)), repeats=repeats, seed=number)
            for side in ([cell.teacher.ids for cell in done], [cell.student.ids for cell in done])
        )
        runs = {(cell.method, cell.seed): _scores(cell, pool, test) for cell in done}
        tables[data] = [_row(method, mine, runs, baselines) for method in methods]
        drawn[data] = runs
        if done:
            sizes[data] = (max(len(cell.teacher.ids) for cell in done), len(done[0].student.ids))
    if len(tables) > 1:
        kinds[OVERALL] = tuple(dict.fromkeys(kind for some in kinds.values() for kind in some))
        tables[OVERALL] = [_overall(method, tables, drawn, baselines) for method in methods]
    seeds = tuple(dict.fromkeys(cell.seed for cell in cells))
    return Comparison(cells, tables, tuple(baselines), seeds, sizes, kinds)


def _scores(cell: Scored, pool: Resamples, test: Resamples) -> dict[str, Draws]:
    found: dict[str, Draws] = {}
    for side, answers in cell.sides.items():
        if answers.ids:
            draws = answers.draws(test if side == "student" else pool)
            found |= {f"{side}_{name}": values for name, values in draws.items()}
    return {name: found[name] for name in MEASURES[cell.kind].scores if name in found}


def _row(method: str, cells: Sequence[Scored], runs: _Runs, baselines: Sequence[str]) -> Row:
    own = [cell for cell in cells if cell.method == method]
    done = [cell for cell in own if cell.state == "done"]
    each = {
        base: {
            name: {
                cell.seed: runs[method, cell.seed][name] - runs[base, cell.seed][name]
                for cell in done
                if name in runs[method, cell.seed] and name in runs.get((base, cell.seed), {})
            }
            for name in SCORES
        }
        for base in baselines
        if base != method
    }
    return Row(
        method,
        seeds=tuple(cell.seed for cell in done),
        missing={f"{c.data}/{c.seed}": f"{c.state}: {c.reason}".strip(": ") for c in own if c.state != "done"},
        scores=_each_score(lambda name: _mean(method, done, runs, name)),
        numbers=_means([cell.numbers for cell in done]),
        against={
            base: {name: difference(over_seeds(list(runs.values())), np.zeros(1)) for name, runs in by.items() if runs}
            for base, by in each.items()
        },
        each_seed={
            base: {name: tuple(float(draws[0]) for draws in runs.values()) for name, runs in by.items() if runs}
            for base, by in each.items()
        },
        over=tuple(dict.fromkeys(cell.data for cell in done)),
    )


def _mean(method: str, done: Sequence[Scored], runs: _Runs, name: str) -> Draws | None:
    draws = [runs[method, cell.seed][name] for cell in done if name in runs[method, cell.seed]]
    return over_seeds(draws) if draws else None


def _each_score(draws: Callable[[str], Draws | None]) -> dict[str, dict[str, Any]]:
    found = {name: draws(name) for name in SCORES}
    return {name: summarised(values) for name, values in found.items() if values is not None}


def _means(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The mean of every number that is known in any row."""
    names = dict.fromkeys(name for row in rows for name, value in row.items() if _is_number(value))
    return {name: float(np.mean([row[name] for row in rows if _is_number(row.get(name))])) for name in names}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and value == value


def _overall(
    method: str, tables: Mapping[str, Sequence[Row]], drawn: Mapping[str, _Runs], baselines: Sequence[str]
) -> Row:
    """The mean over data sets, each counting alike; resampled within each."""
    rows = {data: next(row for row in table if row.method == method) for data, table in tables.items()}
    there = {data: row for data, row in rows.items() if row.seeds}

    def draws(name: str, base: str = "") -> list[Draws]:
        found = []
        for data, row in there.items():
            runs = drawn[data]
            seeds = [s for s in row.seeds if name in runs[method, s] and (not base or name in runs.get((base, s), {}))]
            if seeds:
                one = [runs[method, s][name] - (runs[base, s][name] if base else 0) for s in seeds]
                found.append(over_seeds(one))
        return found

    def mean(name: str) -> Draws | None:
        found = draws(name)
        return over_seeds(found) if found else None

    against = {
        base: {name: difference(over_seeds(found), np.zeros(1)) for name in SCORES if (found := draws(name, base))}
        for base in baselines
        if base != method
    }
    return Row(
        method,
        seeds=tuple(dict.fromkeys(seed for row in there.values() for seed in row.seeds)),
        missing={place: why for row in rows.values() for place, why in row.missing.items()},
        scores=_each_score(mean),
        numbers=_means([row.numbers for row in there.values()]),
        against=against,
        each_seed={
            base: {name: tuple(float(one[0]) for one in draws(name, base)) for name in by}
            for base, by in against.items()
        },
        over=tuple(there),
    )
