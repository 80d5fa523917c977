"""``dualchecker convert`` as a user meets it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dualchecker.config import Columns
from dualchecker.data import write_jsonl
from dualchecker.data.span_sets import read_marked

Run = Callable[..., tuple[int, str]]
ROWS = [
    {"id": "a", "text": "💩 heavy rain, <wet> 道が濡れた", "spans": [[2, 12, "cause"], [20, 25, "effect"]]},
    {"id": "b", "text": "nothing\r\nhere", "spans": []},
]


@pytest.fixture
def cli(cli: Callable[..., tuple[int, str, str]]) -> Run:
    """``cli("in.jsonl", "out.conll")`` gives exit code and standard error."""

    def call(*arguments: object) -> tuple[int, str]:
        code, _, err = cli("convert", *arguments)
        return code, err

    return call


def test_around_through_all_formats_and_back(cli: Run, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "0.jsonl", ROWS)
    before = tmp_path / "0.jsonl"
    steps = ["inline", "conll", "label-studio", "gliner", "jsonl"]
    endings = [".jsonl", ".conll", ".json", ".json", ".jsonl"]
    for number, (form, ending) in enumerate(zip(steps, endings, strict=True), 1):
        after = tmp_path / f"{number}{ending}"
        spans = ["--spans", "inline"] if number == 2 else []
        code, said = cli(before, after, "--to", form, *spans)
        assert code == 0 and said == f"2 of 2 texts written to {after}\n", form
        before = after
    assert read_marked(before, Columns()) == read_marked(tmp_path / "0.jsonl", Columns())


def test_texts_that_nobody_has_looked_at_become_tasks_and_nothing_else(cli: Run, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in.jsonl", [*ROWS, {"id": "c", "text": "snow"}])
    assert "2 of 3 texts" in cli(tmp_path / "in.jsonl", tmp_path / "a.json", "--to", "gliner")[1]
    assert "3 of 3 texts" in cli(tmp_path / "in.jsonl", tmp_path / "b.json", "--to", "label-studio")[1]
    tasks = json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))
    assert [len(task["annotations"]) for task in tasks] == [1, 1, 0]


def test_mistakes(cli: Run, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in.jsonl", [{"id": "a", "text": "rain", "spans": [[0, 9, "cause"]]}])
    code, said = cli(tmp_path / "in.jsonl", tmp_path / "in.jsonl", "--to", "conll")
    assert code == 2 and "--force" in said
    code, said = cli(tmp_path / "in.jsonl", tmp_path / "out.conll", "--to", "conll")
    assert code == 3 and "record 'a'" in said and not (tmp_path / "out.conll").exists()


def test_nothing_is_written_where_no_spans_are_known(cli: Run, tmp_path: Path) -> None:
    guess = {"from_name": "label", "to_name": "text", "type": "labels"}
    said = {**guess, "value": {"start": 0, "end": 4, "text": "rain", "labels": ["cause"]}}
    tasks = [{"data": {"id": "a", "text": "rain"}, "predictions": [{"result": [said]}], "annotations": []}]
    (tmp_path / "in.json").write_text(json.dumps(tasks), encoding="utf-8")
    code, message = cli(tmp_path / "in.json", tmp_path / "out.conll", "--to", "conll")
    assert code == 3 and "Of no text" in message and "predictions do not count" in message
    assert not (tmp_path / "out.conll").exists()
    assert cli(tmp_path / "in.json", tmp_path / "out.json", "--to", "label-studio")[0] == 0
