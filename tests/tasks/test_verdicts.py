"""Verdicts on chains of thought: what a reply says, and that nothing is taken for granted."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualchecker.evaluation.wording import OUTCOMES
from dualchecker.tasks.verdicts import VERDICTS, read_evaluation, verdict_schema


def read(reply: str) -> tuple[str | None, str]:
    said = read_evaluation(reply)
    return said.verdict, said.outcome


def test_the_schema_names_the_verdicts() -> None:
    assert verdict_schema()["properties"]["verdict"]["enum"] == list(VERDICTS)
    for word in VERDICTS:
        said = read_evaluation(json.dumps({"rationale": "All of it holds.", "verdict": word}))
        assert (said.verdict, said.reason, said.outcome) == (word, "All of it holds.", "ok")


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        ("Correct.", "correct"), ("right", "correct"), ("true", "correct"), ("yes", "correct"), ("valid", "correct"),
        (True, "correct"),
        ("incorrect", "wrong"), ("false", "wrong"), ("no", "wrong"), ("invalid", "wrong"), (False, "wrong"),
        ("not correct", "wrong"),
        ("not entirely correct", "wrong"), ("not wrong", "correct"), ("**wrong**", "wrong"), (["wrong"], "wrong"),
        ("unsure", "uncertain"), ("unknown", "uncertain"), ("cannot tell", "uncertain"), ("not sure", "uncertain"),
        ("not necessarily correct", "uncertain"), ("falsch", "wrong"), ("正しい", "correct"), ("错误", "wrong"),
        ("incierto", "uncertain"),
    ],
)  # fmt: skip
def test_other_words_for_a_verdict(value: object, verdict: str) -> None:
    assert read(json.dumps({"rationale": "r", "verdict": value})) == (verdict, "ok")


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("Verdict: wrong", "wrong"), ("**Verdict:** Correct.", "correct"), ("The verdict is: uncertain", "uncertain"),
        ("Reasoning: the sum is wrong.\nVerdict: wrong", "wrong"),
        ("The sums look right.\nVerdict: I would say it is wrong", "wrong"),
        ("This is incorrect because the correct answer is 5.", "wrong"), ("The reasoning is not correct.", "wrong"),
        ("It isn't right.", "wrong"), ("The steps are all correct.", "correct"),
        ("The reasoning is not wrong.", "correct"),
        ("Yes, all steps hold.", "correct"), ("No.", "wrong"), ("Correct", "correct"), ("Wrong: 5 + 3 is 8.", "wrong"),
        ("I cannot tell.", "uncertain"), ("It is unclear whether the sum is correct.", "uncertain"),
        ("I am not sure.", "uncertain"),
        ("判定：正しい", "correct"), ("Urteil: falsch", "wrong"), ('{"reason": "r", "correct": false}', "wrong"),
        ('```json\n{"rationale": "r", "verdict": "wrong"}\n```', "wrong"),
        ('{"rationale": "r"}\nVerdict: wrong', "wrong"),
        ('{"rationale": "r", "verdict": "wrong", "x', "wrong"),
    ],
)  # fmt: skip
def test_prose_and_broken_objects(reply: str, verdict: str) -> None:
    assert read(reply) == (verdict, "ok")


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("", "empty"), (" \n", "empty"), ("hello", "verdict_missing"), ("{", "verdict_missing"),
        ("{}", "verdict_missing"),
        ('{"rationale": "this is wrong"}', "verdict_missing"),
        ('{"rationale": "this is wrong", "verd', "verdict_missing"),
        ('{"verdict": "banana"}', "verdict_missing"), ('{"verdict": null}', "verdict_missing"),
        ('{"verdict": 3}', "verdict_missing"),
        ('{"verdict": {}}', "verdict_missing"), ("The answer is 42.", "verdict_missing"),
        ("If the sum is correct, 8 comes out.", "verdict_missing"),
        ("The first step is correct, but the second is wrong.", "verdict_ambiguous"),
        ("The chain is correct or wrong", "verdict_ambiguous"), ("correct/wrong", "verdict_ambiguous"),
        ('{"verdict": "correct or wrong"}', "verdict_ambiguous"),
        ('{"verdict": ["correct", "wrong"]}', "verdict_ambiguous"),
        ("Verdict: correct\nVerdict: wrong", "verdict_ambiguous"), ("It is partially correct.", "verdict_ambiguous"),
        ("correct, wrong or uncertain", "verdict_ambiguous"),
    ],
)  # fmt: skip
def test_no_verdict(reply: str, outcome: str) -> None:
    assert read(reply) == (None, outcome)


PIECES = (
    *("correct ", "wrong ", "uncertain ", "not ", "is ", "isn't ", "verdict: ", "\n", '{"verdict": ', '"', "} "),
    *("yes", ", ", "or ", "whether ", "the ", "判定：", "\ud800"),
)


@given(st.one_of(st.text(max_size=80), st.lists(st.sampled_from(PIECES), max_size=12).map("".join)))
def test_any_reply_has_a_named_outcome(reply: str) -> None:
    said = read_evaluation(reply)
    assert (said.verdict in VERDICTS) == (said.outcome == "ok") and said.outcome in OUTCOMES
    said.reason.encode()


@pytest.mark.parametrize(
    "piece", ["is correct ", "not ", "verdict: ", "or ", "{", "whether ", "correct/", "is ", "*", " "]
)
def test_long_replies_stay_cheap(piece: str) -> None:
    began = time.perf_counter()
    read_evaluation(piece * 5_000)
    assert time.perf_counter() - began < 10
