"""The one place where the name of a method in a bench becomes settings of a run file."""

from collections.abc import Mapping
from typing import Any, get_args

from dualchecker.config import RunConfig
from dualchecker.errors import ConfigError

ABLATIONS: Mapping[str, Mapping[str, Any]] = {
    "dualchecker_without_aligner": {"method": "dualchecker", "align.neighbours": 0},
    "dualchecker_without_rationales": {"method": "dualchecker", "align.rationales": False},
    "dualchecker_without_teacher_checker": {"method": "dualchecker", "check.rungs": ["brief"]},
    "dualchecker_without_student_checker": {"method": "dualchecker", "check.student": False},
}
"""DualChecker without one of its parts."""


def method_names() -> tuple[str, ...]:
    """All methods that a bench can run: those of the run file, and ablations of DualChecker."""
    return (*get_args(RunConfig.model_fields["method"].annotation), *ABLATIONS)


def method_settings(name: str) -> dict[str, Any]:
    """Settings, by dotted key, that make a run file's run one of this method.

    Raises:
        ConfigError: There is no such method.
    """
    if name in ABLATIONS:
        return dict(ABLATIONS[name])
    if name not in method_names():
        raise ConfigError(f"There is no method {name!r}.", fix=f"Known are {', '.join(method_names())}.")
    return {"method": name}
