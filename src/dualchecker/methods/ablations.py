"""DualChecker without one of its parts, by names that read like those of methods."""

from collections.abc import Mapping
from typing import Any

ABLATIONS: Mapping[str, Mapping[str, Any]] = {
    "dualchecker_without_aligner": {"method": "dualchecker", "align.nearest": False},
    "dualchecker_without_rationales": {"method": "dualchecker", "align.rationales": False},
    "dualchecker_without_teacher_checker": {"method": "dualchecker", "check.rungs": ["brief"]},
    "dualchecker_without_student_checker": {"method": "dualchecker", "check.student": False},
    "dualchecker_without_calibration": {"method": "dualchecker", "check.calibration": "none"},
}
"""Keys of the run file, with dots, and what to set them to; everything else stays as the run file has it."""
