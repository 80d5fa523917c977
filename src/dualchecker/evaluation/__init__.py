"""How good labels and students are: metrics, intervals, the report."""

from dualchecker.evaluation.intervals import Interval, bootstrap
from dualchecker.evaluation.metrics import auroc, brier, confusion, coverage_curve, ece, reliability
from dualchecker.evaluation.multilabel import judge_chances, judge_decisions
from dualchecker.evaluation.report import render_report
from dualchecker.evaluation.summary import judge_labels, judge_predictions

__all__ = [
    "Interval",
    "auroc",
    "bootstrap",
    "brier",
    "confusion",
    "coverage_curve",
    "ece",
    "judge_chances",
    "judge_decisions",
    "judge_labels",
    "judge_predictions",
    "reliability",
    "render_report",
]
