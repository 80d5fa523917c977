"""Label sets in data files: how they may be written, and what is refused."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dualchecker.config import build_config
from dualchecker.data import Dataset, decision_fence, decisions, load_dataset
from dualchecker.data.fence import build_fence
from dualchecker.errors import DataError
from dualchecker.runs.parts import build_task

LABELS = ["sea", "kitchen", "oil, gas"]
SETS: list[list[str]] = [["sea"], [], ["sea", "kitchen"], ["oil, gas"]]


def rows(labels: Sequence[Any], prefix: str = "g", count: int = 24) -> list[dict[str, Any]]:
    return [
        {"id": f"{prefix}{i}", "text": f"{prefix} text {i}", "label": labels[i % len(labels)]} for i in range(count)
    ]


def load(folder: Path, gold: list[dict[str, Any]], pool: list[dict[str, Any]], **task: Any) -> Dataset:
    for name, part in (("gold", gold), ("pool", pool)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part), encoding="utf-8")
    raw = {
        "task": {"question": "Which?", "labels": LABELS, "multiple": True, **task},
        "data": {"gold": "gold.jsonl", "pool": "pool.jsonl"},
    }
    config = build_config(raw, root=folder)
    return load_dataset(config, build_task(config))


@pytest.mark.parametrize(
    "written",
    [
        SETS,
        [json.dumps(labels) for labels in SETS],
        ["sea", "", "sea|kitchen", '["oil, gas"]'],
        ["Sea", "[]", "Kitchen ; SEA", "oil, gas"],
        [["sea", "sea"], [], ["kitchen", "sea"], ["oil, gas"]],
    ],
    ids=["lists", "JSON text", "text", "folded", "twice"],
)
def test_label_sets_may_be_written_in_many_ways(tmp_path: Path, written: list[Any]) -> None:
    gold = load(tmp_path, rows(written), rows([None], "p")).gold
    assert [record.labels for record in gold[:4]] == [("sea",), (), ("sea", "kitchen"), ("oil, gas",)]
    assert gold[1].label == "[]"


def test_csv_holds_label_sets_and_an_empty_cell_of_gold_says_none(tmp_path: Path) -> None:
    with (tmp_path / "gold.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label"])
        writer.writerows([[f"g{i}", f"text {i}", ["sea|kitchen", "", "kitchen"][i % 3]] for i in range(30)])
    with (tmp_path / "pool.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label"])
        writer.writerows([["p0", "one", ""], ["p1", "two", "[]"], ["p2", "three", "sea"]])
    raw = {
        "task": {"question": "Which?", "labels": LABELS, "multiple": True},
        "data": {"gold": "gold.csv", "pool": "pool.csv"},
    }
    config = build_config(raw, root=tmp_path)
    dataset = load_dataset(config, build_task(config))
    assert [record.labels for record in dataset.gold[:3]] == [("sea", "kitchen"), (), ("kitchen",)]
    assert [record.labels for record in dataset.pool] == [None, (), ("sea",)]


def fails(folder: Path, gold: list[dict[str, Any]], **task: Any) -> str:
    with pytest.raises(DataError) as caught:
        load(folder, gold, rows([None], "p"), **task)
    return str(caught.value)


def test_an_unknown_label_in_gold_is_refused_by_name(tmp_path: Path) -> None:
    message = fails(tmp_path, rows([["sea", "attic"], ["kitchen"]]))
    assert "'attic'" in message and "'g0'" in message


def test_a_label_with_the_separator_in_its_name_asks_for_a_list(tmp_path: Path) -> None:
    message = fails(tmp_path, rows(["sea, oil, gas", "kitchen"]))
    assert "JSON list" in message


def test_a_list_without_multiple_says_what_to_set(tmp_path: Path) -> None:
    assert "task.multiple: true" in fails(tmp_path, rows(SETS), multiple=False)


def test_gold_without_any_label_value_is_refused(tmp_path: Path) -> None:
    assert "no label" in fails(tmp_path, rows([None, ["sea"]]))


def test_gold_in_which_nothing_differs_is_refused(tmp_path: Path) -> None:
    assert "always or never" in fails(tmp_path, rows([["sea"]]))


def test_labels_that_never_or_always_apply_and_single_labels_are_noted(tmp_path: Path) -> None:
    notes = " ".join(load(tmp_path, rows([["sea"], ["sea", "kitchen"]]), rows([None], "p")).warnings)
    assert "no record of 'oil, gas'" in notes and "'sea' applies to every" in notes
    notes = " ".join(load(tmp_path, rows(["sea", "kitchen", "oil, gas"]), rows([None], "p")).warnings)
    assert "exactly one label" in notes


def test_a_pool_set_with_an_unknown_label_is_ignored_as_a_whole(tmp_path: Path) -> None:
    dataset = load(tmp_path, rows(SETS), rows([["sea", "attic"], ["kitchen"]], "p", 2))
    assert [record.labels for record in dataset.pool] == [None, ("kitchen",)]
    assert any("'attic'" in warning for warning in dataset.warnings)


def test_decisions_are_one_a_label_and_stand_on_their_texts_side_of_the_fence(tmp_path: Path) -> None:
    dataset = load(tmp_path, rows(SETS, count=60), rows([None], "p", 3))
    decided = decisions(dataset.gold, LABELS)
    assert [(r.about, r.label) for r in decided[:3]] == [("sea", "yes"), ("kitchen", "no"), ("oil, gas", "no")]
    assert len({record.id for record in decided}) == 60 * 3
    assert all(record.label is None for record in decisions(dataset.pool, LABELS))
    fence = decision_fence(build_fence(dataset.gold, 0.4, 300, 1), LABELS)
    shown = {record.whole.id for record in fence.demonstrations}
    judged = {record.whole.id for record in fence.calibration}
    assert shown and judged and not shown & judged
