"""A confidence taken as the teacher claims it: what calibration is compared with."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dualchecker.confidence.calibration import Calibrator, Signals, is_share

STATED_THRESHOLD = 0.85
"""For stated confidences, where no other is given: that of the DualChecker paper for GPT-3.5."""

CLAIMS = ("stated", "label_probability")
"""What a teacher says for itself; the first one that is there counts."""

_NONE = -30.0
"""Log-odds where nothing was claimed: not accepted."""


@dataclass(frozen=True)
class _AsClaimed(Calibrator):
    def score(self, rows: Sequence[Signals]) -> npt.NDArray[np.float64]:
        readable = [[n for n in self.names if n in row and is_share(np.array(row[n]))] for row in rows]
        first = [{n: row[n] for n in names[:1]} for row, names in zip(rows, readable, strict=True)]
        silent = np.array([not row for row in first], dtype=bool)
        return np.where(silent, _NONE, super().score(first))


def as_stated() -> Calibrator:
    """The stated confidence itself in a calibrator's place, or the label's own probability where none is stated.

    Within the 0.5 % and 99.5 % that signals are cut to.
    """
    return _AsClaimed(CLAIMS, np.array([0.0, 1.0, 1.0, 0.0, 0.0]))
