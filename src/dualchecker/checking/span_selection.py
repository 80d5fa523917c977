"""Which claims stand, learnt on gold: what their characters are worth, and how likely a span must be to stay."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from dualchecker.checking.span_claims import LEAST, select_claims, strict_f1
from dualchecker.checking.span_coverage import Coverage
from dualchecker.records import Record, SpanLabel
from dualchecker.tasks import Extraction

_LOWEST = 0.05
_STEPS = 10


@dataclass(frozen=True)
class Selection:
    """From all claims about a record to those that stand.

    Attributes:
        coverage: What share of a span's characters is right.
        least: Spans that are less likely are given up. A span helps the F1 of the whole if it is likelier than half of
            the F1 that can be reached (Lipton, Elkan and Naryanaswamy 2014, arXiv 1402.1892): where spans are hard to
            find, less likely ones are worth keeping. It never exceeds ``LEAST``: one that is left open costs a glance.
    """

    coverage: Coverage = field(default_factory=Coverage.prior)
    least: float = LEAST

    @classmethod
    def learn(cls, claims: Sequence[Sequence[SpanLabel]], records: Sequence[Record], task: Extraction) -> "Selection":
        """Learn on the claims about gold records, with confidences that have not seen them.

        ``least`` is where half of the F1 that it leads to is ``least`` itself, or ``LEAST``.
        """
        whose = [record for record, some in zip(records, claims, strict=True) for _ in some]
        coverage = Coverage.fit([claim for some in claims for claim in some], whose)
        least = LEAST
        for _ in range(_STEPS if whose else 0):
            kept = [select_claims(some, task, least)[0] for some in claims]
            least = min(max(strict_f1(kept, records) / 2, _LOWEST), LEAST)
        return cls(coverage, least)

    def of(self, claims: Sequence[SpanLabel], task: Extraction) -> tuple[list[SpanLabel], list[SpanLabel]]:
        """Claims that stand, and those given up, each with its ``cover``."""
        return select_claims(self.coverage.of(claims), task, self.least)
