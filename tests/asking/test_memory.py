"""The collector's settings are as they were, whatever happened."""

import gc

import pytest

from dualchecker.asking.memory import few_collections


def test_it_looks_less_often_inside_and_as_before_outside() -> None:
    before = gc.get_threshold()
    with few_collections():
        assert gc.get_threshold()[0] > before[0]
        with few_collections():
            pass
        assert gc.get_threshold()[0] > before[0], "the outer block still wants it"
    assert gc.get_threshold() == before


def test_after_an_error_too() -> None:
    before = gc.get_threshold()
    with pytest.raises(ValueError), few_collections():
        raise ValueError
    assert gc.get_threshold() == before


def test_who_has_switched_it_off_keeps_it_off() -> None:
    before = gc.get_threshold()
    try:
        gc.set_threshold(0)
        with few_collections():
            assert gc.get_threshold()[0] == 0
    finally:
        gc.set_threshold(*before)
