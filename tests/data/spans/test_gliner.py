"""GLiNER's training data."""

import json
from typing import Any

import pytest
from hypothesis import given

from dualchecker.data.spans import read_gliner, write_gliner
from dualchecker.errors import DataError
from dualchecker.records import Span
from span_texts import marked, trimmed


def test_the_last_word_of_a_span_is_included() -> None:
    row = {"tokenized_text": ["Heavy", "rain", "fell", "."], "ner": [[0, 1, "cause"], [3, 3, "end"]]}
    assert read_gliner(row, "x") == ("Heavy rain fell .", [Span(0, 10, "cause"), Span(16, 17, "end")])


def test_words_are_found_in_the_text_where_there_is_one() -> None:
    row = {"tokenized_text": ["rain", "."], "text": "rain.", "ner": [[0, 1, "c"]]}
    assert read_gliner(row, "x") == ("rain.", [Span(0, 5, "c")])


@given(marked())
def test_what_is_written_is_read_back(given: tuple[str, list[Span]]) -> None:
    text, spans = given
    written = write_gliner(text, spans)
    again, found = read_gliner(json.loads(json.dumps(written.value)), "x")
    assert again == text and written.left_out == ()
    assert found == [trimmed(text, span) for span in spans]
    assert written.trimmed == sum(trimmed(text, span) != span for span in spans)


@pytest.mark.parametrize(
    "ner",
    [[[0, 2, "c"]], [[1, 0, "c"]], [[-1, 0, "c"]], [[0, 1]], [[0, 1, ""]], [[0.0, 1, "c"]], ["c"], [[True, 1, "c"]]],
)
def test_spans_outside_the_words_are_refused(ner: Any) -> None:
    with pytest.raises(DataError, match=r"'g7'.* no span of its 2 words"):
        read_gliner({"tokenized_text": ["a", "b"], "ner": ner}, "gold, record 'g7'")


def test_other_broken_rows_are_refused() -> None:
    with pytest.raises(DataError, match="no string"):
        read_gliner({"tokenized_text": ["a", 1], "ner": []}, "x")
    with pytest.raises(DataError, match="no list"):
        read_gliner({"tokenized_text": ["a"], "ner": None}, "x")
    with pytest.raises(DataError, match="not where the text goes on"):
        read_gliner({"tokenized_text": ["a"], "ner": [], "text": "b"}, "x")
