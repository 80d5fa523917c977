"""What students that have not seen a text say about its spans."""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from dualchecker.checking.span_teaching import gold_examples, span_examples
from dualchecker.data import Fence, text_folds
from dualchecker.errors import StudentError
from dualchecker.records import Example, Labelled, Record, Span, SpanLabel
from dualchecker.students.spans import ScoredSpan, SpanStudent


class SpanVoice:
    """Students by fold: each speaks about the texts that it was not taught.

    Args:
        students: By fold; None where nothing could be learnt.
        folds: How many folds there are; a text's fold is that of ``data.text_folds``.
        whole: Speaks about texts outside of the folds, if given.
        inside: Ids of the records that the folds hold; None for all.
    """

    def __init__(
        self,
        students: dict[int, SpanStudent | None],
        folds: int,
        whole: SpanStudent | None = None,
        inside: frozenset[str] | None = None,
    ) -> None:
        self._students, self._folds, self._whole, self._inside = students, folds, whole, inside

    def _groups(self, records: Sequence[Record]) -> list[tuple[SpanStudent | None, list[int]]]:
        places: dict[int, list[int]] = {}
        for place, (record, fold) in enumerate(zip(records, text_folds(records, self._folds).tolist(), strict=True)):
            outside = self._inside is not None and record.id not in self._inside
            places.setdefault(-1 if outside else fold, []).append(place)
        return [(self._whole if f == -1 else self._students.get(f), rows) for f, rows in places.items()]

    def of(self, records: Sequence[Record], claims: Sequence[Sequence[SpanLabel]]) -> list[list[float | None]]:
        """Probability of every claim about each record; None where no student could be taught."""
        out: list[list[float | None]] = [[None] * len(some) for some in claims]
        for student, rows in self._groups(records):
            if student is None:
                continue
            texts = [records[row] for row in rows]
            spans: list[list[Span]] = [[c.span for c in claims[row] if c.span is not None] for row in rows]
            sure = student.probabilities(texts, spans)
            none = student.absence(texts)
            column = {label: index for index, label in enumerate(student.labels)}
            for place, row in enumerate(rows):
                values = iter(sure[place])
                out[row] = [
                    float(none[place, column[claim.label]]) if claim.span is None else float(next(values))
                    for claim in claims[row]
                ]
        return out

    def found(self, records: Sequence[Record]) -> list[tuple[ScoredSpan, ...]]:
        """The spans that it finds in each record."""
        out: list[tuple[ScoredSpan, ...]] = [()] * len(records)
        for student, rows in self._groups(records):
            if student is not None:
                for row, spans in zip(rows, student.predict([records[row] for row in rows]), strict=True):
                    out[row] = spans
        return out


class SpanVoices:
    """As ``StudentVoices``, about spans: ``own`` learns from gold alone, ``taught`` from the teacher's labels as well.

    Args:
        labels: All labels.
        fence: Gold.
        pool: All records to label.
        make: A fresh interim student.
        doubtful: How unsure spans teach; see ``span_examples``.
        folds: Of the cross-validation.
    """

    def __init__(
        self,
        labels: Sequence[str],
        fence: Fence,
        pool: Sequence[Record],
        make: Callable[[], SpanStudent],
        *,
        doubtful: str,
        folds: int = 5,
    ) -> None:
        self.labels, self._fence, self._pool, self._make = tuple(labels), fence, tuple(pool), make
        self._doubtful, self._folds = doubtful, folds

    @cached_property
    def own(self) -> SpanVoice:
        """Out of fold about gold, and a student of all gold about the pool."""
        gold = gold_examples(self._fence.gold)
        students = self._by_fold(gold)
        inside = frozenset(record.id for record in self._fence.gold)
        return SpanVoice(students, self._folds, self._taught(gold), inside)

    def taught(self, labels: Sequence[Labelled]) -> SpanVoice:
        """Out of fold about gold and about the labels so far."""
        examples = [*gold_examples(self._fence.gold), *span_examples(labels, self._doubtful)]
        return SpanVoice(self._by_fold(examples), self._folds)

    def _by_fold(self, examples: Sequence[Example]) -> dict[int, SpanStudent | None]:
        folds = text_folds([example.record for example in examples], self._folds)
        kept = {
            fold: [example for example, own in zip(examples, folds.tolist(), strict=True) if own != fold]
            for fold in range(self._folds)
        }
        return {fold: self._taught(some) for fold, some in kept.items()}

    def _taught(self, examples: Sequence[Example]) -> SpanStudent | None:
        if not any(np.any([span.weight > 0 for span in example.spans]) for example in examples):
            return None
        try:
            return self._make().fit(examples)
        except StudentError:  # nothing to learn: it has no voice
            return None
