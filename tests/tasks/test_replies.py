"""Stated confidences in any dress."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualchecker.tasks.replies import read_confidence, read_object


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.9, 0.9), (0, 0.0), (1, 1.0), (1.0, 1.0), (95, 0.95), (100, 1.0), (2, 0.02),
        ("0.9", 0.9), (" 0.9 ", 0.9), ("0,9", 0.9), (".9", 0.9), ("1", 1.0), ("95", 0.95),
        ("95%", 0.95), ("95 %", 0.95), ("95 percent", 0.95), ("99.5%", 0.995), ("0.5%", 0.005), ("９５％", 0.95),
        ("9/10", 0.9), ("9 / 10", 0.9), ("95/100", 0.95), ("0.9/1", 0.9),
    ],
)  # fmt: skip
def test_numbers_percentages_and_fractions_are_read(value: object, expected: float) -> None:
    stated, remark = read_confidence(value)
    assert stated == pytest.approx(expected)
    assert remark == ""


@pytest.mark.parametrize(
    ("value", "remark"),
    [
        (None, "confidence_absent"), ("", "confidence_absent"),
        ("high", "confidence_unreadable"), ("0.9 or so", "confidence_unreadable"),
        (True, "confidence_unreadable"), (False, "confidence_unreadable"), ([0.9], "confidence_unreadable"),
        ({"value": 0.9}, "confidence_unreadable"), ("NaN", "confidence_unreadable"), ("-0.5", "confidence_unreadable"),
        ("1" + " " * 10**6 + "x", "confidence_unreadable"),
        (150, "confidence_out_of_range"), ("150", "confidence_out_of_range"), ("150%", "confidence_out_of_range"),
        (1.5, "confidence_out_of_range"), (-0.1, "confidence_out_of_range"), ("11/10", "confidence_out_of_range"),
        (math.nan, "confidence_out_of_range"), (math.inf, "confidence_out_of_range"),
        (10**400, "confidence_out_of_range"), (-(10**400), "confidence_out_of_range"),
    ],
)  # fmt: skip
def test_what_is_no_probability_is_missing_and_says_why(value: object, remark: str) -> None:
    assert read_confidence(value) == (None, remark)


@given(st.floats(0, 1))
def test_every_probability_survives(value: float) -> None:
    assert read_confidence(value) == (value, "")


def test_only_the_wanted_fields_are_read() -> None:
    assert read_object('{"a": 1, "b": 2}', ("b", "c")) == ({"b": 2}, ())
    assert read_object("nothing here", ("b",)) == (None, ())
