"""Methods compared on equal terms: data sets, methods and seeds, and one table."""

from dualchecker.runs.bench.cells import Cell, plan_cells
from dualchecker.runs.bench.methods import method_names, method_settings
from dualchecker.runs.bench.outcome import Outcome
from dualchecker.runs.bench.plan import CellPlan, plan_bench
from dualchecker.runs.bench.run import Bench, Watcher, run_bench

__all__ = [
    "Bench",
    "Cell",
    "CellPlan",
    "Outcome",
    "Watcher",
    "method_names",
    "method_settings",
    "plan_bench",
    "plan_cells",
    "run_bench",
]
