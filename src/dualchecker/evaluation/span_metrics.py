"""How good spans are: strict, overlap, partial, soft and by word; with intervals over records.

What a record adds to each score is counted once. A resample of records is then a weighting of these counts, so that a
thousand of them are one matrix product each.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from dualchecker.evaluation.comparison import Difference
from dualchecker.evaluation.intervals import Interval, of_share, percentile, resamples
from dualchecker.evaluation.resampled import difference
from dualchecker.evaluation.span_matching import covered, match
from dualchecker.evaluation.words import words
from dualchecker.records import Answer, Span

Floats = npt.NDArray[np.float64]

WAYS = ("strict", "overlap", "partial", "soft")
"""Ways to give credit to a span, from severe to mild."""

_EACH = ("precision", "recall", "f1")

_REPEATS = 1000


class SpanScores:
    """Predicted and gold spans of aligned records, counted.

    What a predicted span earns, and a gold span likewise, by way:

    - ``strict``: 1 if the very same span with the same label is in gold, else 0. On flat spans, this is what seqeval
      computes from their BIO tags.
    - ``overlap``: 1 if it is paired with a gold span of its label that it shares a character with. Pairs are
      one-to-one, the largest overlap first (``span_matching.match``): one long span cannot earn for three gold ones.
    - ``partial``: in the same pairs, intersection over union, as a graded form of the partial matches of MUC-5 and
      SemEval-2013 task 9, which give one half whatever the overlap.
    - ``soft``: the share of its characters that lie in any gold span of its label; for a gold span the share that lies
      in any predicted one. It is the idea of DualChecker's soft F1 on character offsets (the measure of Johansson and
      Moschitti 2010, with characters covered twice counted once). What was invented counts against it, and a
      character counts where it stands; the authors' code compares sets of characters token by token.

    Precision is what predicted spans earn over their number, recall the same of gold spans, F1 their harmonic mean;
    micro over all spans, macro as the mean over the labels that occur in gold or prediction.

    ``token``: words (``words.words``) are tagged with the labels of the spans that hold one of their characters, or
    with O. F1 is the mean over the tags that occur, O among them; accuracy is the share of words whose tags are all
    the same. ``exact_match`` is the share of records with exactly the gold spans.

    Where nothing is in gold and nothing was said, F1 is 1: all there was to find has been found. For a single label,
    as for precision without predicted spans and recall without gold ones, it is not a number; so is everything without
    records. A missing answer (None) is no span found, and never an exact match.

    Args:
        said: Predicted spans of each record, None for no answer. A span that is given twice counts once.
        gold: Human spans of each record, aligned.
        texts: The texts, aligned; without them, nothing is said by word.
        labels: In the order wanted; labels that are only in the spans come behind them.

    Raises:
        ValueError: The lists are not aligned, or a span is empty.

    Attributes:
        labels: All labels.
        columns: What each record adds, shape (records, columns); ``measure`` and ``by_label`` take their sums.
    """

    def __init__(
        self,
        said: Sequence[Iterable[Span] | None],
        gold: Sequence[Iterable[Span]],
        texts: Sequence[str] | None = None,
        labels: Iterable[str] = (),
    ) -> None:
        if len(said) != len(gold) or (texts is not None and len(texts) != len(gold)):
            raise ValueError(f"spans predicted for {len(said)} records, gold for {len(gold)} are not aligned")
        mine = [frozenset(spans or ()) for spans in said]
        theirs = [frozenset(spans) for spans in gold]
        found = sorted({span.label for part in (mine, theirs) for spans in part for span in spans})
        self.labels = tuple(dict.fromkeys([*labels, *found]))
        self._number = {label: column for column, label in enumerate(self.labels)}
        answered = np.array([spans is not None for spans in said], dtype=bool)
        same = np.array([one == other for one, other in zip(mine, theirs, strict=True)], dtype=bool)
        parts = self._counts(mine, theirs) | {
            "records": np.ones((len(gold), 1)),
            "exact": (answered & same).astype(float)[:, None],
        }
        if texts is not None:
            parts |= self._tokens(mine, theirs, texts)
        self.columns = np.hstack(list(parts.values()))
        ends = np.cumsum([part.shape[1] for part in parts.values()])
        self._place = {
            name: slice(end - part.shape[1], end)
            for (name, part), end in zip(parts.items(), ends.tolist(), strict=True)
        }

    def __len__(self) -> int:
        return len(self.columns)

    def _counts(self, mine: Sequence[frozenset[Span]], theirs: Sequence[frozenset[Span]]) -> dict[str, Floats]:
        """Spans and what they earn, each of shape (records, labels)."""
        names = ("said", "there", "strict", "overlap", "partial", "soft said", "soft there")
        parts = {name: np.zeros((len(mine), len(self.labels))) for name in names}
        for row, (said, gold) in enumerate(zip(mine, theirs, strict=True)):
            if any(span.end <= span.start for span in said | gold):
                raise ValueError(f"a span of record {row} holds no character")
            for name, spans in (("said", said), ("there", gold), ("strict", said & gold)):
                for span in spans:
                    parts[name][row, self._number[span.label]] += 1
            for span, _, share in match(said, gold):
                parts["overlap"][row, self._number[span.label]] += 1
                parts["partial"][row, self._number[span.label]] += share
            for label in {span.label for span in said} & {span.label for span in gold}:
                ours, people = ([s for s in spans if s.label == label] for spans in (said, gold))
                parts["soft said"][row, self._number[label]] = covered(ours, people)
                parts["soft there"][row, self._number[label]] = covered(people, ours)
        return parts

    def _tokens(
        self, mine: Sequence[frozenset[Span]], theirs: Sequence[frozenset[Span]], texts: Sequence[str]
    ) -> dict[str, Floats]:
        """Words by tag, the last tag O, each of shape (records, labels + 1); all words and those tagged alike."""
        names = ("token said", "token there", "token hits")
        parts = {name: np.zeros((len(texts), len(self.labels) + 1)) for name in names}
        parts |= {name: np.zeros((len(texts), 1)) for name in ("tokens", "tokens right")}
        for row, text in enumerate(texts):
            places = np.array(words(text), dtype=np.intp).reshape(-1, 2)
            ours, people = (self._tags(places, spans) for spans in (mine[row], theirs[row]))
            parts["token said"][row], parts["token there"][row] = ours.sum(axis=0), people.sum(axis=0)
            parts["token hits"][row] = (ours & people).sum(axis=0)
            parts["tokens"][row] = len(places)
            parts["tokens right"][row] = (ours == people).all(axis=1).sum()
        return parts

    def _tags(self, places: npt.NDArray[np.intp], spans: Iterable[Span]) -> npt.NDArray[np.bool_]:
        tags = np.zeros((len(places), len(self.labels) + 1), dtype=bool)
        for span in spans:
            first = int(np.searchsorted(places[:, 1], span.start, side="right"))
            last = int(np.searchsorted(places[:, 0], span.end, side="left"))
            tags[first:last, self._number[span.label]] = True
        tags[:, -1] = ~tags[:, :-1].any(axis=1)
        return tags

    def sums(self, repeats: int = _REPEATS, seed: int = 0) -> Floats:
        """Sums of ``columns`` over all records (first), and over each resample; shape (1 + repeats, columns)."""
        drawn = [weights @ self.columns for weights in resamples(len(self), repeats, seed)] if len(self) else []
        return np.stack([self.columns.sum(axis=0), *drawn])

    def measure(self, sums: Floats) -> dict[str, Floats]:
        """Scores over all labels, each of the shape of ``sums`` without its last axis.

        ``precision``, ``recall``, ``strict_f1``, ``macro_precision``, ``macro_recall``, ``macro_f1`` are strict; then
        ``overlap_precision`` and so on, ``token_f1``, ``token_accuracy`` (with texts) and ``exact_match``.
        """
        found: dict[str, Floats] = {}
        empty, records = self._of(sums, "records")[..., 0] == 0, self._of(sums, "records")[..., 0]
        for way in WAYS:
            earned, credited, said, there = self._earned(sums, way)
            head = "" if way == "strict" else f"{way}_"
            found[f"{head}precision"] = _ratio(earned.sum(axis=-1), said.sum(axis=-1))
            found[f"{head}recall"] = _ratio(credited.sum(axis=-1), there.sum(axis=-1))
            whole = _f1(*(part.sum(axis=-1) for part in (earned, credited, said, there)))
            # Nothing to find and nothing said.
            found[f"{way}_f1"] = np.where(empty, np.nan, np.where(np.isnan(whole), 1.0, whole))
        earned, credited, said, there = self._earned(sums, "strict")
        for name, values in (
            ("macro_precision", _ratio(earned, said)),
            ("macro_recall", _ratio(credited, there)),
            ("macro_f1", _f1(earned, credited, said, there)),
        ):
            # What was never said has found nothing; a label that occurs on neither side says nothing.
            occurring = np.where(said + there > 0, np.nan_to_num(values), np.nan)
            found[name] = np.where(empty, np.nan, _mean_known(occurring, 1.0))
        if "tokens" in self._place:
            hits, said, there = (self._of(sums, f"token {name}") for name in ("hits", "said", "there"))
            found["token_f1"] = _mean_known(_f1(hits, hits, said, there), np.nan)
            found["token_accuracy"] = _ratio(self._of(sums, "tokens right")[..., 0], self._of(sums, "tokens")[..., 0])
        found["exact_match"] = _ratio(self._of(sums, "exact")[..., 0], records)
        return found

    def by_label(self, sums: Floats, way: str = "strict") -> dict[str, Floats]:
        """``said``, ``gold`` (numbers), ``precision``, ``recall``, ``f1`` of each label, shape (..., labels)."""
        earned, credited, said, there = self._earned(sums, way)
        return {
            "said": said,
            "gold": there,
            "precision": _ratio(earned, said),
            "recall": _ratio(credited, there),
            "f1": _f1(earned, credited, said, there),
        }

    def intervals(self, sums: Floats) -> dict[str, Interval]:
        """The scores of ``measure``, each with its interval; ``sums`` as from the method of this name."""
        counts = {"said": "precision", "there": "recall", "records": "exact_match", "tokens": "token_accuracy"}
        of = {name: float(self._of(sums[0], key).sum()) for key, name in counts.items() if key in self._place}
        of |= {f"{way}_{name}": of[name] for way in WAYS for name in ("precision", "recall")}
        found = {}
        for name, values in self.measure(sums).items():
            count = of.get(name)
            value, draws = float(values[0]), values[1:]
            found[name] = percentile(value, draws) if count is None else of_share(value, draws, round(count))
        return found

    def label_intervals(self, sums: Floats, way: str = "strict") -> list[dict[str, Interval]]:
        """``precision``, ``recall`` and ``f1`` of each label, as ``intervals``."""
        found = self.by_label(sums, way)
        rows = []
        for column in range(len(self.labels)):
            said, gold = (round(float(found[name][0, column])) for name in ("said", "gold"))
            one = {name: (float(found[name][0, column]), found[name][1:, column]) for name in _EACH}
            rows.append(
                {
                    "precision": of_share(*one["precision"], said),
                    "recall": of_share(*one["recall"], gold),
                    "f1": percentile(*one["f1"]),
                }
            )
        return rows

    def _of(self, sums: Floats, name: str) -> Floats:
        return sums[..., self._place[name]]

    def _earned(self, sums: Floats, way: str) -> tuple[Floats, Floats, Floats, Floats]:
        """What predicted and gold spans earn, and their numbers."""
        names = ("soft said", "soft there") if way == "soft" else (way, way)
        earned, credited = (self._of(sums, name) for name in names)
        return earned, credited, self._of(sums, "said"), self._of(sums, "there")


def compare_spans(
    a: Sequence[Iterable[Span] | None],
    b: Sequence[Iterable[Span] | None],
    gold: Sequence[Iterable[Span]],
    measure: str = "strict_f1",
    *,
    repeats: int = _REPEATS,
    seed: int = 0,
) -> Difference:
    """A score of ``a`` minus that of ``b``, on the same resamples of records (see ``paired_difference``).

    Args:
        a: Spans of each record, None for no answer.
        b: Likewise, of the same records.
        gold: Human spans of these.
        measure: A name that ``SpanScores.measure`` has without texts.
        repeats: Resamples.
        seed: Of the draws.

    Raises:
        ValueError: Lists that are not aligned, or a measure of another name.
    """
    one, other = SpanScores(a, gold), SpanScores(b, gold)
    ours = one.measure(one.sums(repeats, seed))
    if measure not in ours:
        raise ValueError(f"the measure is one of {', '.join(ours)}, not {measure!r}")
    return difference(ours[measure], other.measure(other.sums(repeats, seed))[measure])


def hallucination_rate(answers: Sequence[Answer | None], *, repeats: int = _REPEATS, seed: int = 0) -> Interval:
    """Share of the quotes that are not in the text; not a number where nothing was quoted. Missing answers quote none.

    A quote that leads to a span which another one gave already is not counted again.
    """
    invented = np.array([len(answer.hallucinated) if answer else 0 for answer in answers], dtype=float)
    quoted = invented + np.array([len(answer.spans) if answer else 0 for answer in answers], dtype=float)
    columns = np.column_stack([invented, quoted])
    drawn = [weights @ columns for weights in resamples(len(answers), repeats, seed)] if len(answers) else []
    sums = np.stack([columns.sum(axis=0), *drawn])
    shares = _ratio(sums[:, 0], sums[:, 1])
    return of_share(float(shares[0]), shares[1:], round(float(sums[0, 1])))


def estimates(intervals: Mapping[str, Interval]) -> dict[str, dict[str, float]]:
    """Intervals as ``metrics.json`` holds them."""
    return {name: interval.to_dict() for name, interval in intervals.items()}


def _ratio(above: Floats, below: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(below > 0, above / below, np.nan), dtype=float)


def _f1(earned: Floats, credited: Floats, said: Floats, there: Floats) -> Floats:
    """Harmonic mean of precision and recall; 0 where only one side has spans, not a number where neither has."""
    precision, recall = (np.nan_to_num(_ratio(*pair)) for pair in ((earned, said), (credited, there)))
    mean = np.nan_to_num(_ratio(2 * precision * recall, precision + recall))
    return np.asarray(np.where(said + there > 0, mean, np.nan), dtype=float)


def _mean_known(values: Floats, otherwise: float) -> Floats:
    """Mean over the last axis of the values that are numbers."""
    known = np.isfinite(values)
    means = _ratio(np.where(known, values, 0.0).sum(axis=-1), known.sum(axis=-1).astype(float))
    return np.where(np.isnan(means), otherwise, means)
