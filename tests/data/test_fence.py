"""The fence around gold."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualchecker.data import build_fence, fingerprint
from dualchecker.records import Record


def gold(count: int, labels: str = "ab") -> list[Record]:
    return [Record(str(i), f"text {i}", label=labels[i % len(labels)]) for i in range(count)]


def test_little_gold_is_cross_fitted_and_much_is_split() -> None:
    assert build_fence(gold(1000), "auto", 300, 0).mode == "cross_fit"
    assert build_fence(gold(1001), "auto", 300, 0).mode == "split"


def test_cross_fitting_lets_every_record_demonstrate_and_judge() -> None:
    records = gold(50)
    fence = build_fence(records, "cross_fit", 300, 0)
    assert fence.demonstrations == fence.calibration == fence.gold == tuple(records)


def test_the_limit_holds_and_every_label_judges() -> None:
    records = [*gold(500, "a"), *(Record(f"r{i}", f"rare {i}", label=f"r{i}") for i in range(9))]
    fence = build_fence(records, "cross_fit", 20, 0)
    assert len(fence.calibration) == 20
    assert len({record.label for record in fence.calibration}) == 10
    assert len(fence.demonstrations) == 509
    assert fence.calibration != build_fence(records, "cross_fit", 20, 1).calibration


def test_with_more_labels_than_places_chance_decides_not_the_alphabet() -> None:
    records = [Record(f"{k:02}-{i}", f"{k} {i}", label=f"{k:02}") for k in range(50) for i in range(3)]
    fence = build_fence(records, "cross_fit", 10, 0)
    labels = {record.label for record in fence.calibration}
    assert len(fence.calibration) == len(labels) == 10
    assert labels != {f"{k:02}" for k in range(10)}


def test_a_sample_keeps_the_shares() -> None:
    counts = Counter(record.label for record in build_fence(gold(900, "aab"), "cross_fit", 300, 0).calibration)
    assert counts == {"a": 200, "b": 100}


@settings(max_examples=80, deadline=None)
@given(
    texts=st.lists(st.integers(0, 60), min_size=4, max_size=80),
    fraction=st.floats(0.05, 0.9),
    limit=st.integers(10, 60),
    seed=st.integers(0, 3),
)
def test_a_split_is_disjoint_and_loses_no_human_label(texts: list[int], fraction: float, limit: int, seed: int) -> None:
    records = [Record(str(i), f"Text {n}", label="ab"[n % 2]) for i, n in enumerate(texts)]
    fence = build_fence(records, fraction, limit, seed)
    assert fence.mode == "split"
    assert sorted(r.id for r in fence.gold) == sorted(r.id for r in records)
    shown = {fingerprint(record.text) for record in fence.demonstrations}
    assert not shown & {fingerprint(record.text) for record in fence.calibration}


@pytest.mark.parametrize(("calibration", "count"), [(0.25, 500), (0.5, 600), ("auto", 600)])
def test_a_split_takes_the_fraction_up_to_the_limit(calibration: str | float, count: int) -> None:
    fence = build_fence(gold(2000), calibration, 600, 0)
    assert (fence.mode, len(fence.calibration), len(fence.demonstrations)) == ("split", count, 2000 - count)


def test_auto_leaves_at_least_half_as_demonstrations() -> None:
    assert len(build_fence(gold(1200), "auto", 5000, 0).calibration) == 600
