"""What a linear student sees of a text: the embedder's vector, and beside it character n-grams."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dualchecker.embedding import Embedder, NgramEmbedder
from dualchecker.records import Example, Record
from dualchecker.students.base import record_text, targets_and_weights
from dualchecker.students.solver import fit_softmax, scores_of

SHARES = (0.0, 0.5, 1.0, 2.0)
"""How strongly n-grams may count beside the vector. Vectors carry what a text is about; n-grams carry wording, which
decides where all texts are about the same (measured: docs/benchmarks.md)."""

_FOLDS = 3


class _Rows:
    """Sparse rows, each text computed once."""

    def __init__(self, ngrams: NgramEmbedder) -> None:
        self.ngrams = ngrams
        self._at: dict[str, int] = {}
        self._matrix: Any = None

    def embed(self, texts: Sequence[str]) -> Any:
        missing = list(dict.fromkeys(text for text in texts if text not in self._at))
        if missing:
            from scipy.sparse import vstack

            fresh = self.ngrams.embed(missing)
            self._matrix = fresh if self._matrix is None else vstack([self._matrix, fresh], format="csr")
            for text in missing:
                self._at[text] = len(self._at)
        return self._matrix[[self._at[text] for text in texts]]


class Features:
    """Feature blocks of records.

    Args:
        embedder: Gives the first block.
        ngrams: Gives the second one.
        share: Its strength; 0 leaves it out.
        text: Which form of a record is read.
    """

    def __init__(self, embedder: Embedder, ngrams: NgramEmbedder, share: float, text: str) -> None:
        self.embedder, self.ngrams, self.share, self.text = embedder, ngrams, share, text
        self._rows = _Rows(ngrams)

    def blocks(self, records: Sequence[Record]) -> list[Any]:
        """Shape (records, d) each."""
        texts = [record_text(record, self.text) for record in records]
        blocks = [self.embedder.embed(texts)]
        if self.share:
            blocks.append(self._rows.embed(texts) * np.float32(self.share))
        return blocks


def choose_features(
    embedder: Embedder, gold: Sequence[Record], others: Sequence[Record], labels: Sequence[str], text: str, l2: float
) -> Features:
    """Features whose n-gram share does best on gold, by log-loss in cross-validation; the pool's labels play no part.

    Args:
        embedder: The run's embedder.
        gold: Human-labelled records.
        others: Unlabelled ones, for document frequencies.
        labels: Order of the columns.
        text: Which form of a record is read.
        l2: The student's ridge.
    """
    if isinstance(embedder, NgramEmbedder):
        return Features(embedder, embedder, 0.0, text)
    # A weight a label and feature: with many labels fewer features keep it quick.
    ngrams = NgramEmbedder(features=2**15 if len(labels) <= 20 else 2**13)
    ngrams.fit([record_text(record, text) for record in (*gold, *others)])
    targets, weights = targets_and_weights([Example(record, record.label or "") for record in gold], labels)
    losses = {}
    for share in SHARES:
        blocks = Features(embedder, ngrams, share, text).blocks(gold)
        losses[share] = _log_loss(blocks, targets, weights, l2)
    return Features(embedder, ngrams, min(losses, key=losses.__getitem__), text)


def _log_loss(
    blocks: Sequence[Any], targets: npt.NDArray[np.float64], weights: npt.NDArray[np.float64], l2: float
) -> float:
    fold = np.zeros(len(targets), dtype=int)
    for column in range(targets.shape[1]):  # every label in every fold, as far as it goes
        members = np.flatnonzero(targets[:, column] == 1)
        fold[members] = np.arange(len(members)) % _FOLDS
    total = 0.0
    for number in range(_FOLDS):
        train, held = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        if not len(held):
            continue
        fitted = fit_softmax(
            [block[train] for block in blocks], targets[train], weights[train], l2=l2, max_iterations=50
        )
        scores = scores_of([block[held] for block in blocks], fitted)
        scores = scores - scores.max(axis=1, keepdims=True)
        log = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        total -= float((log * targets[held]).sum())
    return total
