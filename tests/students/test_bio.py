"""Spans to tags of tokens and back."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualchecker.errors import StudentError
from dualchecker.records import Span, TaughtSpan
from dualchecker.students.bio import (
    OUTSIDE,
    begin,
    flatten,
    inside,
    read_tags,
    tag_names,
    token_goal,
    token_range,
    write_tags,
)
from dualchecker.students.words import word_tokens

LABELS = ("cause", "effect", "B-x", "a label")
TOKENS = [(0, 3), (4, 7), (8, 11), (11, 12)]

PIECES = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["原因は", "雨", "עברית", "مرحبا", "👩‍👩‍👧", "e\u0301", "\r\n", " ", "한국어", "ไทย", "don't", "\ud800", "👍🏽"]
    ),
)
TEXTS = st.lists(PIECES, max_size=8).map("".join)


@st.composite
def tagged_texts(draw: st.DrawFn) -> tuple[str, list[tuple[int, int]], list[Span]]:
    """A text, its tokens, and spans side by side whose ends are those of tokens."""
    text = draw(TEXTS)
    tokens = word_tokens(text)
    cuts = sorted(draw(st.sets(st.integers(0, len(tokens)), max_size=8)))
    spans = []
    for first, end in pairwise(cuts):
        if draw(st.booleans()):
            spans.append(Span(tokens[first][0], tokens[end - 1][1], draw(st.sampled_from(LABELS))))
    return text, tokens, spans


@given(tagged_texts())
def test_spans_come_back_from_their_tags(case: tuple[str, list[tuple[int, int]], list[Span]]) -> None:
    _, tokens, spans = case
    tags = write_tags(tokens, spans, LABELS)
    assert [span for span, _, _ in read_tags(tokens, tags, LABELS)] == spans


@given(tagged_texts())
def test_what_is_taught_is_what_is_read(case: tuple[str, list[tuple[int, int]], list[Span]]) -> None:
    _, tokens, spans = case
    goal = token_goal(tokens, [TaughtSpan(span) for span in spans], LABELS)
    assert (goal.unexpressed, goal.snapped) == ((), 0)
    assert (goal.weights == 1).all()
    np.testing.assert_array_equal(goal.targets.argmax(axis=1), write_tags(tokens, spans, LABELS))


@given(TEXTS)
def test_tokens_are_in_order_and_hold_everything_but_blanks(text: str) -> None:
    tokens = word_tokens(text)
    assert all(start < end for start, end in tokens)
    assert all(end <= start for (_, end), (start, _) in pairwise(tokens))
    covered = {place for start, end in tokens for place in range(start, end)}
    assert covered == {place for place, character in enumerate(text) if not character.isspace()}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It rained, so 3 roads flooded.", ["It", "rained", ",", "so", "3", "roads", "flooded", "."]),
        ("雨で道が", ["雨", "で", "道", "が"]),
        ("서울에서 비", ["서", "울", "에", "서", "비"]),
        ("cafe\u0301 x", ["cafe\u0301", "x"]),
        ("👩‍👩‍👧👍🏽!", ["👩‍👩‍👧", "👍🏽", "!"]),
        ("นี่คือ", ["นี่", "คื", "อ"]),
        (" \u0301a", ["\u0301", "a"]),
        ("می‌خواهم", ["می‌خواهم"]),
        ("", []),
        (" \r\n\t", []),
    ],
)
def test_tokens_of_many_scripts(text: str, words: list[str]) -> None:
    assert [text[start:end] for start, end in word_tokens(text)] == words


def test_tags_are_numbered_as_they_are_named() -> None:
    names = tag_names(LABELS)
    assert names[:3] == ("O", "B-cause", "I-cause") and len(names) == 9
    for number, label in enumerate(LABELS):
        assert (names[begin(number)], names[inside(number)]) == (f"B-{label}", f"I-{label}")
    assert names[OUTSIDE] == "O"


@pytest.mark.parametrize("tags", [[inside(0), 0, 0, 0], [begin(0), inside(1), 0, 0], [begin(0), 0, inside(0), 0]])
def test_illegal_sequences_are_refused(tags: list[int]) -> None:
    with pytest.raises(ValueError, match="continues"):
        read_tags(TOKENS, tags, LABELS)


def test_spans_side_by_side_stay_apart() -> None:
    spans = [Span(0, 3, "cause"), Span(4, 7, "cause"), Span(8, 12, "effect")]
    tags = write_tags(TOKENS, spans, LABELS)
    assert tags.tolist() == [begin(0), begin(0), begin(1), inside(1)]
    assert [span for span, _, _ in read_tags(TOKENS, tags, LABELS)] == spans


# --- what a flat student cannot express


def test_of_nested_spans_the_outer_one_stays() -> None:
    spans = [Span(0, 3, "a label"), Span(0, 11, "cause"), Span(11, 12, "effect")]
    kept, left = flatten(TOKENS, spans)
    assert [fitted.number for fitted in kept] == [1, 2] and left == [0]


def test_of_equally_long_ones_the_first_in_order_stays_however_they_are_given() -> None:
    spans = [Span(4, 11, "effect"), Span(0, 7, "cause"), Span(0, 7, "a label")]
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2]):
        given_spans = [spans[number] for number in order]
        kept, left = flatten(TOKENS, given_spans)
        assert [given_spans[fitted.number] for fitted in kept] == [Span(0, 7, "a label")]
        assert len(left) == 2


def test_a_span_with_no_token_is_left_out() -> None:
    assert token_range(TOKENS, Span(3, 4, "cause")) is None
    assert flatten(TOKENS, [Span(3, 4, "cause"), Span(50, 60, "cause")]) == ([], [0, 1])
    assert flatten([], [Span(0, 3, "cause")]) == ([], [0])


def test_ends_inside_tokens_move_outward_and_are_counted() -> None:
    goal = token_goal(TOKENS, [TaughtSpan(Span(1, 6, "cause")), TaughtSpan(Span(7, 11, "effect"))], LABELS)
    assert goal.targets.argmax(axis=1).tolist() == [begin(0), inside(0), begin(1), 0]
    assert goal.snapped == 2 and goal.unexpressed == ()


def test_two_spans_that_share_a_token_after_that_overlap() -> None:
    goal = token_goal(TOKENS, [TaughtSpan(Span(0, 5, "cause")), TaughtSpan(Span(5, 7, "effect"))], LABELS)
    assert goal.unexpressed == (Span(5, 7, "effect"),)


@given(TEXTS, st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20), st.sampled_from(LABELS)), max_size=8))
def test_any_spans_are_taught_or_reported(text: str, given_spans: list[tuple[int, int, str]]) -> None:
    tokens = word_tokens(text)
    spans = sorted({Span(start, start + length, label) for start, length, label in given_spans})
    goal = token_goal(tokens, [TaughtSpan(span) for span in spans], LABELS)
    read = [span for span, _, _ in read_tags(tokens, goal.targets.argmax(axis=1), LABELS)]
    assert len(read) + len(goal.unexpressed) == len(spans)
    assert sum(span not in spans for span in read) <= goal.snapped


# --- soft targets and weights


def test_a_doubtful_span_shares_its_mass_with_outside() -> None:
    taught = [TaughtSpan(Span(0, 7, "cause"), target=0.7, weight=0.5)]
    soft, hard = token_goal(TOKENS, taught, LABELS, soft=True), token_goal(TOKENS, taught, LABELS)
    assert soft.targets[0, [OUTSIDE, begin(0)]].tolist() == pytest.approx([0.3, 0.7])
    assert soft.targets[1, [OUTSIDE, inside(0)]].tolist() == pytest.approx([0.3, 0.7])
    assert soft.targets[2, OUTSIDE] == hard.targets[0, begin(0)] == 1
    np.testing.assert_allclose(soft.targets.sum(axis=1), 1)
    assert soft.weights.tolist() == hard.weights.tolist() == [0.5, 0.5, 1, 1]


def test_a_span_of_weight_zero_hides_its_tokens_as_far_as_no_other_teaches_them() -> None:
    hidden = TaughtSpan(Span(0, 11, "effect"), weight=0)
    goal = token_goal(TOKENS, [hidden, TaughtSpan(Span(4, 7, "cause"))], LABELS)
    assert goal.weights.tolist() == [0, 1, 0, 1]
    assert goal.targets.argmax(axis=1).tolist() == [0, begin(0), 0, 0]
    assert goal.unexpressed == ()


def test_what_sticks_out_of_an_inexpressible_span_is_hidden() -> None:
    goal = token_goal(TOKENS, [TaughtSpan(Span(0, 7, "cause")), TaughtSpan(Span(6, 12, "effect"))], LABELS)
    assert goal.unexpressed == (Span(6, 12, "effect"),)
    assert goal.weights.tolist() == [1, 1, 0, 0]


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(StudentError, match="attic"):
        token_goal(TOKENS, [TaughtSpan(Span(0, 3, "attic"))], LABELS)


def test_what_nobody_has_looked_at_is_hidden_but_for_what_is_taught_there() -> None:
    goal = token_goal(TOKENS, [TaughtSpan(Span(4, 7, "cause"))], LABELS, unseen=[(5, 10)])
    assert goal.weights.tolist() == [1, 1, 0, 1]
    assert goal.targets.argmax(axis=1).tolist() == [0, begin(0), 0, 0]
