"""How much of a span is right, learnt on gold."""

import random

import pytest

from dualchecker.checking.span_coverage import Coverage, covered
from dualchecker.records import Confidence, Record, Span, SpanLabel

RECORD = Record("r", "x" * 40, spans=(Span(4, 14, "cause"), Span(20, 30, "effect")))


def claim(start: int, end: int, sure: float = 0.5, label: str = "cause") -> SpanLabel:
    return SpanLabel(label, Span(start, end, label), Confidence(sure), "abstained")


@pytest.mark.parametrize(
    ("start", "end", "share"), [(4, 14, 1.0), (4, 9, 1.0), (0, 20, 0.5), (30, 40, 0.0), (20, 30, 0.0), (9, 19, 0.5)]
)
def test_the_share_of_characters_in_human_spans_of_the_label(start: int, end: int, share: float) -> None:
    assert covered(claim(start, end), RECORD) == share


def test_characters_count_once_where_human_spans_overlap() -> None:
    record = Record("r", "x" * 40, spans=(Span(0, 10, "cause"), Span(5, 10, "cause")))
    assert covered(claim(0, 20), record) == 0.5


def test_it_learns_for_each_label_what_half_sure_spans_are_worth() -> None:
    draw = random.Random(0)
    claims, records = [], []
    for number in range(400):
        label = ("cause", "effect")[number % 2]
        start = draw.randrange(0, 4)
        # Causes are seldom exactly right and lie inside of human ones; effects lie beside them half of the time.
        human = Span(0, 20, label) if label == "cause" or draw.random() < 0.5 else Span(30, 40, label)
        claims.append(claim(start, start + 10, draw.uniform(0.1, 0.6), label))
        records.append(Record(str(number), "x" * 40, spans=(human,)))
    cause, effect = (
        one.cover or 0.0 for one in Coverage.fit(claims, records).of([claim(0, 9), claim(0, 9, 0.5, "effect")])
    )
    assert cause > 0.9
    assert effect == pytest.approx(0.5, abs=0.1)


def test_without_gold_the_prior_speaks_and_what_has_no_span_has_no_cover() -> None:
    missing = SpanLabel("cause", None, Confidence(0.5), "abstained")
    known, unknown = Coverage.fit([], []).of([claim(0, 9), missing])
    assert known.cover == pytest.approx(0.73, abs=0.01)
    assert unknown == missing
