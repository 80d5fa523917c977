"""``dualchecker export`` as a user meets it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dualchecker.config import Columns, build_config
from dualchecker.data import load_dataset, read_rows, write_jsonl
from dualchecker.data.span_sets import read_marked
from dualchecker.data.spans import read_gliner, read_inline, read_task
from dualchecker.records import Span
from dualchecker.tasks import Extraction

Run = Callable[..., tuple[int, str, str]]
LABELS = {"cause": "", "effect": ""}


@pytest.fixture
def cli(cli: Run) -> Run:
    """``cli(folder, "--format", "conll")`` gives exit code, standard output and standard error."""
    return lambda *arguments: cli("export", *arguments)


def span(text: str, quote: str, label: str, confidence: float = 0.9, status: str = "accepted") -> dict[str, Any]:
    start = text.index(quote)
    place = {"start": start, "end": start + len(quote), "quote": quote}
    rest = {"reason": None, "disputed": False, "rung": "brief"}
    return {"label": label, **place, "confidence": confidence, "status": status, **rest}


SURE, PARTLY, OPEN, MUTE = "💩 heavy rain <made> the road wet", "snow fell, trains stopped", "nothing\r\nhere", "???"
ROWS: list[dict[str, Any]] = [
    {
        "id": "a",
        "text": SURE,
        "spans": [
            span(SURE, "heavy rain", "cause"),
            span(SURE, "rain", "effect", 0.8),
            span(SURE, "the road wet", "effect"),
        ],
        "absent": [],
        "status": "accepted",
    },
    {
        "id": "b",
        "text": PARTLY,
        "spans": [span(PARTLY, "snow fell", "cause"), span(PARTLY, "trains", "effect", 0.4, "abstained")],
        "absent": [],
        "status": "partial",
    },
    {
        "id": "c",
        "text": OPEN,
        "spans": [],
        "absent": [{"label": "cause", "confidence": 0.4, "status": "abstained"}],
        "status": "abstained",
    },
    {"id": "d", "text": MUTE, "spans": [], "absent": [], "status": "failed"},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_jsonl(tmp_path / "labels.jsonl", ROWS)
    return tmp_path


def places(row: dict[str, Any], status: str = "accepted") -> list[Span]:
    return sorted(Span(s["start"], s["end"], s["label"]) for s in row["spans"] if status in ("all", s["status"]))


def test_json_lines_can_be_gold_again(cli: Run, folder: Path) -> None:
    code, out, err = cli(folder, "--output", folder / "gold.jsonl")
    assert (code, out) == (0, "") and "1 partial, 1 abstained, 1 failed of 4 texts are left out" in err
    assert "1 texts written to" in err
    [(_, row)] = read_rows(folder / "gold.jsonl")
    assert row["spans"][0] == {
        "start": 2,
        "end": 12,
        "label": "cause",
        "quote": "heavy rain",
        "confidence": 0.9,
        "status": "accepted",
    }
    raw = {
        "task": {"kind": "extraction", "question": "Which?", "labels": LABELS},
        "data": {"gold": "gold.jsonl", "pool": "labels.jsonl"},
    }
    data = load_dataset(build_config(raw, root=folder), Extraction("Which?", LABELS))
    assert list(data.gold[0].spans or ()) == places(ROWS[0])


def test_the_status_chooses_texts_and_spans(cli: Run, folder: Path) -> None:
    def found(*arguments: str) -> dict[str, int | None]:
        code, out, _ = cli(folder, *arguments)
        assert code == 0
        rows = [json.loads(line) for line in out.splitlines()]
        return {row["id"]: None if row["spans"] is None else len(row["spans"]) for row in rows}

    assert found() == {"a": 3}
    assert found("--status", "partial") == {"a": 3, "b": 1}
    assert found("--status", "all") == {"a": 3, "b": 2, "c": 0, "d": None}


def test_json_lines_of_a_failed_text_do_not_say_that_it_has_no_span(cli: Run, folder: Path) -> None:
    assert cli(folder, "--status", "all", "--output", folder / "all.jsonl")[0] == 0
    texts, _ = read_marked(folder / "all.jsonl", Columns())
    assert {text.id: text.spans is None for text in texts} == {"a": False, "b": False, "c": False, "d": True}


def test_tagged_texts(cli: Run, folder: Path) -> None:
    code, out, err = cli(folder, "--format", "inline", "--status", "all")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and [row["id"] for row in rows] == ["a", "b", "c"]
    assert "1 texts of which no spans are known are left out" in err
    for row, true in zip(rows, ROWS, strict=False):
        text, spans = read_inline(row["text"], "x")
        assert (text, sorted(spans)) == (true["text"], places(true, "all"))


def test_conll_says_what_it_leaves_out(cli: Run, folder: Path) -> None:
    code, _, err = cli(folder, "--format", "conll", "-o", folder / "x.conll", "--status", "all")
    rows = [row for _, row in read_rows(folder / "x.conll")]
    assert code == 0 and [(row["id"], row["text"]) for row in rows] == [(r["id"], r["text"]) for r in ROWS[:3]]
    assert "1 spans overlap another or hold only blanks, which conll cannot express (effect 1)" in err
    assert [(s["start"], s["end"]) for s in rows[0]["spans"]] == [(2, 12), (20, 32)]


def test_gliner(cli: Run, folder: Path) -> None:
    code, out, _ = cli(folder, "--format", "gliner")
    [row] = json.loads(out)
    assert code == 0 and row["id"] == "a"
    assert read_gliner(row, "x") == (SURE, places(ROWS[0]))


def test_label_studio_gets_predictions_with_scores_and_texts_without_an_answer(cli: Run, folder: Path) -> None:
    code, out, _ = cli(folder, "--format", "label-studio", "--status", "all")
    tasks = json.loads(out)
    assert code == 0 and [task["data"] for task in tasks] == [{"id": r["id"], "text": r["text"]} for r in ROWS]
    assert read_task(tasks[0], SURE, "x", predictions=True) == places(ROWS[0])
    assert {one["score"] for one in tasks[0]["predictions"][0]["result"]} == {0.8, 0.9}
    assert tasks[2]["predictions"][0]["result"] == [] and tasks[3]["annotations"] == []


def test_a_run_file_names_its_folder(cli: Run, folder: Path) -> None:
    raw = {
        "task": {"kind": "extraction", "question": "Which?", "labels": LABELS},
        "data": {"gold": "gold.jsonl", "pool": "pool.jsonl"},
        "output": ".",
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    assert cli(folder / "run.yaml")[1] == cli(folder)[1] != ""


def test_a_run_that_labels_whole_texts_is_json_lines_and_nothing_else(cli: Run, tmp_path: Path) -> None:
    rows = [
        {"id": "a", "label": "sea", "confidence": 0.9, "status": "accepted", "text": "fish", "trail": []},
        {"id": "b", "label": None, "confidence": 0.0, "status": "failed", "text": "???", "trail": []},
    ]
    write_jsonl(tmp_path / "labels.jsonl", rows)
    code, out, _ = cli(tmp_path)
    assert code == 0
    assert json.loads(out) == {"id": "a", "label": "sea", "confidence": 0.9, "status": "accepted", "text": "fish"}
    code, out, err = cli(tmp_path, "--format", "conll")
    assert code == 2 and out == "" and "is for spans" in err and "--format jsonl" in err


def test_where_nothing_is_accepted_what_is_partly_so_is_pointed_at(cli: Run, folder: Path) -> None:
    write_jsonl(folder / "labels.jsonl", ROWS[1:])
    code, _, err = cli(folder)
    assert code == 3 and "Try --status partial, or all." in err
    write_jsonl(folder / "labels.jsonl", ROWS[2:])
    code, _, err = cli(folder, "--status", "partial")
    assert code == 3 and "Try --status all." in err


def test_mistakes_have_their_exit_codes(cli: Run, tmp_path: Path) -> None:
    code, _, err = cli(tmp_path)
    assert code == 3 and "holds no finished run" in err
    write_jsonl(tmp_path / "labels.jsonl", ROWS[1:])
    code, _, err = cli(tmp_path)
    assert code == 3 and "partial 1, abstained 1, failed 1" in err and "--status partial, or all" in err
    write_jsonl(tmp_path / "labels.jsonl", [{**ROWS[0], "spans": [{"label": "cause"}]}])
    code, _, err = cli(tmp_path)
    assert code == 3 and "is damaged" in err
    assert cli(tmp_path / "none.yaml")[0] == 2
    assert cli(tmp_path, "--format", "xml")[0] == 2
