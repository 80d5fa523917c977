"""The bench file: what it may say, and how mistakes are told."""

from pathlib import Path

import pytest

from dualchecker.config import load_bench
from dualchecker.errors import ConfigError

GOOD = """datasets:
  green: {corpus: green-innovation}
  mine:
    task: {question: q, labels: [yes, no]}
    data: {gold: g.jsonl, pool: p.jsonl}
methods: [few_shot, dualchecker]
"""


def load(tmp_path: Path, text: str, **more: object) -> object:
    file = tmp_path / "bench.yaml"
    file.write_text(text, encoding="utf-8")
    return load_bench(file, **more)


def test_a_bench_file_says_only_what_it_must(tmp_path: Path) -> None:
    bench = load_bench_text(tmp_path, GOOD)
    assert bench.seeds == (0, 1, 2) and bench.baselines == ("few_shot",)
    assert list(bench.inline("mine").task.labels) == ["yes", "no"]
    assert bench.inline("mine").path("g.jsonl") == (tmp_path / "g.jsonl").resolve()


def load_bench_text(tmp_path: Path, text: str, **more: object):  # type: ignore[no-untyped-def]
    return load(tmp_path, text, **more)


def test_options_override_the_file_and_settings_are_merged(tmp_path: Path) -> None:
    text = GOOD + "settings: {student.kind: linear, student.text: both}\n"
    bench = load_bench_text(tmp_path, text, methods=["few_shot"], seeds=None, settings={"student.text": "text"})
    assert bench.methods == ("few_shot",) and bench.seeds == (0, 1, 2)
    assert bench.settings == {"student.kind": "linear", "student.text": "text"}


def test_a_run_file_is_a_bench_of_one_data_set(tmp_path: Path) -> None:
    (tmp_path / "my run.yaml").write_text("task: {question: q, labels: [a, b]}\ndata: {gold: g, pool: p}\n")
    bench = load_bench(tmp_path / "my run.yaml", methods=["few_shot"])
    assert list(bench.datasets) == ["my-run"] and bench.datasets["my-run"].run == "my run.yaml"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("datasets: {}\nmethods: [few_shot]\n", "line 1: datasets"),
        ("methods: [few_shot]\n", "'datasets' is missing"),
        ("datasets: {a: {corpus: c}}\n", "'methods' is missing"),
        (GOOD + "seeds: []\n", "line 7: seeds"),
        (GOOD + "seeds: [1, 1]\n", "line 7: seeds: 1 is given twice"),
        (GOOD + "seed: 3\n", "line 7: unknown key 'seed'; did you mean 'seeds'"),
        (GOOD + "against: [cot]\n", "against names 'cot', which is not among the methods"),
        (GOOD + "equal: {demos: 3}\n", "line 7: unknown key 'equal.demos'; "),
        ("datasets: {a: {}}\nmethods: [few_shot]\n", "line 1: datasets.a: needs exactly one of"),
        ("datasets:\n  a: {corpus: c, run: r}\nmethods: [few_shot]\n", "line 2: datasets.a: needs exactly one of"),
        ("datasets:\n  a: {corpus: c, gold: 1}\nmethods: [few_shot]\n", "line 2: datasets.a.gold: must be at least 2"),
        ("datasets:\n  a: {corpus: c, gold: {each: 1}}\nmethods: [few_shot]\n", "line 2: .*datasets.a.gold.each"),
        ("datasets:\n  a: {corpus: c, pol: 5}\nmethods: [few_shot]\n", "line 2: datasets.a: unknown key 'pol'"),
        ("datasets: {a: {corpus: c}, b: {corpus: c}}\nmethods: [few_shot]\n", "'a' and 'b' are the same data"),
        ("datasets: {a: {corpus: c}, A: {corpus: d}}\nmethods: [few_shot]\n", "differ only in case"),
        ("datasets: {a: {corpus: c}, a: {corpus: d}}\nmethods: [few_shot]\n", "key 'a' is given twice"),
        ("datasets: {../a: {corpus: c}}\nmethods: [few_shot]\n", "has to be letters"),
        (GOOD.replace("question: q", "queston: q"), r"line 4: unknown key 'task.queston'; did you mean 'question'"),
        ("- 1\n", "holds no settings"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load(tmp_path, text)


def test_a_missing_file_is_called_a_bench_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no bench file"):
        load_bench(tmp_path / "none.yaml")
