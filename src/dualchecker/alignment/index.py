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
        self._carried = [set(record.carried) for record in self.records]

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
            chosen.update([i for i in order if label in self._carried[i]][:per_label])
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
            order, weights = _votes(values, count)
            if not order:
                continue
            # One pseudo-vote spread over all labels: a few like-minded neighbours are not proof.
            shares[row] = 1 / len(labels)
            for index, weight in zip(order, weights, strict=True):
                shares[row, column[self._labels[index]]] += weight
            shares[row] /= shares[row].sum()
        return shares

    def label_rates(
        self, scores: npt.NDArray[np.float32], count: int, labels: Sequence[str]
    ) -> npt.NDArray[np.float64]:
        """Share of each query's nearest records that carry each label, where several may apply; each in 0..1.

        Rows without any neighbour are not a number: the signal is missing.
        """
        carried = np.array([[label in names for label in labels] for names in self._carried], dtype=float)
        rates = np.full((len(scores), len(labels)), np.nan)
        for row, values in enumerate(scores):
            order, weights = _votes(values, count)
            if order:
                # The pseudo-vote knows how common each label is.
                rates[row] = (carried.mean(axis=0) + weights @ carried[order]) / (1 + weights.sum())
        return rates


def _votes(scores: npt.NDArray[np.float32], count: int) -> tuple[list[int], npt.NDArray[np.float64]]:
    """The nearest records and how much each counts: as many votes as there are of them."""
    order = [int(i) for i in np.argsort(-scores, kind="stable")[:count] if np.isfinite(scores[i])]
    if not order:
        return [], np.zeros(0)
    weights = np.exp((scores[order] - scores[order[0]]) / _SHARE_TEMPERATURE)
    return order, weights * len(order) / weights.sum()
