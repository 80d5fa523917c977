"""Label sets out of replies in any dress."""

import json
from typing import Any

import pytest

from dualchecker.tasks import MultiLabel, Parsed, Verdict

TASK = MultiLabel("Which topics?", {"politics": "", "sport": "", "oil, gas": "", "Health_care": ""})


def read(labels: Any, **more: Any) -> Parsed:
    return TASK.parse(json.dumps({"rationale": "r", "labels": labels, **more}))


def said(parsed: Parsed) -> list[str] | None:
    return None if parsed.label is None else json.loads(parsed.label)


def test_a_chance_says_both_whether_a_label_applies_and_how_sure_that_is() -> None:
    parsed = read({"politics": 0.9, "sport": 0.2, "oil, gas": 0, "Health_care": "55%"})
    assert said(parsed) == ["politics", "Health_care"]
    assert parsed.verdicts == {
        "politics": Verdict(True, 0.9),
        "sport": Verdict(False, 0.8),
        "oil, gas": Verdict(False, 1.0),
        "Health_care": Verdict(True, 0.55),
    }
    assert parsed.notes == ()


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        (["sport", "politics"], ["politics", "sport"]),
        (["sport", "sport"], ["sport"]),
        ([], []),
        ("none", []),
        ("sport; politics", ["politics", "sport"]),
        ("sport | oil, gas", ["sport", "oil, gas"]),
        ("oil, gas", ["oil, gas"]),
        ("sport, health care", ["sport", "Health_care"]),
        ('["sport"]', ["sport"]),
        ([{"label": "sport", "confidence": 0.7}], ["sport"]),
        ([{"name": "sport"}, {"label": "politics", "applies": False}], ["sport"]),
        ({"sport": True, "politics": "no", "oil, gas": False, "Health_care": "does not apply"}, ["sport"]),
        ({"sport": {"applies": True, "confidence": 0.6}, "politics": {"applies": "no"}}, ["sport"]),
    ],
)
def test_lists_words_and_objects_are_read(labels: Any, wanted: list[str]) -> None:
    parsed = read(labels)
    assert parsed.outcome == "ok"
    assert said(parsed) == wanted


def test_a_confidence_beside_a_list_belongs_to_its_label_and_the_rest_has_none() -> None:
    parsed = read([{"label": "sport", "confidence": 0.7}, "politics"], confidence={"politics": 0.8})
    assert parsed.verdicts is not None
    assert parsed.verdicts["sport"] == Verdict(True, 0.7)
    assert parsed.verdicts["politics"] == Verdict(True, 0.8)
    assert parsed.verdicts["oil, gas"] == Verdict(False, None)


def test_an_unknown_label_is_noted_and_the_others_are_used() -> None:
    parsed = read(["sport", "weather"])
    assert (parsed.outcome, said(parsed)) == ("ok", ["sport"])
    assert "label_outside_set" in parsed.notes


@pytest.mark.parametrize("labels", [["weather"], {"weather": 0.9}, "weather"])
def test_unknown_labels_alone_are_not_taken_for_none(labels: Any) -> None:
    parsed = read(labels)
    assert (parsed.outcome, parsed.label, parsed.verdicts) == ("label_outside_set", None, None)


def test_labels_left_out_of_an_object_do_not_apply_and_are_noted() -> None:
    parsed = read({"sport": 0.9})
    assert (said(parsed), parsed.notes) == (["sport"], ("labels_left_out",))
    assert parsed.verdicts is not None and parsed.verdicts["politics"] == Verdict(False, None)


@pytest.mark.parametrize("odd", ["high", 150, -1, None, [1]])
def test_a_word_that_cannot_be_read_is_no_verdict_on_its_label_alone(odd: Any) -> None:
    parsed = read({"politics": odd, "sport": 0.9, "oil, gas": 0.1, "Health_care": 0.1})
    assert parsed.outcome == "ok" and parsed.verdicts is not None
    assert parsed.verdicts["politics"] == Verdict(None)
    assert parsed.verdicts["sport"] == Verdict(True, 0.9)
    assert parsed.notes
    assert read(dict.fromkeys(TASK.labels, odd)).outcome == "unparsed"


def test_a_reply_that_broke_off_before_its_labels_ended_names_none() -> None:
    parsed = TASK.parse('{"rationale": "goals", "labels": {"politics": 0.1, "spo')
    assert (parsed.outcome, parsed.rationale) == ("label_missing", "goals")


@pytest.mark.parametrize(("reply", "wanted"), [("sport, politics", ["politics", "sport"]), ('["sport"]', ["sport"])])
def test_a_bare_list_is_an_answer(reply: str, wanted: list[str]) -> None:
    parsed = TASK.parse(reply)
    assert (said(parsed), parsed.notes) == (wanted, ("bare_label",))


def test_a_label_called_none_is_a_label() -> None:
    task = MultiLabel("?", {"none": "", "some": ""})
    parsed = task.parse('{"rationale": "", "labels": "none"}')
    assert parsed.label == task.write(["none"])


def test_scores_tell_rare_labels_from_frequent_ones() -> None:
    task = MultiLabel("?", {"a": "", "b": ""})
    sets = [["a"]] * 8 + [["a", "b"], []]
    truth = [task.write(labels) for labels in sets]
    never_b = [task.write([name for name in labels if name == "a"]) for labels in sets]
    scores = task.score(never_b, truth)
    assert scores == {"micro_f1": pytest.approx(18 / 19), "macro_f1": 0.5, "exact_match": 0.9}
    assert task.score([task.write([])], [task.write([])])["micro_f1"] == 1.0
