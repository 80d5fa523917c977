"""Files to rows: every format, and every way in which one can be broken."""

import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualchecker.data import read_rows, write_jsonl, write_table
from dualchecker.errors import DataError


def put(folder: Path, name: str, content: str | bytes) -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def fails(file: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_rows(file)
    return str(caught.value)


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.JSONL"])
def test_json_lines_keep_their_line_numbers(tmp_path: Path, name: str) -> None:
    file = put(tmp_path, name, '{"id": 1}\n\n  \n{"id": 2}')
    assert read_rows(file) == [(1, {"id": 1}), (4, {"id": 2})]


def test_a_json_list_of_records(tmp_path: Path) -> None:
    assert read_rows(put(tmp_path, "a.json", '\ufeff[{"id": 1},\n {"id": 2}]')) == [(1, {"id": 1}), (2, {"id": 2})]


@pytest.mark.parametrize(
    ("content", "said"),
    [('{"id": 1}', "is no list of records"), ("[1]", "Record 1"), ('{"id": 1}\n{"id": 2}', "name it .jsonl")],
)
def test_other_json_is_refused(tmp_path: Path, content: str, said: str) -> None:
    assert said in fails(put(tmp_path, "a.json", content))


@pytest.mark.parametrize("name", ["a.conll", "a.bio", "a.iob"])
def test_tagged_words(tmp_path: Path, name: str) -> None:
    rows = read_rows(put(tmp_path, name, "rain\tB-c\r\nfell\tO\r\n"))
    assert rows == [(1, {"text": "rain fell", "spans": [{"start": 0, "end": 4, "label": "c"}]})]


def test_csv(tmp_path: Path) -> None:
    file = put(tmp_path, "a.csv", 'id,text\r\n1,"a, ""b""\r\nc"\r\n2,d\r\n')
    assert read_rows(file) == [(3, {"id": "1", "text": 'a, "b"\r\nc'}), (4, {"id": "2", "text": "d"})]


def test_tsv(tmp_path: Path) -> None:
    assert read_rows(put(tmp_path, "a.tsv", "id\ttext\n1\ta, b\n")) == [(2, {"id": "1", "text": "a, b"})]


def test_parquet(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"id": [1, 2], "text": ["a", None]}), file)
    assert read_rows(file) == [(1, {"id": 1, "text": "a"}), (2, {"id": 2, "text": None})]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_a_byte_order_mark_is_no_part_of_the_data(tmp_path: Path, name: str) -> None:
    content = '{"id": "1"}' if name.endswith("jsonl") else "id\n1\n"
    [(_, row)] = read_rows(put(tmp_path, name, b"\xef\xbb\xbf" + content.encode()))
    assert row == {"id": "1"}


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85"])
def test_line_separators_inside_json_strings_split_nothing(tmp_path: Path, mark: str) -> None:
    line = json.dumps({"text": f"a{mark}b"}, ensure_ascii=False)
    assert read_rows(put(tmp_path, "a.jsonl", line + "\r\n" + line)) == [
        (1, {"text": f"a{mark}b"}),
        (2, {"text": f"a{mark}b"}),
    ]


def test_a_megabyte_of_text_is_one_row(tmp_path: Path) -> None:
    text = "words and more, " * 65_536
    for name, content in {"a.jsonl": json.dumps({"text": text}), "a.csv": f'text\n"{text}"\n'}.items():
        assert [row["text"] for _, row in read_rows(put(tmp_path, name, content))] == [text]


def test_a_missing_file(tmp_path: Path) -> None:
    assert "There is no data file" in fails(tmp_path / "none.jsonl")
    assert "There is no data file" in fails(tmp_path)


def test_an_unknown_ending_names_the_known_ones(tmp_path: Path) -> None:
    said = fails(put(tmp_path, "a.xml", "[]"))
    assert "'.xml'. Use one of .jsonl, .ndjson, .json, .csv, .tsv, .parquet, .conll, .bio, .iob." in said
    assert "'(none)'" in fails(put(tmp_path, "a", ""))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", ""),
        ("a.jsonl", " \n\n"),
        ("a.jsonl", "\ufeff"),
        ("a.json", "[]"),
        ("a.conll", "\n\n"),
        ("a.csv", ""),
        ("a.csv", "id,text\n"),
        ("a.tsv", ""),
    ],
)
def test_an_empty_file(tmp_path: Path, name: str, content: str) -> None:
    assert "holds no rows" in fails(put(tmp_path, name, content))


def test_an_empty_parquet_file(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"id": pyarrow.array([], pyarrow.string())}), file)
    assert "holds no rows" in fails(file)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.tsv"])
def test_invalid_utf8_names_line_and_byte(tmp_path: Path, name: str) -> None:
    message = fails(put(tmp_path, name, b"id\nx\ncaf\xe9\n"))
    assert "not valid UTF-8. Line 3, byte 8: b'\\xe9\\n'" in message
    assert "iconv" in message


def test_utf16_is_no_utf8(tmp_path: Path) -> None:
    assert "Line 1, byte 0" in fails(put(tmp_path, "a.jsonl", '{"id": 1}'.encode("utf-16")))


@pytest.mark.parametrize("line", ['{"id": 1', "{'id': 1}", "id: 1", '{"id": 1} {"id": 2}', "[" * 100_000])
def test_a_broken_json_line_is_told_by_number(tmp_path: Path, line: str) -> None:
    assert "Line 2 of" in fails(put(tmp_path, "a.jsonl", '{"id": 0}\n' + line))


@pytest.mark.parametrize(("line", "kind"), [("[1]", "list"), ('"a"', "str"), ("3", "int"), ("null", "NoneType")])
def test_a_line_that_is_no_object(tmp_path: Path, line: str, kind: str) -> None:
    message = fails(put(tmp_path, "a.jsonl", '{"id": 0}\n' + line))
    assert "Line 2 of" in message and f"no JSON object. It is a {kind}" in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,text\n1,a,b\n", "Line 2 of"),
        ("id,text\n1,a,b\n", "more fields than the header"),
        ('id,text\n1,"a\n', "is not valid CSV"),
        ('id,text\n1,"a"b\n', "is not valid CSV"),
        ("id,text,text\n1,a,b\n", "names the column 'text' twice"),
    ],
)
def test_broken_csv(tmp_path: Path, content: str, message: str) -> None:
    assert message in fails(put(tmp_path, "a.csv", content))


def test_a_csv_row_that_is_too_short_lacks_its_last_fields(tmp_path: Path) -> None:
    assert read_rows(put(tmp_path, "a.csv", "id,text\n1\n")) == [(2, {"id": "1", "text": None})]


def test_what_is_no_parquet(tmp_path: Path) -> None:
    assert "is not valid Parquet" in fails(put(tmp_path, "a.parquet", b"PAR1 but not really"))


_CELLS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(st.characters(exclude_categories=["Cs"]))
)


@settings(max_examples=50, deadline=None)
@given(rows=st.lists(st.dictionaries(st.text(min_size=1, max_size=3), _CELLS, min_size=1), min_size=1, max_size=4))
def test_written_json_lines_come_back(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]) -> None:
    file = tmp_path_factory.mktemp("rows") / "a.jsonl"
    write_jsonl(file, rows)
    assert [row for _, row in read_rows(file)] == rows


def test_a_written_table_comes_back_with_nested_values_as_json(tmp_path: Path) -> None:
    file = tmp_path / "deep/a.parquet"
    write_table(file, [{"id": "1", "p": {"a": 0.5}, "t": ("x", float("nan"))}, {"id": "2", "more": "é"}])
    assert read_rows(file) == [
        (1, {"id": "1", "p": '{"a": 0.5}', "t": '["x", null]', "more": None}),
        (2, {"id": "2", "p": None, "t": None, "more": "é"}),
    ]
