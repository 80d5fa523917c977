"""How much of a span is right, where the span as a whole may not be.

Confidence is about exactly a span, and most spans that are not exactly right still lie, for the most part, where people
marked one. A student learns word by word, so this is what a span teaches with; and a label whose spans all have wrong
edges is not missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dualchecker.checking.decision_checker import LabelCalibrators
from dualchecker.confidence import Calibrator
from dualchecker.records import Record, SpanLabel

PRIOR = Calibrator.prior(("exact",), intercept=1.0, slopes={"exact": 0.5})
"""Before any gold: of a span that is as likely exactly right as not, three in four characters are right."""


def covered(claim: SpanLabel, record: Record) -> float:
    """Share of a claimed span's characters in human spans of its label."""
    if claim.span is None:
        raise ValueError("only a span has characters")
    inside: set[int] = set()
    for span in record.spans or ():
        if span.label == claim.label:
            inside.update(range(max(span.start, claim.span.start), min(span.end, claim.span.end)))
    return len(inside) / (claim.span.end - claim.span.start)


@dataclass(frozen=True)
class Coverage:
    """From the confidence in exactly a span to the share of its characters that is right, label by label."""

    by_label: LabelCalibrators

    @classmethod
    def prior(cls) -> "Coverage":
        """What is believed before any gold is seen."""
        return cls(LabelCalibrators(PRIOR, {}))

    @classmethod
    def fit(cls, claims: Sequence[SpanLabel], records: Sequence[Record]) -> "Coverage":
        """Learn on claims about gold, aligned with the records that they are about.

        Logistic regression takes shares as it takes outcomes (Papke and Wooldridge 1996, fractional response).
        """
        pairs = [(claim, record) for claim, record in zip(claims, records, strict=True) if claim.span is not None]
        return cls(
            LabelCalibrators.fit(
                [claim.label for claim, _ in pairs],
                [{"exact": claim.confidence.value} for claim, _ in pairs],
                [covered(claim, record) for claim, record in pairs],
                LabelCalibrators(PRIOR, {}),
            )
        )

    def of(self, claims: Sequence[SpanLabel]) -> list[SpanLabel]:
        """The claims with their ``cover``; those without a span stay as they are."""
        shares = self.by_label.predict(
            [claim.label for claim in claims], [{"exact": claim.confidence.value} for claim in claims]
        )
        return [
            claim if claim.span is None else replace(claim, cover=float(share))
            for claim, share in zip(claims, shares, strict=True)
        ]
