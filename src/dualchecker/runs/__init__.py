"""A run from one file: the parts put together, the outcome written down."""

from dualchecker.runs.distill import Run, distill
from dualchecker.runs.panel import answer_price
from dualchecker.runs.plan import Plan, plan_run
from dualchecker.runs.probe import Probe, probe_run

__all__ = ["Plan", "Probe", "Run", "answer_price", "distill", "plan_run", "probe_run"]
