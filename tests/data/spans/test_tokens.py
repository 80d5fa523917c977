"""Words of a text."""

from itertools import pairwise

import pytest
from hypothesis import given

from dualchecker.data.spans.tokens import join, locate, tokenise
from dualchecker.records import Span
from span_texts import marked


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The road's wet, 5.5 %.", ["The", "road", "'", "s", "wet", ",", "5", ".", "5", "%", "."]),
        ("大雨で道", ["大", "雨", "で", "道"]),
        ("e\u0301te\u0301 हिन्दी", ["e\u0301te\u0301", "हिन्दी"]),
        ("❤\ufe0fa", ["❤\ufe0f", "a"]),
        (" \u3000\n", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert [text[start:end] for start, end in tokenise(text)] == words


@given(marked())
def test_words_miss_nothing_but_blanks_and_end_where_spans_do(given: tuple[str, list[Span]]) -> None:
    text, spans = given
    places = tokenise(text, spans)
    covered = {i for start, end in places for i in range(start, end)}
    assert covered == {i for i, char in enumerate(text) if not char.isspace()}
    assert all(a < b <= c < d for (a, b), (c, d) in pairwise(places))
    assert not any(start < cut < end for start, end in places for s in spans for cut in (s.start, s.end))
    assert locate(text, [text[start:end] for start, end in places], "x") == places


def test_joined_words_stand_where_it_says() -> None:
    text, places = join(["a", "", "bc"])
    assert text == "a  bc" and [text[s:e] for s, e in places] == ["a", "", "bc"]


def test_a_span_parts_a_mark_from_its_letter_if_people_did() -> None:
    assert tokenise("e\u0301", [Span(0, 1, "c")]) == [(0, 1), (1, 2)]
