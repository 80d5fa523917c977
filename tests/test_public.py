"""The public interface: every name is a promise."""

import pytest

import dualchecker
from dualchecker import errors

PUBLIC = [
    "Answer",
    "Chain",
    "Classification",
    "Confidence",
    "ConfigError",
    "ContextAligner",
    "DataError",
    "Demonstration",
    "DualcheckerError",
    "Embedder",
    "Example",
    "Extraction",
    "Labelled",
    "Ledger",
    "Reasoning",
    "Record",
    "Run",
    "RunConfig",
    "Span",
    "Student",
    "StudentChecker",
    "Task",
    "Teacher",
    "TeacherChecker",
    "__version__",
    "distill",
    "load",
    "load_student",
]


def test_the_public_names() -> None:
    assert dualchecker.__all__ == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there_with_a_docstring(name: str) -> None:
    value = getattr(dualchecker, name)
    assert value is getattr(dualchecker, name)
    assert name in dir(dualchecker)
    assert isinstance(value, str) or (value.__doc__ or "").strip()


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = dualchecker.nothing


def test_load_reads_a_run_file() -> None:
    from dualchecker.config import load_config

    assert dualchecker.load is load_config


def test_every_error_is_ours_and_scripts_can_tell_them_apart() -> None:
    kinds = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    codes = {kind.__name__: kind.exit_code for kind in kinds if issubclass(kind, errors.DualcheckerError)}
    assert len(codes) == len(kinds)
    assert codes == {
        "DualcheckerError": 1,
        "ConfigError": 2,
        "DataError": 3,
        "LedgerError": 4,
        "LedgerBusyError": 4,
        "TeacherError": 5,
        "RequestFailed": 5,
        "BudgetError": 6,
        "BatchPending": 8,
        "StudentError": 7,
    }


def test_an_error_says_what_why_and_what_to_do() -> None:
    error = errors.DataError("It broke.", why="It was old.", fix="Buy a new one.")
    assert str(error) == "It broke. It was old. Buy a new one."
    assert (error.what, error.why, error.fix) == ("It broke.", "It was old.", "Buy a new one.")
    assert str(errors.DataError("It broke.", fix="Mend it.")) == "It broke. Mend it."
    assert not error.retryable
