"""Causes and effects in Japanese: the embedded corpus from its run file to labels, student and exports."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import dualchecker

CORPUS = Path(dualchecker.__file__).parent / "data" / "corpora" / "green-innovation-ja"
SIZES = {"gold": 20, "pool": 15, "test": 8}
SETTINGS = ("check.rounds=2", "check.threshold=0.2", "check.rungs=[brief, wide]", "output=out")

Run = Callable[..., tuple[int, str, str]]


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """The corpus, cut, with its own run file."""
    for name, size in SIZES.items():
        lines = (CORPUS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        (tmp_path / f"{name}.jsonl").write_text("".join(lines[:size]), encoding="utf-8")
    shutil.copy(CORPUS / "extraction.yaml", tmp_path / "run.yaml")
    return tmp_path


def test_from_the_run_file_to_spans_that_stand_in_their_texts(cli: Run, job: Path) -> None:
    settings = [part for setting in SETTINGS for part in ("--set", setting)]
    code, said, err = cli("run", job / "run.yaml", *settings)
    assert code == 0 and "span F1" in said, err
    texts = {row["id"]: row["summary"] for row in read(job / "pool.jsonl")}
    labels = read(job / "out" / "labels.jsonl")
    assert [row["id"] for row in labels] == list(texts)
    spans = accepted = 0
    for row in labels:
        text = texts[row["id"]]
        assert row["text"] == text and row["trail"] and row["status"] != "failed"
        for span in (*row["spans"], *(span for step in row["trail"] for span in step["spans"])):
            assert 0 <= span["start"] < span["end"] <= len(text) and span["label"] in ("cause", "effect")
            assert text[span["start"] : span["end"]] == span["quote"] == span["quote"].strip()
        assert {claim["label"] for claim in (*row["spans"], *row["absent"])} == {"cause", "effect"}
        spans += len(row["spans"])
        accepted += sum(span["status"] == "accepted" for span in row["spans"])
    assert spans >= 10 and accepted >= 1
    quality = json.loads((job / "out" / "metrics.json").read_text(encoding="utf-8"))["student"]["test"]
    assert quality["count"] == SIZES["test"] and quality["overlap_f1"]["value"] > 0.3

    assert cli("export", job / "out", "--status", "all", "--format", "conll", "--output", job / "all.conll")[0] == 0
    assert cli("convert", job / "all.conll", job / "back.jsonl", "--to", "jsonl")[0] == 0
    for before, after in zip(labels, read(job / "back.jsonl"), strict=True):
        assert (after["id"], after["text"]) == (before["id"], before["text"])
        places = {(span["start"], span["end"], span["label"]) for span in after["spans"]}
        assert places <= {(span["start"], span["end"], span["label"]) for span in before["spans"]}

    code, said, err = cli("predict", job / "out", job / "test.jsonl")
    assert code == 0, err
    tests = {row["id"]: row["summary"] for row in read(job / "test.jsonl")}
    found = [json.loads(line) for line in said.splitlines()]
    assert [row["id"] for row in found] == list(tests) and any(row["spans"] for row in found)
    for row in found:
        for span in row["spans"]:
            assert tests[row["id"]][span["start"] : span["end"]] == span["quote"] and 0 < span["probability"] <= 1
