"""Nearest human-labelled records: vectors once, one matrix product a batch."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dualchecker.data import fingerprint
from dualchecker.embedding import Embedder, similarity
from dualchecker.records import Record

_SHARE_TEMPERATURE = 0.06


class GoldIndex:
    """Similarity search among the demonstrations.

    Args:
        embedder: Gives the vectors.
        records: Labelled records that may be shown.
        long: Compare the long forms.
    """

    def __init__(self, embedder: Embedder, records: Sequence[Record], *, long: bool = False) -> None:
        self._embedder, self.records, self._long = embedder, tuple(records), long
        self._vectors = embedder.embed([self._text(record) for record in self.records])
        self._prints = np.array([fingerprint(record.text) for record in self.records], dtype=object)
        self._labels = np.array([record.label for record in self.records], dtype=object)

    def _text(self, record: Record) -> str:
        return record.long_text if self._long else record.text

    def similarities(self, queries: Sequence[Record]) -> npt.NDArray[np.float32]:
        """Cosines, shape (queries, records); minus infinity where the record *is* the query's text."""
        scores = similarity(self._embedder.embed([self._text(query) for query in queries]), self._vectors)
        for row, query in enumerate(queries):
            scores[row, self._prints == fingerprint(query.text)] = -np.inf
        return scores

    def nearest(
        self,
        scores: npt.NDArray[np.float32],
        count: int,
        counter_labels: Sequence[str] = (),
        per_label: int = 0,
    ) -> list[Record]:
        """Records of one query's scores, nearest first.

        Args:
            scores: One row of ``similarities``.
            count: How many.
            counter_labels: For each of these labels, add its ``per_label`` nearest if they are not there yet.
            per_label: See above.
        """
        ranked = np.argsort(-scores, kind="stable")
        order: list[int] = ranked[np.isfinite(scores[ranked])].tolist()
        chosen = set(order[:count])
        for label in counter_labels:
            chosen.update([i for i in order if self._labels[i] == label][:per_label])
        return [self.records[i] for i in order if i in chosen]

    def label_shares(
        self, scores: npt.NDArray[np.float32], count: int, labels: Sequence[str]
    ) -> npt.NDArray[np.float64]:
        """Share of each label among each query's nearest records, weighted by similarity; rows sum to 1.

        Rows without any neighbour are not a number: the signal is missing.
        """
        column = {label: index for index, label in enumerate(labels)}
        shares = np.full((len(scores), len(labels)), np.nan)
        for row, values in enumerate(scores):
            order = [i for i in np.argsort(-values, kind="stable")[:count] if np.isfinite(values[i])]
            if not order:
                continue
            weights = np.exp((values[order] - values[order[0]]) / _SHARE_TEMPERATURE)
            # One pseudo-vote spread over all labels: a few like-minded neighbours are not proof.
            shares[row] = 1 / len(labels)
            for index, weight in zip(order, weights * len(order) / weights.sum(), strict=True):
                shares[row, column[self._labels[index]]] += weight
            shares[row] /= shares[row].sum()
        return shares
