"""Which claims stand, learnt on gold."""

import random

import pytest

from dualchecker.checking.span_claims import LEAST
from dualchecker.checking.span_selection import Selection
from dualchecker.records import Confidence, Record, Span, SpanLabel
from dualchecker.tasks import Extraction

TASK = Extraction("q", {"cause": ""})


def gold(share: float, count: int = 300) -> tuple[list[list[SpanLabel]], list[Record]]:
    """Records with one claim each, of which that share is right; the claims know how likely they are."""
    claims, records = [], []
    for number in range(count):
        draw = random.Random(number)
        sure = draw.uniform(0, 2 * share)
        right = draw.random() < sure
        claims.append([SpanLabel("cause", Span(0, 10, "cause"), Confidence(sure), "abstained")])
        records.append(Record(str(number), "x" * 40, spans=(Span(0, 10 if right else 12, "cause"),)))
    return claims, records


@pytest.mark.parametrize(("share", "least", "most"), [(0.15, 0.05, 0.2), (0.45, 0.2, LEAST)])
def test_where_spans_are_hard_to_find_less_likely_ones_are_kept(share: float, least: float, most: float) -> None:
    assert least <= Selection.learn(*gold(share), TASK).least <= most


def test_what_is_given_up_for_its_edges_does_not_make_its_label_missing() -> None:
    claims, records = gold(0.3)
    selection = Selection.learn(claims, records, TASK)
    unlikely = SpanLabel("cause", Span(0, 10, "cause"), Confidence(0.01), "abstained")
    (none,), (rival,) = selection.of([unlikely], TASK)
    assert none.span is None
    assert none.confidence.value < 0.2, "people always marked something here"
    assert (rival.cover or 0) > 0.8


def test_without_gold_it_is_as_documented() -> None:
    assert Selection.learn([], [], TASK).least == LEAST
