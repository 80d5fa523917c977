"""Tasks of Label Studio."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given

from dualchecker.data.spans import is_task, read_task, write_task
from dualchecker.errors import DataError
from dualchecker.records import Span
from span_texts import marked

TEXT = "💩 heavy rain fell"


def task(*marks: dict[str, Any], **fields: Any) -> dict[str, Any]:
    result = [{"from_name": "label", "to_name": "text", "type": "labels", "id": "x", "value": mark} for mark in marks]
    return {"id": 1, "data": {"text": TEXT}, "annotations": [{"result": result, "was_cancelled": False}], **fields}


def mark(start: Any, end: Any, text: str | None = None, *labels: str) -> dict[str, Any]:
    return {"start": start, "end": end, "labels": list(labels or ("cause",)), **({"text": text} if text else {})}


@given(marked())
def test_what_is_written_is_read_back(given: tuple[str, list[Span]]) -> None:
    text, spans = given
    out = write_task({"text": text, "id": "a"}, spans, [0.5] * len(spans))
    assert is_task(out) and read_task(out, text, "x") is None
    assert read_task(out, text, "x", predictions=True) == spans
    assert [one["score"] for one in out["predictions"][0]["result"]] == [0.5] * len(spans)
    assert read_task(write_task({"text": text}, spans, predictions=False), text, "x") == spans


def test_offsets_count_code_points() -> None:
    counts: Counter[str] = Counter()
    assert read_task(task(mark(2, 12, "heavy rain")), TEXT, "x", counts) == [Span(2, 12, "cause")]
    assert read_task(task(mark("2", "12")), TEXT, "x", counts) == [Span(2, 12, "cause")] and not counts


def test_offsets_are_those_that_the_editors_own_tests_expect() -> None:
    text = "🐱 Warning: This is a test text"
    assert read_task(task(mark(21, 25, "test")), text, "x") == [Span(21, 25, "cause")]
    assert write_task({"text": text}, [Span(21, 25, "cause")])["predictions"][0]["result"][0]["value"] == {
        "start": 21,
        "end": 25,
        "text": "test",
        "labels": ["cause"],
    }


def test_offsets_of_an_old_project_count_utf16_units_and_are_noticed_by_its_words() -> None:
    counts: Counter[str] = Counter()
    assert read_task(task(mark(3, 13, "heavy rain")), TEXT, "x", counts) == [Span(2, 12, "cause")]
    assert counts == {"utf16_offsets": 1}
    with pytest.raises(DataError, match="'heavy snow' is quoted"):
        read_task(task(mark(3, 13, "heavy snow")), TEXT, "x")


def test_words_with_broken_characters_prove_nothing() -> None:
    assert read_task(task(mark(0, 7, "\ufffd heavy")), TEXT, "x") == [Span(0, 7, "cause")]


def test_a_mark_with_two_labels_is_two_spans_and_other_results_are_passed_over() -> None:
    given = task(mark(2, 7, None, "cause", "event"))
    given["annotations"][0]["result"] += [
        {"type": "choices", "value": {"choices": ["good"]}},
        {"type": "relation", "from_id": "x", "to_id": "y"},
    ]
    assert read_task(given, TEXT, "x") == [Span(2, 7, "cause"), Span(2, 7, "event")]


def test_of_several_annotations_the_ground_truth_counts_else_the_last_changed() -> None:
    def annotation(end: int, **fields: Any) -> dict[str, Any]:
        return {"result": task(mark(2, end))["annotations"][0]["result"], **fields}

    old, new = annotation(7, updated_at="2024-01-01"), annotation(12, updated_at="2025-01-01")
    counts: Counter[str] = Counter()
    assert read_task(task(annotations=[new, old]), TEXT, "x", counts) == [Span(2, 12, "cause")]
    assert counts == {"annotated_twice": 1}
    old["ground_truth"] = True
    assert read_task(task(annotations=[new, old]), TEXT, "x") == [Span(2, 7, "cause")]
    skipped = {**annotation(12), "was_cancelled": True}
    assert read_task(task(annotations=[skipped]), TEXT, "x") is None
    assert read_task(task(annotations=[{"result": []}]), TEXT, "x") == []


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (mark(2, 99), "not inside the text"),
        (mark(7, 2), "ends before it starts"),
        (mark("/div[1]/text()[1]", "/div"), "no whole number"),
        ({"start": 0, "end": 2, "labels": []}, "has no label"),
        ({"start": 0, "end": 2, "labels": "cause"}, "has no label"),
        ({"start": "/p", "end": "/p", "hypertextlabels": ["c"]}, "hypertextlabels"),
        ({"start": "0", "end": "0", "paragraphlabels": ["c"]}, "paragraphlabels"),
        ({"start": "0", "end": "9" * 5000, "labels": ["c"]}, "no whole number"),
    ],
)
def test_marks_that_are_no_spans_of_a_text_are_refused(value: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said) as error:
        read_task(task(value), TEXT, "gold, record '1'")
    assert "record '1'" in error.value.what


@pytest.mark.parametrize("annotations", [5, [5], [{"result": 5}], [{"result": ["cause"]}]])
def test_an_export_without_the_annotations_themselves_is_refused(annotations: Any) -> None:
    with pytest.raises(DataError, match="no list of objects"):
        read_task(task(annotations=annotations), TEXT, "x")
