"""Spans as objects."""

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given

from dualchecker.data.spans import read_offsets, write_offsets
from dualchecker.data.spans.offsets import utf16_places
from dualchecker.errors import DataError
from dualchecker.records import Span
from span_texts import marked

TEXT = "💩 heavy rain, wet road"
RAIN = Span(2, 12, "cause")


@given(marked())
def test_what_is_written_is_read_back(given: tuple[str, list[Span]]) -> None:
    text, spans = given
    rows = write_offsets(text, spans)
    assert read_offsets(text, rows, "x") == spans
    assert read_offsets(text, json.dumps(rows), "x") == spans


@pytest.mark.parametrize(
    "item",
    [
        {"start": 2, "end": 12, "label": "cause"},
        {"start": 2.0, "end": 12.0, "label": "cause", "text": None},
        {"start": 2, "end": 12, "labels": ["cause"], "text": "heavy rain"},
        {"start_offset": 2, "end_offset": 12, "label": "cause"},
        [2, 12, "cause"],
        {"label": "cause", "quote": "heavy rain"},
        {"label": "cause", "text": "heavy rain"},
    ],
)
def test_the_ways_to_write_a_span(item: Any) -> None:
    assert read_offsets(TEXT, [item], "x") == [RAIN]
    assert read_offsets(TEXT, json.dumps([item]), "x") == [RAIN]


def test_several_labels_of_one_place_are_several_spans() -> None:
    found = read_offsets(TEXT, [{"start": 2, "end": 12, "labels": ["cause", "event"]}], "x")
    assert found == [RAIN, Span(2, 12, "event")]


def test_the_order_is_kept_where_quotes_and_offsets_are_mixed() -> None:
    items = [{"label": "effect", "quote": "wet road"}, [2, 12, "cause"]]
    assert read_offsets(TEXT, items, "x") == [Span(14, 22, "effect"), RAIN]


def test_an_empty_list_says_none_and_nothing_says_nothing() -> None:
    assert read_offsets(TEXT, [], "x") == read_offsets(TEXT, "[]", "x") == []
    assert (
        read_offsets(TEXT, None, "x") is read_offsets(TEXT, " ", "x") is read_offsets(TEXT, float("nan"), "x") is None
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([{"start": 0, "end": 99, "label": "c"}], "not inside the text"),
        ([{"start": -1, "end": 3, "label": "c"}], "not inside the text"),
        ([{"start": 3, "end": 3, "label": "c"}], "is empty"),
        ([{"start": 5, "end": 3, "label": "c"}], "ends before it starts"),
        ([{"start": 0.5, "end": 3, "label": "c"}], "no whole number"),
        ([{"start": float("inf"), "end": 3, "label": "c"}], "no whole number"),
        ([{"start": "0", "end": 3, "label": "c"}], "no whole number"),
        ([{"start": True, "end": 3, "label": "c"}], "no whole number"),
        ([{"start": 0, "label": "c"}], "its end is None"),
        ([{"start": 0, "end": 3}], "has no label"),
        ([{"start": 0, "end": 3, "label": " "}], None),
        ([{"label": "c"}], "neither start and end nor a quote"),
        ([{"label": "c", "quote": "snow in July"}], "not in the text"),
        ([{"start": 2, "end": 7, "label": "c", "quote": "rain"}], "is quoted"),
        (["rain"], "no object"),
        ({"start": 0}, "no list"),
        ("[1", "not valid JSON"),
        ("rain", "not valid JSON"),
    ],
)
def test_what_is_wrong_is_said_with_the_name_of_the_record(value: Any, said: str | None) -> None:
    if said is None:  # labels are checked against the task's later
        assert read_offsets(TEXT, value, "x") == [Span(0, 3, " ")]
        return
    with pytest.raises(DataError, match=said) as error:
        read_offsets(TEXT, value, "gold, record 'g7'")
    assert "'g7'" in error.value.what


def test_offsets_in_utf16_units_are_noticed_where_a_quote_stands_beside_them() -> None:
    with pytest.raises(DataError) as error:
        read_offsets(TEXT, [{"start": 3, "end": 13, "label": "c", "quote": "heavy rain"}], "x")
    assert "UTF-16" in error.value.why and "2 to 12" in error.value.fix


def test_places_in_utf16_units() -> None:
    assert utf16_places("a💩b", 1, 4) == (1, 3)
    assert utf16_places("a💩b", 2, 4) is None  # inside the pair
    assert utf16_places("a💩b", 1, 5) is None


def test_blanks_in_a_quote_are_no_contradiction() -> None:
    counts: Counter[str] = Counter()
    item = {"start": 0, "end": 7, "label": "c", "text": "a\n\nb cd"}
    assert read_offsets("a\r\nb cd", [item], "x", counts) == [Span(0, 7, "c")]
