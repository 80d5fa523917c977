"""JSON: the fast library and the standard one say the same, and what goes in comes out."""

import datetime
import json
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dualchecker.jsontext import canonical_json, from_json, json_bytes, json_text

NUMBERS = st.integers() | st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([-0.0, 1e-4, 9.9e-5, 1e15, 1e16])
HALVES = st.text(st.characters(codec=None, categories=["Cs", "Cc", "Lo"]), max_size=4)
TEXTS = st.text(st.characters()) | HALVES.filter(
    lambda text: text == text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")  # JSON joins halves
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def same(left: object, right: object) -> bool:
    """Equal in kind and value, also where a number is none."""
    return repr(left) == repr(right)


@settings(max_examples=1000)
@given(VALUES)
@example({"b": 1, "a": {"\ud800": [2**64, -0.0, 1e-7, math.nan]}})
@example({"\ue000": 1, "\U00010000": 2})
def test_the_canonical_text_is_that_of_the_standard_library(value: object) -> None:
    expected = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert canonical_json(value) == expected.encode("utf-8", "surrogatepass")


@settings(max_examples=1000)
@given(VALUES)
@example([None, math.nan])
@example([2**63, 2**64, -(2**63) - 1, 10**30, 1e19, math.inf])
def test_what_goes_in_comes_out(value: object) -> None:
    assert same(from_json(json_bytes(value)), value)
    assert same(from_json(json_text(value)), value)
    assert json_text(value).encode() == json_bytes(value)  # any file or database takes it


@given(VALUES)
def test_it_reads_what_the_standard_library_writes(value: object) -> None:
    assert same(from_json(json.dumps(value)), value)
    assert same(from_json(json.dumps(value, ensure_ascii=False)), value)


@pytest.mark.parametrize("text", ["", "{", "[1,]", "nul", '{"a" 1}', b"\xff\xfe\xfd", "'a'"])
def test_what_is_no_json_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        from_json(text)


@pytest.mark.parametrize("value", [object(), {1, 2}, datetime.datetime(2026, 1, 1), b"x", {"a": [object()]}])
def test_what_cannot_be_written_is_a_type_error(value: object) -> None:
    for write in (json_bytes, json_text, canonical_json):
        with pytest.raises(TypeError):
            write(value)


def test_a_tuple_is_a_list_and_numbers_as_names_are_text() -> None:
    assert canonical_json({"a": (1, 2)}) == b'{"a":[1,2]}' == json_bytes({"a": (1, 2)})
    assert canonical_json({2: "b"}) == b'{"2":"b"}' == json_bytes({2: "b"})
