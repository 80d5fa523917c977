"""What is said of labelled spans and of a student's: every count once, accepted ones apart, confidences by span."""

import json
from typing import Any

import numpy as np
import pytest

from dualchecker.evaluation import answered_spans, judge_span_student, judge_spans, spans_said
from dualchecker.evaluation.span_judging import confused
from dualchecker.records import Answer, Confidence, Found, Labelled, Record, Span, SpanLabel, Status
from dualchecker.students.spans import ScoredSpan
from dualchecker.tasks import Extraction

TASK = Extraction("What causes what?", {"cause": "", "effect": "", "signal": ""})
TEXT = "heavy rain caused a flood"
RAIN, CAUSED, FLOOD = Span(0, 10, "cause"), Span(11, 17, "signal"), Span(18, 25, "effect")


def sure(span: Span, confidence: float, status: Status = "accepted", *, disputed: bool = False) -> SpanLabel:
    return SpanLabel(span.label, span, Confidence(confidence), status, disputed=disputed)


def without(label: str, confidence: float, status: Status = "accepted") -> SpanLabel:
    return SpanLabel(label, None, Confidence(confidence), status)


def item(
    number: int, gold: tuple[Span, ...] | None, spans: tuple[SpanLabel, ...], *, hallucinated: tuple[str, ...] = ()
) -> Labelled:
    record = Record(str(number), TEXT, spans=gold)
    found = tuple(Found(one.span) for one in spans if one.span)
    answer = Answer(record.id, "[]", "ok", "brief", spans=found, hallucinated=hallucinated)
    status: Status = "accepted" if all(one.status == "accepted" for one in spans) else "abstained"
    return Labelled(record, answer, Confidence(0.5), status, (answer,), spans=spans)


CHECKED = [
    item(1, (RAIN, FLOOD), (sure(RAIN, 0.9), sure(FLOOD, 0.95), without("signal", 0.8))),
    item(2, (RAIN, FLOOD), (sure(Span(6, 10, "cause"), 0.4, "abstained"), sure(FLOOD, 0.9)), hallucinated=("hail",)),
    item(3, (CAUSED,), (sure(RAIN, 0.7, disputed=True), without("signal", 0.6, "abstained"))),
    item(4, None, (sure(FLOOD, 0.5, "abstained"), without("cause", 0.9))),
    Labelled(
        Record("5", TEXT, spans=(FLOOD,)),
        None,
        Confidence(0.0),
        "failed",
        (Answer("5", None, "hallucinated_span", "brief", hallucinated=("snow", "ice")),),
    ),
]


def test_every_span_counts_once_by_its_own_state() -> None:
    found = judge_spans(TASK, CHECKED)
    names = ("count", "accepted", "abstained", "disputed", "records", "failed", "known", "gold")
    assert [found[name] for name in names] == [6, 4, 2, 1, 5, 1, 4, 6]
    assert found["by_record"] == {"accepted": 1, "abstained": 3, "failed": 1}
    assert {key: found["hallucinated"][key] for key in ("count", "quotes", "records")} == {
        "count": 3, "quotes": 9, "records": 2,
    }  # fmt: skip
    assert found["hallucinated"]["rate"]["value"] == pytest.approx(1 / 3)
    json.dumps(found)


def test_all_spans_and_the_accepted_ones_are_judged_apart() -> None:
    found = judge_spans(TASK, CHECKED)
    # Of 5 spans in records with human ones 3 are right; people gave 6.
    assert found["precision"]["value"] == pytest.approx(3 / 5)
    assert found["recall"]["value"] == pytest.approx(3 / 6)
    assert found["strict_f1"]["value"] == pytest.approx(6 / 11)
    assert found["overlap_f1"]["value"] == pytest.approx(8 / 11)
    assert found["exact_match"]["value"] == pytest.approx(1 / 4)
    kept = found["kept"]
    assert (kept["count"], kept["precision"]["value"], kept["recall"]["value"]) == (4, 3 / 4, 3 / 6)
    assert kept["accuracy"] == kept["precision"]
    assert all(found[name]["low"] <= found[name]["value"] <= found[name]["high"] for name in ("strict_f1", "token_f1"))


def test_a_confidence_is_judged_by_whether_exactly_this_span_is_there() -> None:
    found = judge_spans(TASK, CHECKED)
    assert found["auroc"]["value"] == 1.0  # 0.9, 0.95, 0.9 right; 0.4, 0.7 wrong
    assert found["brier"]["value"] == pytest.approx((0.01 + 0.0025 + 0.16 + 0.01 + 0.49) / 5)
    assert sum(row["count"] for row in found["reliability"]) == 5
    assert found["coverage"][-1]["accuracy"] == pytest.approx(3 / 5)


def test_labels_said_to_have_no_span_are_judged_too() -> None:
    found = judge_spans(TASK, CHECKED)["absences"]
    assert (found["count"], found["accepted"], found["abstained"], found["known"]) == (3, 2, 1, 2)
    assert found["accuracy"]["value"] == 0.5
    assert (found["kept"]["count"], found["kept"]["accuracy"]["value"]) == (1, 1.0)
    assert found["auroc"] == 1.0


def test_each_label_is_judged_by_itself() -> None:
    cause, effect, signal = judge_spans(TASK, CHECKED)["by_label"]
    assert [row["label"] for row in (cause, effect, signal)] == list(TASK.names)
    assert (cause["count"], cause["accepted"], cause["abstained"], cause["gold"]) == (3, 2, 1, 2)
    assert (cause["precision"]["value"], cause["recall"]["value"]) == (pytest.approx(1 / 3), 0.5)
    assert cause["overlap_f1"]["value"] == pytest.approx(4 / 5)
    assert (effect["count"], effect["said"], effect["f1"]["value"]) == (3, 2, pytest.approx(4 / 5))
    assert (effect["kept"]["count"], effect["kept"]["accuracy"]["value"]) == (2, 1.0)
    assert np.isnan(signal["precision"]["value"]) and signal["recall"]["value"] == 0.0
    assert signal["absences"]["accuracy"]["value"] == 0.5 and signal["absences"]["count"] == 2


def test_without_human_spans_there_are_counts_alone() -> None:
    found = judge_spans(TASK, CHECKED[3:4])
    assert (found["count"], found["accepted"], found["abstained"], found["records"]) == (1, 0, 1, 1)
    assert "strict_f1" not in found and "kept" not in found
    assert judge_spans(TASK, [])["records"] == 0


def test_a_method_that_decides_on_whole_answers_says_its_spans() -> None:
    answer = Answer("1", "[]", "ok", "few_shot", spans=(Found(RAIN, 0.8), Found(FLOOD)))
    plain = Labelled(Record("1", TEXT, spans=(RAIN,)), answer, Confidence(0.6), "accepted", (answer,))
    said = spans_said(plain)
    assert [(one.span, one.confidence.value, one.status) for one in said] == [
        (RAIN, 0.8, "accepted"), (FLOOD, 0.6, "accepted"),
    ]  # fmt: skip
    assert answered_spans(plain) == answered_spans(plain, accepted=True) == (RAIN, FLOOD)
    found = judge_spans(TASK, [plain])
    assert (found["count"], found["accepted"], found["precision"]["value"]) == (2, 2, 0.5)


def test_no_span_is_an_answer_and_no_answer_is_none() -> None:
    answer = Answer("1", "[]", "ok", "brief")
    empty = Labelled(Record("1", TEXT, spans=()), answer, Confidence(0.6), "accepted", (answer,))
    assert answered_spans(empty) == () and answered_spans(CHECKED[4]) is None
    found = judge_spans(TASK, [empty])
    assert (found["strict_f1"]["value"], found["exact_match"]["value"], found["failed"]) == (1.0, 1.0, 0)
    failed = judge_spans(TASK, [Labelled(Record("1", TEXT, spans=()), None, Confidence(0.0), "failed")])
    assert (failed["exact_match"]["value"], failed["failed"]) == (0.0, 1)


RECORDS = [Record("1", TEXT, spans=(RAIN, CAUSED, FLOOD)), Record("2", TEXT, spans=(Span(0, 25, "effect"), CAUSED))]
PREDICTED: list[tuple[ScoredSpan, ...]] = [
    (ScoredSpan(RAIN, 0.9), ScoredSpan(Span(18, 25, "cause"), 0.3)),
    (ScoredSpan(Span(0, 20, "effect"), 0.6), ScoredSpan(Span(24, 25, "signal"), 0.2)),
]


def test_a_student_is_judged_on_its_spans_and_their_probabilities() -> None:
    found = judge_span_student(TASK, PREDICTED, RECORDS)
    assert (found["count"], found["said"], found["gold"]) == (2, 4, 5)
    assert found["strict_f1"]["value"] == pytest.approx(2 / 9)
    assert found["overlap_f1"]["value"] == pytest.approx(4 / 9)
    assert found["partial_f1"]["value"] == pytest.approx(2 * 1.8 / 9)
    assert found["auroc"]["value"] == 1.0
    assert found["by_label"][0]["precision"]["value"] == 0.5
    json.dumps(found)


def test_labels_taken_for_others_missed_and_invented_are_told_apart() -> None:
    found = judge_span_student(TASK, PREDICTED, RECORDS)["confusion"]
    assert found == {
        "labels": ["cause", "effect", "signal"],
        #          cause effect signal missed
        "counts": [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 2]],
        "invented": [0, 0, 1],
    }
    assert confused([], [], ["a"]) == {"labels": ["a"], "counts": [[0, 0]], "invented": [0]}


def test_what_a_flat_student_cannot_give_is_counted() -> None:
    assert judge_span_student(TASK, PREDICTED, RECORDS)["unexpressed"] == {"count": 1, "records": 1}


def test_a_student_that_finds_nothing_is_judged() -> None:
    found = judge_span_student(TASK, [(), ()], RECORDS)
    assert found["strict_f1"]["value"] == found["recall"]["value"] == 0.0
    assert np.isnan(found["precision"]["value"]) and np.isnan(found["ece"]["value"]) and found["reliability"] == []
    assert judge_span_student(TASK, [], [])["count"] == 0


def test_spans_of_a_record_are_drawn_together() -> None:
    """Ten sure spans of one record are no ten independent proofs."""
    far = [Span(place, place + 1, "cause") for place in range(10)]
    records = [Record(str(n), "x" * 10, spans=tuple(far) if n % 2 else ()) for n in range(20)]
    predicted = [tuple(ScoredSpan(span, 0.5) for span in far)] * 20
    alone = judge_span_student(TASK, predicted, records)["brier"]
    assert alone["value"] == 0.25
    curve: dict[str, Any] = judge_span_student(TASK, predicted, records)["coverage"][-1]
    assert curve["high"] - curve["low"] > 0.35  # 200 independent answers would give 0.14
