"""The majority of several answers where spans are asked for: they vote span by span."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from dualchecker.checking.span_checker import accepted_from, settled
from dualchecker.records import Answer, Confidence, Labelled, Record, Span, SpanLabel
from dualchecker.tasks import Extraction

KEPT = 0.5
"""Share of the answers that must have a span."""


def elect_spans(record: Record, answers: Sequence[Answer], task: Extraction) -> Labelled:
    """A span stays if at least half of the answers have exactly it; its share of them is its confidence.

    An answer that cannot be read has no span and still counts. Of two spans of one label that overlap, and of several
    of a label that occurs once, the one with more votes stays, then the one stated with more confidence. A label that
    must occur and has no span with enough votes is left open. The answer that is reported is the one that has most of
    what stays.
    """
    usable = [answer for answer in answers if answer.ok]
    if not usable:
        reason = answers[-1].outcome if answers else "empty_text"
        return Labelled(record, None, Confidence(0.0), "failed", tuple(answers), reason=reason)
    kept: list[SpanLabel] = []
    rivals: list[SpanLabel] = []
    for label in task.labels:
        votes = sorted(
            (_voted(span, answers) for span in {f.span for a in usable for f in a.spans} if span.label == label),
            key=lambda claim: (-claim.confidence.value, -claim.confidence.signals.get("stated", 0.0), claim.span),
        )
        mine: list[SpanLabel] = []
        for claim in votes:
            crowded = (task.single(label) and mine) or any(_overlap(claim, other) for other in mine)
            if crowded or claim.confidence.value < KEPT:
                rivals.append(replace(claim, status="abstained"))
            else:
                mine.append(claim)
        if not mine:
            share = sum(all(f.span.label != label for f in answer.spans) for answer in usable) / len(answers)
            mine = [SpanLabel(label, None, Confidence(share, {"sample_share": share}), "accepted", rung=usable[0].rung)]
        kept += mine
    there = {claim.span for claim in kept if claim.span is not None}
    answer = max(usable, key=lambda one: _agreement({found.span for found in one.spans}, there))
    item = Labelled(record, answer, Confidence(0.0), "accepted", tuple(answers))
    return settled(item, [accepted_from(claim, 0.0, task) for claim in kept], rivals)


def _voted(span: Span, answers: Sequence[Answer]) -> SpanLabel:
    found = [one for answer in answers for one in answer.spans if one.span == span]
    share = sum(any(one.span == span for one in answer.spans) for answer in answers) / len(answers)
    signals = {"sample_share": share}
    stated = [one.stated for one in found if one.stated is not None]
    if stated:
        signals["stated"] = fmean(stated)
    rung = next(answer.rung for answer in answers if any(one.span == span for one in answer.spans))
    return SpanLabel(span.label, span, Confidence(share, signals), "accepted", rung=rung)


def _overlap(left: SpanLabel, right: SpanLabel) -> bool:
    return left.span is not None and right.span is not None and left.span.shared(right.span) > 0


def _agreement(mine: set[Span], kept: set[Span]) -> float:
    return 2 * len(mine & kept) / (len(mine) + len(kept)) if mine or kept else 1.0
