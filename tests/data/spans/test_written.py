"""What is left of spans where none may overlap."""

from itertools import combinations

from hypothesis import given

from dualchecker.data.spans import flat
from dualchecker.records import Span
from span_texts import marked


def test_the_longer_of_two_stays_else_the_earlier() -> None:
    long, inside, across, beside = Span(5, 15, "a"), Span(6, 8, "b"), Span(0, 6, "b"), Span(15, 20, "a")
    assert flat([inside, across, beside, long]) == ([long, beside], [(across, long), (inside, long)])
    assert flat([Span(2, 4, "a"), Span(0, 3, "a"), Span(1, 3, "a")])[0] == [Span(0, 3, "a")]
    assert flat([Span(0, 2, "b"), Span(0, 2, "a")]) == ([Span(0, 2, "a")], [(Span(0, 2, "b"), Span(0, 2, "a"))])


@given(marked())
def test_every_span_is_kept_or_overlaps_one_that_is(given: tuple[str, list[Span]]) -> None:
    _, spans = given
    kept, rest = flat(spans)
    assert sorted([*kept, *(span for span, _ in rest)]) == spans
    assert all(a.end <= b.start or b.end <= a.start for a, b in combinations(kept, 2))
    assert all(over in kept and over.start < span.end and span.start < over.end for span, over in rest)
