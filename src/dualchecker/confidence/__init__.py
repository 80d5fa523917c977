"""Confidence means probability of being right: signals, calibration on gold, thresholds."""

from dualchecker.confidence.calibration import Calibrator, cross_fitted
from dualchecker.confidence.signals import read_signals
from dualchecker.confidence.thresholds import Threshold, choose_threshold

__all__ = ["Calibrator", "Threshold", "choose_threshold", "cross_fitted", "read_signals"]
