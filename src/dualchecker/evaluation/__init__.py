"""How good labels and students are: metrics, intervals, the report."""

from dualchecker.evaluation.chain_judging import compare_reasoned, judge_answers, judge_reasoned
from dualchecker.evaluation.comparison import (
    Difference,
    compare_accuracy,
    compare_macro_f1,
    compare_over_seeds,
    paired_difference,
)
from dualchecker.evaluation.intervals import Interval, bootstrap
from dualchecker.evaluation.metrics import auroc, brier, confusion, coverage_curve, ece, reliability
from dualchecker.evaluation.multilabel import judge_chances, judge_decisions
from dualchecker.evaluation.noise import confident_learning, judge_noise
from dualchecker.evaluation.report import render_report
from dualchecker.evaluation.slices import Judged, check_columns, group, judge_slices
from dualchecker.evaluation.span_judging import answered_spans, judge_span_student, judge_spans, spans_said
from dualchecker.evaluation.span_metrics import SpanScores, compare_spans, hallucination_rate
from dualchecker.evaluation.summary import judge_labels, judge_predictions

__all__ = [
    "Difference",
    "Interval",
    "Judged",
    "SpanScores",
    "answered_spans",
    "auroc",
    "bootstrap",
    "brier",
    "check_columns",
    "compare_accuracy",
    "compare_macro_f1",
    "compare_over_seeds",
    "compare_reasoned",
    "compare_spans",
    "confident_learning",
    "confusion",
    "coverage_curve",
    "ece",
    "group",
    "hallucination_rate",
    "judge_answers",
    "judge_chances",
    "judge_decisions",
    "judge_labels",
    "judge_noise",
    "judge_predictions",
    "judge_reasoned",
    "judge_slices",
    "judge_span_student",
    "judge_spans",
    "paired_difference",
    "reliability",
    "render_report",
    "spans_said",
]
