"""Sums over legal sequences of tags, against all of them written out."""

from itertools import product

import numpy as np
import numpy.typing as npt
import pytest

from dualchecker.students.bio import read_tags
from dualchecker.students.chain import absence, best_tags, log_partition, span_probabilities

LABELS = ("a", "b")
Array = npt.NDArray[np.float64]


def scores_for(lengths: list[int], seed: int = 0, sharpness: float = 2.0, labels: int = 2) -> list[Array]:
    rng = np.random.default_rng(seed)
    raw = [sharpness * rng.normal(size=(length, 1 + 2 * labels)) for length in lengths]
    return [one - np.log(np.exp(one).sum(axis=1, keepdims=True)) for one in raw]


def all_legal(scores: Array) -> list[tuple[tuple[int, ...], float, set[tuple[int, int, int]]]]:
    """Every legal sequence with its probability before normalisation and its spans (first, last, label)."""
    found = []
    for tags in product(range(scores.shape[1]), repeat=len(scores)):
        try:
            spans = read_tags([(place, place + 1) for place in range(len(tags))], tags, LABELS)
        except ValueError:
            continue
        chance = float(np.exp(sum(scores[place, tag] for place, tag in enumerate(tags))))
        found.append((tags, chance, {(first, last, LABELS.index(span.label)) for span, first, last in spans}))
    return found


CASES = [scores_for([3, 5, 0, 1, 4, 5], seed=seed, sharpness=sharpness) for seed, sharpness in [(0, 1), (1, 3), (2, 8)]]


@pytest.mark.parametrize("scores", CASES)
def test_the_likeliest_legal_sequence(scores: list[Array]) -> None:
    for one, tags in zip(scores, best_tags(scores), strict=True):
        assert tuple(tags) == max(all_legal(one), key=lambda found: found[1])[0]


@pytest.mark.parametrize("scores", CASES)
def test_the_partition_is_the_sum_over_legal_sequences(scores: list[Array]) -> None:
    expected = [np.log(sum(chance for _, chance, _ in all_legal(one))) for one in scores]
    np.testing.assert_allclose(log_partition(scores), expected, atol=1e-10)


@pytest.mark.parametrize("scores", CASES)
def test_the_probability_of_every_span(scores: list[Array]) -> None:
    asked = [
        [(first, last, label) for first in range(len(one)) for last in range(first, len(one)) for label in (0, 1)]
        for one in scores
    ]
    for one, spans, given in zip(scores, asked, span_probabilities(scores, asked), strict=True):
        whole = all_legal(one)
        total = sum(chance for _, chance, _ in whole)
        expected = [sum(chance for _, chance, its in whole if span in its) / total for span in spans]
        np.testing.assert_allclose(given, expected, atol=1e-10)


@pytest.mark.parametrize("scores", CASES)
def test_the_probability_that_a_label_is_absent(scores: list[Array]) -> None:
    for one, given in zip(scores, absence(scores, 2), strict=True):
        whole = all_legal(one)
        total = sum(chance for _, chance, _ in whole)
        for label in (0, 1):
            without = sum(chance for _, chance, its in whole if all(span[2] != label for span in its))
            assert given[label] == pytest.approx(without / total, abs=1e-10)


def test_certain_tags_that_are_illegal_still_give_legal_ones() -> None:
    certain_inside = np.full((6, 5), -np.inf)
    certain_inside[:, 2] = 0.0  # I-a throughout, which nothing begins
    (tags,) = best_tags([certain_inside])
    read_tags([(place, place + 1) for place in range(6)], tags, LABELS)
    assert np.isfinite(log_partition([certain_inside])).all()
    (chances,) = span_probabilities([certain_inside], [[(0, 5, 0), (2, 3, 1)]])
    assert all(0 <= chance <= 1 for chance in chances)


def test_no_texts_and_no_tokens() -> None:
    empty = np.zeros((0, 5))
    assert best_tags([]) == [] and span_probabilities([], []) == []
    assert absence([], 2).shape == (0, 2) and log_partition([]).shape == (0,)
    assert best_tags([empty])[0].tolist() == []
    assert absence([empty], 2).tolist() == [[1, 1]]
    assert span_probabilities([empty], [[]]) == [[]]


def test_a_text_says_the_same_among_others_as_alone() -> None:
    scores = scores_for([1, 300, 40, 7, 40], seed=4)
    spans = [[(0, 0, 1)], [(3, 9, 0), (0, 299, 1)], [], [(6, 6, 0)], [(39, 39, 0), (0, 1, 1)]]
    together = span_probabilities(scores, spans)
    for one, its, given in zip(scores, spans, together, strict=True):
        np.testing.assert_allclose(span_probabilities([one], [its])[0], given, rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(np.concatenate([absence([one], 2) for one in scores]), absence(scores, 2))
    assert [tags.tolist() for tags in best_tags(scores)] == [best_tags([one])[0].tolist() for one in scores]


def test_long_texts_stay_finite() -> None:
    scores = scores_for([20_000], seed=5, sharpness=6)
    (tags,) = best_tags(scores)
    read_tags([(place, place + 1) for place in range(len(tags))], tags, LABELS)
    (chances,) = span_probabilities(scores, [[(0, 19_999, 0), (5, 9, 1), (19_999, 19_999, 1)]])
    assert all(0 <= chance <= 1 for chance in chances)
    assert np.isfinite(absence(scores, 2)).all()


def test_many_labels() -> None:
    scores = scores_for([30] * 50, seed=6, labels=60)
    assert absence(scores, 60).shape == (50, 60)
    for tags in best_tags(scores):
        read_tags([(place, place + 1) for place in range(30)], tags, [str(number) for number in range(60)])
