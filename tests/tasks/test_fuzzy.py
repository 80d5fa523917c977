"""The stretch that is most like a quote, against trying all of them."""

import random

import pytest
from rapidfuzz import fuzz

from dualchecker.tasks.folding import fold_text, parts_word
from dualchecker.tasks.fuzzy import MOST_CHARACTERS, REORDERED, Searched, needed

WORDS = ["rain", "heavy", "flood", "the", "river", "rose", "closed", "road", "because", "storm", "of"]


def best_of_all(quote: str, text: str) -> tuple[float, int]:
    """Likeness and length of the best stretch of whole words; the shortest of equals."""
    cuts = [i for i in range(len(text) + 1) if not parts_word(text, i)]
    starts = [i for i in cuts if text[i : i + 1].strip()]
    ends = [i for i in cuts if text[:i][-1:].strip()]
    score, length = max((fuzz.ratio(quote, text[i:j]), i - j) for i in starts for j in ends if i < j)
    return score / 100, -length


@pytest.mark.parametrize("spaced", [True, False])
def test_nothing_better_nor_shorter_is_there(spaced: bool) -> None:
    rng = random.Random(f"{spaced}")
    compared = 0
    for _ in range(60):
        text = (
            " ".join(rng.choices(WORDS, k=25)) if spaced else "".join(rng.choices("大雨河川氾濫道路閉鎖影響被害", k=60))
        )
        begin = rng.randrange(len(text) - 30)
        chars = list(text[begin : begin + rng.randint(12, 30)].strip())
        for _ in range(rng.randint(1, 3)):
            i = rng.randrange(len(chars))
            chars[i : i + rng.randrange(2)] = rng.choice(text) * rng.randrange(2)
        quote = "".join(chars).strip()
        found = Searched(fold_text(text)).find(quote, 0.85)
        score, length = best_of_all(quote, text)
        if score < needed(quote, 0.85):
            assert found is None or found[2] == REORDERED
        else:
            assert found is not None
            if found[2] != REORDERED:
                assert (found[2], found[1] - found[0]) == (pytest.approx(score), length)
                compared += 1
    assert compared > 20


def test_more_than_a_phrase_is_not_looked_for() -> None:
    text = "heavy rain fell on the old town " * 200
    searched = Searched(fold_text(text))
    assert searched.find(("x" + text)[:MOST_CHARACTERS], 0.85) is not None
    assert searched.find(("x" + text)[: MOST_CHARACTERS + 1], 0.85) is None
