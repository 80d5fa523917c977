"""BIO files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualchecker.data.spans import flat, read_conll, write_conll
from dualchecker.errors import DataError
from dualchecker.records import Span
from span_texts import marked, texts, trimmed


def spans_of(content: str) -> list[tuple[str, list[tuple[str, str]]]]:
    return [
        (row["text"], [(row["text"][s["start"] : s["end"]], s["label"]) for s in row["spans"]])
        for _, row in read_conll(content, "x.conll")
    ]


SCHEMES = {
    "IOB2": "a\tB-c\nb\tI-c\nd\tB-c\ne\tO\nf\tB-e\n",
    "IOB1": "a\tI-c\nb\tI-c\nd\tB-c\ne\tO\nf\tI-e\n",
    "BIOES": "a\tB-c\nb\tE-c\nd\tS-c\ne\tO\nf\tS-e\n",
    "BILOU": "a\tB-c\nb\tL-c\nd\tU-c\ne\tO\nf\tU-e\n",
    "blanks": "a NN B-c\nb NN I-c\nd NN B-c\ne NN O\nf NN B-e\n",
    "CRLF": "a\tB-c\r\nb\tI-c\r\nd\tB-c\r\ne\tO\r\nf\tB-e\r\n",
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_reads_the_same(scheme: str) -> None:
    assert spans_of(SCHEMES[scheme]) == [("a b d e f", [("a b", "c"), ("d", "c"), ("f", "e")])]


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ("I-c I-e O", ["0c", "1e"]),
        ("O I-c I-c", ["1-2c"]),
        ("E-c I-c B-c", ["0c", "1c", "2c"]),
        ("B-c M-c E-c", ["0-2c"]),
        ("S-c S-c L-c", ["0c", "1c", "2c"]),
        ("B-c I-e I-c", ["0c", "1e", "2c"]),
    ],
)
def test_tags_that_no_scheme_allows_still_have_one_reading(tags: str, found: list[str]) -> None:
    content = "".join(f"w{i}\t{tag}\n" for i, tag in enumerate(tags.split()))
    [(_, row)] = read_conll(content, "x")
    places = [(s["start"] // 3, (s["end"] - 1) // 3, s["label"]) for s in row["spans"]]
    assert [f"{a}{f'-{b}' if b > a else ''}{label}" for a, b, label in places] == found


def test_texts_are_parted_by_blank_lines_and_know_their_line_and_id() -> None:
    content = "-DOCSTART- O\n\n# a comment\n# sent_id = s1\nrain B-c\n\n\n# id = s2\nsky O\nfell O\n"
    rows = list(read_conll(content, "x"))
    assert [(line, row.get("id"), row["text"]) for line, row in rows] == [(3, "s1", "rain"), (8, "s2", "sky fell")]


def test_a_word_that_begins_with_a_hash_is_a_word() -> None:
    assert spans_of("#1\tB-c\n#\tO\n")[0] == ("#1 #", [("#1", "c")])


def test_the_text_of_the_comment_is_kept_and_the_words_are_found_in_it() -> None:
    assert spans_of("# text = 大雨で、道が濡れた\n大雨\tB-c\nで\tO\n、\tO\n道が濡れた\tB-e\n") == [
        ("大雨で、道が濡れた", [("大雨", "c"), ("道が濡れた", "e")])
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("rain\tB-c\nfell\n", "Line 2 of x.conll has one column"),
        ("rain\tNN\n", "Line 1 of x.conll has the tag 'NN'"),
        ("rain\tB-\n", "Line 1 of x.conll has the tag 'B-'"),
        ("rain\tB-c\nfell O\n", "Line 2 of x.conll has one column"),
        ("# text = rain fell\nrain\tO\nfalls\tO\n", "line 1: the word 'falls' is not where the text goes on"),
        ("# text_json = [1]\nrain\tO\n", "line 1: the comment is no JSON string"),
    ],
)
def test_broken_files_are_refused_with_the_line(content: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        list(read_conll(content, "x.conll"))


@given(st.lists(st.tuples(texts, marked()), min_size=1, max_size=3))
def test_what_is_written_is_read_back(given: list[tuple[str, tuple[str, list[Span]]]]) -> None:
    written = [(name, text, spans, write_conll(name, text, spans)) for name, (text, spans) in given]
    rows = [row for _, row in read_conll("".join(w.value for *_, w in written), "x")]
    assert len(rows) == len(written)
    for row, (name, text, spans, out) in zip(rows, written, strict=True):
        assert (row["id"], row["text"]) == (name, text)
        kept, over = flat(spans)
        assert [Span(s["start"], s["end"], s["label"]) for s in row["spans"]] == [trimmed(text, s) for s in kept]
        assert out.left_out == tuple(span for span, _ in over)
        assert out.trimmed == sum(trimmed(text, s) != s for s in kept)


def test_of_nested_spans_the_outer_one_is_written() -> None:
    outer, inner = Span(0, 10, "effect"), Span(0, 5, "cause")
    written = write_conll("a", "heavy rain", [inner, outer])
    assert written.left_out == (inner,)
    assert "heavy\tB-effect\nrain\tI-effect\n" in written.value


def test_a_label_with_a_tab_cannot_be_written() -> None:
    with pytest.raises(DataError, match="cannot be written"):
        write_conll("a", "rain", [Span(0, 4, "a\tb")])
