"""From labelled texts, or a student's spans, to the numbers of the report where spans are asked for."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from dualchecker.evaluation.intervals import wilson
from dualchecker.evaluation.scores import ConfidenceScores
from dualchecker.evaluation.span_matching import least_left_out, match
from dualchecker.evaluation.span_metrics import Floats, SpanScores, estimates, hallucination_rate
from dualchecker.evaluation.summary import judge_confidence
from dualchecker.records import Answer, Confidence, Labelled, Record, Span, SpanLabel
from dualchecker.students.spans import ScoredSpan
from dualchecker.tasks import Extraction

_KEPT = ("precision", "recall", "strict_f1", "overlap_precision", "overlap_recall", "overlap_f1", "exact_match")


def spans_said(item: Labelled) -> tuple[SpanLabel, ...]:
    """The spans that were said to be in a text, each once, in order of ``Span``.

    Where a method decides on each span by itself these are the accepted ones and those left open. Else they are the
    spans of the answer kept, each as sure as the teacher says and in the state of the record.
    """
    if item.status == "failed":
        said = []
    elif item.spans:
        said = [one for one in item.spans if one.status in ("accepted", "abstained")]
    elif item.answer is not None:
        sure = item.confidence
        said = [
            SpanLabel(
                found.span.label,
                found.span,
                sure if found.stated is None else Confidence(found.stated),
                item.status,
                item.reason,
                item.disputed,
                item.answer.rung,
            )
            for found in item.answer.spans
        ]
    else:
        said = []
    by_span = {one.span: one for one in sorted(said, key=lambda one: one.confidence.value) if one.span is not None}
    return tuple(by_span[span] for span in sorted(by_span))


def answered_spans(item: Labelled, *, accepted: bool = False) -> tuple[Span, ...] | None:
    """The spans said, or only the accepted ones; None where there is no usable answer."""
    if item.status == "failed" or (item.answer is None and not item.spans):
        return None
    said = [one for one in spans_said(item) if not accepted or one.status == "accepted"]
    return tuple(one.span for one in said if one.span is not None)


def _absences(item: Labelled) -> list[SpanLabel]:
    return [one for one in item.spans if one.span is None and one.status in ("accepted", "abstained")]


def _last_answer(item: Labelled) -> Answer | None:
    return item.answer or (item.trail[-1] if item.trail else None)


def judge_spans(task: Extraction, labelled: Sequence[Labelled], seed: int = 0) -> dict[str, Any]:
    """Spans by status; where pool records carry human spans, also how right they are.

    Args:
        task: Its labels come first, in order.
        labelled: Of the pool.
        seed: Of the bootstrap, which draws records.

    Returns:
        ``count`` of spans said, of which ``accepted`` and ``abstained`` (left open), and ``disputed``; ``records``,
        of which ``failed`` have no usable answer, and ``by_record`` their numbers by status; ``absences`` (labels
        said to have no span); ``hallucinated`` (quotes that are not in the text, of the answers kept, or of the last
        ones where none was usable); ``by_label``. With human spans: ``known`` (records with them), ``gold`` (their
        spans), the scores of ``SpanScores.measure`` for all spans said (``strict_f1`` is the headline), the quality
        of the confidences (as ``summary.judge_labels`` has it, span by span), and ``kept``: the accepted spans alone,
        whose ``accuracy`` is their precision.
    """
    said = [spans_said(item) for item in labelled]
    absent = [_absences(item) for item in labelled]
    result: dict[str, Any] = {
        **_states(one for spans in said for one in spans),
        "records": len(labelled),
        "failed": sum(answered_spans(item) is None for item in labelled),
        "by_record": {s: sum(i.status == s for i in labelled) for s in ("accepted", "abstained", "failed")},
        "absences": _states(one for spans in absent for one in spans),
        "hallucinated": _hallucinated([_last_answer(item) for item in labelled], seed),
        "by_label": [
            {
                "label": label,
                **_states(one for spans in said for one in spans if one.label == label),
                "absences": _states(one for spans in absent for one in spans if one.label == label),
            }
            for label in task.names
        ],
    }
    known = [number for number, item in enumerate(labelled) if item.record.spans is not None]
    if not known:
        return result
    gold = [labelled[number].record.spans or () for number in known]
    result |= _judge_known(
        task, [labelled[n] for n in known], [said[n] for n in known], [absent[n] for n in known], gold, result, seed
    )
    return result


def _judge_known(
    task: Extraction,
    items: Sequence[Labelled],
    said: Sequence[Sequence[SpanLabel]],
    absent: Sequence[Sequence[SpanLabel]],
    gold: Sequence[Sequence[Span]],
    counts: dict[str, Any],
    seed: int,
) -> dict[str, Any]:
    """What human spans add."""
    texts = [item.record.text for item in items]
    scores = SpanScores([answered_spans(item) for item in items], gold, texts, task.names)
    trusted = SpanScores([answered_spans(item, accepted=True) for item in items], gold, labels=task.names)
    sums, kept_sums = scores.sums(seed=seed), trusted.sums(seed=seed)
    kept = estimates({name: one for name, one in trusted.intervals(kept_sums).items() if name in _KEPT})
    kept_count = sum(one.status == "accepted" for spans in said for one in spans)
    answers = [
        (one.label, one.confidence.value, one.span in there, number)
        for number, (spans, there) in enumerate(zip(said, map(set, gold), strict=True))
        for one in spans
    ]
    nothing = [
        (one, not any(span.label == one.label for span in there))
        for labels, there in zip(absent, gold, strict=True)
        for one in labels
    ]
    rows = _label_rows(scores, sums, answers)
    kept_rows = {row["label"]: row for row in _label_rows(trusted, kept_sums, [])}
    for row in rows:
        mine = kept_rows[row["label"]]
        row["kept"] = {"count": mine["said"], "accuracy": mine["precision"], **_part(mine, ("precision", "recall"))}
    states = {row["label"]: row for row in counts["by_label"]}
    return {
        "known": len(items),
        "gold": sum(map(len, map(set, gold))),
        **estimates(scores.intervals(sums)),
        **_confidences(answers, len(items), seed),
        "kept": {"count": kept_count, "accuracy": kept["precision"], **kept},
        "absences": {**counts["absences"], **_judge_absences(nothing)},
        "by_label": [
            {
                **states.get(row["label"], {}),
                **row,
                "absences": {
                    **states.get(row["label"], {}).get("absences", {}),
                    **_judge_absences([(one, right) for one, right in nothing if one.label == row["label"]]),
                },
            }
            for row in rows
        ],
    }


def judge_span_student(
    task: Extraction, predicted: Sequence[Sequence[ScoredSpan]], records: Sequence[Record], seed: int = 0
) -> dict[str, Any]:
    """A student's spans against human ones.

    Args:
        task: Its labels come first, in order.
        predicted: What the student found in each record.
        records: With human spans.
        seed: Of the bootstrap, which draws records.

    Returns:
        ``count`` of records, numbers of spans ``said`` and in ``gold``, the scores of ``SpanScores.measure``
        (``strict_f1`` is the headline), the quality of the spans' probabilities, ``by_label``, ``confusion``
        (``confused``), and ``unexpressed``: gold spans that no student without overlapping spans can give, at the
        least.
    """
    gold = [record.spans or () for record in records]
    said = [[one.span for one in spans] for spans in predicted]
    scores = SpanScores(said, gold, [record.text for record in records], task.names)
    sums = scores.sums(seed=seed)
    answers = [
        (one.span.label, one.probability, one.span in there, number)
        for number, (spans, there) in enumerate(zip(predicted, map(set, gold), strict=True))
        for one in spans
    ]
    left_out = [least_left_out(spans) for spans in gold]
    return {
        "count": len(records),
        "said": sum(map(len, map(set, said))),
        "gold": sum(map(len, map(set, gold))),
        **estimates(scores.intervals(sums)),
        **_confidences(answers, len(records), seed),
        "by_label": _label_rows(scores, sums, answers),
        "confusion": confused(said, gold, scores.labels),
        "unexpressed": {"count": sum(left_out), "records": sum(map(bool, left_out))},
    }


def confused(said: Sequence[Iterable[Span]], gold: Sequence[Iterable[Span]], labels: Sequence[str]) -> dict[str, Any]:
    """Which labels were said of gold spans, by one-to-one pairs of overlapping spans of any label.

    Returns:
        ``labels``; ``counts``, shape (gold labels, said labels + missed); ``invented``: predicted spans without a
        pair, by label.
    """
    column = {label: number for number, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels) + 1), dtype=int)
    invented = np.zeros(len(labels), dtype=int)
    for ours, theirs in zip(map(set, said), map(set, gold), strict=True):
        pairs = {other: one for one, other, _ in match(ours, theirs, any_label=True)}
        for span in theirs:
            counts[column[span.label], column[pairs[span].label] if span in pairs else len(labels)] += 1
        for span in ours - set(pairs.values()):
            invented[column[span.label]] += 1
    return {"labels": list(labels), "counts": counts.tolist(), "invented": invented.tolist()}


def _states(spans: Iterable[SpanLabel]) -> dict[str, int]:
    listed = list(spans)
    return {
        "count": len(listed),
        "accepted": sum(one.status == "accepted" for one in listed),
        "abstained": sum(one.status == "abstained" for one in listed),
        "disputed": sum(one.disputed for one in listed),
    }


def _hallucinated(answers: Sequence[Answer | None], seed: int) -> dict[str, Any]:
    invented = [len(answer.hallucinated) if answer else 0 for answer in answers]
    return {
        "count": sum(invented),
        "quotes": sum(invented) + sum(len(answer.spans) for answer in answers if answer),
        "records": sum(map(bool, invented)),
        "rate": hallucination_rate(answers, seed=seed).to_dict(),
    }


def _judge_absences(nothing: Sequence[tuple[SpanLabel, bool]]) -> dict[str, Any]:
    """Labels said to have no span in records whose human spans are known: how many are right."""
    scores = ConfidenceScores([one.confidence.value for one, _ in nothing], [right for _, right in nothing])
    kept = [right for one, right in nothing if one.status == "accepted"]
    return {
        "known": len(nothing),
        "accuracy": wilson(sum(right for _, right in nothing), len(nothing)).to_dict(),
        "ece": scores.ece(),
        "brier": scores.brier(),
        "auroc": scores.auroc(),
        "kept": {"count": len(kept), "accuracy": wilson(sum(kept), len(kept)).to_dict()},
    }


_Answers = Sequence[tuple[str, float, bool, int]]
"""Label, confidence, whether exactly this span is in gold, and number of the record, of each span said."""


def _confidences(answers: _Answers, records: int, seed: int) -> dict[str, Any]:
    sure, right = [row[1] for row in answers], [row[2] for row in answers]
    return judge_confidence(sure, right, seed, records=[row[3] for row in answers], count=records)


def _label_rows(scores: SpanScores, sums: Floats, answers: _Answers) -> list[dict[str, Any]]:
    strict, overlap = scores.by_label(sums), scores.label_intervals(sums, "overlap")
    rows = []
    for column, (label, estimate) in enumerate(zip(scores.labels, scores.label_intervals(sums), strict=True)):
        sure = ConfidenceScores(
            [row[1] for row in answers if row[0] == label], [row[2] for row in answers if row[0] == label]
        )
        rows.append(
            {
                "label": label,
                "gold": round(float(strict["gold"][0, column])),
                "said": round(float(strict["said"][0, column])),
                **estimates(estimate),
                "overlap_f1": overlap[column]["f1"].to_dict(),
                "ece": sure.ece(),
                "auroc": sure.auroc(),
            }
        )
    return rows


def _part(row: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: row[name] for name in names}
