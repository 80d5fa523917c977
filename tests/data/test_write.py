"""Files of a run: whole or not at all, and readable by others."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from dualchecker.data import write_json, write_jsonl, write_table, write_text

WRITERS: list[Callable[[Path], None]] = [
    lambda path: write_text(path, "new"),
    lambda path: write_json(path, {"a": 1}),
    lambda path: write_jsonl(path, [{"a": 1}]),
    lambda path: write_table(path, [{"a": 1}]),
]


def test_not_a_number_becomes_null(tmp_path: Path) -> None:
    file = tmp_path / "new/folder/m.json"
    value = {"a": float("nan"), "b": [float("inf"), {"c": np.float64("nan")}], 3: np.int64(4), "d": (np.bool_(True),)}
    write_json(file, value)
    assert json.loads(file.read_text()) == {"a": None, "b": [None, {"c": None}], "3": 4, "d": [True]}
    write_jsonl(file, [{"a": float("-inf")}, {"a": np.float32(0.5)}])
    assert file.read_text() == '{"a": null}\n{"a": 0.5}\n'


def test_any_text_is_written(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    write_jsonl(file, [{"a": "緑 \u2028 \ud800"}])
    assert "緑" in file.read_text(encoding="utf-8")
    assert json.loads(file.read_bytes()) == {"a": "緑 \u2028 \ud800"}


@pytest.mark.parametrize("write", WRITERS)
def test_a_crash_before_the_end_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], None]
) -> None:
    file = tmp_path / "out"
    file.write_text("old")

    def crash(self: Path, target: Path) -> Path:
        assert self.stat().st_size > 0
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            write(file)
    assert file.read_text() == "old"
    write(file)
    assert file.read_bytes() != b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("write", [lambda path: write_jsonl(path, [{"a": {1, 2}}, {"a": object()}])])
def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path, write: Callable[[Path], None]) -> None:
    file = tmp_path / "out"
    file.write_text("old")
    with pytest.raises(TypeError):
        write(file)
    assert file.read_text() == "old"


def test_tables_are_parquet_with_a_column_for_every_key(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    write_table(file, [{"id": "1", "n": 0.5}, {"id": "2", "n": None, "d": {"x": [1]}, "ok": True}])
    table = pyarrow.parquet.read_table(file)
    assert table.to_pydict() == {
        "id": ["1", "2"],
        "n": [0.5, None],
        "d": [None, '{"x": [1]}'],
        "ok": [None, True],
    }


def test_an_empty_table_can_be_read(tmp_path: Path) -> None:
    write_table(tmp_path / "t.parquet", [])
    assert pyarrow.parquet.read_table(tmp_path / "t.parquet").num_rows == 0
