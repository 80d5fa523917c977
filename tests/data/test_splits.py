"""Fingerprints, leaks and stratified splits."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualchecker.data import find_leaks, fingerprint, same_as, stratified_split
from dualchecker.records import Record


def some(count: int, labels: str = "ab") -> list[Record]:
    return [Record(str(i), f"text {i}", label=labels[i % len(labels)]) for i in range(count)]


@pytest.mark.parametrize(
    "other",
    [
        "a heat pump",
        "A HEAT PUMP",
        "A heat  pump.",
        "«A heat-pump!»",
        "Ａ heat\u3000pump",
        "A_heat\npump",
        "A — heat pump",
    ],
)
def test_case_width_blanks_and_punctuation_make_no_other_text(other: str) -> None:
    assert fingerprint(other) == fingerprint("A heat pump")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("a heat pump", "a heat pumps"), ("heat pump", "heatpump"), ("12", "21"), ("!", "?"), ("", "a"),
        ("कि", "का"), ("นี้", "นา"), ("が", "か"), ("é", "e"), ("\ud800", "\ud801"),
    ],
)  # fmt: skip
def test_other_words_are_other_texts(left: str, right: str) -> None:
    assert fingerprint(left) != fingerprint(right)


def test_the_encoding_of_accents_makes_no_other_text() -> None:
    assert fingerprint("é ガ ﬁ") == fingerprint("e\u0301 カ\u3099 fi")


def test_leaks_are_found_exactly_and_after_normalisation() -> None:
    left = [Record("a", "One text."), Record("b", "Another"), Record("c", " ")]
    right = [Record("1", "one  TEXT"), Record("2", "Another"), Record("3", "new"), Record("4", " ")]
    assert [(x.id, y.id) for x, y in find_leaks(left, right)] == [("a", "1"), ("b", "2")]


def test_one_seed_one_split_and_another_seed_another() -> None:
    records = some(60)
    first, again, other = (stratified_split(records, {"test": 0.3}, seed, rest="train") for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_parts_keep_the_shares_of_the_labels_and_the_order_of_the_file() -> None:
    records = some(200, "aaab")
    parts = stratified_split(records, {"pool": 0.5, "test": 0.2}, 0, rest="gold")
    assert {name: len(part) for name, part in parts.items()} == {"pool": 100, "test": 40, "gold": 60}
    for part in parts.values():
        assert Counter(record.label for record in part)["b"] == len(part) // 4
        assert [int(record.id) for record in part] == sorted(int(record.id) for record in part)


def test_the_order_of_the_labels_in_the_file_does_not_bias_the_parts() -> None:
    records = some(40)
    parts = stratified_split(records, {"test": 0.5}, 3, rest="train")
    assert {int(record.id) for record in parts["test"]} != set(range(20))


@settings(max_examples=150, deadline=None)
@given(
    texts=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30)), max_size=60),
    first=st.floats(0.05, 0.6),
    second=st.floats(0.05, 0.3),
    seed=st.integers(0, 5),
)
def test_every_record_is_used_once_and_equal_texts_stay_together(
    texts: list[tuple[str, int]], first: float, second: float, seed: int
) -> None:
    records = [Record(str(i), f"Text {n}" + "." * (i % 2), label=label) for i, (label, n) in enumerate(texts)]
    parts = stratified_split(records, {"one": first, "two": second}, seed, rest="rest")
    assert sorted(int(r.id) for part in parts.values() for r in part) == list(range(len(records)))
    for left in parts:
        for right in parts:
            assert left == right or find_leaks(parts[left], parts[right]) == []


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6), fraction=st.floats(0.05, 0.95))
def test_sizes_are_as_near_as_whole_records_allow(sizes: list[int], fraction: float) -> None:
    records = [Record(f"{k}-{i}", f"{k} {i}", label=str(k)) for k, size in enumerate(sizes) for i in range(size)]
    part = stratified_split(records, {"part": fraction}, 0, rest="rest")["part"]
    assert abs(len(part) - fraction * len(records)) <= 0.5 + 1e-6
    for k, size in enumerate(sizes):
        assert abs(sum(r.label == str(k) for r in part) - fraction * size) <= 1 + 1e-6


@given(st.text(st.sampled_from("aB1 .-_é熱"), max_size=60), st.text(st.sampled_from("aB1 .-_é熱"), max_size=60))
def test_the_quick_comparison_of_texts_agrees_with_their_fingerprints(one: str, other: str) -> None:
    for first, second in ((one, other), (one, one), (one, f"{one} "), (f"- {one}", one.upper()), (one + other, other)):
        assert same_as(first)(second) == (fingerprint(first) == fingerprint(second))
