"""Gold, pool and test together."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dualchecker.config import build_config
from dualchecker.data import Dataset, find_leaks, load_dataset
from dualchecker.errors import DataError
from dualchecker.tasks import Classification

TASK = Classification("Is it?", {"good": "", "bad": ""})
Rows = Sequence[dict[str, Any]]


def rows(prefix: str, count: int, labels: Sequence[str] = ("good", "bad")) -> list[dict[str, Any]]:
    return [
        {"id": f"{prefix}{i}", "text": f"{prefix} text {i}", "label": labels[i % len(labels)]} for i in range(count)
    ]


def load(folder: Path, gold: Rows, pool: Rows | float, test: Rows | float | None = None, **more: Any) -> Dataset:
    data: dict[str, Any] = dict(more.pop("data", {}))
    for name, value in {"gold": gold, "pool": pool, "test": test}.items():
        if isinstance(value, float) or value is None:
            data[name] = value
        else:
            data[name] = f"{name}.jsonl"
            (folder / data[name]).write_text("".join(json.dumps(row) + "\n" for row in value))
    raw = {"task": {"question": "Is it?", "labels": ["good", "bad"]}, "data": data, **more}
    return load_dataset(build_config(raw, root=folder), TASK)


def fails(folder: Path, gold: Rows, pool: Rows | float, test: Rows | float | None = None, **more: Any) -> str:
    with pytest.raises(DataError) as caught:
        load(folder, gold, pool, test, **more)
    return str(caught.value)


def test_three_files(tmp_path: Path) -> None:
    dataset = load(tmp_path, rows("g", 30), rows("p", 10), rows("t", 5))
    assert [len(part) for part in (dataset.gold, dataset.pool, dataset.test)] == [30, 10, 5]
    assert dataset.warnings == ()


def test_one_file_in_fractions(tmp_path: Path) -> None:
    dataset = load(tmp_path, rows("g", 200), 0.5, 0.2, data={"seed": 1})
    assert [len(part) for part in (dataset.gold, dataset.pool, dataset.test)] == [60, 100, 40]
    assert sum(record.label == "good" for record in dataset.test) == 20
    assert load(tmp_path, rows("g", 200), 0.5, 0.2, data={"seed": 1}) == dataset
    assert load(tmp_path, rows("g", 200), 0.5, 0.2, data={"seed": 2}) != dataset


def test_a_file_in_fractions_cannot_leak(tmp_path: Path) -> None:
    twins = [{**row, "text": f"text {i // 3}" + "!" * (i % 3), "label": "good"} for i, row in enumerate(rows("g", 90))]
    others = [{**row, "label": "bad"} for row in rows("h", 30)]
    dataset = load(tmp_path, [*twins, *others], 0.3, 0.3)
    assert find_leaks(dataset.gold, dataset.test) == find_leaks(dataset.pool, dataset.test) == []


def test_the_pool_needs_no_labels_and_may_have_strange_ones(tmp_path: Path) -> None:
    pool = [{"id": "a", "text": "x"}, {"id": "b", "text": "y", "label": "Good"}, {"id": "c", "text": "z", "label": "?"}]
    dataset = load(tmp_path, rows("g", 30), pool)
    assert [record.label for record in dataset.pool] == [None, "good", None]
    assert dataset.warnings == ("pool: 1 labels are not among the task's and are ignored ('?').",)


def test_labels_in_another_spelling_are_the_tasks(tmp_path: Path) -> None:
    dataset = load(tmp_path, rows("g", 40, ("GOOD", "Bad", "good", "bad")), 0.5)
    assert {record.label for record in dataset.gold} == {"good", "bad"}
    assert sum(record.label == "good" for record in dataset.gold) == 10


@pytest.mark.parametrize("role", ["gold", "test"])
def test_an_unknown_human_label_is_an_error(tmp_path: Path, role: str) -> None:
    parts = {"gold": rows("g", 30), "test": rows("t", 5)}
    parts[role][3]["label"] = "ugly"
    message = fails(tmp_path, parts["gold"], rows("p", 3), parts["test"])
    assert f"{role} record '{role[0]}3' has the label 'ugly'" in message
    assert "The task's labels are 'good', 'bad'" in message


def test_duplicate_ids_name_the_file(tmp_path: Path) -> None:
    assert "pool (pool.jsonl) holds the id 'p0' twice" in fails(tmp_path, rows("g", 30), [*rows("p", 3), *rows("p", 1)])


def test_gold_of_one_label(tmp_path: Path) -> None:
    assert "All 30 gold records carry the label 'good'" in fails(tmp_path, rows("g", 30, ["good"]), rows("p", 3))


def test_no_gold_left(tmp_path: Path) -> None:
    empty = [{"id": "a", "text": "", "label": "good"}]
    assert "No gold record is left" in fails(tmp_path, empty, rows("p", 3))


def test_little_gold_and_missing_labels_are_told(tmp_path: Path) -> None:
    task = Classification("q", {"good": "", "bad": "", "ugly": ""})
    (tmp_path / "g.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows("g", 6)))
    (tmp_path / "p.jsonl").write_text('{"id": 1, "text": "x"}')
    config = build_config(
        {"task": {"question": "q", "labels": list(task.labels)}, "data": {"gold": "g.jsonl", "pool": "p.jsonl"}},
        root=tmp_path,
    )
    assert load_dataset(config, task).warnings == (
        "gold has no record of 'ugly': the student cannot learn it there.",
        "gold has only 6 records: confidence and thresholds will be very uncertain.",
    )


@pytest.mark.parametrize("role", ["gold", "pool"])
@pytest.mark.parametrize("text", ["t text 2", "T  TEXT, 2!"])
def test_test_text_elsewhere_is_an_error_unless_allowed(tmp_path: Path, role: str, text: str) -> None:
    parts = {"gold": rows("g", 30), "pool": rows("p", 10)}
    parts[role][4]["text"] = text
    message = fails(tmp_path, parts["gold"], parts["pool"], rows("t", 5))
    assert f"1 test texts also stand in {role} (first: {role} '{role[0]}4' = test 't2')" in message
    dataset = load(tmp_path, parts["gold"], parts["pool"], rows("t", 5), data={"allow_leaks": True})
    assert dataset.warnings == (f"1 test texts also stand in {role} (allowed by data.allow_leaks).",)


def test_pool_text_in_gold_and_contradicting_gold_are_told(tmp_path: Path) -> None:
    gold, pool = rows("g", 30), rows("p", 3)
    pool[0]["text"] = "G text 5"
    gold[7]["text"] = gold[8]["text"]
    both, twins = load(tmp_path, gold, pool).warnings
    assert both.startswith("1 pool texts also stand in gold")
    assert twins.startswith("1 gold texts occur twice with different labels")
    assert "'g7'" in twins and "'g8'" in twins


def test_recorded_answers_need_ids_that_mean_one_text(tmp_path: Path) -> None:
    gold, pool = rows("g", 30), [*rows("g", 1), {"id": "g1", "text": "other"}]
    assert len(load(tmp_path, gold, pool).pool) == 2
    teacher = {"kind": "recorded", "answers": "a.jsonl"}
    assert "The id 'g1' stands for one text in gold and for another in pool" in fails(
        tmp_path, gold, pool, teacher=teacher
    )
    assert len(load(tmp_path, gold, pool[:1], teacher=teacher).pool) == 1


def test_a_missing_file_is_told_with_its_path(tmp_path: Path) -> None:
    config = build_config(
        {"task": {"question": "q", "labels": ["good", "bad"]}, "data": {"gold": "no.jsonl", "pool": "p.jsonl"}},
        root=tmp_path,
    )
    with pytest.raises(DataError, match=r"no\.jsonl"):
        load_dataset(config, TASK)
