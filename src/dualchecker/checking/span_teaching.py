"""From checked spans to training examples: one span may teach while another of the same text is left open."""

from collections.abc import Iterable

from dualchecker.records import Example, Labelled, Record, TaughtSpan

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
    well (``weight``), or its characters are hidden (``drop``), as are those of a given-up span that may be right. The
    doubt whether a span was missed takes weight from the whole text. Answers that nothing has checked teach as they
    are, with the confidence that they state.
    Failed records never teach.
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
    return Example(item.record, item.answer.label or "", source="teacher", spans=spans)


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
    taught += [
        TaughtSpan(claim.span, claim.confidence.value, 0.0)
        for claim in item.rivals
        if claim.span is not None
        and claim.confidence.value >= _LEAST_CONFIDENCE
        and not any(c.span is not None and c.span.shared(claim.span) for c in item.spans)
    ]
    return Example(item.record, item.label or "", rest, source="teacher", spans=tuple(taught))
