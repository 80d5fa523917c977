"""Confidence means probability of being right: signals, calibration on gold, thresholds."""

from dualchecker.confidence.bound import model_bound
from dualchecker.confidence.calibration import CHAIN_SLOPES, DECISION_SLOPES, SPAN_SLOPES, Calibrator
from dualchecker.confidence.maps import Map, cross_fitted, fit_map, usable_map
from dualchecker.confidence.opinions import MajorityModel, Opinion, Opinions, PanelModel, expected_gain
from dualchecker.confidence.ranking import auroc
from dualchecker.confidence.reliability import Reliability, fit_reliability
from dualchecker.confidence.remarks import calibration_remarks, learnt_remark
from dualchecker.confidence.sharpness import best_exponent, sharpen
from dualchecker.confidence.signals import CHAIN_SIGNALS, DECISION_SIGNALS, SPAN_SIGNALS, read_signals
from dualchecker.confidence.thresholds import NEVER, Threshold, choose_threshold
from dualchecker.confidence.uncalibrated import STATED_THRESHOLD, as_stated

__all__ = [
    "CHAIN_SIGNALS",
    "CHAIN_SLOPES",
    "DECISION_SIGNALS",
    "DECISION_SLOPES",
    "NEVER",
    "SPAN_SIGNALS",
    "SPAN_SLOPES",
    "STATED_THRESHOLD",
    "Calibrator",
    "MajorityModel",
    "Map",
    "Opinion",
    "Opinions",
    "PanelModel",
    "Reliability",
    "Threshold",
    "as_stated",
    "auroc",
    "best_exponent",
    "calibration_remarks",
    "choose_threshold",
    "cross_fitted",
    "expected_gain",
    "fit_map",
    "fit_reliability",
    "learnt_remark",
    "model_bound",
    "read_signals",
    "sharpen",
    "usable_map",
]
