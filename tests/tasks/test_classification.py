"""Classification: what a reply means, and how labels are scored."""

import json
import math
import signal
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from dualchecker.errors import ConfigError
from dualchecker.tasks import Classification, Parsed

TASK = Classification("Is it green?", {"green": "Cuts harm.", "not_green": "Anything else."})


def parse(reply: str) -> Parsed:
    return TASK.parse(reply)


# --- where the answer stands


def test_a_json_object() -> None:
    assert parse('{"rationale": "It saves gas.", "label": "green", "confidence": 0.9}') == Parsed(
        "green", "ok", "It saves gas.", 0.9
    )


OBJECT = '{"rationale": "r", "label": "not_green", "confidence": 0.6}'


@pytest.mark.parametrize(
    "reply",
    [
        f"Let me think. {OBJECT} I hope this helps!",
        f"```json\n{OBJECT}\n```",
        f"```\n{OBJECT}\n```",
        f"<think>maybe {{green}}</think>\n{OBJECT}",
        '{"rationale": "first thought", "label": "green", "confidence": 0.2}\nNo, rather:\n' + OBJECT,
        '{"note": "not about labels"}' + OBJECT,
        "[" + OBJECT + "]",
        "{" * 20 + OBJECT,
    ],
)
def test_json_in_prose_and_of_several_objects_the_last(reply: str) -> None:
    assert parse(reply) == replace(Parsed("not_green", "ok", "r", 0.6), notes=parse(reply).notes)


def test_prose_around_an_object_is_noted() -> None:
    assert parse(OBJECT).notes == ()
    assert parse(f"Here you are: {OBJECT}").notes == ("json_in_prose",)


def test_pretty_printed_json_with_other_fields_and_capital_names() -> None:
    reply = '{\n  "Rationale": "a\nb",\n  "LABEL": "Green",\n  "confidence": "80%",\n  "extra": [1]\n}'
    assert parse(reply) == Parsed("green", "ok", "a\nb", 0.8)


def test_an_object_quoted_inside_the_reason_is_not_the_answer() -> None:
    reply = r'{"rationale": "the text says {\"label\": \"green\"}", "label": "not_green", "confidence": 1}'
    assert parse(reply).label == "not_green"


def test_the_answer_is_found_behind_any_number_of_braces() -> None:
    assert parse("{x} " * 200 + OBJECT).label == "not_green"


@pytest.mark.parametrize(
    ("reply", "label", "outcome"),
    [
        ('{"rationale": "because", "label": "green", "confid', "green", "ok"),
        ('{"label": "not_green", "rationale": "because it is a long', "not_green", "ok"),
        ('{"rationale": "because", "lab', None, "label_missing"),
        ('{"rationale": "because", "label": "gre', None, "label_missing"),
        ('{"rationale": "beca', None, "unparsed"),
        ('{"label": "green', None, "unparsed"),
        ('{\n  "label": "green', None, "unparsed"),
    ],
)
def test_truncated_json_gives_whole_values_or_none(reply: str, label: str | None, outcome: str) -> None:
    parsed = parse(reply)
    assert (parsed.label, parsed.outcome) == (label, outcome)
    assert ("json_truncated" in parsed.notes) == (outcome != "unparsed")


def test_a_truncated_number_is_not_half_read() -> None:
    assert parse('{"label": "green", "confidence": 0.9').stated is None
    assert parse('{"label": "green", "confidence": 0.9, "ra').stated == 0.9


@pytest.mark.parametrize(
    "reply",
    [
        "rationale: saves gas\nlabel: green\nconfidence: 0.9",
        "Label: green\nConfidence: 90%",
        "**Label:** green\n**Confidence:** 0.9",
        "**Label**: green\n**Confidence**: 0.9",
        "- **Label:** **green**\n- *Confidence:* 0.9",
        "* label = `green`\n* confidence = 0.9",
        "> 'label': 'green',\n> 'confidence': 0.9,",
        "### Label: Green\n### Confidence: 0,9",
        "__Label__: __green__.\n__Confidence__: 90 %",
        "label： green\nconfidence： 0.9",
        "label: not_green\nconfidence: 0.1\nOn reflection:\nlabel: green\nconfidence: 0.9",
    ],
)
def test_lines_are_read_where_there_is_no_json(reply: str) -> None:
    parsed = parse(reply)
    assert (parsed.label, parsed.outcome, parsed.stated) == ("green", "ok", 0.9)
    assert parsed.notes == ("read_from_lines",)


@pytest.mark.parametrize("reply", ["green", " Green.\n", '"green"', "**green**", "`GREEN`", "「green」", "“green”"])
def test_a_bare_label(reply: str) -> None:
    assert parse(reply) == Parsed("green", "ok", notes=("bare_label",))


@pytest.mark.parametrize("reply", ["", " \n\t", "\u3000"])
def test_an_empty_reply(reply: str) -> None:
    assert parse(reply) == Parsed(None, "empty")


@pytest.mark.parametrize("reply", ["I cannot decide.", "{}", "[]", "null", "greenish", "green or not_green"])
def test_a_reply_without_an_answer(reply: str) -> None:
    assert parse(reply) == Parsed(None, "unparsed")


# --- which label is meant


@pytest.mark.parametrize(
    "written",
    [
        "not_green", "not green", "Not-Green", "NOT_GREEN", " not_green ", "not  green", "not\tgreen", "'not_green'",
        "not_green.", "*not_green*", "ｎｏｔ＿ｇｒｅｅｎ", "not\u2011green", "not–green", "(not green)", "«not green»",
    ],
)  # fmt: skip
def test_case_width_separators_and_quotes_make_no_other_label(written: str) -> None:
    assert TASK.find(written) == "not_green"


@pytest.mark.parametrize("value", ['"blue"', '"greens"', '"green, not_green"', "3", "true", "[3]", '{"a": 1}', "0.5"])
def test_a_label_outside_the_set_never_becomes_one_inside(value: str) -> None:
    parsed = parse(f'{{"rationale": "r", "label": {value}, "confidence": 0.9}}')
    assert (parsed.label, parsed.outcome, parsed.rationale, parsed.stated) == (None, "label_outside_set", "r", None)


@pytest.mark.parametrize(
    ("value", "label", "outcome"),
    [
        ('["green"]', "green", "ok"),
        ('["green", "not_green"]', None, "label_ambiguous"),
        ("[]", None, "label_missing"),
        ("[null]", None, "label_missing"),
        ("null", None, "label_missing"),
        ('""', None, "label_missing"),
    ],
)
def test_a_label_as_list_or_nothing(value: str, label: str | None, outcome: str) -> None:
    parsed = parse(f'{{"label": {value}, "confidence": 0.9}}')
    assert (parsed.label, parsed.outcome) == (label, outcome)


def test_an_object_without_the_label() -> None:
    assert parse('{"rationale": "r", "confidence": 1}').outcome == "label_missing"


def test_boolean_and_numeric_labels() -> None:
    binary = Classification("q", {"true": "", "false": ""})
    assert binary.parse('{"label": true}').label == "true"
    assert binary.parse('{"label": "False"}').label == "false"
    rating = Classification("q", {"1": "", "2": "", "10": ""})
    assert rating.parse('{"label": 10}').label == "10"
    assert rating.parse('{"label": "1."}').label == "1"


def test_signs_and_marks_at_the_ends_tell_labels_apart() -> None:
    mood = Classification("q", {"-1": "", "0": "", "1": ""})
    assert [mood.parse(f'{{"label": {value}}}').label for value in ("-1", "0", '"1"')] == ["-1", "0", "1"]
    marks = Classification("q", {"A": "", "A-": "", "A+": ""})
    assert [marks.find(name) for name in ("a", "a-", "A+")] == ["A", "A-", "A+"]


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_labels_in_any_script(form: Literal["NFC", "NFD", "NFKC", "NFKD"]) -> None:
    task = Classification("？", {"陽性": "", "いんせい": "", "écologique": "", "Straße": "", "नहीं": ""})
    for name in task.labels:
        assert task.find(unicodedata.normalize(form, name)) == name
        assert task.parse(f"label：「{unicodedata.normalize(form, name)}」。").label == name
    assert task.find("STRASSE") == "Straße"


def test_an_exact_name_wins() -> None:
    task = Classification("q", {"a.": "", "b": ""})
    assert task.find("a.") == "a."
    assert task.find("a") == "a."


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([], "at least two labels"),
        (["a"], "at least two labels"),
        (["a", ""], "is empty"),
        (["a", " * "], "is empty"),
        (["not_green", "Not Green"], "differ only in case"),
        (["é", "e\u0301"], "differ only in case"),
    ],
)
def test_label_sets_that_cannot_be_told_apart(labels: list[str], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        Classification("q", dict.fromkeys(labels, ""))


# --- what never happens

_PIECES = st.sampled_from(
    ["{", "}", "[", "]", '"', ":", ",", "\n", " ", "\\", "label", "confidence", "rationale", "green", "not_green", "1",
     "NaN", "Infinity", "1e999", "-", "9" * 400, "9" * 5000, "null", "true", "%", "\\ud800", "\ud800", "```", "緑", "*"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.lists(_PIECES, max_size=40).map("".join)))
def test_parse_never_raises_nor_invents_a_label(reply: str) -> None:
    parsed = parse(reply)
    assert (parsed.label in TASK.labels) == (parsed.outcome == "ok")
    assert parsed.label is None or parsed.outcome == "ok"
    assert parsed.stated is None or 0 <= parsed.stated <= 1
    parsed.rationale.encode()


_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.sampled_from(["green"])),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["label", "confidence", "rationale"]), _VALUES))
def test_any_json_object_gets_a_named_outcome(value: dict[str, object]) -> None:
    parsed = parse(json.dumps(value))
    assert parsed.outcome in ("ok", "unparsed", "label_missing", "label_outside_set", "label_ambiguous")
    assert (parsed.label in TASK.labels) == (parsed.outcome == "ok")


MILLION = 10**6


@pytest.fixture
def no_hang() -> Iterator[None]:
    """A failure in place of hours: anything quadratic in a megabyte takes that long."""

    def stop(*_: object) -> None:
        raise AssertionError("hangs")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


@pytest.mark.parametrize(
    "reply",
    [
        "{" * MILLION,
        "{}" * (MILLION // 2),
        '{"a":' * (MILLION // 5),
        '{"' * (MILLION // 2),
        '{"label": "' + "a" * MILLION,
        '{"label": "' + '\\"' * (MILLION // 2),
        "x" + "\n" * MILLION + "x",
        "x" + "- \n" * (MILLION // 3) + "x",
        "> " * (MILLION // 2),
        "label: a" + " " * MILLION + "b",
        "label" + " " * MILLION + "b",
        '{"confidence": "1' + " " * MILLION + 'x"}',
        "label: " * (MILLION // 7),
    ],
    ids=range(13),
)
@pytest.mark.usefixtures("no_hang")
def test_a_hostile_megabyte_does_not_hang(reply: str) -> None:
    assert parse(reply).label is None


# --- scores

_LABELS = ["a", "b", "c"]
_NAMES = st.sampled_from(_LABELS)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.one_of(st.none(), _NAMES), _NAMES), min_size=1, max_size=40))
def test_scores_equal_scikit_learn(pairs: list[tuple[str | None, str]]) -> None:
    task = Classification("q", dict.fromkeys(_LABELS, ""))
    predicted, truth = [p for p, _ in pairs], [t for _, t in pairs]
    score = task.score(predicted, truth)
    filled = ["none" if p is None else p for p in predicted]
    there = sorted({*truth, *filled} - {"none"})
    assert score["accuracy"] == pytest.approx(accuracy_score(truth, filled))
    expected = f1_score(truth, filled, labels=there, average="macro", zero_division=0)
    assert score["macro_f1"] == pytest.approx(expected)


def test_scores_of_nothing_are_not_numbers() -> None:
    assert all(math.isnan(value) for value in TASK.score([], []).values())


def test_lists_of_different_length_are_no_score() -> None:
    with pytest.raises(ValueError, match="1 predictions for 2"):
        TASK.score(["green"], ["green", "green"])


def test_no_answer_is_never_equal() -> None:
    assert TASK.equal("green", "green")
    assert not TASK.equal("green", "not_green")
    assert not TASK.equal(None, None)


def test_the_schema_asks_for_the_reason_first_and_for_known_labels_only() -> None:
    schema = TASK.schema()
    assert list(schema["properties"]) == ["rationale", "label", "confidence"]
    assert schema["properties"]["label"]["enum"] == ["green", "not_green"]
    assert set(schema["required"]) == set(schema["properties"])
    assert schema["additionalProperties"] is False
