"""Borderline gold for the template: cases near to the border that are not alike."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from dualchecker.embedding import Embedder, similarity
from dualchecker.records import Record

NEAR_DUPLICATE = 0.9
"""Cosine above which a text says nothing that another one does not."""


def by_border(margins: Sequence[float] | npt.NDArray[np.float64]) -> list[int]:
    """Positions of the wrong ones (margin below 0), then of the others, each from the border on.

    The worst are as often mislabelled or hopeless as instructive, so they do not come first.
    """
    return sorted(range(len(margins)), key=lambda i: (margins[i] >= 0, abs(margins[i])))


def pick_diverse(ranked: Iterable[Record], count: int, embedder: Embedder) -> list[Record]:
    """The first ``count`` records that are no near-duplicates of one chosen before."""
    chosen: list[Record] = []
    for record in ranked:
        if len(chosen) == count:
            break
        if chosen:
            vectors = embedder.embed([record.text, *(other.text for other in chosen)])
            if float(similarity(vectors[:1], vectors[1:]).max()) > NEAR_DUPLICATE:
                continue
        chosen.append(record)
    return chosen
