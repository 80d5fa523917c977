"""Running a bench: cell after cell, each kept, none twice."""

import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from dualchecker.asking import Progress, Silent
from dualchecker.config import BenchConfig, LimitsConfig
from dualchecker.data import write_text
from dualchecker.embedding import Embedder, NgramEmbedder
from dualchecker.errors import BudgetError, DualcheckerError
from dualchecker.evaluation.bench import Comparison, compare
from dualchecker.ledger import content_hash
from dualchecker.runs.bench.cells import Cell, choose_cells, left_out, plan_cells
from dualchecker.runs.bench.files import write_tables
from dualchecker.runs.bench.meter import CellBudgetError, MeteredLedger
from dualchecker.runs.bench.outcome import Outcome, State, load_outcome, save_outcome, score_cell
from dualchecker.runs.distill import distill
from dualchecker.runs.kinds.base import Prepared
from dualchecker.runs.parts import build_embedder, build_task, prepare


class Watcher(Protocol):
    """Told about every cell."""

    def begin(self, cell: Cell, number: int, total: int) -> Progress:
        """Cell ``number`` of ``total`` is about to run; who is told what happens in it?"""
        ...

    def end(self, cell: Cell, outcome: Outcome) -> None:
        """The cell has ended, well or not."""
        ...


class _Nobody:
    def begin(self, cell: Cell, number: int, total: int) -> Progress:
        return Silent()

    def end(self, cell: Cell, outcome: Outcome) -> None:
        return None


@dataclass(frozen=True)
class Bench:
    """What a bench brought.

    Attributes:
        config: As given.
        outcomes: Of every cell, by name.
        comparison: The tables.
        folder: Where everything is.
    """

    config: BenchConfig
    outcomes: dict[str, Outcome]
    comparison: Comparison = field(repr=False)
    folder: Path = field(default=Path())

    @property
    def complete(self) -> bool:
        """Whether every cell has a result."""
        return all(outcome.state == "done" for outcome in self.outcomes.values())

    @property
    def failed(self) -> bool:
        """Whether a cell was run and has no result."""
        return any(outcome.state in ("failed", "over budget") for outcome in self.outcomes.values())


def run_bench(
    bench: BenchConfig,
    *,
    only: Sequence[str] = (),
    retry_failed: bool = False,
    watcher: Watcher | None = None,
) -> Bench:
    """Run what has not been run, and write the tables.

    A cell that fails is kept with its reason and does not end the bench. Run again after any interruption: finished
    cells are not run again, and what the ledgers hold is not asked again.

    Args:
        bench: What to compare.
        only: Patterns of the cells to run (``green/*/0``), or names of data sets, methods or seeds; all by default.
        retry_failed: Run failed cells again, and those that went over a budget.
        watcher: Told what happens.

    Raises:
        DualcheckerError: The bench itself cannot be run: a mistake in its file or data, a ledger in use.
    """
    watcher = watcher or _Nobody()
    cells = plan_cells(bench)
    outcomes = {cell.name: load_outcome(cell) for cell in cells}
    todo = [cell for cell in choose_cells(cells, only) if outcomes[cell.name].is_due(retry_failed)]
    for name in dict.fromkeys(cell.data for cell in todo):
        mine = [cell for cell in todo if cell.data == name]
        with MeteredLedger.open(mine[0].base / "ledger.sqlite") as ledger:
            workshop = _Workshop(bench, ledger)
            for cell in mine:
                told = watcher.begin(cell, todo.index(cell) + 1, len(todo))
                outcomes[cell.name] = workshop.run(cell, told)
                save_outcome(cell, outcomes[cell.name])
                watcher.end(cell, outcomes[cell.name])
    comparison = compare(
        [*(score_cell(cell, outcomes[cell.name]) for cell in cells), *left_out(bench)],
        methods=bench.methods,
        baselines=bench.baselines,
    )
    write_tables(bench.output_dir, comparison)
    return Bench(bench, outcomes, comparison, bench.output_dir)


class _Workshop:
    """Runs the cells of one data set, and keeps what they share: vectors, and features of the seed under way."""

    def __init__(self, bench: BenchConfig, ledger: MeteredLedger) -> None:
        self._bench, self._ledger = bench, ledger
        self._embedders: dict[str, Embedder] = {}
        self._prepared: tuple[str, Prepared] | None = None
        self._spent = 0.0

    def run(self, cell: Cell, progress: Progress) -> Outcome:
        """Run a cell, whatever comes of it."""
        equal, limits = self._bench.equal, cell.config.limits
        pool = len(cell.dataset.pool)
        most = None if equal.max_requests_per_record is None else round(equal.max_requests_per_record * pool)
        told = _Noting(progress)
        started = time.perf_counter()
        try:
            prepared = self._prepare(cell, told)
            started = time.perf_counter()  # what all methods share is no method's time
            self._ledger.begin(max_requests=most, max_cost=equal.max_cost)
            self._spent = self._ledger.totals().cost
            config = cell.config.model_copy(update={"limits": _with_brake(limits, equal.max_cost, self._spent)})
            distill(config, progress=told, ledger=self._ledger, prepared=prepared)
        except BudgetError as error:
            return Outcome(cell.key, self._whose(limits, error), str(error), time.perf_counter() - started)
        except DualcheckerError as error:
            return Outcome(cell.key, "failed", str(error), time.perf_counter() - started)
        except Exception as error:  # a fault of one method, which must not end the others
            write_text(cell.folder / "error.txt", traceback.format_exc())
            reason = f"{type(error).__name__}: {error} (see error.txt in the cell's folder)"
            return Outcome(cell.key, "failed", reason, time.perf_counter() - started)
        used, notes = self._ledger.used(), tuple(told.notes)
        return Outcome(cell.key, "done", "", time.perf_counter() - started, used, notes)

    def _prepare(self, cell: Cell, progress: Progress) -> Prepared:
        config = cell.config
        plain = config.model_dump(mode="json")
        key = content_hash([plain["task"], plain["data"], config.align.embedder, config.student.text])
        if self._prepared is None or self._prepared[0] != key:
            name = config.align.embedder
            if name not in self._embedders:
                self._embedders[name] = build_embedder(config, cell.base / "cache")
            embedder = self._embedders[name]
            if isinstance(embedder, NgramEmbedder):
                embedder = NgramEmbedder()  # its document frequencies are those of one seed
            self._prepared = (key, prepare(config, build_task(config), cell.dataset, progress, embedder))
        return self._prepared[1]

    def _whose(self, limits: LimitsConfig, error: BudgetError) -> State:
        """Whether the cell's share of the bench is used up, or what the run file allows for everything."""
        most = limits.max_requests
        if isinstance(error, CellBudgetError):
            return "over budget"
        all_asked = most is not None and self._ledger.totals().requests >= most
        braked = _with_brake(limits, self._bench.equal.max_cost, self._spent) != limits
        return "over budget" if braked and not all_asked else "failed"


def _with_brake(limits: LimitsConfig, max_cost: float | None, spent: float) -> LimitsConfig:
    """The run file's limits, which hold for the whole ledger, and on top what this cell may spend of its own.

    The meter can refuse only what has a known price; the brake is for what is about to be paid.
    """
    if max_cost is None or (limits.max_cost is not None and limits.max_cost <= spent + max_cost):
        return limits
    return limits.model_copy(update={"max_cost": spent + max_cost})


class _Noting:
    """Passes everything on, and keeps the notes."""

    def __init__(self, inner: Progress) -> None:
        self._inner = inner
        self.notes: list[str] = []

    def stage(self, name: str, detail: str = "") -> None:
        self._inner.stage(name, detail)

    def asking(self, done: int, total: int, *, fresh: int, failed: int, cost: float) -> None:
        self._inner.asking(done, total, fresh=fresh, failed=failed, cost=cost)

    def training(self, step: int, total: int) -> None:
        self._inner.training(step, total)

    def note(self, text: str) -> None:
        self.notes.append(text)
        self._inner.note(text)
