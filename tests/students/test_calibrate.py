"""A student's own exponent: found on what it has not learnt, against truth that may be uncertain."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

from dualchecker.confidence import best_exponent, sharpen
from dualchecker.records import Example, Record
from dualchecker.students import Judged, held_out, student_exponent

LABELS = ("a", "b")


class Noting:
    """Remembers what it was taught, and says for each text whether it has seen it."""

    kind = "noting"
    labels = LABELS

    def __init__(self, fits: list[list[str]]) -> None:
        self._fits = fits

    def fit(self, examples: Sequence[Example], validation: Sequence[Example] = ()) -> Self:
        self._fits.append([example.record.text for example in examples])
        return self

    def predict(self, records: Sequence[Record]) -> np.ndarray:
        seen = set(self._fits[-1])
        return np.array([[0.9, 0.1] if record.text in seen else [0.4, 0.6] for record in records])

    def sharpen(self, exponent: float) -> None: ...

    def save(self, folder: Path, card: str = "", extra: dict[str, Any] | None = None) -> None: ...


def judged(count: int, prefix: str = "text") -> list[Judged]:
    items = [Record(f"{prefix}{i}", f"{prefix} {i}") for i in range(count)]
    return [Judged(r, {"a": 0.7, "b": 0.3}, Example(r, LABELS[i % 2])) for i, r in enumerate(items)]


def test_nobody_is_judged_by_what_it_was_taught() -> None:
    fits: list[list[str]] = []
    items = judged(60)
    said, truth = held_out(lambda: Noting(fits), [*items, *items[:5]], [], folds=4, fits=4)
    assert (said[:, 0] == 0.4).all()
    assert said.shape == truth.shape == (65, 2)
    assert np.allclose(truth, [0.7, 0.3])
    assert len(fits) == 4


def test_texts_that_are_always_taught_judge_nothing() -> None:
    fits: list[list[str]] = []
    items = judged(40)
    fixed = [Example(Record("g", "  TEXT 3 "), "a"), Example(Record("h", "another"), "b")]
    said, _ = held_out(lambda: Noting(fits), items, fixed, folds=4, fits=4)
    assert len(said) == 39
    assert all("another" in taught for taught in fits)


def test_one_fit_holds_out_one_part() -> None:
    fits: list[list[str]] = []
    said, _ = held_out(lambda: Noting(fits), judged(200), [], folds=4, fits=1)
    assert len(fits) == 1
    assert 30 < len(said) < 70
    assert len(fits[0]) == 200 - len(said)


def test_without_two_labels_to_learn_from_nobody_is_judged() -> None:
    one = [Judged(j.record, j.truth, Example(j.record, "a")) for j in judged(30)]
    said, truth = held_out(lambda: Noting([]), one, [], folds=4, fits=4)
    assert len(said) == len(truth) == 0
    assert student_exponent(said, truth) is None


@pytest.mark.parametrize("exponent", [0.3, 1.0, 2.5])
def test_uncertain_truth_finds_the_same_exponent_as_known_truth(exponent: float) -> None:
    rng = np.random.default_rng(0)
    said = rng.dirichlet([1.5] * 4, 3000)
    truth = sharpen(said, exponent)
    assert best_exponent(said, truth)[0] == pytest.approx(exponent, rel=0.1)
    assert student_exponent(said, truth) == pytest.approx(exponent, rel=0.1)


def test_few_records_keep_the_exponent_near_one_and_very_few_give_none() -> None:
    rng = np.random.default_rng(0)
    said = rng.dirichlet([1.0] * 3, 20)
    nothing = np.full((20, 3), 1 / 3)
    assert student_exponent(said[:19], nothing[:19]) is None
    found = student_exponent(said, nothing)
    many = student_exponent(np.tile(said, (100, 1)), np.tile(nothing, (100, 1)))
    assert found is not None and many is not None
    assert 0 < many < found < 1
