"""Reasoning: what a reply answers, by which chain; what is no answer has a name."""

import json
import math
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualchecker.errors import ConfigError
from dualchecker.evaluation.wording import NOTES, OUTCOMES
from dualchecker.tasks import Parsed, Reasoning
from dualchecker.tasks.chains import chain_key, split_answer, strip_answer

NUMBER = Reasoning("How many?")
CHOICE = Reasoning("Which one?", "choice")
TEXT = Reasoning("Who?", "text")
FIXED = Reasoning("Is it so?", "choice", {"yes": "It is.", "no": "It is not."})

PLACES = ("park", "coloring book", "garden center", "math problem", "gravity")


def number(reply: str) -> tuple[str | None, str]:
    parsed = NUMBER.parse(reply)
    return parsed.label, parsed.outcome


def test_the_task() -> None:
    assert NUMBER.reasons and not NUMBER.multiple and not NUMBER.spans
    assert CHOICE.offers_choices and not NUMBER.offers_choices
    assert CHOICE.choices_of(PLACES) == PLACES and FIXED.choices_of(PLACES) == ("yes", "no")
    assert NUMBER.choices_of(PLACES) == () == CHOICE.choices_of(None)


@pytest.mark.parametrize("labels", [{"yes": ""}, {"yes": "", "Yes": ""}, {"yes": "", " ": ""}])
def test_choices_that_cannot_be_told_apart(labels: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        Reasoning("q", "choice", labels)


def test_choices_for_a_number_are_a_mistake() -> None:
    with pytest.raises(ConfigError):
        Reasoning("q", "number", {"1": "", "2": ""})


# --- JSON


def test_a_json_object() -> None:
    reply = '{"rationale": "5 + 3 = 8.", "answer": "8", "confidence": 0.9}'
    assert NUMBER.parse(reply) == Parsed("8", "ok", "5 + 3 = 8.", 0.9)


@pytest.mark.parametrize(
    ("fields", "label", "outcome", "notes"),
    [
        ({"answer": 8}, "8", "ok", ()),
        ({"answer": 8.0}, "8", "ok", ()),
        ({"answer": 0}, "0", "ok", ()),
        ({"label": "8 apples"}, "8", "ok", ()),
        ({"equation": "(5 + 3)"}, "8", "ok", ("equation",)),
        ({"answer": "8", "equation": "(5 + 4)"}, "8", "ok", ()),
        ({"answer": ["8"]}, "8", "ok", ()),
        ({"answer": ["8", "9"]}, None, "answers_several", ()),
        ({"answer": []}, None, "answer_missing", ()),
        ({"answer": ""}, None, "answer_missing", ()),
        ({"answer": None}, None, "answer_missing", ()),
        ({"answer": True}, None, "answer_unreadable", ()),
        ({"answer": "unknown"}, None, "answer_unreadable", ()),
        ({"answer": {"value": 8}}, None, "answers_several", ()),
        ({"answer": "8 or 9"}, None, "answers_several", ()),
        ({"answer": "8, or 8.0"}, "8", "ok", ()),
        ({"answer": "3 + 4 = 8"}, None, "answers_several", ()),
        ({"answer": "(2 * x)"}, None, "equation_unparsable", ()),
        ({"answer": "((491 - 21"}, None, "equation_unparsable", ()),
        ({"answer": "(9"}, None, "equation_unparsable", ()),
        ({"answer": "5 / 0"}, None, "division_by_zero", ()),
        ({"answer": "5/0"}, None, "division_by_zero", ()),
        ({"answer": "9^999"}, None, "answer_too_large", ()),
        ({"answer": 10**60}, None, "answer_too_large", ()),
        ({"answer": "1,234.50"}, "1234.5", "ok", ()),
        ({"answer": "about 8"}, "8", "ok", ("answer_inexact",)),
        ({"answer": "50%"}, "50", "ok", ("percent",)),
        ({"answer": "The answer is 8 because 5 + 3 = 8."}, "8", "ok", ()),
        ({"answer": "\\boxed{8}"}, "8", "ok", ()),
        ({"answer": "$\\frac{1}{2}$"}, "0.5", "ok", ("equation",)),
        ({"answer": "not 8"}, None, "answer_unreadable", ()),
    ],
)
def test_what_an_answer_field_holds(
    fields: dict[str, Any], label: str | None, outcome: str, notes: tuple[str, ...]
) -> None:
    parsed = NUMBER.parse(json.dumps({"rationale": "five and three", **fields, "confidence": 0.5}))
    assert (parsed.label, parsed.outcome, parsed.notes) == (label, outcome, notes)
    assert parsed.rationale == "five and three" and parsed.stated == (0.5 if label else None)


def test_chains_under_other_names_and_as_steps() -> None:
    for name in ("rationale", "reasoning", "chain", "explanation"):
        assert NUMBER.parse(json.dumps({name: "Because.", "answer": 8})).rationale == "Because."
    assert NUMBER.parse('{"steps": ["first", "then"], "answer": 8}').rationale == "first\nthen"


def test_the_answer_at_the_end_of_the_chain_is_no_part_of_it() -> None:
    parsed = NUMBER.parse('{"rationale": "5 + 3 = 8. So the answer is 8.", "answer": "8", "confidence": 1}')
    assert parsed == Parsed("8", "ok", "5 + 3 = 8.", 1.0)
    other = NUMBER.parse('{"rationale": "5 + 3 = 8. So the answer is 8.", "answer": "9", "confidence": 1}')
    assert (other.label, other.notes) == ("9", ("chain_says_other",))


def test_an_answer_without_a_chain_is_noted() -> None:
    parsed = NUMBER.parse('{"rationale": "", "answer": "8", "confidence": 1}')
    assert (parsed.label, parsed.outcome, parsed.notes) == ("8", "ok", ("chain_empty",))


@pytest.mark.parametrize(
    ("reply", "label", "outcome"),
    [
        ('{"rationale": "r", "answer": "8", "confid', "8", "ok"),
        ('{"rationale": "so. The answer is 8.", "ans', "8", "ok"),
        ('{"rationale": "r", "answer": "8', None, "answer_missing"),
        ('{"rationale": "so the answer is 8', None, "answer_missing"),
        ('{"rationale": "5 + 3 = 8', None, "answer_missing"),
        ('```json\n{"rationale": "5 + 3 = 8', None, "answer_missing"),
    ],
)
def test_truncated_json(reply: str, label: str | None, outcome: str) -> None:
    parsed = NUMBER.parse(reply)
    assert (parsed.label, parsed.outcome) == (label, outcome) and "json_truncated" in parsed.notes


def test_json_among_prose() -> None:
    fenced = NUMBER.parse('Sure:\n```json\n{"rationale": "r", "answer": "8", "confidence": 0.5}\n```')
    assert fenced == Parsed("8", "ok", "r", 0.5, ("json_in_prose",))
    assert NUMBER.parse('<think>{5}</think>{"rationale": "r", "answer": "8", "confidence": 0.5}').label == "8"
    assert NUMBER.parse('{"rationale": "r", "confidence": 0.5} The answer is 8.').label == "8"


# --- prose


@pytest.mark.parametrize(
    ("reply", "label", "chain"),
    [
        ("10 * 45 is 450. The answer is (10 * 45).", "450", "10 * 45 is 450."),
        ("5 + 3 = 8.\n#### 8", "8", "5 + 3 = 8."),
        ("Five and three. So it is $\\boxed{8}$.", "8", "Five and three. So it is"),
        ("Five and three.\nAnswer: 8", "8", "Five and three."),
        ("Five and three.\n**Final Answer:** **8**", "8", "Five and three."),
        ("Five and three.\n\nAnswer:\n8\n", "8", "Five and three."),
        ("Reasoning: Five and three.\nAnswer: <t1>8</t1>", "8", "Five and three."),
        ("Since 5 + 3 = 8, the answer is 8.", "8", "Since 5 + 3 = 8"),
        ("The answer is 8 because 5 + 3 = 8.", "8", "because 5 + 3 = 8."),
        ("The answer is 8. Five and three.", "8", "Five and three."),
        ("Five and three. Therefore, the final answer is 8 apples.", "8", "Five and three."),
        ("Half of it. The answer is 3.5.", "3.5", "Half of it."),
        ("It is much. The answer is $1,234.", "1234", "It is much."),
        ("Five and three. The answer is 8. #### 8", "8", "Five and three."),
        ("Fünf und drei. Die Antwort ist 8.", "8", "Fünf und drei."),
        ("Fünf und drei. Also lautet die Antwort: 8", "8", "Fünf und drei. Also lautet"),
        ("Cinq et trois. La réponse est donc inconnue.", None, "Cinq et trois."),
        ("Cinq et trois. La réponse est 8.", "8", "Cinq et trois."),
        ("Cinco y tres. La respuesta es 8.", "8", "Cinco y tres."),
        ("5と3を足す。答えは8です。", "8", "5と3を足す。"),
        ("5と3を足す。したがって、答えは８個です。", "8", "5と3を足す。"),
        ("五加三。因此，答案是8。", "8", "五加三。"),
        ("So 5 + 3 = 8.", "8", "So 5 + 3 = 8."),
        ("The answer is one hundred and five.", "105", ""),
        ("42", "42", ""),
        ("(84 / 2)", "42", ""),
    ],
)
def test_prose(reply: str, label: str | None, chain: str) -> None:
    parsed = NUMBER.parse(reply)
    assert (parsed.label, parsed.rationale) == (label, chain)
    assert ("chain_empty" in parsed.notes) == (label is not None and not chain)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("", "empty"), (" \n", "empty"),
        ("I cannot say.", "answer_missing"), ("There are 5 apples and he eats 3 of them.", "answer_missing"),
        ("Five and three. The answer is", "answer_missing"), ("A: The shop makes", "answer_missing"),
        ("There are 5 of them.", "answer_missing"), ("The answer must be a place.", "answer_missing"),
        ("He will get answers is what he hopes for.", "answer_missing"),
        ("The answer is 5 or 7.", "answers_several"), ("5 or 7", "answers_several"),
        ("The answer is 5. Or the answer is 7.", "answers_several"),
        ("The answer is 5. Alternatively, the answer is 7.", "answers_several"),
        ("The answer is ((28 - 13) and (28 - 15)).", "answers_several"),
        ("The answer is (14, 21).", "answers_several"),
        ("The answer is (25 + x).", "equation_unparsable"), ("The answer is ((491 - 21", "equation_unparsable"),
        ("The answer is (9", "equation_unparsable"), ("The answer is (some - 21).", "equation_unparsable"),
        ("The answer is (5 / 0).", "division_by_zero"), ("The answer is unknown.", "answer_unreadable"),
        ("The answer is not 5.", "answer_unreadable"), ("The answer is 1e999999999.", "answer_too_large"),
    ],
)  # fmt: skip
def test_prose_without_an_answer(reply: str, outcome: str) -> None:
    assert number(reply) == (None, outcome)


def test_of_several_statements_the_last_counts() -> None:
    parsed = NUMBER.parse("The answer is 5. No, wait: 4 + 3 = 7. So the answer is 7.")
    assert (parsed.label, "answer_restated" in parsed.notes) == ("7", True)
    assert "answer_restated" not in NUMBER.parse("The answer is 7. Checked. The answer is 7.0.").notes
    assert NUMBER.parse("The answer is 7. Or, the answer is 7.0.").label == "7"


def test_a_confidence_beside_prose() -> None:
    parsed = NUMBER.parse("Five and three.\nAnswer: 8\nConfidence: 80%")
    assert parsed == Parsed("8", "ok", "Five and three.", 0.8)
    assert "confidence_absent" in NUMBER.parse("The answer is 8.").notes


# --- choices and words


@pytest.mark.parametrize(
    "reply",
    [
        "Of these, only one fits. So the answer is (d) math problem.",
        "Only one fits. The answer is d.",
        "Only one fits. The answer is (D).",
        "Only one fits. Answer: math problem",
        "Only one fits. The answer is Math  Problem!",
        '{"rationale": "Only one fits.", "answer": "math problem", "confidence": 0.5}',
        '{"rationale": "Only one fits.", "answer": "(d) math problem"}',
        "math problem",
        "(d)",
    ],
)
def test_a_choice(reply: str) -> None:
    assert CHOICE.parse(reply, "", PLACES).label == "math problem"


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("So the answer is either (a) park or (e) gravity.", "answers_several"),
        ("So the answer is (d) gravity.", "answers_several"),
        ("So the answer is (z) beach.", "answer_outside_choices"),
        ("So the answer is a beach.", "answer_outside_choices"),
        ("So the answer is not gravity.", "answer_outside_choices"),
        ("I like gravity and I like the park.", "answers_several"),
        ("It depends.", "answer_missing"),
    ],
)
def test_no_choice(reply: str, outcome: str) -> None:
    parsed = CHOICE.parse(reply, "", PLACES)
    assert (parsed.label, parsed.outcome) == (None, outcome)
    assert ("choice_contradictory" in parsed.notes) == ("(d) gravity" in reply)


def test_fixed_choices_come_before_those_of_the_record() -> None:
    assert FIXED.parse("The answer is yes.", "", PLACES).label == "yes"
    assert FIXED.read_answer(True) == (None, "answer_outside_choices", ())
    assert Reasoning("q", "choice", {"true": "", "false": ""}).read_answer(True)[0] == "true"
    assert CHOICE.parse("The answer is yes.").outcome == "choices_missing"


def test_words() -> None:
    assert TEXT.parse("He wrote it. The answer is Leo  Tolstoy.").label == "Leo Tolstoy"
    assert TEXT.parse('{"rationale": "r", "answer": " Leo\\n Tolstoy "}').label == "Leo Tolstoy"
    assert TEXT.parse("The answer is St. Paul. It lies on a river.").label == "St. Paul"
    assert TEXT.equal("Leo Tolstoy", "leo tolstoy.") and not TEXT.equal("Leo", "Tolstoy")
    assert TEXT.read_answer("w" * 2000) == (None, "answer_unreadable", ())


# --- reading, comparing, scoring


@pytest.mark.parametrize(
    "said", ["42.0", 42, 42.0, "42", "(84/2)", "42 apples", "４２", "forty-two", " 42\n", "$42.00", [42]]
)
def test_human_labels_in_any_dress(said: object) -> None:
    assert NUMBER.read_answer(said)[:2] == ("42", "ok")


@pytest.mark.parametrize("said", [None, "", "  ", "n/a", True, math.nan, math.inf, {}, object()])
def test_human_labels_that_are_none(said: object) -> None:
    answer, outcome, _ = NUMBER.read_answer(said)
    assert answer is None and outcome in ("answer_missing", "answer_unreadable")


def test_numbers_are_equal_by_value_within_the_tolerance() -> None:
    assert NUMBER.equal("42", "42.0") and NUMBER.equal("1/3", "0.33333333") and not NUMBER.equal("1/3", "0.333")
    assert not NUMBER.equal("0", "0.0000001") and not NUMBER.equal("42", "-42")
    assert not NUMBER.equal(None, None) and not NUMBER.equal("42", None) and not NUMBER.equal("x", "y")
    assert Reasoning("q", tolerance=0.01).equal("100", "101") and not Reasoning("q", tolerance=0).equal(
        "1/3", "0.333333333"
    )


def test_accuracy_counts_what_is_missing_as_wrong() -> None:
    assert NUMBER.score(["42", None, "7", "8.0"], ["42.0", "1", "8", "8"]) == {"accuracy": 0.5}
    assert math.isnan(NUMBER.score([], [])["accuracy"])
    with pytest.raises(ValueError, match="1 predictions for 2"):
        NUMBER.score(["1"], ["1", "2"])


# --- chains


@pytest.mark.parametrize(
    "other",
    [
        "She had 1200 apples - 3. It is fun. The answer is 1,197.", "she had 1,200.0 apples – 3; it is fun",
        "She  had\n1200 apples - 3: it is fun. #### 1197", "She had １２００ apples −3. It is fun!",
    ],
)  # fmt: skip
def test_the_same_chain(other: str) -> None:
    assert chain_key(other) == chain_key("She had 1,200 apples - 3. It is fun.")


@pytest.mark.parametrize(
    "other",
    ["She had 1,200 apples + 3. It is fun.", "She had 1,200 apples - 4. It is fun.", "She had 12 00 apples - 3.", ""],
)
def test_another_chain(other: str) -> None:
    assert chain_key(other) != chain_key("She had 1,200 apples - 3. It is fun.")


def test_operators_tell_chains_apart() -> None:
    keys = {chain_key(f"5 {sign} 3 gives it") for sign in "+-*/="}
    assert len(keys) == 5
    assert chain_key("5 × 3") == chain_key("5 * 3") and chain_key("6 ÷ 3") == chain_key("6 / 3")
    assert chain_key("1.5") != chain_key("15") and chain_key("") == chain_key(" The answer is 4.")


def test_a_statement_in_the_middle_stays() -> None:
    chain = "The answer is near. We add 5 and 3."
    assert strip_answer(chain) == chain
    assert split_answer("A step. So the answer is 8.") == ("A step.", "8")
    among = "Of these, the closest answer is relax. So the answer is (a) relax."
    assert strip_answer(among) == "Of these, the closest answer is relax."


# --- any text


PIECES = (
    *(
        "The answer is ",
        "Answer:",
        "#### ",
        "\\boxed{",
        "}",
        "(84 / 2)",
        "42",
        "1,234",
        "/0",
        "(d) ",
        "math problem",
        ". ",
    ),
    *(
        "\n",
        "答えは",
        '{"answer": ',
        '"',
        ", ",
        "or ",
        "<t>",
        "</t>",
        "confidence: ",
        "**",
        "because ",
        "\ud800",
        "(",
        ")",
        "=",
        "%",
    ),
)
HOSTILE = st.one_of(st.text(max_size=120), st.lists(st.sampled_from(PIECES), max_size=14).map("".join))


@given(HOSTILE)
def test_any_reply_has_a_named_outcome(reply: str) -> None:
    for task, choices in ((NUMBER, ()), (CHOICE, PLACES), (TEXT, ()), (FIXED, ())):
        parsed = task.parse(reply, "", choices)
        assert (parsed.label is not None) == (parsed.outcome == "ok")
        assert parsed.outcome in OUTCOMES and set(parsed.notes) <= NOTES.keys()
        parsed.rationale.encode()
        if parsed.label is not None:
            parsed.label.encode()
            assert task.read_answer(parsed.label, choices)[:2] == (parsed.label, "ok")
            assert task.equal(parsed.label, parsed.label)
            assert not task.offers_choices or parsed.label in task.choices_of(choices)
    assert len(chain_key(reply)) == 32


@given(st.one_of(st.integers(), st.floats(), st.text(max_size=40), st.fractions(), st.booleans(), st.none()))
def test_canonical_answers_are_read_as_they_are(said: object) -> None:
    for task in (NUMBER, TEXT):
        answer, outcome, _ = task.read_answer(said)
        assert (answer is not None) == (outcome == "ok")
        if answer is not None:
            assert task.read_answer(answer)[:2] == (answer, "ok")


@pytest.mark.parametrize(
    "piece",
    [
        "The answer is ",
        "the ",
        "answer ",
        "So ",
        "\\boxed{",
        "(",
        "{",
        '{"answer": ',
        "#### 1\n",
        "*",
        "1 ",
        "because ",
        "答え",
        "or ",
        "9",
    ],
)
def test_long_replies_stay_cheap(piece: str) -> None:
    began = time.perf_counter()
    for task, choices in ((NUMBER, ()), (CHOICE, PLACES), (TEXT, ())):
        task.parse(piece * 4_000, "", choices)
    chain_key(piece * 4_000)
    assert time.perf_counter() - began < 20


# --- recorded replies of a large model: DUALCHECKER_DATA names a folder with svamp/ and cqa/


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


@pytest.mark.skipif("DUALCHECKER_DATA" not in os.environ, reason="DUALCHECKER_DATA names no folder of data")
@pytest.mark.parametrize(("name", "task", "least"), [("svamp", NUMBER, 0.99), ("cqa", CHOICE, 0.985)])
def test_recorded_replies(name: str, task: Reasoning, least: float) -> None:
    """The files name the first choice of ``(a) aquarium or (e) pond``, and write numbers with six digits."""
    folder = Path(os.environ["DUALCHECKER_DATA"]) / name
    for part in ("train", "test"):
        records = {row["id"]: row for row in _rows(folder / f"{part}.jsonl")}
        assert all(task.read_answer(row["label"], row.get("choices", ()))[0] for row in records.values())
        same: Counter[bool] = Counter()
        for row in _rows(folder / "answers" / f"palm-540b_{part}.jsonl"):
            choices = records[row["id"]].get("choices", ())
            parsed = task.parse(row["reply"], "", choices)
            label = task.read_answer(row["label"], choices)[0]
            same[task.equal(parsed.label, label) or parsed.label is label is None] += 1
            if row["label"] is not None and parsed.label is not None:
                assert parsed.rationale == row["rationale"].strip()
        assert same[True] / same.total() >= least
