"""Spoilt replies through all parsers (see ``benchmarks/fuzz.py``); and that the checks do see what must not be."""

import sys
from pathlib import Path

import pytest

from dualchecker.records import Found, Reply, Span
from dualchecker.tasks import Classification, Extraction, MultiLabel, Reasoning
from dualchecker.tasks.base import Parsed, Verdict

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from fuzz import fuzz, report
from fuzz_checks import check, check_reply
from fuzz_replies import cases

LABELS = Classification("Which?", {"green": "Saves energy", "not_green": "Else"})
SEVERAL = MultiLabel("Which?", {"politics": "", "sport": ""})
SPANS = Extraction("What?", {"cause": ""})
TEXT = "Heavy rain caused a flood in the old town."


def test_five_thousand_spoilt_replies_invent_nothing() -> None:
    tallies = fuzz(seed=7, count=5000)
    assert {name: one.wrong for name, one in tallies.items() if one.wrong} == {}
    assert sum(one.tried for one in tallies.values()) == 5000
    for name, one in tallies.items():
        assert len(one.outcomes) >= 3, name
        if name != "refusals of servers":
            assert one.outcomes["ok"] + one.outcomes["a reply"] > 0.05 * one.tried, name
    assert "5,000 replies, seed 7: 0 that must not be" in report(tallies, 7)


def test_the_seed_changes_the_replies_and_nothing_else_does() -> None:
    first, again, other = ([(one.outcomes, one.worst[1]) for one in fuzz(seed, 600).values()] for seed in (1, 1, 2))
    assert [outcomes for outcomes, _ in first] == [outcomes for outcomes, _ in again]
    assert [outcomes for outcomes, _ in first] != [outcomes for outcomes, _ in other]


def test_replies_that_are_not_spoilt_are_all_read() -> None:
    for case in cases():
        for reply in case.replies:
            parsed = case.task.parse(reply, case.text, case.choices)
            assert check(case.task, parsed, reply, case.text, case.choices) == ""
        read = [case.task.parse(reply, case.text, case.choices).label is not None for reply in case.replies]
        assert sum(read) > 0.6 * len(read), case.name


@pytest.mark.parametrize(
    ("task", "parsed", "reply"),
    [
        (LABELS, Parsed("green", "ok"), '{"label": "brown"}'),
        (LABELS, Parsed("brown", "ok"), '{"label": "brown"}'),
        (LABELS, Parsed("green", "label_missing"), "green"),
        (LABELS, Parsed(None, "ok"), "green"),
        (LABELS, Parsed("green", "ok", stated=float("nan")), "green"),
        (LABELS, Parsed("green", "ok", stated=1.2), "green"),
        (LABELS, Parsed("green", "ok", rationale="half \ud800"), "green"),
        (SEVERAL, Parsed('["sport"]', "ok", verdicts={"sport": Verdict(True)}), '["politics"]'),
        (SEVERAL, Parsed('["sport"]', "ok", verdicts={"sport": Verdict(True, 7.0)}), '["sport"]'),
        (SPANS, Parsed("[]", "ok", spans=(Found(Span(0, 99, "cause")),)), '{"cause": "Heavy rain"}'),
        (SPANS, Parsed("[]", "ok", spans=(Found(Span(3, 3, "cause")),)), '{"cause": "Heavy rain"}'),
        (SPANS, Parsed("[]", "ok", spans=(Found(Span(20, 27, "cause"), fit=0.9),)), '{"cause": "Heavy rain"}'),
        (SPANS, Parsed("[]", "ok", spans=(Found(Span(0, 10, "cause")),)), '{"cause": "heavy rain"}'),
        (SPANS, Parsed("[]", "ok", spans=(Found(Span(0, 10, "cause")),)), '{"effect": "Heavy rain"}'),
        (SPANS, Parsed("[]", "ok", spans=(Found(Span(0, 10, "cause"), float("inf")),)), '{"cause": "Heavy rain"}'),
        (Reasoning("?", "number"), Parsed("42", "ok"), "7"),
        (Reasoning("?", "text"), Parsed("a river", "ok"), "a lake"),
        (Reasoning("?", "choice"), Parsed("no", "ok"), "yes"),
    ],
)
def test_the_checks_see_what_is_invented(task: Classification, parsed: Parsed, reply: str) -> None:
    assert check(task, parsed, reply, TEXT, ("yes", "no"))


@pytest.mark.parametrize(
    "reply",
    [
        Reply("half \ud800"),
        Reply("x", {"brown": 1.0}),
        Reply("x", {"green": 0.4, "not_green": 0.4}),
        Reply("x", outside_mass=1.5),
        Reply("x", prompt_tokens=-1),
    ],
)
def test_the_checks_see_what_no_server_said(reply: Reply) -> None:
    assert check_reply(reply, "", LABELS.names)


# What it has found


@pytest.mark.parametrize("reply", ['{"labels": [{"label": null}]}', '{"labels": [null]}', '{"labels": [1e999]}'])
def test_json_s_null_is_no_label_whatever_labels_are_called(reply: str) -> None:
    task = MultiLabel("Which?", {"none": "No other", "inf": "News"})
    assert task.parse(reply).outcome == "label_outside_set"


def test_a_list_by_label_that_broke_off_is_its_finished_quotes_and_no_line() -> None:
    task = Extraction("What?", {"cause": "", "effect": ""})
    parsed = task.parse('{"cause": ["Heavy rain", "a flood in the', TEXT)
    assert [(one.span.start, one.span.end) for one in parsed.spans] == [(0, 10)]
    assert "json_truncated" in parsed.notes
    assert task.parse('{"cause": ["Heavy ra', TEXT).label is None
    both = task.parse('{"effect": "a flood", "cause": ["Heavy rain", "in', TEXT)
    assert {one.span.label for one in both.spans} == {"cause", "effect"}


@pytest.mark.parametrize("number", ["1e999", "-1e-999", "1e308"])
def test_a_number_that_cannot_be_written_as_it_was_is_no_answer_in_words(number: str) -> None:
    parsed = Reasoning("?", "text").parse(f'{{"answer": {number}}}')
    assert (parsed.label, parsed.outcome) == (None, "answer_unreadable")
    assert Reasoning("?", "text").parse('{"answer": 2.5}').label == "2.5"
