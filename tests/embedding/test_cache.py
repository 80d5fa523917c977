"""Vectors once: in memory and over processes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from dualchecker.embedding import CachedEmbedder


class Counting:
    """Dense vectors, and a note of every text asked for."""

    def __init__(self, name: str = "counting") -> None:
        self.name = name
        self.asked: list[str] = []
        self.fitted: list[str] = []

    def fit(self, texts: Sequence[str]) -> None:
        self.fitted += texts

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.asked += texts
        return np.array([[len(text), ord(text[0])] for text in texts], dtype=np.float32).reshape(-1, 2)


def test_every_text_is_embedded_once_and_comes_in_order() -> None:
    inner = Counting()
    cached = CachedEmbedder(inner)
    first = cached.embed(["b", "aa", "b"])
    second = cached.embed(["ccc", "aa"])
    assert inner.asked == ["b", "aa", "ccc"]
    assert first.tolist() == [[1, 98], [2, 97], [1, 98]]
    assert second.tolist() == [[3, 99], [2, 97]]


def test_no_texts_have_the_inner_shape() -> None:
    assert CachedEmbedder(Counting()).embed([]).shape == (0, 2)


def test_it_stands_for_what_it_wraps() -> None:
    inner = Counting("x")
    cached = CachedEmbedder(inner)
    cached.fit(["a"])
    assert (cached.name, cached.inner, inner.fitted) == ("x", inner, ["a"])


def test_vectors_are_kept_between_processes(tmp_path: Path) -> None:
    first = CachedEmbedder(Counting(), tmp_path / "cache")
    vectors = first.embed(["a", "é", "\ud800"])
    first.save()
    inner = Counting()
    second = CachedEmbedder(inner, tmp_path / "cache")
    assert np.array_equal(second.embed(["\ud800", "a", "é"]), vectors[[2, 0, 1]])
    assert inner.asked == []
    second.embed(["new"])
    second.save()
    assert CachedEmbedder(Counting(), tmp_path / "cache").embed(["new"]).tolist() == [[3, 110]]


def test_another_model_has_another_cache(tmp_path: Path) -> None:
    first = CachedEmbedder(Counting("one"), tmp_path)
    first.embed(["a"])
    first.save()
    inner = Counting("two")
    CachedEmbedder(inner, tmp_path).embed(["a"])
    assert inner.asked == ["a"]


def test_without_folder_or_texts_nothing_is_written(tmp_path: Path) -> None:
    CachedEmbedder(Counting(), tmp_path / "cache").save()
    memory = CachedEmbedder(Counting())
    memory.embed(["a"])
    memory.save()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["empty", "cut", "half", "flipped", "noise"])
def test_a_damaged_cache_costs_time_not_results(tmp_path: Path, damage: str) -> None:
    first = CachedEmbedder(Counting(), tmp_path)
    expected = first.embed(["a", "bb"])
    first.save()
    [file] = tmp_path.iterdir()
    data = file.read_bytes()
    middle = data.index(expected.tobytes()) + 2
    file.write_bytes(
        {
            "empty": b"",
            "cut": data[:-5],
            "half": data[:middle],
            "flipped": data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :],
            "noise": b"noise" * 100,
        }[damage]
    )
    inner = Counting()
    cached = CachedEmbedder(inner, tmp_path)
    assert np.array_equal(cached.embed(["a", "bb"]), expected)
    assert inner.asked == ["a", "bb"]
    cached.save()
    assert file.read_bytes() == data


def test_a_crash_while_saving_leaves_the_old_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = CachedEmbedder(Counting(), tmp_path)
    first.embed(["a"])
    first.save()

    def crash(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", crash)
    first.embed(["bb"])
    with pytest.raises(KeyboardInterrupt):
        first.save()
    inner = Counting()
    CachedEmbedder(inner, tmp_path).embed(["a", "bb"])
    assert inner.asked == ["bb"]
