"""Confidence means probability of being right: signals, calibration on gold, thresholds."""

from dualchecker.confidence.calibration import DECISION_SLOPES, Calibrator, cross_fitted
from dualchecker.confidence.sharpness import best_exponent, sharpen
from dualchecker.confidence.signals import DECISION_SIGNALS, read_signals
from dualchecker.confidence.thresholds import Threshold, choose_threshold

__all__ = [
    "DECISION_SIGNALS",
    "DECISION_SLOPES",
    "Calibrator",
    "Threshold",
    "best_exponent",
    "choose_threshold",
    "cross_fitted",
    "read_signals",
    "sharpen",
]
