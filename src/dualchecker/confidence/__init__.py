"""Confidence means probability of being right: signals, calibration on gold, thresholds."""

from dualchecker.confidence.calibration import Calibrator, cross_fitted
from dualchecker.confidence.opinions import MajorityModel, Opinion, Opinions, PanelModel, expected_gain
from dualchecker.confidence.reliability import Reliability, fit_reliability
from dualchecker.confidence.sharpness import best_exponent, sharpen
from dualchecker.confidence.signals import read_signals
from dualchecker.confidence.thresholds import Threshold, choose_threshold

__all__ = [
    "Calibrator",
    "MajorityModel",
    "Opinion",
    "Opinions",
    "PanelModel",
    "Reliability",
    "Threshold",
    "best_exponent",
    "choose_threshold",
    "cross_fitted",
    "expected_gain",
    "fit_reliability",
    "read_signals",
    "sharpen",
]
