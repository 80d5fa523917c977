"""A bench on a slice of the embedded corpus: equal terms, one bill for each method, resuming, failures, tables."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dualchecker.config import BenchConfig, load_bench
from dualchecker.data.corpora import corpus_path
from dualchecker.errors import ConfigError, DataError, DualcheckerError, TeacherError
from dualchecker.ledger import Ledger
from dualchecker.runs.bench import Bench, Cell, plan_bench, plan_cells, run_bench
from dualchecker.runs.bench import run as bench_run
from dualchecker.tasks import Classification

RUN: dict[str, Any] = {
    "task": {"question": "Green?", "labels": {"green": "It cuts harm.", "not_green": "Anything else."}},
    "data": {"gold": "gold.jsonl", "pool": "pool.jsonl", "test": "test.jsonl", "columns": {"text": "summary"}},
    "align": {"embedder": "ngrams"},
    "student": {"kind": "linear"},
    "check": {"threshold": 0.8, "rounds": 2},
}
BENCH: dict[str, Any] = {
    "datasets": {"green": {"run": "run.yaml"}},
    "methods": ["few_shot", "dualchecker"],
    "seeds": [0, 1],
    "equal": {"demonstrations": 4},
    "output": "out",
}

Write = Callable[..., BenchConfig]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a small bench file beside its run file and data; keys given by name replace those of ``BENCH``."""
    corpus = corpus_path("green-innovation")
    for name, count in (("gold", 24), ("pool", 24), ("test", 20)):
        lines = (corpus / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()[:count]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(RUN, sort_keys=False), encoding="utf-8")

    def make(**keys: Any) -> BenchConfig:
        (tmp_path / "bench.yaml").write_text(yaml.safe_dump({**BENCH, **keys}, sort_keys=False), encoding="utf-8")
        return load_bench(tmp_path / "bench.yaml")

    return make


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def without_times(folder: Path) -> dict[str, str]:
    """The tables but for seconds, which no two runs share."""
    page = re.sub(r"\| [\d.]+ \|$", "|", (folder / "bench.md").read_text(encoding="utf-8"), flags=re.M)
    cells = [{key: value for key, value in row.items() if key != "seconds"} for row in table(folder / "bench.csv")]
    return {"md": page, "csv": json.dumps(cells), "summary": (folder / "summary.csv").read_text(encoding="utf-8")}


def spy(monkeypatch: pytest.MonkeyPatch, before: Callable[[str], None] = lambda name: None) -> list[str]:
    """The cells that are run from now on."""
    ran: list[str] = []
    real = bench_run.distill

    def distill(config: Any, **more: Any) -> Any:
        name = "/".join(config.output_dir.parts[-3:])
        before(name)
        ran.append(name)
        return real(config, **more)

    monkeypatch.setattr(bench_run, "distill", distill)
    return ran


def test_the_tables_hold_what_a_hand_computes_from_the_files_of_the_runs(write: Write, tmp_path: Path) -> None:
    result = run_bench(write())
    assert result.complete
    task = Classification("Green?", RUN["task"]["labels"])
    truth = {row["id"]: row["label"] for name in ("pool", "test") for row in rows(tmp_path / f"{name}.jsonl")}
    cells = {(row["method"], int(row["seed"])): row for row in table(tmp_path / "out/bench.csv")}
    scores: dict[tuple[str, str], list[float]] = {}
    for (method, seed), cell in cells.items():
        folder = tmp_path / "out/green" / method / str(seed)
        for side, file in (("teacher", "labels"), ("student", "predictions")):
            said = rows(folder / f"{file}.jsonl")
            by_hand = task.score([row["label"] for row in said], [truth[row["id"]] for row in said])
            for name, value in by_hand.items():
                assert float(cell[f"{side}_{name}"]) == pytest.approx(value, abs=1e-5)
                scores.setdefault((method, f"{side}_{name}"), []).append(value)
        accepted = sum(row["status"] == "accepted" for row in rows(folder / "labels.jsonl"))
        assert float(cell["accepted"]) == pytest.approx(accepted / 24, abs=1e-5)
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        assert float(cell["student_accuracy"]) == pytest.approx(
            metrics["student"]["test"]["accuracy"]["value"], abs=1e-5
        )
        assert float(cell["student_ece"]) >= 0
    for row in table(tmp_path / "out/summary.csv"):
        if (row["method"], row["score"]) in scores:
            mean = sum(scores[row["method"], row["score"]]) / 2
            assert float(row["value"]) == pytest.approx(mean, abs=1e-5)
            assert float(row["low"]) <= mean <= float(row["high"])
            if row["method"] == "dualchecker":
                base = sum(scores["few_shot", row["score"]]) / 2
                assert float(row["minus_few_shot_value"]) == pytest.approx(mean - base, abs=1e-5)
    for name in ("bench.md", "bench.html"):
        assert "dualchecker" in (tmp_path / "out" / name).read_text(encoding="utf-8")


def test_every_method_of_a_seed_has_the_same_data_and_terms(write: Write) -> None:
    drawn = {"run": "run.yaml", "gold": {"per_label": 6}, "pool": 10}
    methods = ["few_shot", "dualchecker", "dualchecker_without_aligner"]
    cells = plan_cells(write(datasets={"green": drawn}, methods=methods, settings={"student.text": "text"}))
    by_seed = {seed: [cell for cell in cells if cell.seed == seed] for seed in (0, 1)}
    for seed, own in by_seed.items():
        assert len({cell.config.data for cell in own}) == 1
        assert {cell.config.align.demonstrations for cell in own} == {4}
        assert len({(cell.config.student, cell.config.limits) for cell in own}) == 1
        assert own[0].config.student.text == "text" and own[0].config.student.seed == seed
        data = own[0].dataset
        assert sorted(r.label or "" for r in data.gold) == ["green"] * 6 + ["not_green"] * 6 and len(data.pool) == 10
        assert not {r.text for r in data.gold} & {r.text for r in data.pool}
    first, second = (own[0].dataset for own in by_seed.values())
    assert {r.id for r in first.gold} != {r.id for r in second.gold} and first.test == second.test


def test_gold_and_pool_drawn_from_one_file_do_not_meet(write: Write, tmp_path: Path) -> None:
    raw = {**RUN, "data": {**RUN["data"], "pool": "gold.jsonl"}}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    cell = plan_cells(write(datasets={"green": {"run": "run.yaml", "gold": 12, "pool": 8}}))[0]
    gold, pool = ({record.id for record in part} for part in (cell.dataset.gold, cell.dataset.pool))
    assert len(gold) == 12 and len(pool) == 8 and not gold & pool
    with pytest.raises(DataError, match="12 records are left"):
        plan_cells(write(datasets={"green": {"run": "run.yaml", "gold": 12, "pool": 13}}))


def test_a_finished_bench_runs_nothing_again_and_says_the_same(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_bench(write())
    before = without_times(tmp_path / "out")
    ran = spy(monkeypatch)
    run_bench(write())
    assert not ran and without_times(tmp_path / "out") == before


def test_a_bench_that_is_stopped_goes_on_and_ends_as_if_it_had_not_been(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(name: str) -> None:
        if name == "green/few_shot/1":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        ran = spy(patch, stop)
        with pytest.raises(KeyboardInterrupt):
            run_bench(write())
        assert ran == ["green/few_shot/0", "green/dualchecker/0"]
    ran = spy(monkeypatch)
    run_bench(write())
    assert ran == ["green/few_shot/1", "green/dualchecker/1"]
    whole = run_bench(write(output="whole"))
    assert whole.complete and without_times(tmp_path / "whole") == without_times(tmp_path / "out")


def test_a_changed_setting_or_file_is_run_again(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_bench(write(methods=["few_shot"], seeds=[0]))
    ran = spy(monkeypatch)
    run_bench(write(methods=["few_shot"], seeds=[0], settings={"check.threshold": 0.7}))
    assert ran == ["green/few_shot/0"]
    lines = (tmp_path / "pool.jsonl").read_text(encoding="utf-8").splitlines()[:-1]
    (tmp_path / "pool.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    run_bench(write(methods=["few_shot"], seeds=[0], settings={"check.threshold": 0.7}))
    assert len(ran) == 2


def test_what_two_methods_ask_alike_is_asked_once_and_billed_to_both(write: Write, tmp_path: Path) -> None:
    methods = ["dualchecker", "dualchecker_without_student_checker"]
    both = run_bench(write(methods=methods, seeds=[0], against=[]))
    with Ledger.open(tmp_path / "out/green/ledger.sqlite", read_only=True) as ledger:
        asked = ledger.totals().attempts
    used = {name: outcome.used.requests for name, outcome in both.outcomes.items()}
    assert asked < sum(used.values())
    alone = run_bench(write(methods=methods[1:], seeds=[0], against=[], output="alone"))
    name = "green/dualchecker_without_student_checker/0"
    assert alone.outcomes[name].used == both.outcomes[name].used


def test_a_run_that_fails_is_told_with_its_reason_and_ends_nothing(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str) -> None:
        if name == "green/few_shot/0":
            raise TeacherError("The teacher is | away.")
        if name == "green/few_shot/1":
            raise ZeroDivisionError("a fault of the method")

    with monkeypatch.context() as patch:
        ran = spy(patch, fail)
        result = run_bench(write())
        assert ran == ["green/dualchecker/0", "green/dualchecker/1"] and result.failed
    assert result.outcomes["green/few_shot/0"].state == "failed"
    page = (tmp_path / "out/bench.md").read_text(encoding="utf-8")
    assert "few_shot *" in page and "failed: The teacher is \\| away." in page and "a fault of the method" in page
    assert "ZeroDivisionError" in (tmp_path / "out/green/few_shot/1/error.txt").read_text(encoding="utf-8")
    reasons = [row["reason"] for row in table(tmp_path / "out/bench.csv") if row["state"] == "failed"]
    assert len(reasons) == 2
    ran = spy(monkeypatch)
    assert not run_bench(write()).complete and not ran
    assert run_bench(write(), retry_failed=True).complete and ran == ["green/few_shot/0", "green/few_shot/1"]


def test_a_method_that_would_use_more_than_its_share_has_no_result(write: Write, tmp_path: Path) -> None:
    tight = write(seeds=[0], equal={"demonstrations": 4, "max_requests_per_record": 1.5})
    result = run_bench(tight)
    states = {name: outcome.state for name, outcome in result.outcomes.items()}
    assert states == {"green/few_shot/0": "done", "green/dualchecker/0": "over budget"}
    assert "more than the 36 requests" in (tmp_path / "out/bench.md").read_text(encoding="utf-8")
    assert not plan_bench(tight)[1].todo and plan_bench(tight, retry_failed=True)[1].todo == 1
    # A budget is no part of what a cell computes, but one that is raised lets it run.
    assert run_bench(write(seeds=[0]), retry_failed=True).complete


def test_only_what_is_chosen_is_run(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = spy(monkeypatch)
    bench = write()
    assert sum(plan.todo for plan in plan_bench(bench, only=["few_shot"])) == 2
    result = run_bench(bench, only=["green/few_shot/*"])
    assert ran == ["green/few_shot/0", "green/few_shot/1"]
    assert result.outcomes["green/dualchecker/0"].state == "not run" and not result.failed
    with pytest.raises(ConfigError, match="no run"):
        run_bench(bench, only=["fewshot"])


def test_two_data_sets_have_a_table_each_and_one_over_both(write: Write, tmp_path: Path) -> None:
    datasets = {"one": {"run": "run.yaml"}, "two": {"run": "run.yaml", "gold": 16, "pool": 12}}
    result: Bench = run_bench(
        write(datasets=datasets, methods=["few_shot", "dualchecker_without_teacher_checker"], seeds=[0])
    )
    tables = result.comparison.tables
    assert list(tables) == ["one", "two", "all"]
    for number in (0, 1):
        each = [tables[name][number].scores["student_accuracy"]["value"] for name in ("one", "two")]
        assert tables["all"][number].scores["student_accuracy"]["value"] == pytest.approx(sum(each) / 2)
        assert tables["all"][number].over == ("one", "two")
    assert "## Mean over 2 data sets" in (tmp_path / "out/bench.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"methods": ["few_shoot"]}, r"line \d+: methods: there is no method 'few_shoot'; did you mean 'few_shot'"),
        ({"datasets": {"green": {"run": "nowhere.yaml"}}}, "There is no run file"),
        ({"datasets": {"green": {"corpus": "blue"}}}, "no corpus 'blue'"),
        ({"settings": {"student.kid": "linear"}}, "unknown key 'student.kid'; did you mean 'kind'"),
        ({"settings": {"method.x": 1}}, r"line \d+: settings: 'method' in 'method.x' is no section"),
    ],
)
def test_a_mistake_in_the_bench_file_is_told_before_anything_runs(
    write: Write, tmp_path: Path, keys: dict[str, Any], words: str
) -> None:
    with pytest.raises(DualcheckerError, match=words):
        run_bench(write(**keys))
    assert not (tmp_path / "out").exists()


def test_a_cell_is_known_by_everything_that_its_outcome_hangs_on(write: Write) -> None:
    def keys(**more: Any) -> list[str]:
        cells: list[Cell] = plan_cells(write(**more))
        return [cell.key for cell in cells]

    first = keys()
    assert len(set(first)) == 4 and keys() == first and keys(output="elsewhere") == first
    assert not set(first) & set(keys(settings={"align.wide_neighbours": 5}))
