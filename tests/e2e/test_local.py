"""A run whose teacher is a (tiny, random) language model in the same process."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dualchecker.data.corpora import corpus_path
from dualchecker.ledger import Ledger

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run_file(tmp_path: Path, tiny_causal: Path) -> Path:
    """The model lies beside the run file, which names its folder."""
    corpus = corpus_path("green-innovation")
    for name, count in (("gold", 14), ("pool", 8)):
        lines = (corpus / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()[:count]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    shutil.copytree(tiny_causal, tmp_path / "models" / "tiny")
    run = {
        "task": {"question": "Green?", "labels": {"green": "It cuts harm.", "not_green": "Anything else."}},
        "data": {"gold": "gold.jsonl", "pool": "pool.jsonl", "columns": {"text": "summary"}},
        "teacher": {"kind": "transformers", "model": "models/tiny", "device": "cpu", "max_tokens": 16},
        "align": {"embedder": "ngrams", "demonstrations": 2, "neighbours": 1},
        "check": {"rungs": ["brief"], "rounds": 1, "threshold": 0.8, "samples": 1},
        "student": {"kind": "linear"},
        "limits": {"max_prompt_tokens": 400},
        "report": {"few_shot": False},
        "output": "out",
    }
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(run), encoding="utf-8")
    return path


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_run_with_a_model_in_process(cli: Run, run_file: Path, tmp_path: Path) -> None:
    code, out, _ = cli("plan", run_file)
    assert code == 0 and "teacher tiny" in out and "to see costs" not in out
    code, out, err = cli("run", run_file)
    assert code == 0, err
    labels = rows(tmp_path / "out" / "labels.jsonl")
    assert len(labels) == 8 and all(row["label"] in ("green", "not_green") for row in labels)
    assert all(answer["teacher"] == "tiny" for row in labels for answer in row["trail"])
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["cost"] == 0 and metrics["teacher"]["name"] == "tiny"
    with Ledger.open(tmp_path / "out" / "ledger.sqlite", read_only=True) as ledger:
        before = ledger.totals()
        replies = [ledger.reply(row["request_key"]) for row in labels]
    assert before.prompt_tokens > 0 and before.completion_tokens > 0
    assert all(reply is not None and reply.label_probabilities for reply in replies)

    # Moved elsewhere and run again: nothing is asked twice.
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("gold.jsonl", "pool.jsonl", "run.yaml", "models", "out"):
        shutil.move(tmp_path / name, moved / name)
    code, out, err = cli("run", moved / "run.yaml")
    assert code == 0, err
    with Ledger.open(moved / "out" / "ledger.sqlite", read_only=True) as ledger:
        assert ledger.totals().attempts == before.attempts
    assert rows(moved / "out" / "labels.jsonl") == labels


def test_a_model_that_is_not_there_ends_the_run_with_a_remedy(cli: Run, run_file: Path) -> None:
    code, _, err = cli("run", run_file, "--set", "teacher.model=models/none")
    assert code == 2 and "models/none" in err and "safetensors" in err
