"""What students that have not seen a record say about its label."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dualchecker.checking.examples import examples_from
from dualchecker.checking.propagation import MOST_NODES, neighbour_graph, propagate
from dualchecker.confidence import best_exponent, sharpen
from dualchecker.data import Fence, text_folds
from dualchecker.embedding import Embedder
from dualchecker.records import Example, Labelled, Record
from dualchecker.students import Student

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Voice:
    """Out-of-sample probabilities over the labels.

    Attributes:
        gold: Shape (gold, labels), in the order of ``fence.gold``.
        pool: By record id, shape (labels,).
    """

    gold: Floats
    pool: Mapping[str, Floats]


class Voices(Protocol):
    """What students say about gold and pool without having seen it.

    Attributes:
        truth: Column of the human label of each gold record, in the order of ``fence.gold``.
        own: The voice of a student of gold alone.
    """

    @property
    def truth(self) -> npt.NDArray[np.intp]: ...
    @property
    def own(self) -> Voice: ...

    def taught(self, labels: Sequence[Labelled]) -> Voice:
        """The voice of a student of gold and of the teacher's labels so far."""
        ...


class StudentVoices:
    """Two students' opinions, made as sure as they prove to be on gold.

    ``own`` learns from gold alone. It is the voice that may weigh on confidences while gold is scarce: the teacher's
    labels of the pool were given with gold records as demonstrations, so a student of those labels has heard of the
    gold labels it is calibrated on, and would be believed too much.

    ``taught`` learns from the teacher's labels as well. It shows where the teacher's teaching fails on gold, and is a
    voice of its own where calibration gold never entered a prompt.

    Args:
        labels: Order of the columns.
        fence: Gold.
        pool: All records to label; their texts shape the neighbourhood, their labels play no part.
        embedder: Of the neighbourhood.
        make: A fresh student.
        doubtful: How unsure labels teach; see ``examples_from``.
        folds: Of the cross-validation.
    """

    def __init__(
        self,
        labels: Sequence[str],
        fence: Fence,
        pool: Sequence[Record],
        embedder: Embedder,
        make: Callable[[], Student],
        *,
        doubtful: str,
        folds: int = 5,
    ) -> None:
        self._fence, self._pool, self._embedder, self._make = fence, tuple(pool), embedder, make
        self._doubtful, self._folds = doubtful, folds
        column = {label: index for index, label in enumerate(labels)}
        self.truth = np.array([column[record.label or ""] for record in fence.gold], dtype=int)
        self._one_hot = np.eye(len(column))[self.truth]

    @cached_property
    def own(self) -> Voice:
        """The student of gold alone, smoothed over neighbouring texts where that fits gold better."""
        gold = self._fence.gold
        records = [*gold, *self._pool]
        held_by_fold = [*self._gold_folds(), np.zeros(len(gold), dtype=bool)]
        graph = self._neighbours(records)
        plain = np.zeros((len(records), self._one_hot.shape[1]))
        smooth = plain.copy() if graph is not None else None
        for held in held_by_fold:
            examples = [Example(r, r.label or "") for r, out in zip(gold, held, strict=True) if not out]
            beliefs = self._make().fit(examples).predict(records)
            # The last fit sees all of gold and speaks about the pool alone.
            rows = np.concatenate([held, np.full(len(self._pool), not held.any())])
            plain[rows] = beliefs[rows]
            if smooth is not None:
                known = np.concatenate([~held, np.zeros(len(self._pool), dtype=bool)])
                beliefs[known] = self._one_hot[~held]
                smooth[rows] = propagate(graph, beliefs, known)[rows]
        everyone = np.ones(len(gold), dtype=bool)
        voices = [self._calibrated(rows, everyone) for rows in (plain, smooth) if rows is not None]
        best = min(voices, key=lambda pair: pair[1])[0]
        return Voice(best[: len(gold)], dict(zip((r.id for r in self._pool), best[len(gold) :], strict=True)))

    def taught(self, labels: Sequence[Labelled]) -> Voice:
        """The student of gold and of the teacher's labels so far."""
        gold = self._fence.gold
        examples: list[Example | None] = [Example(record, record.label or "") for record in gold]
        examples += [next(iter(examples_from([item], self._doubtful)), None) for item in labels]
        records = [*gold, *(item.record for item in labels)]
        folds = text_folds(records, self._folds)
        rows = np.zeros((len(records), self._one_hot.shape[1]))
        for fold in np.unique(folds).tolist():
            held = folds == fold
            train = [e for e, out in zip(examples, held, strict=True) if e is not None and not out]
            if len({example.label for example in train}) < 2:  # nothing to learn: every label as likely
                rows[held] = 1 / rows.shape[1]
                continue
            rows[held] = self._make().fit(train).predict([r for r, out in zip(records, held, strict=True) if out])
        unseen = {record.id for record in self._fence.calibration}
        judged = np.array([record.id in unseen for record in gold], dtype=bool)
        calibrated = self._calibrated(rows, judged)[0]
        pool = dict(zip((item.record.id for item in labels), calibrated[len(gold) :], strict=True))
        return Voice(calibrated[: len(gold)], pool)

    def _calibrated(self, rows: Floats, judged: npt.NDArray[np.bool_]) -> tuple[Floats, float]:
        exponent, loss = best_exponent(rows[: len(judged)][judged], self.truth[judged])
        return sharpen(rows, exponent), loss

    def _gold_folds(self) -> list[npt.NDArray[np.bool_]]:
        """Held-out rows of gold, fold by fold; folds that would leave one label to learn from are left out."""
        folds = text_folds(self._fence.gold, self._folds)
        masks = [folds == fold for fold in np.unique(folds).tolist()]
        return [mask for mask in masks if len(np.unique(self.truth[~mask])) > 1]

    def _neighbours(self, records: Sequence[Record]) -> Any:
        if not 2 < len(records) <= MOST_NODES:
            return None
        return neighbour_graph(self._embedder.embed([record.text for record in records]))
