"""Several labels at once, from the command line to the files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
import yaml

from dualchecker.config import load_config
from dualchecker.runs.plan import plan_run
from servers import Call, LoopbackServer, say
from tiny import TOPICS, label_sets

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def corpus(tmp_path: Path) -> Callable[..., Path]:
    """Writes texts about none, one or several topics, and a run file; top-level keys are replaced."""
    for seed, (name, count) in enumerate((("gold", 60), ("pool", 40), ("test", 30))):
        rows = label_sets(count, seed, name)
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    def write(**sections: Any) -> Path:
        raw: dict[str, Any] = {
            "task": {"multiple": True, "question": "Which topics?", "labels": list(TOPICS)},
            "data": {f: f"{f}.jsonl" for f in ("gold", "pool", "test")} | {"columns": {"label": "labels"}},
            "align": {"embedder": "ngrams"},
            "student": {"kind": "linear"},
            "check": {"threshold": {"precision": 0.9, "unproved": "estimate"}, "rounds": 2},
            "output": "out",
        }
        path = tmp_path / "run.yaml"
        path.write_text(yaml.safe_dump({**raw, **sections}, sort_keys=False), encoding="utf-8")
        return path

    return write


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_run_gives_label_sets_a_student_and_a_report(cli: Run, corpus: Callable[..., Path], tmp_path: Path) -> None:
    path = corpus()
    code, out, err = cli("run", path)
    assert code == 0, err
    assert "exact match" in out
    labels = rows(tmp_path / "out/labels.jsonl")
    assert [row["id"] for row in labels] == [f"pool{i}" for i in range(40)]
    for row in labels:
        assert list(row["decisions"]) == list(TOPICS)
        accepted = [name for name, part in row["decisions"].items() if part["status"] == "accepted"]
        assert row["labels"] == [name for name in accepted if row["decisions"][name]["applies"]]
        assert row["doubtful"] == [name for name in TOPICS if name not in accepted]
        assert row["status"] == ("accepted" if len(accepted) == 4 else "partial" if accepted else "abstained")
        for part in row["decisions"].values():
            assert 0 <= part["confidence"] <= 1 and part["trail"]
    assert any(len(row["labels"]) > 1 for row in labels)
    assert any(not row["labels"] and row["status"] == "accepted" for row in labels)
    table = pyarrow.parquet.read_table(tmp_path / "out/labels.parquet").to_pylist()
    assert [row["id"] for row in table] == [row["id"] for row in labels]

    metrics = json.loads((tmp_path / "out/metrics.json").read_text(encoding="utf-8"))
    stage = metrics["teacher"]["stages"]["student_checker"]
    assert (stage["count"], stage["records"]) == (160, 40)
    assert metrics["student"]["test"]["micro_f1"]["value"] > 0.7
    assert [row["label"] for row in metrics["student"]["test"]["by_label"]] == list(TOPICS)
    assert {(t["label"], t["answer"]) for t in metrics["teacher"]["calibration"]["thresholds"]} <= {
        (label, answer) for label in TOPICS for answer in ("yes", "no")
    }
    # One request a record for the baseline, and one at the first rung.
    assert metrics["requests"]["by_purpose"]["few_shot/brief"] == 40
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert "Label by label" in page and "Micro-F1" in page
    assert cli("report", tmp_path / "out")[0] == 0
    assert (tmp_path / "out/report.html").read_text(encoding="utf-8") == page

    before = metrics["requests"]["answered"]
    assert cli("run", path)[0] == 0
    assert json.loads((tmp_path / "out/metrics.json").read_text())["requests"]["answered"] == before

    code, out, _ = cli("predict", tmp_path / "out", tmp_path / "test.jsonl")
    assert code == 0
    predicted = [json.loads(line) for line in out.splitlines()]
    for line in predicted:
        assert line["labels"] == [name for name, p in line["probabilities"].items() if p >= 0.5]
    _, out, _ = cli("predict", tmp_path / "out", tmp_path / "test.jsonl", "--threshold", "0.05")
    assert sum(len(json.loads(line)["labels"]) for line in out.splitlines()) > sum(len(p["labels"]) for p in predicted)


def test_without_human_labels_student_checker_or_test_set_the_report_says_what_there_is(
    cli: Run, corpus: Callable[..., Path], tmp_path: Path
) -> None:
    pool = [{"id": row["id"], "text": row["text"]} for row in rows(tmp_path / "pool.jsonl")]
    (tmp_path / "pool.jsonl").write_text("".join(json.dumps(row) + "\n" for row in pool), encoding="utf-8")
    data = {"gold": "gold.jsonl", "pool": "pool.jsonl", "columns": {"label": "labels"}, "calibration": 0.4}
    check = {"student": False, "threshold": 0.8}
    code, _, err = cli("run", corpus(data=data, check=check, report={"few_shot": False}))
    assert code == 0, err
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert "Label by label" in page and "of these right" not in page
    decided = [part for row in rows(tmp_path / "out/labels.jsonl") for part in row["decisions"].values()]
    assert all((part["status"] == "accepted") == (part["confidence"] >= 0.8) for part in decided)
    assert {part["probability"] for part in decided} == {None}


def test_few_shot_labels_sets_as_well(cli: Run, corpus: Callable[..., Path], tmp_path: Path) -> None:
    assert cli("run", corpus(method="few_shot", report={"references": False}))[0] == 0
    assert {row["status"] for row in rows(tmp_path / "out/labels.jsonl")} == {"accepted"}


@pytest.mark.parametrize(("method", "tokens"), [("few_shot", 80), ("cot", 250)])
def test_the_plan_expects_a_number_for_each_label_in_every_reply(
    corpus: Callable[..., Path], method: str, tokens: int
) -> None:
    lines, _ = plan_run(load_config(corpus(method=method, report={"few_shot": False})))
    assert lines[-1].completion_tokens == (40 * (tokens + 10 * len(TOPICS)),) * 2


def test_the_plan_counts_one_request_a_record(corpus: Callable[..., Path]) -> None:
    lines, _ = plan_run(load_config(corpus()))
    requests = {line.purpose: line.requests for line in lines}
    assert requests["few-shot"] == (40, 40)
    assert requests["rung brief"][0] == 40 + 60


def test_a_served_model_is_asked_for_all_labels_and_told_of_none_that_do_not_exist(
    cli: Run, corpus: Callable[..., Path], tmp_path: Path
) -> None:
    schemas: list[Any] = []

    def verdicts(call: Call) -> Any:
        schemas.append(call.body.get("response_format"))
        text = call.body["messages"][-1]["content"]
        if "Say in one or two sentences" in text:
            return say('{"rationale": "because"}')
        asked = text.rsplit("The text to label:", 1)[-1]
        chances = {topic: 0.95 if any(word in asked for word in words) else 0.04 for topic, words in TOPICS.items()}
        return say(json.dumps({"rationale": "r", "labels": {**chances, "weather": 0.9}}))

    with LoopbackServer(verdicts) as server:
        teacher = {"kind": "openai", "model": "m", "base_url": server.base_url}
        assert cli("run", corpus(teacher=teacher, report={"few_shot": False, "references": False}))[0] == 0
    metrics = json.loads((tmp_path / "out/metrics.json").read_text(encoding="utf-8"))
    assert metrics["teacher"]["stages"]["student_checker"]["exact_match"]["value"] > 0.95
    assert metrics["teacher"]["notes"]["label_outside_set"] > 0
    assert set(metrics["teacher"]["outcomes"]) == {"ok"}


def test_recorded_label_sets_are_used(cli: Run, corpus: Callable[..., Path], tmp_path: Path) -> None:
    with (tmp_path / "answers.csv").open("w", encoding="utf-8") as file:
        file.write("id,labels,confidence\n")
        for row in (*rows(tmp_path / "gold.jsonl"), *rows(tmp_path / "pool.jsonl")):
            file.write(f"{row['id']},{'|'.join(row['labels']) or '[]'},0.9\n")
    teacher = {"kind": "recorded", "answers": "answers.csv"}
    assert cli("run", corpus(teacher=teacher, report={"few_shot": False, "references": False}))[0] == 0
    metrics = json.loads((tmp_path / "out/metrics.json").read_text(encoding="utf-8"))
    assert metrics["teacher"]["stages"]["student_checker"]["exact_match"]["value"] == 1.0


def test_init_sees_that_several_labels_may_apply(cli: Run, corpus: Callable[..., Path], tmp_path: Path) -> None:
    corpus()
    code, _, _ = cli("init", tmp_path / "gold.jsonl", "--output", tmp_path / "new.yaml")
    assert code == 0
    written = yaml.safe_load((tmp_path / "new.yaml").read_text(encoding="utf-8"))
    assert written["task"]["multiple"] is True and set(written["task"]["labels"]) == set(TOPICS)
    assert written["data"]["columns"]["label"] == "labels"
    assert cli("plan", tmp_path / "new.yaml")[0] == 0


@pytest.mark.parametrize(
    ("cells", "labels", "multiple"),
    [
        (["a", "b", "a|b", "[]", "a"], {"a", "b"}, True),
        (["a", "b; c", "a;b", "c", "b"], {"a", "b", "c"}, True),
        (["Research, development", "Sales, marketing", "Law"], None, False),
        (["a", "b", "a"], None, False),
    ],
)
def test_init_tells_sets_of_labels_from_labels_with_a_comma(
    cli: Run, tmp_path: Path, cells: list[str], labels: set[str] | None, multiple: bool
) -> None:
    lines = [json.dumps({"text": f"text {n}", "label": cells[n % len(cells)]}) for n in range(40)]
    (tmp_path / "data.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert cli("init", tmp_path / "data.jsonl", "--output", tmp_path / "new.yaml")[0] == 0
    task = yaml.safe_load((tmp_path / "new.yaml").read_text(encoding="utf-8"))["task"]
    assert task.get("multiple", False) is multiple and set(task["labels"]) == (labels or set(cells))


def test_a_reply_too_short_for_all_labels_is_refused_before_anything_is_asked(
    cli: Run, corpus: Callable[..., Path]
) -> None:
    teacher = {"kind": "openai", "model": "m", "base_url": "http://127.0.0.1:9/v1", "max_tokens": 100}
    code, _, err = cli("plan", corpus(teacher=teacher))
    assert code == 2 and "max_tokens" in err


def test_a_threshold_is_for_label_sets_only(cli: Run, corpus: Callable[..., Path], tmp_path: Path) -> None:
    for name in ("gold", "pool", "test"):
        kept = [{**row, "labels": (row["labels"] or ["office"])[0]} for row in rows(tmp_path / f"{name}.jsonl")]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
    single = {"question": "Which topic?", "labels": list(TOPICS)}
    assert cli("run", corpus(task=single, method="few_shot", report={"references": False}))[0] == 0
    code, _, err = cli("predict", tmp_path / "out", tmp_path / "test.jsonl", "--threshold", "0.3")
    assert code == 2 and "--threshold" in err
