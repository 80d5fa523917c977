"""Spans out of replies in any dress."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualchecker.errors import ConfigError
from dualchecker.records import Found, Span
from dualchecker.tasks import Extraction, Parsed
from dualchecker.tasks.extraction import MOST_SPANS

TASK = Extraction("What causes what?", {"cause": "Why.", "effect": "What for."}, {"cause": "at_most_one"})
TEXT = "Because heavy rain fell, the river rose and the road was closed."
RAIN, RIVER, ROAD = Span(8, 23, "cause"), Span(25, 39, "effect"), Span(44, 63, "effect")


def item(label: str, quote: str, **more: Any) -> dict[str, Any]:
    return {"label": label, "quote": quote, **more}


BOTH = [item("cause", "heavy rain fell", confidence=0.9), item("effect", "the river rose", confidence=0.4)]


def read(spans: Any, text: str = TEXT, **more: Any) -> Parsed:
    return TASK.parse(json.dumps({"rationale": "r", "spans": spans, **more}), text)


def spans(parsed: Parsed) -> list[Span]:
    return [found.span for found in parsed.spans]


def test_quotes_become_spans_with_their_confidence() -> None:
    parsed = read(BOTH)
    assert (parsed.outcome, parsed.rationale, parsed.notes) == ("ok", "r", ())
    assert parsed.spans == (Found(RAIN, 0.9), Found(RIVER, 0.4))
    assert parsed.label == TASK.write(TEXT, [RIVER, RAIN])
    assert parsed.label is not None and json.loads(parsed.label) == [
        item("cause", "heavy rain fell"),
        item("effect", "the river rose"),
    ]


def test_no_span_is_an_answer() -> None:
    for nothing in ([], {}, "none", "[]", {"cause": [], "effect": None}, {"cause": "none"}):
        parsed = read(nothing)
        assert (parsed.outcome, parsed.label, parsed.spans, parsed.notes) == ("ok", "[]", (), ())


def quoted(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [item(label, quote) for label, quote in pairs]


LISTED = quoted(("cause", "heavy rain fell"), ("effect", "the river rose"))


@pytest.mark.parametrize(
    ("reply", "note"),
    [
        (json.dumps({"spans": LISTED}), ""),
        (json.dumps({"entities": [{"type": "Cause", "text": "heavy rain fell"}, LISTED[1]]}), ""),
        (json.dumps({"Spans": [LISTED[0], {"entity": " EFFECT", "span": " the river rose\n"}]}), ""),
        (json.dumps({"rationale": "r", "cause": "heavy rain fell", "effect": ["the river rose"]}), ""),
        (json.dumps({"spans": {"cause": "heavy rain fell", "Effect": [{"quote": "the river rose"}]}}), ""),
        (json.dumps({"spans": [{"cause": "heavy rain fell", "effect": "the river rose"}]}), ""),
        ("Here you are: " + json.dumps({"spans": LISTED}), "json_in_prose"),
        ("```json\n" + json.dumps({"spans": LISTED}) + "\n```", "json_in_prose"),
        (json.dumps(LISTED), "bare_list"),
        ("```json\n" + json.dumps(LISTED) + "\n```", "bare_list"),
        ("\n".join(map(json.dumps, LISTED)), "bare_list"),
        ("cause: heavy rain fell\neffect: the river rose", "read_from_lines"),
        ('{"rationale": "r", "spans": ' + json.dumps(LISTED)[:-1] + ', {"label": "effect", "quo', "json_truncated"),
        ('{"spans": ' + json.dumps(LISTED)[:-1] + ', {"label": "effect", "quote": "the road', "json_truncated"),
        ('{\n  "spans": ' + json.dumps(LISTED, indent=2)[:-2] + ', {"label"', "json_truncated"),
        ('{"spans": [{"label": "cause", "quote": "draft"}]} No: ' + json.dumps({"spans": LISTED}), ""),
    ],
)  # fmt: skip
def test_every_dress_is_read(reply: str, note: str) -> None:
    parsed = TASK.parse(reply, TEXT)
    assert (parsed.outcome, spans(parsed)) == ("ok", [RAIN, RIVER])
    assert parsed.notes == ((note,) if note else ())


@pytest.mark.parametrize(
    ("bad", "note"),
    [
        (item("effect", "the dam broke in two"), "hallucinated_span"),
        (item("weather", "the river rose"), "label_outside_set"),
        (item(["effect"], "the river rose"), "label_outside_set"),  # type: ignore[arg-type]
        ({"quote": "the river rose"}, "label_missing"),
        ("the river rose", "label_missing"),
        ({"label": "effect", "start": 25, "end": 39}, "offsets_only"),
        ({"label": "effect"}, "quote_missing"),
        (item("effect", " "), "quote_missing"),
        (item("effect", 7), "quote_missing"),  # type: ignore[arg-type]
        (None, "quote_missing"),
        ([["effect"]], "quote_missing"),
    ],
)
def test_what_is_wrong_with_one_span_is_named_and_does_not_spoil_the_others(bad: Any, note: str) -> None:
    parsed = read([*BOTH[:1], bad])
    assert (parsed.outcome, spans(parsed), parsed.notes) == ("ok", [RAIN], (note,))
    alone = read([bad])
    assert (alone.outcome, alone.label, alone.spans, alone.notes) == (note, None, (), ())
    assert alone.hallucinated == (("the dam broke in two",) if note == "hallucinated_span" else ())


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("I cannot help with that.", "unparsed"),
        ('{"rationale": "r"}', "spans_missing"),
        ('{"rationale": "r", "spans": null}', "spans_missing"),
        ('{"rationale": "r", "spans": 5}', "spans_missing"),
        ('{"rationale": "r", "spans": [{"la', "spans_missing"),
        ('{\n  "rationale": "r",\n  "spans": [\n    {\n', "spans_missing"),
        ('{\n  "spans": [\n    {\n', "spans_missing"),
        ('{"rationale": "r', "unparsed"),
        ("[1, 2]", "quote_missing"),
    ],
)
def test_no_answer_is_not_taken_for_no_span(reply: str, outcome: str) -> None:
    parsed = TASK.parse(reply, TEXT)
    assert (parsed.outcome, parsed.label, parsed.spans) == (outcome, None, ())


def test_twice_and_too_often_are_noted() -> None:
    assert read([*BOTH, BOTH[0]]).notes == ("span_twice",)
    parsed = read([*BOTH, item("cause", "the road was closed")])
    assert (parsed.notes, len(parsed.spans)) == (("occurs_too_often",), 3)
    assert read([*BOTH, item("effect", "the road was closed")]).notes == ()


@pytest.mark.parametrize(("stated", "note"), [("high", "confidence_unreadable"), (150, "confidence_out_of_range")])
def test_a_confidence_that_cannot_be_read_is_missing(stated: Any, note: str) -> None:
    parsed = read([item("cause", "heavy rain fell", confidence=stated)])
    assert (parsed.outcome, parsed.spans[0].stated, parsed.notes) == ("ok", None, (note,))
    assert read([{"Label": "cause", "Quote": "heavy rain fell", "Confidence": "80 %"}]).spans[0].stated == 0.8


def test_a_hint_or_context_tells_equal_words_apart_but_offsets_alone_are_not_believed() -> None:
    text = "It rained. It rained."
    assert spans(read([item("cause", "It rained", start=12)], text)) == [Span(11, 20, "cause")]
    assert spans(read([item("cause", "It rained", start=0, end=3)], text)) == [Span(0, 9, "cause")]
    assert spans(read([item("cause", "It rained", before="It rained.")], text)) == [Span(11, 20, "cause")]
    assert spans(read([item("cause", "It rained", start=True)], text)) == [Span(0, 9, "cause")]


def test_nested_and_overlapping_spans_are_kept() -> None:
    parsed = read(
        [item("effect", "the river rose and the road"), item("effect", "the road"), item("cause", "river rose")]
    )
    assert spans(parsed) == [Span(25, 52, "effect"), Span(29, 39, "cause"), Span(44, 52, "effect")]


def test_five_hundred_spans_are_cut_and_said_to_be() -> None:
    text = " ".join(f"word{i}" for i in range(600))
    parsed = read([item("effect", f"word{i}") for i in range(500)], text)
    assert (parsed.outcome, len(parsed.spans), parsed.notes) == ("ok", MOST_SPANS, ("too_many_spans",))
    cut = json.dumps({"spans": [item("effect", f"word{i}") for i in range(150)]})[:-30]
    assert len(TASK.parse(cut, text).spans) == 149


def test_a_long_text_is_as_good_as_a_short_one() -> None:
    text = "All was quiet. " * 3_400 + TEXT
    assert [text[s.start : s.end] for s in spans(read(BOTH, text))] == ["heavy rain fell", "the river rose"]


def test_half_a_surrogate_pair_reaches_no_file() -> None:
    parsed = TASK.parse(r'{"rationale": "\ud83d", "spans": [{"label": "cause", "quote": "no\ud83d such words"}]}', TEXT)
    assert parsed.outcome == "hallucinated_span"
    text = "odd \ud83d rain"
    found = TASK.parse(r'{"rationale": "\ud83d", "spans": [{"label": "cause", "quote": "\ud83d rain"}]}', text)
    for part in (parsed.rationale, *parsed.hallucinated, found.rationale, found.label or "", *found.hallucinated):
        part.encode()


@pytest.mark.parametrize(
    "reply",
    [
        "{" * 50_000,
        "[" * 50_000,
        '{"spans": ' * 20_000,
        '{"spans": [' + "[" * 500 + "]" * 500 + "]}",
        '{"rationale": ' + "[" * 900 + "]" * 900 + ', "spans": []}',
        '{"spans": [{"label": ' + "[" * 800 + "]" * 800 + ', "quote": "x"}]}',
        '{"spans": [{"label": "cause", "quote": "' + "'" * 50_000 + '"}]}',
        '{"spans": [{"label": "' + "a_-" * 20_000 + '", "quote": "x"}]}',
        '{"spans": [{"label": "cause", "quote": "rain", "start": ' + "9" * 4_000 + "}]}",
        '{"spans": [{"label": "cause", "quote": "rain", "start": ' + "9" * 5_000 + "}]}",
        '{"spans": [{"label": "cause", "quote": "rain", "start": 1e999, "confidence": NaN}]}',
        '"spans": [' * 5_000,
        '{"a": 1} ' * 10_000,
        "\ud800{\udc00",
    ],
    ids=range(14),
)
def test_a_hostile_reply_is_no_more_than_a_bad_one(reply: str) -> None:
    parsed = TASK.parse(reply, TEXT)
    assert (parsed.outcome == "ok") == (parsed.label is not None)


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
WORDS = st.sampled_from([*TEXT.split(), "heavy rain fell", "HEAVY", "...", "the ... closed", "", "\ud800", "cause"])
KEYS = st.sampled_from(
    ["label", "quote", "text", "spans", "entities", "cause", "effect", "confidence", "start", "Type"]
)
VALUES = st.recursive(
    PLAIN | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
ITEMS = st.fixed_dictionaries({"label": WORDS | VALUES, "quote": WORDS | VALUES}, optional={"start": VALUES})


@settings(max_examples=400, deadline=None)
@given(
    st.fixed_dictionaries(
        {}, optional={"rationale": VALUES, "spans": st.lists(ITEMS | VALUES) | VALUES, "cause": VALUES}
    )
    | VALUES,
    st.integers(0, 40),
    st.booleans(),
    st.sampled_from([TEXT, "", "Heavy\r\nrain " * 3]),
)
def test_parse_never_raises_and_its_spans_are_in_the_text(value: Any, cut: int, ascii: bool, text: str) -> None:
    reply = json.dumps(value, ensure_ascii=ascii)
    for words in (reply, reply[: len(reply) - cut]):
        parsed = TASK.parse(words, text)
        assert (parsed.outcome == "ok") == (parsed.label is not None)
        assert all(0 <= span.start < span.end <= len(text) and span.label in TASK.labels for span in spans(parsed))
        assert spans(parsed) == sorted(set(spans(parsed)))
        if parsed.label is not None:
            assert [one["quote"] for one in json.loads(parsed.label)] == [text[s.start : s.end] for s in spans(parsed)]


def test_scores_count_what_was_missed_and_what_was_invented() -> None:
    truth = [TASK.write(TEXT, [RAIN, RIVER]), TASK.write(TEXT, [])]
    assert TASK.score(truth, truth) == {"strict_f1": 1.0, "exact_match": 1.0}
    assert TASK.score([None, None], truth) == {"strict_f1": 0.0, "exact_match": 0.0}
    invented = [TASK.write(TEXT, [RAIN, RIVER, ROAD]), TASK.write(TEXT, [ROAD])]
    assert TASK.score(invented, truth)["strict_f1"] == pytest.approx(2 * 2 / (4 + 2))
    with pytest.raises(ValueError):
        TASK.score([], truth)


def test_occurrence() -> None:
    task = Extraction("?", {"a": "", "b": ""}, {"a": "exactly_one", "b": "at_least_one"})
    assert (task.needs("a"), task.single("a"), task.needs("b"), task.single("b")) == (True, True, True, False)
    assert (TASK.needs("cause"), TASK.single("cause"), TASK.single("effect")) == (False, True, False)


@pytest.mark.parametrize("labels", [{}, {"": ""}, {"A": "", "a": ""}])
def test_labels_must_be_told_apart(labels: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        Extraction("?", labels)
