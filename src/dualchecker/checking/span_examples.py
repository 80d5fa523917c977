"""From checked spans to training examples: one span may teach while another of the same text is left open."""

from collections.abc import Iterable, Sequence

from dualchecker.records import Answer, Example, Labelled, Record, SpanLabel, TaughtSpan

_LEAST_CONFIDENCE = 0.1
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

    A span counts with its squared confidence, as a label does (``examples_from``). One that is abstained on does as
    well (``weight``), or its characters are hidden (``drop``). A given-up span makes its characters count less as
    outside, and the doubt whether a span was missed those of the whole text. Answers that nothing has checked teach as
    they are, with the confidence that they state. Of a text that was cut to fit the prompt, what no answer is about
    teaches nothing. Failed records never teach.
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
    for claim in item.spans:
        if claim.span is None:
            continue
        sure = claim.confidence.value
        hidden = claim.status != "accepted" and (doubtful == "drop" or sure < _LEAST_CONFIDENCE)
        taught.append(TaughtSpan(claim.span, sure, 0.0 if hidden else sure**2 / rest))
    taught += [_given_up(claim, rest) for claim in item.rivals if _stands_alone(claim, item.spans)]
    unseen = _unseen([answer for answer in item.trail if answer.ok])
    return Example(item.record, item.label or "", rest, source="teacher", spans=tuple(taught), unseen=unseen)


def _unseen(answers: Sequence[Answer]) -> tuple[tuple[int, int], ...]:
    """The stretch that was cut out of all prompts."""
    cuts = [answer.unseen for answer in answers]
    known = [cut for cut in cuts if cut is not None]
    if not known or len(known) < len(cuts):
        return ()
    start, end = max(cut[0] for cut in known), min(cut[1] for cut in known)
    return ((start, end),) if start < end else ()


def _stands_alone(claim: SpanLabel, kept: Sequence[SpanLabel]) -> bool:
    return claim.span is not None and not any(c.span is not None and c.span.shared(claim.span) for c in kept)


def _given_up(claim: SpanLabel, rest: float) -> TaughtSpan:
    if claim.span is None:
        raise ValueError("only spans are given up")
    return TaughtSpan(claim.span, 0.0, (1 - claim.confidence.value) ** 2 / rest)
