"""The one place where the name of a method in a bench becomes settings of a run file."""

from typing import Any

from dualchecker.config import RunConfig
from dualchecker.errors import ConfigError
from dualchecker.methods import ABLATIONS, METHODS
from dualchecker.methods.base import FORMS


def method_names() -> tuple[str, ...]:
    """All methods that a bench can run: those of the run file, and ablations of DualChecker."""
    return (*METHODS, *ABLATIONS)


def why_not(name: str, config: RunConfig) -> str:
    """Why a method cannot do the task of a run file; empty where it can."""
    method = METHODS[method_settings(name).get("method", name)]
    return "" if config.task.form in method.does else f"it does not bring {FORMS[config.task.form]}"


def method_settings(name: str) -> dict[str, Any]:
    """Settings, by dotted key, that make a run file's run one of this method.

    Raises:
        ConfigError: There is no such method.
    """
    if name in ABLATIONS:
        return dict(ABLATIONS[name])
    if name not in METHODS:
        raise ConfigError(f"There is no method {name!r}.", fix=f"Known are {', '.join(method_names())}.")
    return {"method": name}
