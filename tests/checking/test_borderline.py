"""Which borderline cases are chosen."""

import numpy as np

from dualchecker.checking.borderline import by_border, pick_diverse
from dualchecker.embedding import NgramEmbedder
from dualchecker.records import Record


def test_wrong_ones_come_first_and_both_from_the_border_on() -> None:
    assert by_border([0.3, -0.9, 0.0, -0.1, 0.1]) == [3, 1, 2, 4, 0]
    assert by_border(np.array([0.2, 0.2, -0.5])) == [2, 0, 1], "of equals the first one"


def test_near_duplicates_are_left_out_and_the_count_is_kept() -> None:
    texts = ["heavy rain fell all day long", "heavy rain fell all day long.", "the mill stood still", "a cracked valve"]
    records = [Record(str(i), text) for i, text in enumerate(texts)]
    embedder = NgramEmbedder(features=2**10)
    embedder.fit(texts)
    assert [one.id for one in pick_diverse(records, 2, embedder)] == ["0", "2"]
    assert len(pick_diverse(records, 9, embedder)) == 3
    assert pick_diverse(records, 0, embedder) == []
