"""What a bench has still to do, before anything is spent."""

from collections.abc import Sequence
from dataclasses import dataclass

from dualchecker.config import BenchConfig
from dualchecker.runs.bench.cells import choose_cells, plan_cells
from dualchecker.runs.bench.outcome import load_outcome
from dualchecker.runs.plan import plan_run


@dataclass(frozen=True, slots=True)
class CellPlan:
    """The cells of one method on one data set: how many are to be run, and what these use at least and at most.

    What methods and seeds ask alike is paid once, so the bill can be lower than the sum.
    """

    data: str
    method: str
    cells: int
    todo: int
    requests: tuple[int, int]
    cost: tuple[float, float]


def plan_bench(bench: BenchConfig, *, only: Sequence[str] = (), retry_failed: bool = False) -> list[CellPlan]:
    """Estimate every method on every data set; asks nobody and needs no key.

    Raises:
        DualcheckerError: The bench, a run file or its data cannot be used.
    """
    cells = plan_cells(bench)
    chosen = {cell.name for cell in choose_cells(cells, only)}
    plans = []
    for data, method in dict.fromkeys((cell.data, cell.method) for cell in cells):
        mine = [cell for cell in cells if (cell.data, cell.method) == (data, method)]
        todo = [cell for cell in mine if cell.name in chosen and load_outcome(cell).is_due(retry_failed)]
        lines, _ = plan_run(mine[0].config)  # seeds differ in the texts alone, hardly in how many are asked about
        low, high = (len(todo) * sum(line.requests[end] for line in lines) for end in (0, 1))
        least, most = (len(todo) * sum(line.cost[end] for line in lines) for end in (0, 1))
        plans.append(CellPlan(data, method, len(mine), len(todo), (low, high), (least, most)))
    return plans
