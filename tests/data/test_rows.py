"""Rows to records."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualchecker.config import Columns
from dualchecker.data import to_records
from dualchecker.errors import DataError
from dualchecker.records import Record


def records(
    *rows: Mapping[str, Any], columns: Columns | None = None, need_label: bool = False
) -> tuple[list[Record], list[str]]:
    return to_records(list(enumerate(rows, 1)), columns or Columns(), source="data", need_label=need_label)


def fails(*rows: Mapping[str, Any], columns: Columns | None = None, need_label: bool = False) -> str:
    with pytest.raises(DataError) as caught:
        records(*rows, columns=columns, need_label=need_label)
    return str(caught.value)


def test_columns_are_mapped_and_the_rest_is_kept() -> None:
    columns = Columns(id="nr", text="summary", detail="long", label="class")
    [record], warnings = records(
        {"nr": 7, "summary": "s", "long": "l", "class": " a ", "field": "x", "n": 3}, columns=columns
    )
    assert record == Record("7", "s", "l", "a", {"field": "x", "n": 3})
    assert warnings == []


@pytest.mark.parametrize(
    ("value", "label"),
    [(True, "true"), (False, "false"), (0, "0"), (1.5, "1.5"), ("", None), (" ", None), (None, None)],
)
def test_labels_of_any_type_are_words(value: object, label: str | None) -> None:
    [record], _ = records({"id": 1, "text": "t", "label": value})
    assert record.label == label


@pytest.mark.parametrize(("value", "identity"), [(0, "0"), (12, "12"), ("012", "012"), (1.0, "1.0")])
def test_ids_are_words(value: object, identity: str) -> None:
    [record], _ = records({"id": value, "text": "t"})
    assert record.id == identity


def test_not_a_number_is_nothing() -> None:
    found, warnings = records({"id": "a", "text": math.nan, "label": math.nan, "detail": math.nan})
    assert found == [Record("a", "", None, None)]
    assert warnings == ["data: 1 rows with an empty text count as failed (first: row 1)."]


def test_nul_and_half_surrogates_do_not_reach_the_run() -> None:
    [record], _ = records({"id": "a\ud800", "text": "x\x00y\ud800", "detail": "\udfffz", "label": "l\x00"})
    assert record == Record("a?", "xy?", "?z", "l")


def test_an_empty_detail_is_none() -> None:
    found, _ = records({"id": 1, "text": "t", "detail": " "}, {"id": 2, "text": "t"})
    assert [record.detail for record in found] == [None, None]
    assert records({"id": 1, "text": "t", "detail": "d"}, columns=Columns(detail=None))[0][0].detail is None


def test_a_missing_text_column_is_told_with_the_nearest_name() -> None:
    message = fails({"id": 1, "texts": "t", "other": 1})
    assert "data has no column 'text', which should hold the text" in message
    assert "Its columns are 'id', 'texts', 'other'" in message
    assert "Set data.columns.text: texts" in message


def test_a_missing_label_or_detail_column() -> None:
    assert "Set data.columns.label: lable" in fails({"id": 1, "text": "t", "lable": "a"}, need_label=True)
    assert "Set data.columns.detail: abstract" in fails(
        {"id": 1, "text": "t", "abstract": "a"}, columns=Columns(detail="abstrct")
    )


def test_spans_in_place_of_labels_point_to_the_kind_of_task() -> None:
    hint = "set task.kind: extraction"
    assert hint in fails({"id": 1, "text": "t", "spans": []}, need_label=True)
    assert hint not in fails({"id": 1, "text": "t", "lable": "a"}, need_label=True)
    assert hint not in fails({"id": 1, "texts": "t", "spans": []}, need_label=True)


def test_rows_without_any_column() -> None:
    assert "Its columns are none at all" in fails({}, {})


def test_without_an_id_column_rows_are_numbered() -> None:
    found, warnings = to_records([(3, {"text": "a"}), (9, {"text": "b"})], Columns(), source="pool", need_label=False)
    assert [record.id for record in found] == ["row-3", "row-9"]
    assert warnings == ["pool has no column 'id': rows are numbered instead."]


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_row_without_id(value: object) -> None:
    assert "Row 2 of data has no id" in fails({"id": 1, "text": "t"}, {"id": value, "text": "t"})


def test_an_id_given_twice_names_both_rows() -> None:
    message = fails({"id": 1, "text": "a"}, {"id": 2, "text": "b"}, {"id": "1", "text": "c"})
    assert "holds the id '1' twice (rows 1 and 3)" in message


def test_an_empty_text_is_kept_in_the_pool_and_dropped_where_it_would_teach() -> None:
    rows: list[dict[str, Any]] = [
        {"id": 1, "text": " ", "label": "a"},
        {"id": 2, "text": "t", "label": "b"},
        {"id": 3, "text": None},
    ]
    kept, warned = records(*rows)
    assert [record.id for record in kept] == ["1", "2", "3"]
    assert warned == ["data: 2 rows with an empty text count as failed (first: row 1)."]
    kept, warned = records(*rows, need_label=True)
    assert [record.id for record in kept] == ["2"]
    assert warned == ["data: 2 rows with an empty text were dropped (first: row 1)."]


def test_a_human_labelled_row_needs_its_label() -> None:
    assert "Row 2 of data has no label" in fails(
        {"id": 1, "text": "t", "label": "a"}, {"id": 2, "text": "t", "label": " "}, need_label=True
    )


@given(st.lists(st.dictionaries(st.sampled_from(["id", "text", "detail", "label"]), st.text() | st.integers())))
def test_rows_become_records_or_a_clear_error(rows: list[dict[str, Any]]) -> None:
    try:
        found, _ = records(*rows)
    except DataError as error:
        assert error.what
    else:
        assert len({record.id for record in found}) == len(found) == len(rows)
        for record in found:
            f"{record.id}{record.text}{record.detail}{record.label}".encode()
