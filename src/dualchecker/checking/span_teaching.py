"""From checked spans to training examples: one span may teach while another of the same text is left open."""

from collections.abc import Iterable, Sequence

from dualchecker.records import Answer, Example, Labelled, Record, SpanLabel, TaughtSpan

_LEAST_SHARE = 0.5
"""A span whose characters are less likely right than this teaches nothing; nor that they are outside."""

_LEAST_REST = 0.25
"""Where a missing span is likely, the characters outside of any span still count this much."""


def gold_examples(records: Iterable[Record]) -> list[Example]:
    """Human spans as training examples, each certain."""
    return [
        Example(record, record.label or "", spans=tuple(TaughtSpan(span) for span in record.spans or ()))
        for record in records
    ]


def span_examples(labels: Iterable[Labelled], doubtful: str = "weight") -> list[Example]:
    """Training examples of the spans that may teach.

    A span teaches its words, so it counts with the squared share of its characters that may be expected to be right
    (``SpanLabel.cover``), be it kept, abstained on or given up for none; where a label is dropped for doubt (``drop``),
    the words of what was not accepted are hidden. So are those that are as likely outside, and those of given-up spans
    that overlap a surer one. The doubt whether a span was missed takes weight from the whole text. Answers that nothing
    has checked teach as they are, with the confidence that they state. Of a text that was cut to fit the prompt, what
    no answer is about teaches nothing. Failed records never teach.
    """
    examples = []
    for item in labels:
        if item.answer is None:
            continue
        example = _checked(item, doubtful) if item.spans else _believed(item)
        if example is not None:
            examples.append(example)
    return examples


def _believed(item: Labelled) -> Example | None:
    if item.answer is None or not item.answer.ok:
        return None
    spans = tuple(
        TaughtSpan(found.span, weight=1.0 if found.stated is None else found.stated**2) for found in item.answer.spans
    )
    return Example(item.record, item.answer.label or "", source="teacher", spans=spans, unseen=_unseen([item.answer]))


def _checked(item: Labelled, doubtful: str) -> Example | None:
    if doubtful == "drop" and not any(claim.status == "accepted" for claim in item.spans):
        return None
    missing = [claim.confidence.value for claim in item.spans if claim.span is None and claim.status != "accepted"]
    rest = max(min(missing, default=1.0) ** 2, _LEAST_REST)
    taught = []
    rivals = [rival for rival in item.rivals if _stands_alone(rival, item.spans)]
    crowded = _crowded(rivals)
    for claim in (*item.spans, *rivals):
        if claim.span is None:
            continue
        share = _share(claim)
        hidden = claim.status != "accepted" and (doubtful == "drop" or share < _LEAST_SHARE)
        taught.append(TaughtSpan(claim.span, share, 0.0 if hidden or claim in crowded else share**2 / rest))
    unseen = _unseen([answer for answer in item.trail if answer.ok])
    return Example(item.record, item.label or "", rest, source="teacher", spans=tuple(taught), unseen=unseen)


def _share(claim: SpanLabel) -> float:
    return claim.confidence.value if claim.cover is None else claim.cover


def _stands_alone(rival: SpanLabel, kept: Sequence[SpanLabel]) -> bool:
    """Whether nothing that is kept is in a given-up span's place."""
    span = rival.span
    return span is not None and not any(claim.span is not None and claim.span.shared(span) for claim in kept)


def _crowded(rivals: Sequence[SpanLabel]) -> list[SpanLabel]:
    """Those of the given-up spans that overlap a surer one."""
    first: list[SpanLabel] = []
    rest: list[SpanLabel] = []
    for rival in sorted(rivals, key=_share, reverse=True):
        (first if _stands_alone(rival, first) else rest).append(rival)
    return rest


def _unseen(answers: Sequence[Answer]) -> tuple[tuple[int, int], ...]:
    """The stretch that was cut out of all prompts."""
    cuts = [answer.unseen for answer in answers]
    known = [cut for cut in cuts if cut is not None]
    if not known or len(known) < len(cuts):
        return ()
    start, end = max(cut[0] for cut in known), min(cut[1] for cut in known)
    return ((start, end),) if start < end else ()
