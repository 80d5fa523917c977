"""Slices: a planted bad one is found first, noise is not taken for a finding, columns become categories."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import false_discovery_control, fisher_exact

from dualchecker.errors import ConfigError
from dualchecker.evaluation.slices import Judged, benjamini_hochberg, check_columns, find_slices, group, judge_slices
from dualchecker.records import Record

LABELS = ["a", "b", "c"]


def world(seed: int, *, planted: float = 0.8, count: int = 600) -> Judged:
    """Records of twelve sources; those of source 3 are right with another chance than the rest."""
    draw = np.random.default_rng(seed)
    records, said, truth = [], [], []
    for number in range(count):
        source = int(draw.integers(12))
        meta = {"source": f"s{source}", "year": int(draw.integers(1990, 2024)), "note": f"n{number}"}
        text = "word " * int(draw.integers(3, 40))
        records.append(Record(f"r{number}", text, label=str(draw.choice(LABELS)), meta=meta))
        truth.append(records[-1].label or "")
        right = draw.random() < (planted if source == 3 else 0.8)
        said.append(truth[-1] if right else str(draw.choice([label for label in LABELS if label != truth[-1]])))
    right = [s == t for s, t in zip(said, truth, strict=True)]
    sure = draw.random(count)
    return Judged(records, said, truth, right, sure.tolist(), (sure > 0.5).tolist(), ["brief", "wide"] * (count // 2))


def test_a_planted_bad_slice_comes_first_and_is_marked() -> None:
    judged = world(1, planted=0.4)
    found = judge_slices(judged, group(judged))

    worst = found["rows"][0]
    assert (worst["column"], worst["value"], worst["marked"]) == ("source", "s3", "worse")
    inside = [i for i, r in enumerate(judged.records) if r.meta["source"] == "s3"]
    assert worst["count"] == len(inside)
    assert worst["accuracy"]["value"] == pytest.approx(np.mean([judged.right[i] for i in inside]))
    assert worst["accuracy"]["high"] < found["overall"]
    assert worst["accepted"] == pytest.approx(np.mean([judged.accepted[i] for i in inside]))  # type: ignore[index]
    assert {row["column"] for row in found["rows"]} == {
        "human label", "predicted label", "length in characters", "rung", "source", "year",
    }  # fmt: skip


def test_in_pure_noise_hardly_ever_anything_is_marked() -> None:
    """Some eighteen slices a world: unadjusted, most worlds would show one at p < 0.05."""
    looked, marked = 0, 0
    for seed in range(40):
        judged = world(seed, count=300)
        # Of labels it is not noise: one that is said more often than it is true is right less often when said.
        found = find_slices(judged.right, {k: v for k, v in group(judged).items() if "label" not in k})
        looked += len(found)
        marked += any(one.marked for one in found)

    assert looked / 40 > 15
    assert marked <= 5  # two are expected at most; six or more come once in seventy such tests


def test_the_test_is_fishers_and_the_adjustment_that_of_benjamini_and_hochberg() -> None:
    judged = world(2, planted=0.6)
    sources = {"source": group(judged)["source"]}
    found = judge_slices(judged, sources)

    right = np.array(judged.right)
    raw = {}
    for value in {v for v in sources["source"] if v is not None}:
        inside = np.array([v == value for v in sources["source"]])
        table = [
            [(right & inside).sum(), (~right & inside).sum()],
            [(right & ~inside).sum(), (~right & ~inside).sum()],
        ]
        raw[value] = fisher_exact(table).pvalue
    adjusted = dict(zip(raw, false_discovery_control(list(raw.values())), strict=True))

    assert {row["value"]: row["p"] for row in found["rows"]} == pytest.approx(adjusted)
    assert benjamini_hochberg([]) == []


def test_small_slices_and_slices_of_everything_are_left_out() -> None:
    judged = world(1, count=60)
    values: list[str | None] = ["few"] * 19 + ["many"] * 41
    everything: list[str | None] = ["all"] * 60

    found = judge_slices(judged, {"size": values, "whole": everything, "gone": [None] * 60})

    assert [(row["column"], row["value"]) for row in found["rows"]] == [("size", "many")]


def test_slices_of_the_same_records_are_counted_once() -> None:
    judged = world(1, count=60)
    half: list[str | None] = ["x"] * 30 + ["y"] * 30

    found = judge_slices(judged, {"one": half, "other": [v and v.upper() for v in half]})

    assert found["looked_at"] == 2
    assert {tuple(row["also"]) for row in found["rows"]} == {("other: X",), ("other: Y",)}


def test_f1_is_not_claimed_where_a_slice_has_one_label() -> None:
    judged = world(1)
    rows = judge_slices(judged, group(judged))["rows"]

    assert all((row["macro_f1"] is None) == (row["column"] in ("human label", "predicted label")) for row in rows)


def column(values: list[Any], *, asked: bool = False) -> list[str | None]:
    count = len(values)
    records = [Record(f"r{i}", "x", meta={"c": value}) for i, value in enumerate(values)]
    judged = Judged(records, ["a"] * count, ["a"] * count, [True] * count, [0.5] * count)
    return group(judged, ["c"] if asked else None)["c"]


def test_columns_become_categories() -> None:
    assert column(["x", "y", "x", None]) == ["x", "y", "x", "(missing)"]
    assert column([True, False, float("nan"), ""]) == ["true", "false", "(missing)", "(missing)"]
    assert set(column(list(range(100)))) == {"0 to 24", "25 to 49", "50 to 74", "75 to 99"}
    assert set(column([*map(str, range(100)), None])) == {
        "0 to 24", "25 to 49", "50 to 74", "75 to 99", "(missing)",
    }  # fmt: skip
    assert column([f"name {i}" for i in range(50)]) == [None] * 50
    assert column(["same"] * 5) == [None] * 5
    asked = column([f"name {i % 30 if i < 90 else 0}" for i in range(120)], asked=True)
    assert asked.count("name 0") == 33 and "(others)" in asked and len(set(asked)) == 21


def test_lists_and_mappings_in_a_column_are_no_crash() -> None:
    assert column([[1], {"a": 2}, [1]]) == ["[1]", "{'a': 2}", "[1]"]


def test_a_column_named_like_one_of_ours_is_kept_apart() -> None:
    records = [Record(f"r{i}", "x" * (i + 1), label="a", meta={"human label": f"v{i % 2}"}) for i in range(4)]
    groups = group(Judged(records, ["a"] * 4, ["a"] * 4, [True] * 4, [0.5] * 4))

    assert groups["human label"] == ["a"] * 4
    assert groups["human label (column)"] == ["v0", "v1", "v0", "v1"]


def test_an_unknown_column_is_refused_by_name() -> None:
    records = [Record("r1", "x", meta={"source": 1})]
    check_columns(records, ["source"])
    with pytest.raises(ConfigError, match="'sorce'") as caught:
        check_columns(records, ["sorce"])
    assert "'source'" in caught.value.why
