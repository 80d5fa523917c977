"""A confidence taken as it is stated: what calibration is compared with."""

import numpy as np

from dualchecker.confidence.calibration import Calibrator

STATED_THRESHOLD = 0.85
"""For stated confidences, where no other is given: that of the DualChecker paper for GPT-3.5."""

_NONE = -30.0
"""Log-odds where nothing was stated: not accepted."""


def as_stated() -> Calibrator:
    """The stated confidence itself in a calibrator's place (within the 0.5 % and 99.5 % that signals are cut to)."""
    return Calibrator(("stated",), np.array([0.0, 1.0, _NONE]))
