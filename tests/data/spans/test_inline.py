"""Tagged texts."""

import pytest
from hypothesis import given

from dualchecker.data.spans import read_inline, write_inline
from dualchecker.errors import DataError
from dualchecker.records import Span
from span_texts import marked


def test_tags_become_spans_of_the_text_without_them() -> None:
    text, spans = read_inline("<cause>heavy rain</cause> made the road <effect>wet</effect>", "x")
    assert text == "heavy rain made the road wet"
    assert [(text[s.start : s.end], s.label) for s in spans] == [("heavy rain", "cause"), ("wet", "effect")]


@pytest.mark.parametrize("plain", ["a < b", "1<2", "AT&T", "x <- y", "&nbsp;", "a <", "<>", "< b >", "</ b>"])
def test_what_is_no_tag_stays_as_it_is(plain: str) -> None:
    assert read_inline(plain, "x") == (plain, [])


def test_escapes_stand_for_what_would_be_a_tag() -> None:
    assert read_inline("a &lt;br&gt; <x>&amp;lt;</x>", "x") == ("a <br> &lt;", [Span(7, 11, "x")])


def test_tags_may_nest_and_cross() -> None:
    text, spans = read_inline("<a>one <b>two</a> three</b>, <a>x<a>y</a></a>", "x")
    assert {(text[s.start : s.end], s.label) for s in spans} == {
        ("one two", "a"),
        ("two three", "b"),
        ("xy", "a"),
        ("y", "a"),
    }


def test_a_closing_tag_may_differ_in_case() -> None:
    assert read_inline("<Cause>rain</cause>", "x") == ("rain", [Span(0, 4, "Cause")])


@pytest.mark.parametrize(
    ("tagged", "said"),
    [
        ("<cause>rain", "not closed"),
        ("rain</cause>", "not open"),
        ("<cause></cause>rain", "marks nothing"),
        ("line<br/>line", "<br/> is not closed"),
        ("<a>x</b>", "</b> closes"),
        ("1<2 and 3>2", "<2 and 3> is not closed"),
    ],
)
def test_broken_tags_are_refused_with_the_name_of_the_record(tagged: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as error:
        read_inline(tagged, "gold, record 'g7'")
    assert "'g7'" in error.value.what and "&lt;" in error.value.fix


@given(marked())
def test_what_is_written_is_read_back_to_the_letter(given: tuple[str, list[Span]]) -> None:
    text, spans = given
    written = write_inline(text, spans)
    again, found = read_inline(written.value, "x")
    assert again == text
    assert sorted([*found, *written.left_out]) == spans
    for out in written.left_out:  # only what nobody could tell apart
        assert any(s.label == out.label and s.start < out.start < s.end < out.end for s in spans)


@pytest.mark.parametrize("label", ["", " a", "a ", "/a"])
def test_a_label_that_cannot_be_a_tag_is_refused(label: str) -> None:
    with pytest.raises(DataError, match="cannot be written"):
        write_inline("rain", [Span(0, 4, label)])
