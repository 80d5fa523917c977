"""How good labels and students are: metrics, intervals, the report."""

from dualchecker.evaluation.comparison import (
    Difference,
    compare_accuracy,
    compare_macro_f1,
    compare_over_seeds,
    paired_difference,
)
from dualchecker.evaluation.intervals import Interval, bootstrap
from dualchecker.evaluation.metrics import auroc, brier, confusion, coverage_curve, ece, reliability
from dualchecker.evaluation.report import render_report
from dualchecker.evaluation.summary import judge_labels, judge_predictions

__all__ = [
    "Difference",
    "Interval",
    "auroc",
    "bootstrap",
    "brier",
    "compare_accuracy",
    "compare_macro_f1",
    "compare_over_seeds",
    "confusion",
    "coverage_curve",
    "ece",
    "judge_labels",
    "judge_predictions",
    "paired_difference",
    "reliability",
    "render_report",
]
