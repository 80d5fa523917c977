"""Numbers in any dress, read by value; and what is no number."""

import time
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualchecker.tasks.digits import fits
from dualchecker.tasks.numbers import Number, canonical_number, find_numbers, read_number, rounds_to


def value(text: str) -> Fraction | str:
    found = read_number(text)
    return found.value if isinstance(found, Number) else found


@pytest.mark.parametrize(
    ("text", "worth"),
    [
        ("42", "42"), ("042", "42"), ("42.0", "42"), ("42.", "42"), (".5", "1/2"), ("-.5", "-1/2"),
        ("1,234", "1234"), ("3,5", "7/2"), ("1,234.5", "2469/2"), ("1.234,5", "2469/2"), ("1 234,5", "2469/2"),
        ("1\u00a0234", "1234"), ("1\u202f234\u202f567", "1234567"), ("1'234", "1234"), ("1’234.50", "2469/2"),
        ("1.234.567", "1234567"), ("1,234,567", "1234567"), ("12,34,567", "1234567"), ("1.234", "617/500"),
        ("0,123", "123/1000"), ("1234,567", "1234567/1000"), ("12,3456", "123456/10000"),
        ("-3", "-3"), ("−3", "-3"), ("+3", "3"), ("–3", "-3"), ("-$5", "-5"), ("$-5", "-5"), ("minus five", "-5"),
        ("3/4", "3/4"), ("1 1/2", "3/2"), ("½", "1/2"), ("1½", "3/2"), ("1 ½", "3/2"), ("5⅓ cups", "16/3"),
        ("50%", "50"), ("12.5 percent", "25/2"),
        ("$1,234.50", "2469/2"), ("$ 23 dollars", "23"), ("12 €", "12"), ("€12", "12"), ("¥１２", "12"),
        ("42 apples", "42"), ("about 42", "42"), ("= 42 km/h", "42"), ("(42)", "42"), ("42m²", "42"), ("3rd", "3"),
        ("1.2e3", "1200"), ("1.20156e+06", "1201560"), ("5E-1", "1/2"), ("5 million", "5000000"),
        ("3万5000", "35000"), ("1億2000万円", "120000000"), ("答えは42です", "42"),
        ("４２", "42"), ("٤٢", "42"), ("१२", "12"), ("1 234．5", "2469/2"),
        ("zero", "0"), ("seven", "7"), ("Twelve apples", "12"), ("twenty-one", "21"), ("ninety nine", "99"),
        ("one hundred and five", "105"), ("two thousand three hundred", "2300"), ("twelve hundred", "1200"),
    ],
)  # fmt: skip
def test_one_number(text: str, worth: str) -> None:
    assert value(text) == Fraction(worth)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "number_missing"), ("many", "number_missing"), ("B12", "number_missing"),
        ("5 or 7", "numbers_several"), ("1,2,3", "numbers_several"), ("1, 2", "numbers_several"),
        ("3–5", "numbers_several"), ("12:30", "numbers_several"), ("1.2.3", "numbers_several"),
        ("five six", "numbers_several"), ("5/0", "numbers_several"), ("1/2/2020", "numbers_several"),
        ("(2 * x)", "number_unreadable"), ("some - 8", "number_unreadable"), ("2x", "number_unreadable"),
        ("not 5", "number_unreadable"), ("x < 5", "number_unreadable"),
        ("1e999999999", "number_too_large"), ("9" * 1_000_000, "number_too_large"), ("1e-41", "number_too_large"),
        (f"{10**40 - 1} 1/2", "number_too_large"),
    ],
)  # fmt: skip
def test_no_number(text: str, problem: str) -> None:
    assert value(text) == problem


def test_units_and_notes() -> None:
    units = {text: read_number(text) for text in ("$5", "5 €", "5%", "5 km/h", "5 apples", "5")}
    assert [one.unit for one in units.values() if isinstance(one, Number)] == ["$", "€", "%", "km/h", "apples", ""]
    for text in ("about 5", "at least 5", "more than 5", "約5", "~5", "5 or more"):
        found = read_number(text)
        assert isinstance(found, Number) and found.notes == ("answer_inexact",), text


def test_all_numbers_of_a_text_with_their_places() -> None:
    text = "He paid $1,200 for 3 chairs, then -4.5 on top; B12 and 1e99 do not count."
    assert [(text[one.start : one.end], one.value) for one in find_numbers(text)] == [
        ("$1,200", 1200),
        ("3", 3),
        ("-4.5", Fraction(-9, 2)),
    ]
    assert [one.value for one in find_numbers("Two and 3 and twenty-one", words=True)] == [2, 3, 21]
    assert [one.value for one in find_numbers("Two and 3")] == [3]
    assert [one.value for one in find_numbers("5-3")] == [5, 3]
    assert [one.value for one in find_numbers("1,2,3")] == [1, 2, 3]


@pytest.mark.parametrize(
    ("worth", "text"),
    [
        ("42", "42"),
        ("-7/2", "-3.5"),
        ("1/3", "1/3"),
        ("-1/3", "-1/3"),
        ("1/100", "0.01"),
        ("0", "0"),
        ("-1/20", "-0.05"),
    ],
)
def test_canonical(worth: str, text: str) -> None:
    assert canonical_number(Fraction(worth)) == text


BOUNDED = st.fractions(-(10**39), 10**39, max_denominator=10**39).filter(fits)


@given(
    st.one_of(
        BOUNDED, st.decimals(-(10**9), 10**9, places=4).map(Fraction), st.integers(-(10**39), 10**39).map(Fraction)
    )
)
def test_what_is_written_is_read_back(worth: Fraction) -> None:
    assert value(canonical_number(worth)) == worth


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e30, max_value=1e30))
def test_floats_are_read_by_their_digits(number: float) -> None:
    read = value(repr(number))
    assert read == Fraction(repr(number)) or read == "number_too_large"


@given(st.integers(0, 10**15), st.integers(0, 99))
def test_separators_make_no_other_number(whole: int, cents: int) -> None:
    english = f"{whole:,}.{cents:02d}"
    swapped = english.translate(str.maketrans(",.", ".,"))
    worth = Fraction(whole) + Fraction(cents, 100)
    for text in (
        english,
        swapped,
        english.replace(",", "\u202f"),
        english.replace(",", "'"),
        swapped.replace(".", " "),
    ):
        assert value(text) == worth, text


ALPHABET = st.text(alphabet=st.sampled_from("0123456789.,' -+/%$€eE½x()=*³万two hundred\n−４٤–"), max_size=60)


@given(st.one_of(ALPHABET, st.text(max_size=60)))
def test_any_text_is_read_or_named(text: str) -> None:
    for words in (False, True):
        found = find_numbers(text, words)
        assert all(0 <= one.start < one.end <= len(text) for one in found)
        assert all(left.end <= right.start for left, right in pairwise(found))
    assert isinstance(value(text), Fraction | str)


@pytest.mark.parametrize(
    "piece",
    ["9", "1,", "1 234 ", "1.2", "1/", "two ", "hundred ", "-", "$", "½", "1e", "1'", "a1", "5 or ", "万", "٤", "1万"],
)
def test_long_texts_stay_cheap(piece: str) -> None:
    began = time.perf_counter()
    read_number(piece * 50_000)
    assert time.perf_counter() - began < 10


def test_rounding() -> None:
    third = Fraction(10, 3)
    assert rounds_to(third, Fraction("3.33"), 2) and not rounds_to(third, Fraction("3.34"), 2)
    assert rounds_to(Fraction(11, 4), Fraction(3), 0, divided=True) and not rounds_to(Fraction(11, 4), Fraction(3), 0)
    assert not rounds_to(Fraction(5, 2), Fraction(3), 0, divided=True)
    assert rounds_to(Fraction("0.125"), Fraction("0.13"), 2) and rounds_to(Fraction("0.125"), Fraction("0.12"), 2)
