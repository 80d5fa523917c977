"""Spans of texts, from the command line to the files."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
import yaml

from dualchecker.students import load_span_student
from tiny import KITCHEN, SEA

Run = Callable[..., tuple[int, str, str]]

CAUSES = ("heavy rain", "a broken valve", "low voltage", "the new tariff", "dense fog", "a worn belt")
EFFECTS = ("a wet cellar", "loss of pressure", "a longer start", "higher prices", "many delays", "a loud noise")
PATTERNS = ("On day {n}, {c} led to {e}.", "Report {n} says that {e} was due to {c}.", "Report {n} says nothing.")


def marked(text: str, **words: str) -> dict[str, Any]:
    """A row in which the words are spans, each under the label that it is given by."""
    places = {label: text.index(said) for label, said in words.items() if said in text}
    return {
        "text": text,
        "spans": [{"start": at, "end": at + len(words[label]), "label": label} for label, at in places.items()],
    }


def rows_of(name: str, count: int, seed: int) -> list[dict[str, Any]]:
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        cause, effect = draw.choice(CAUSES), draw.choice(EFFECTS)
        text = PATTERNS[number % 3].format(n=f"{name}{number}", c=cause, e=effect)
        rows.append({"id": f"{name}{number}", **marked(text, cause=cause, effect=effect)})
    return rows


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def metrics_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "metrics.json").read_text(encoding="utf-8")))


@pytest.fixture
def corpus(tmp_path: Path) -> Callable[..., Path]:
    """Writes texts with causes and effects, and a run file; top-level keys are replaced."""
    for seed, (name, count) in enumerate((("gold", 24), ("pool", 12), ("test", 12))):
        write_rows(tmp_path / f"{name}.jsonl", rows_of(name, count, seed))

    def write(**sections: Any) -> Path:
        raw: dict[str, Any] = {
            "task": {
                "kind": "extraction",
                "question": "What is the cause, and what the effect?",
                "labels": {"cause": "What brings it about.", "effect": "What follows."},
            },
            "data": {f: f"{f}.jsonl" for f in ("gold", "pool", "test")},
            "align": {"embedder": "ngrams", "demonstrations": 4, "neighbours": 2},
            "student": {"kind": "linear"},
            "check": {"threshold": 0.6, "rounds": 2},
            "output": "out",
        }
        path = tmp_path / "run.yaml"
        path.write_text(yaml.safe_dump({**raw, **sections}, sort_keys=False), encoding="utf-8")
        return path

    return write


def test_a_run_gives_spans_a_student_and_a_report_and_asks_nothing_twice(
    cli: Run, corpus: Callable[..., Path], tmp_path: Path
) -> None:
    path, out = corpus(), tmp_path / "out"
    code, said, err = cli("run", path)
    assert code == 0, err
    assert "span by span" in said and "span F1" in said and "reference: gold + few-shot labels" in said
    labels = read(out / "labels.jsonl")
    assert [row["id"] for row in labels] == [f"pool{i}" for i in range(12)]
    for row in labels:
        for span in (*row["spans"], *(span for step in row["trail"] for span in step["spans"])):
            assert row["text"][span["start"] : span["end"]] == span["quote"] and span["label"] in ("cause", "effect")
        claims = [*row["spans"], *row["absent"]]
        assert {claim["label"] for claim in claims} == {"cause", "effect"}
        states = {claim["status"] for claim in claims}
        expected = states.pop() if len(states) == 1 else "partial"
        assert row["status"] == expected and all(0 <= claim["confidence"] <= 1 for claim in claims)
        assert row["trail"][0]["rung"] == "brief" and row["request_key"] in {s["request_key"] for s in row["trail"]}
    assert pyarrow.parquet.read_table(out / "labels.parquet").num_rows == 12
    predictions = read(out / "predictions.jsonl")
    assert [row["id"] for row in predictions] == [f"test{i}" for i in range(12)]
    assert all(0 <= span["probability"] <= 1 for row in predictions for span in row["spans"])
    metrics = metrics_of(out)
    assert metrics["kind"] == "extraction" and metrics["student"]["unexpressed"] == {}
    assert metrics["slices"] is None and metrics["noise"] is None and set(metrics["left_out"]) >= {"slices", "noise"}
    assert list(metrics["references"]) == ["gold_only", "gold_few_shot", "gold_pool"]
    assert all("low" in reference["difference"] for reference in metrics["references"].values())
    assert metrics["student"]["test"]["strict_f1"]["value"] > 0.5
    assert list(metrics["teacher"]["stages"]) == ["few_shot", "aligner", "teacher_checker", "student_checker"]
    assert {row["answer"] for row in metrics["teacher"]["calibration"]["thresholds"]} == {"span", "none"}
    assert "<html" in (out / "report.html").read_text(encoding="utf-8")
    assert "token-classification" in (out / "student/README.md").read_text(encoding="utf-8")

    before = {name: (out / name).read_bytes() for name in ("labels.jsonl", "predictions.jsonl")}
    assert cli("run", path)[0] == 0
    assert {name: (out / name).read_bytes() for name in before} == before
    again = metrics_of(out)
    assert again["requests"]["attempts"] == metrics["requests"]["attempts"]
    assert again["ledger"] == metrics["ledger"]
    assert cli("report", path)[0] == cli("status", path)[0] == 0


def test_a_student_of_spans_labels_new_texts(cli: Run, corpus: Callable[..., Path], tmp_path: Path) -> None:
    assert cli("run", corpus(method="gold_only", report={"few_shot": False, "references": False}))[0] == 0
    texts = tmp_path / "new.jsonl"
    write_rows(texts, [{"id": "a", "text": "On day new1, dense fog led to many delays."}, {"id": "b", "text": " "}])
    code, out, _ = cli("predict", tmp_path / "out", texts)
    first, second = (json.loads(line) for line in out.splitlines())
    assert code == 0 and second == {"id": "b", "spans": None, "text": " "}
    assert {(span["label"], span["quote"]) for span in first["spans"]} == {
        ("cause", "dense fog"),
        ("effect", "many delays"),
    }
    code, out, _ = cli("predict", tmp_path / "out", texts, "--format", "inline")
    tagged = json.loads(out.splitlines()[0])["text"]
    assert tagged == "On day new1, <cause>dense fog</cause> led to <effect>many delays</effect>."
    code, _, err = cli("predict", tmp_path / "out", texts, "--threshold", "0.5")
    assert code == 2 and "finds spans" in err


def test_a_tokens_student_learns_spans(cli: Run, corpus: Callable[..., Path], tmp_path: Path, tiny_bert: str) -> None:
    draw = random.Random(1)
    path = corpus()
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name, count in (("gold", 16), ("pool", 4), ("test", 6)):
        rows = []
        for number in range(count):
            words = [*draw.choices(KITCHEN, k=3), (there := draw.choice(SEA)), *draw.choices(KITCHEN, k=2)]
            rows.append({"id": f"{name}{number}", **marked(" ".join([*words, f"{name}{number}"]), sea=there)})
        write_rows(tmp_path / f"{name}.jsonl", rows)
    raw["task"] = {"kind": "extraction", "question": "Which word is about the sea?", "labels": ["sea"]}
    raw["student"] = {"kind": "tokens", "base": tiny_bert, "epochs": 1, "min_steps": 2, "max_length": 32}
    raw |= {"method": "few_shot", "report": {"references": False}}
    path.write_text(yaml.safe_dump(raw), encoding="utf-8")
    code, said, err = cli("run", path)
    assert code == 0, err
    assert "Student (tokens)" in said
    assert load_span_student(tmp_path / "out/student").kind == "tokens"
    assert (tmp_path / "out/student/config.json").is_file()


@pytest.mark.parametrize("method", ["zero_shot", "cot", "dtot", "self_consistency", "evokd", "gold_only"])
def test_every_method_that_can_extract_does(cli: Run, corpus: Callable[..., Path], tmp_path: Path, method: str) -> None:
    more = {"sampling": {"count": 2}, "evolve": {"rounds": 1, "requests": 2}}
    path = corpus(method=method, report={"few_shot": False, "references": False}, **more)
    code, _, err = cli("run", path)
    assert code == 0, err
    labels = read(tmp_path / "out/labels.jsonl")
    assert len(labels) == 12
    if method == "gold_only":
        assert {row["reason"] for row in labels} == {"not_asked"} and not any(row["spans"] for row in labels)
    else:
        assert all(row["trail"] for row in labels)
        stage = "few_shot" if method == "evokd" else method
        assert metrics_of(tmp_path / "out")["teacher"]["stages"][stage]["records"] == 12
    if method in ("cot", "dtot", "self_consistency"):
        assert any(row["spans"] for row in labels)


def test_a_method_that_cannot_extract_says_so_before_anything_is_asked(
    cli: Run, corpus: Callable[..., Path], tmp_path: Path
) -> None:
    code, _, err = cli("run", corpus(method="freeal"))
    assert code == 2 and "spans" in err
    assert not (tmp_path / "out/labels.jsonl").exists()


def test_the_plan_counts_what_answers_with_spans_take(cli: Run, corpus: Callable[..., Path]) -> None:
    code, out, err = cli("plan", corpus())
    assert code == 0, err
    assert "rung brief" in out and "spans as long and many as the human ones" in out


BAD: dict[str, tuple[dict[str, Any], int, str]] = {
    "encoder": ({"student": {"kind": "encoder"}}, 2, "labels whole texts"),
    "decisions": (
        {"teacher": {"kind": "decisions", "model": "m", "base_url": "http://127.0.0.1:1/v1"}},
        2,
        "needs one that quotes",
    ),
    "no column": ({"data": {"gold": "bare.jsonl", "pool": "pool.jsonl"}}, 3, "has no spans"),
    "outside": ({"data": {"gold": "outside.jsonl", "pool": "pool.jsonl"}}, 3, "record 'o'"),
    "unknown": ({"data": {"gold": "unknown.jsonl", "pool": "pool.jsonl"}}, 3, "does not know"),
}


@pytest.mark.parametrize("name", BAD)
def test_mistakes_end_with_a_message_and_a_code(
    cli: Run, corpus: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    sections, expected, words = BAD[name]
    write_rows(tmp_path / "bare.jsonl", [{"id": "a", "text": "No spans here."}])
    for file, span in (("outside", (3, 99, "cause")), ("unknown", (0, 2, "reason"))):
        write_rows(tmp_path / f"{file}.jsonl", [{"id": "o", "text": "It rains.", "spans": [list(span)]}])
    code, _, err = cli("run", corpus(**sections))
    assert code == expected and words in " ".join(err.split())


def test_init_sees_spans(cli: Run, corpus: Callable[..., Path], tmp_path: Path) -> None:
    corpus()
    target = tmp_path / "new.yaml"
    code, out, err = cli("init", tmp_path / "gold.jsonl", "-o", target, "--pool", tmp_path / "pool.jsonl")
    assert code == 0 and "task.kind is extraction" in out, err
    raw = yaml.safe_load(target.read_text(encoding="utf-8"))
    assert raw["task"]["kind"] == "extraction" and set(raw["task"]["labels"]) == {"cause", "effect"}
    assert raw["student"]["kind"] == "tokens"
    assert cli("plan", target, "--set", "align.embedder=ngrams", "--set", "student.kind=linear")[0] == 0
    tagged = [{"id": "t", "text": "<cause>Rain</cause> made it <effect>wet</effect>."}] * 2
    write_rows(tmp_path / "tagged.jsonl", tagged)
    assert cli("init", tmp_path / "tagged.jsonl", "-o", target, "--force")[0] == 0
    assert yaml.safe_load(target.read_text(encoding="utf-8"))["data"]["columns"]["spans"] == "inline"
    (tmp_path / "some.conll").write_text("Rain B-cause\nfell O\n\nWet B-effect\n\n", encoding="utf-8")
    assert cli("init", tmp_path / "some.conll", "-o", target, "--force")[0] == 0
    assert set(yaml.safe_load(target.read_text(encoding="utf-8"))["task"]["labels"]) == {"cause", "effect"}
    spelt = [*rows_of("x", 8, 3), {"text": "Rain made it wet.", "spans": [[0, 4, "Cause"], [13, 16, "EFFECT"]]}]
    write_rows(tmp_path / "spelt.jsonl", [{"id": str(i), **row} for i, row in enumerate(spelt)])
    assert cli("init", tmp_path / "spelt.jsonl", "-o", target, "--force")[0] == 0
    assert set(yaml.safe_load(target.read_text(encoding="utf-8"))["task"]["labels"]) == {"cause", "effect"}
    assert cli("plan", target, "--set", "align.embedder=ngrams", "--set", "student.kind=linear")[0] == 0
    both = [{**row, "label": name} for row, name in zip(rows_of("x", 8, 3), "abababab", strict=True)]
    write_rows(tmp_path / "both.jsonl", both)
    code, out, _ = cli("init", tmp_path / "both.jsonl", "-o", target, "--force")
    assert code == 0 and "--task extraction" in out
    assert yaml.safe_load(target.read_text(encoding="utf-8"))["task"]["kind"] == "classification"
    assert cli("init", tmp_path / "both.jsonl", "-o", target, "--force", "--task", "extraction")[0] == 0
    assert yaml.safe_load(target.read_text(encoding="utf-8"))["task"]["kind"] == "extraction"
    write_rows(tmp_path / "bare.jsonl", [{"text": "a"}, {"text": "b"}])
    assert cli("init", tmp_path / "bare.jsonl", "-o", target, "--force", "--task", "extraction")[0] == 3


def test_a_bench_compares_by_spans_and_leaves_out_what_cannot_extract(
    cli: Run, corpus: Callable[..., Path], tmp_path: Path
) -> None:
    corpus()
    bench = {
        "datasets": {"causes": {"run": "run.yaml", "gold": 16}},
        "methods": ["few_shot", "freeal", "gold_only"],
        "seeds": [0],
        "output": "bench",
    }
    (tmp_path / "bench.yaml").write_text(yaml.safe_dump(bench), encoding="utf-8")
    code, out, err = cli("bench", tmp_path / "bench.yaml")
    assert code == 0, err
    assert "student span F1" in out and "freeal on causes/0" in out
    text = (tmp_path / "bench/bench.md").read_text(encoding="utf-8")
    assert "teacher span F1" in text and "overlap F1" in text and "macro-F1" not in text
    assert "left out: it does not bring spans of texts" in text
    said = read(tmp_path / "bench/causes/few_shot/0/labels.jsonl")
    assert len(said) == 12
    metrics = metrics_of(tmp_path / "bench/causes/few_shot/0")
    line = next(
        row for row in (tmp_path / "bench/bench.csv").read_text(encoding="utf-8").splitlines() if "few_shot" in row
    )
    assert f"{metrics['student']['test']['strict_f1']['value']:.6f}".rstrip("0") in line
    code, _, err = cli("bench", tmp_path / "bench.yaml", "--methods", "freeal", "--output", tmp_path / "none")
    assert code == 2 and "leaves nothing to run" in err
