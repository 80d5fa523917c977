"""Students and the student checker where several labels may apply: one output a label, one belief a decision."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from dualchecker.checking.decision_checker import LabelCalibrators, choose_by_side, summarised
from dualchecker.checking.examples import examples_from
from dualchecker.checking.propagation import MOST_NODES, neighbour_graph, propagate
from dualchecker.checking.student_checker import StudentChecker
from dualchecker.checking.voices import Floats, Voice
from dualchecker.confidence import best_exponent, sharpen
from dualchecker.data import Fence, text_folds
from dualchecker.embedding import Embedder
from dualchecker.records import Example, Labelled, Record
from dualchecker.students import Student
from dualchecker.tasks.multilabel import YES

Mask = npt.NDArray[np.bool_]


class DecisionVoices:
    """As ``StudentVoices``, about decisions: columns are yes and no, rows are those of the decisions.

    One student learns all labels together. Smoothing and sharpening are chosen for each label.

    Args:
        labels: All labels.
        fence: Gold decisions.
        pool: Decisions to make.
        embedder: Of the neighbourhood.
        make: A fresh student with one output a label.
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
        self._labels, self._fence, self._pool = tuple(labels), fence, tuple(pool)
        self._embedder, self._make, self._doubtful, self._count = embedder, make, doubtful, folds
        self.truth = np.array([record.label != YES for record in fence.gold], dtype=int)
        self._gold = _whole(fence.gold)
        # Decisions come record by record with the labels in order.
        self._applies = 1 - self.truth.reshape(len(self._gold), len(self._labels)).astype(float)

    @cached_property
    def own(self) -> Voice:
        """The student of gold alone, for each label smoothed over neighbouring texts where that fits gold better."""
        pool = _whole(self._pool)
        records = [*self._gold, *pool]
        graph = self._neighbours(records)
        plain = np.full((len(records), len(self._labels)), 0.5)
        smooth = plain.copy() if graph is not None else None
        folds = text_folds(self._gold, self._count)
        masks = [folds == fold for fold in np.unique(folds)]
        for held in [*masks, np.zeros(len(self._gold), dtype=bool)]:
            kept = np.repeat(~held, len(self._labels))
            examples = [Example(r, r.label or "") for r, k in zip(self._fence.gold, kept, strict=True) if k]
            if not _tell_apart(examples):
                continue
            beliefs = self._make().fit(examples).predict(records)
            # The last fit sees all of gold and speaks about the pool alone.
            rows = np.concatenate([held, np.full(len(pool), not held.any())])
            plain[rows] = beliefs[rows]
            if smooth is not None:
                known = np.concatenate([~held, np.zeros(len(pool), dtype=bool)])
                beliefs[known] = self._applies[~held]
                for column in range(len(self._labels)):
                    smooth[rows, column] = propagate(graph, _yes_no(beliefs[:, column]), known)[rows, 0]
        everyone = np.ones(len(self._gold), dtype=bool)
        return self._voice([plain] if smooth is None else [plain, smooth], everyone, self._pool)

    def taught(self, labels: Sequence[Labelled]) -> Voice:
        """The student of gold and of the teacher's labels so far."""
        examples: list[Example | None] = [Example(record, record.label or "") for record in self._fence.gold]
        examples += [next(iter(examples_from([item], self._doubtful)), None) for item in labels]
        decided = [*self._fence.gold, *(item.record for item in labels)]
        records = [*self._gold, *_whole(decided[len(self._fence.gold) :])]
        folds, own = text_folds(records, self._count), text_folds(decided, self._count)
        rows = np.full((len(records), len(self._labels)), 0.5)
        for fold in np.unique(folds).tolist():
            train = [e for e, f in zip(examples, own, strict=True) if e is not None and f != fold]
            if not _tell_apart(train):
                continue
            held = folds == fold
            rows[held] = self._make().fit(train).predict([r for r, out in zip(records, held, strict=True) if out])
        unseen = {record.whole.id for record in self._fence.calibration}
        judged = np.array([record.id in unseen for record in self._gold], dtype=bool)
        return self._voice([rows], judged, [item.record for item in labels])

    def _voice(self, candidates: Sequence[Floats], judged: Mask, pool: Sequence[Record]) -> Voice:
        """For each label the candidate that fits the judged gold records best, as sure as it proves to be."""
        count = len(self._gold)
        best = np.zeros((*candidates[0].shape, 2))
        for column in range(len(self._labels)):
            truth = (1 - self._applies[judged, column]).astype(int)
            tries = []
            for rows in candidates:
                beliefs = _yes_no(rows[:, column])
                exponent, loss = best_exponent(beliefs[:count][judged], truth)
                tries.append((loss, exponent, beliefs))
            _, exponent, beliefs = min(tries, key=lambda entry: entry[0])
            best[:, column] = sharpen(beliefs, exponent)
        place = {record.id: row for row, record in enumerate(_whole(pool), count)}
        columns = {label: column for column, label in enumerate(self._labels)}
        spoken = {r.id: best[place[r.whole.id], columns[r.about or ""]] for r in pool}
        return Voice(best[:count].reshape(-1, 2), spoken)

    def _neighbours(self, records: Sequence[Record]) -> Any:
        if not 2 < len(records) <= MOST_NODES:
            return None
        return neighbour_graph(self._embedder.embed([record.text for record in records]))


class DecisionStudentChecker(StudentChecker):
    """The student checker on decisions: voices are weighed label by label, thresholds chosen side by side."""

    _calibrators: LabelCalibrators | None = None

    def _learn(
        self,
        records: Sequence[Record],
        answers: Sequence[str],
        rows: Sequence[dict[str, float]],
        right: Sequence[bool],
    ) -> None:
        about, prior = _about(records), LabelCalibrators(self._prior, {})
        place = {name: n for n, name in enumerate(dict.fromkeys(record.whole.id for record in records))}
        folds = [place[record.whole.id] % 10 for record in records]
        held_out = LabelCalibrators.cross_fitted(about, rows, right, prior, folds).tolist()
        self._calibrators = LabelCalibrators.fit(about, rows, right, prior)
        self._fusion = self._calibrators.pooled
        self._unseen = self._choose_threshold([], [])
        self._thresholds = choose_by_side(about, answers, held_out, right, self._choose_threshold)
        self._threshold = summarised(self._thresholds)

    def _fuse(self, records: Sequence[Record], rows: Sequence[dict[str, float]]) -> Floats:
        if self._calibrators is None:
            return super()._fuse(records, rows)
        return self._calibrators.predict(_about(records), rows)

    def _accept_from(self, item: Labelled) -> float:
        if self._calibrators is None:
            return super()._accept_from(item)
        return self._thresholds.get((item.record.about or "", item.label or ""), self._unseen).value


def _whole(decided: Sequence[Record]) -> list[Record]:
    """The records that decisions are about, each once, in order."""
    return list({record.whole.id: record.whole for record in decided}.values())


def _tell_apart(examples: Sequence[Example]) -> bool:
    """Whether a student can learn from them: some label has both answers."""
    sides = {(example.record.about, example.label) for example in examples}
    return len(sides) > len({about for about, _ in sides})


def _about(records: Sequence[Record]) -> list[str]:
    return [record.about or "" for record in records]


def _yes_no(chances: Floats) -> Floats:
    return np.stack([chances, 1 - chances], axis=1)
