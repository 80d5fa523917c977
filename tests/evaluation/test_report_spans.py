"""The report where spans are asked for: spans are marked as they stand, every number is there, nothing can act."""

import copy
import math
import random
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualchecker.evaluation import judge_span_student, judge_spans, render_report, spans_said
from dualchecker.evaluation.formats import interval, percent
from dualchecker.evaluation.report_marked import SHOWN, doubtful_spans_view, marked
from dualchecker.evaluation.report_spans import by_label_view
from dualchecker.records import Answer, Confidence, Found, Labelled, Record, Span, SpanLabel, Status
from dualchecker.students.spans import ScoredSpan
from dualchecker.tasks import Extraction
from pages import NASTY, check

TASK = Extraction("What causes what?", {"cause": "Why it happened.", "effect": "", "signal": "Words that say so."})
PARTS = {
    "cause": ("Heavy rain", "A strike of the drivers", "豪雨", "أمطار غزيرة", "The end of a 🚰 ban"),
    "signal": (" caused ", " led to ", "により", " تسببت في ", " brought "),
    "effect": ("a flood", "long queues at the gates", "洪水", "فيضانات", "relief for all"),
}


def make_record(draw: random.Random, number: int) -> Record:
    """A text with its human spans; every third signal lies inside of its effect."""
    pick = draw.randrange(5)
    words = {label: parts[pick] for label, parts in PARTS.items()}
    text = "".join(words.values()) + "."
    spans, place = [], 0
    for label, part in words.items():
        inner = part.strip()
        start = place + part.index(inner)
        spans.append(Span(start, start + len(inner), label))
        place += len(part)
    if number % 3 == 0:
        spans[2] = Span(spans[1].start, spans[2].end, "effect")
    return Record(f"r{number}", text, spans=tuple(sorted(spans)))


def change(draw: random.Random, span: Span) -> Span:
    """The span, or with some luck one that is close to it."""
    return Span(span.start, max(span.start + 1, span.end - draw.randrange(3)), span.label)


def make_spans(count: int, seed: int = 1, *, human: bool = True) -> list[Labelled]:
    """A pool whose spans are right as often as their confidence says, or so."""
    draw = random.Random(seed)
    labels: list[Labelled] = []
    for number in range(count):
        record = make_record(draw, number)
        gold = record.spans or ()
        if number == 1:
            lost = Answer(record.id, None, "hallucinated_span", "brief", hallucinated=("a comet",), teacher="llm")
            labels.append(Labelled(record, None, Confidence(0.0), "failed", (lost,), reason="hallucinated_span"))
            continue
        said, absent = [], []
        for span in gold:
            if draw.random() < 0.1:
                absent.append(SpanLabel(span.label, None, Confidence(0.55), "abstained", "unsure"))
                continue
            sure = draw.random()
            mine = span if draw.random() < 0.4 + 0.6 * sure else change(draw, span)
            status: Status = "accepted" if sure > 0.35 else "abstained"
            disputed = sure < 0.06
            reason = "" if status == "accepted" else "disputed" if disputed else "unsure"
            said.append(SpanLabel(mine.label, mine, Confidence(sure), status, reason, disputed, "wide"))
        quotes = ("a comet\u202e", "hail") if draw.random() < 0.15 else ()
        found = tuple(Found(one.span, 0.9) for one in said if one.span)
        text = record.text
        trail = tuple(
            Answer(
                record.id, TASK.write(text, (f.span for f in found)), "ok", rung, "It says so.", 0.8,
                request_key=f"{number:064x}", teacher="llm", notes=("hallucinated_span",) if quotes else (),
                spans=found, hallucinated=quotes,
            )
            for rung in ("brief", "wide")[: draw.randint(1, 2)]
        )  # fmt: skip
        state: Status = "accepted" if all(one.status == "accepted" for one in (*said, *absent)) else "abstained"
        pool_record = record if human else Record(record.id, record.text)
        labels.append(
            Labelled(pool_record, trail[-1], Confidence(0.5), state, trail, spans=(*said, *absent), reason="")
        )
    return labels


def span_row(text: str, one: SpanLabel) -> dict[str, Any]:
    said = {
        "label": one.label, "confidence": one.confidence.value, "status": one.status, "reason": one.reason or None,
    }  # fmt: skip
    if one.span is None:
        return said
    start, end = one.span.start, one.span.end
    quote = text[start:end]
    return said | {"start": start, "end": end, "quote": quote, "disputed": one.disputed, "rung": one.rung}


def make_rows(labels: list[Labelled]) -> list[dict[str, Any]]:
    """What labels.jsonl holds."""
    return [
        {
            "id": item.record.id,
            "text": item.record.text,
            "spans": [span_row(item.record.text, one) for one in spans_said(item)],
            "absent": [span_row(item.record.text, one) for one in item.spans if one.span is None],
            "status": item.status,
            "reason": item.reason or None,
            "rationale": item.answer.rationale if item.answer else None,
            "hallucinated": list(item.answer.hallucinated) if item.answer else [],
            "trail": [
                {
                    "rung": a.rung, "outcome": a.outcome, "stated": a.stated, "request_key": a.request_key,
                    "teacher": a.teacher, "notes": list(a.notes), "hallucinated": list(a.hallucinated),
                    "spans": [
                        {"label": f.span.label, "start": f.span.start, "end": f.span.end, "stated": f.stated}
                        for f in a.spans
                    ],
                }
                for a in item.trail
            ],
        }
        for item in labels
    ]  # fmt: skip


def make_student(count: int, seed: int) -> dict[str, Any]:
    draw = random.Random(seed)
    records = [make_record(draw, number) for number in range(count)]
    predicted = []
    for record in records:
        found = {change(draw, span): draw.random() for span in record.spans or () if draw.random() < 0.8}
        if draw.random() < 0.2:
            found[Span(0, 2, "signal")] = 0.3
        predicted.append(tuple(ScoredSpan(span, found[span]) for span in sorted(found)))
    return judge_span_student(TASK, predicted, records)


def make_metrics(labels: list[Labelled]) -> dict[str, Any]:
    stage = judge_spans(TASK, labels)
    return {
        "kind": "extraction",
        "method": "dualchecker",
        "question": TASK.question,
        "labels": dict(TASK.labels),
        "multiple": False,
        "seed": 7,
        "data": {"gold": 80, "pool": len(labels), "test": 60, "warnings": []},
        "teacher": {
            "name": "llm",
            "senior": None,
            "stages": dict.fromkeys(("few_shot", "aligner", "teacher_checker", "student_checker"), stage),
            "rungs": {"wide": 20, "brief": 50},
            "outcomes": {"ok": 300, "hallucinated_span": 3, "spans_missing": 1},
            "notes": {"hallucinated_span": 4, "made_up": 1},
            "calibration": {
                "answers": 80,
                "threshold": {
                    "value": 0.62, "target": 0.9, "guaranteed": False, "precision": 0.93, "accepted": 41, "message": "",
                },
            },
            "failed_rationales": 0,
        },
        "student": {"kind": "tokens", "base": "offline", "taught": {"teacher": 70}, "test": make_student(60, 2)},
        "gold_used": {
            "mode": "cross_fit", "demonstrations": 80, "calibration": 79, "student_training": 80,
            "fixed_in_template": ["g1"], "test": 60,
        },
        "requests": {"answered": 480, "attempts": 480, "attempt_outcomes": {"ok": 480}, "by_purpose": {}},
        "tokens": {"prompt": 12345, "completion": 678},
        "cost": 0.1,
        "references": {"gold_only": make_student(60, 3), "gold_pool": make_student(60, 4)},
    }  # fmt: skip


@pytest.fixture(scope="module")
def whole() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    labels = make_spans(90)
    return make_metrics(labels), make_rows(labels)


def words_of(metrics: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    return " ".join(check(render_report(metrics, rows)).words.split())


def shown(value: str) -> str:
    return value.replace("\xa0", " ")


def test_a_whole_run_shows_every_section(whole: Any) -> None:
    metrics, rows = whole
    words = words_of(metrics, rows)
    stage, test = metrics["teacher"]["stages"]["student_checker"], metrics["student"]["test"]
    for expected in (
        "What causes what?",
        "Spans accepted",
        percent(stage["accepted"] / stage["count"]),
        interval(stage["kept"]["precision"]),
        interval(stage["strict_f1"]),
        interval(stage["overlap_f1"]),
        interval(stage["hallucinated"]["rate"]),
        interval(test["strict_f1"]),
        interval(test["by_label"][1]["f1"]),
        interval(metrics["references"]["gold_pool"]["exact_match"]),
        f"at least {test['unexpressed']['count']} of the human ones",
        "Strict F1 is",
        "Spans of the pool after the student checker",
        "A span is accepted from a confidence of 62.0 % on",
        "no quote of the reply is in the text",
        "a quote is not in the text: it was left out",
        "What the student takes for what",
        "made_up",
        "tokens on offline",
    ):
        assert shown(expected) in words
    assert render_report(metrics, rows) == render_report(*copy.deepcopy(whole))


def test_tables_of_many_columns_put_ranges_under_their_values(whole: Any) -> None:
    """Beside them, the last columns are out of sight on a screen of usual width."""
    html = render_report(*whole)
    tables = re.findall(r'<table( class="[a-z ]+")?>\s*<thead>(.*?)</thead>.*?</table>', html, re.S)
    many = [kind for kind, head in tables if head.count("<th ") >= 7 and "matrix" not in kind]
    assert len(many) >= 4 and {kind.strip() for kind in many} == {'class="wide"'}
    assert ".wide small.range { display: block;" in html


def test_spans_are_marked_with_label_state_and_sureness(whole: Any) -> None:
    metrics, rows = whole
    row = next(row for row in rows if row["status"] == "abstained" and row["spans"])
    html = render_report(metrics, [row])
    check(html)
    assert f'<p class="id"><code dir="auto">{row["id"]}</code>' in html
    for one in row["spans"]:
        state = "disputed" if one["disputed"] else "accepted" if one["status"] == "accepted" else "left open"
        assert f'title="{one["label"]}, {percent(one["confidence"])} sure, {state}"' in html
    classes = re.findall(r'<mark class="hue\d lane\d( open)?" title="[^"]*(accepted|left open|disputed)"', html)
    assert classes and all(bool(is_open) == (state != "accepted") for is_open, state in classes)


def test_doubtful_texts_come_disputed_first_then_least_sure(whole: Any) -> None:
    metrics, rows = whole
    view = doubtful_spans_view(rows, list(TASK.labels), "llm")
    disputed = [row["disputed"] for row in view["rows"]]
    assert disputed == sorted(disputed, reverse=True) and any(disputed) and not all(disputed)
    open_rows = [row for row in rows if any(s["status"] != "accepted" for s in [*row["spans"], *row["absent"]])]
    assert view["total"] == len(open_rows) + 1  # and the one without an answer
    words = words_of(metrics, rows)
    assert "no usable answer" in words and "no effect 55.0 % sure unsure: under the threshold" in words


def test_quotes_that_are_not_in_the_text_are_listed_and_cannot_reorder_it(whole: Any) -> None:
    metrics, rows = whole
    html = render_report(metrics, rows)
    assert "a comet[U+202E]" in html and "\u202e" not in html
    stage = metrics["teacher"]["stages"]["student_checker"]["hallucinated"]
    assert f"{stage['count']} of {stage['quotes']} quotes are not in their text" in html
    metrics = copy.deepcopy(metrics)
    for one in metrics["teacher"]["stages"].values():
        one["hallucinated"] |= {"count": 0}
    quiet = [{**row, "hallucinated": [], "trail": []} for row in rows]
    assert "Quotes that are not in the text</h2>" not in render_report(metrics, quiet)


SPANS = st.lists(
    st.builds(
        lambda start, size, label: {"start": start, "end": start + size, "label": label, "confidence": 0.5},
        st.integers(-2, 30), st.integers(-1, 12), st.sampled_from(["a", "b"]),
    ),
    max_size=7,
)  # fmt: skip


@given(st.text(max_size=30), SPANS)
def test_pieces_are_the_text_and_each_span_is_where_it_stands(text: str, spans: list[dict[str, Any]]) -> None:
    view = marked(text, spans, ["a", "b"])
    assert "".join(piece["text"] for piece in view["pieces"]) == text
    fit = [span for span in spans if 0 <= span["start"] < span["end"] <= len(text)]
    place = 0
    for piece in view["pieces"]:
        middle = range(place, place + len(piece["text"]))
        expected = sorted(s["label"] for s in fit if all(s["start"] <= p < s["end"] for p in middle))
        assert sorted(mark["label"] for mark in piece["marks"]) == expected
        place += len(piece["text"])
        assert sorted(tag["label"] for tag in piece["tags"]) == sorted(s["label"] for s in fit if s["end"] == place)
    assert view["unseen"] == 0 and not view["before"] and not view["after"]


def test_nested_spans_lie_within_each_other_on_lines_of_their_own() -> None:
    spans = [{"start": 0, "end": 9, "label": "a"}, {"start": 3, "end": 6, "label": "b"}]
    pieces = marked("012345678", spans, ["a", "b"])["pieces"]
    assert [(p["text"], [(m["label"], m["lane"]) for m in p["marks"]]) for p in pieces] == [
        ("012", [("a", 1)]),
        ("345", [("a", 1), ("b", 0)]),
        ("678", [("a", 1)]),
    ]


def test_a_long_text_is_shown_where_its_spans_are() -> None:
    text = "x" * 5000 + "heavy rain" + "y" * 5000
    view = marked(
        text, [{"start": 5000, "end": 5010, "label": "cause"}, {"start": 9000, "end": 9001, "label": "b"}], []
    )
    said = "".join(piece["text"] for piece in view["pieces"])
    assert "heavy rain" in said and len(said) == SHOWN and view["before"] and view["after"] and view["unseen"] == 1


def test_a_run_without_human_spans_test_set_and_references() -> None:
    labels = make_spans(20, human=False)
    labels = [item for item in labels if item.status != "failed"]
    metrics = make_metrics(labels)
    del metrics["references"]
    metrics["student"]["test"] = None
    words = words_of(metrics, make_rows(labels))
    assert "not measured: the run has no test set" in words
    assert "not measured: the pool has no human spans 93.0 % by estimate on gold" in words
    assert "how many are right is not known here" in words
    assert "Can the confidence be trusted" not in words


def test_an_empty_run_renders() -> None:
    metrics = make_metrics([])
    metrics["teacher"] = {"name": "llm", "stages": {}}
    metrics["student"]["test"] = None
    for name in ("references", "requests", "tokens", "gold_used", "cost"):
        del metrics[name]
    assert "Nothing was left open" in words_of(metrics, [])


def _missing(value: Any) -> Any:
    """As JSON brings it back: what was not a number is null."""
    if isinstance(value, dict):
        return {key: _missing(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_missing(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def test_what_is_not_known_is_a_dash() -> None:
    nothing = [Labelled(Record("1", "x", spans=()), Answer("1", "[]", "ok", "brief"), Confidence(0.5), "accepted")]
    metrics = make_metrics(nothing)
    metrics["student"]["test"] = judge_span_student(TASK, [()], [Record("1", "x", spans=())])
    words_of(metrics, make_rows(nothing))
    assert render_report(metrics, []) == render_report(_missing(metrics), [])


def test_thresholds_of_labels_stand_beside_them(whole: Any) -> None:
    metrics = copy.deepcopy(whole[0])
    entry = {"label": "cause", "value": 0.7, "target": 0.9, "guaranteed": True}
    metrics["teacher"]["calibration"]["thresholds"] = [entry, {**entry, "label": "effect", "basis": "none"}]
    view = by_label_view(metrics)
    assert [row["threshold"] for row in view["pool"]] == [["70.0\xa0%"], ["nothing accepted"], []]
    assert "Each label has a threshold of its own" in words_of(metrics, [])


def test_where_nothing_can_be_accepted_the_page_says_so_and_why(whole: Any) -> None:
    """“100 % sure, unsure: under the threshold” is no answer to somebody who has too little gold."""
    metrics, rows = copy.deepcopy(whole)
    closed = {"label": "effect", "answer": "none", "basis": "none", "message": "A proof needs about 12 more."}
    metrics["teacher"]["calibration"]["thresholds"] = [closed, {**closed, "answer": "span", "basis": "bound"}]
    words = words_of(metrics, rows)
    assert "no effect 55.0 % sure unsure: nothing of its kind is accepted" in words
    assert "unsure: under the threshold" in words  # spans of effect have a threshold
    assert "no effect : A proof needs about 12 more." in words.replace("effect:", "effect :")
    assert "how much gold a proof needs" not in words_of(*whole)


def test_a_reason_is_announced_where_there_is_one(whole: Any) -> None:
    metrics, rows = copy.deepcopy(whole)
    for row in rows:
        row["rationale"] = None
    assert "and the reason" in words_of(*whole) and "and the reason" not in words_of(metrics, rows)


def _poisoned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _poisoned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_poisoned(item) for item in value]
    return NASTY if isinstance(value, str) else value


def test_nothing_from_outside_can_act_in_the_page(whole: Any) -> None:
    metrics, rows = copy.deepcopy(whole)
    poisoned = _poisoned(metrics) | {"kind": "extraction", "labels": {NASTY: NASTY, "b": ""}}
    poisoned["teacher"]["stages"][NASTY] = poisoned["teacher"]["stages"]["few_shot"]
    poisoned["references"][NASTY] = poisoned["references"]["gold_only"]
    bad_rows = [{**_poisoned(row), "status": row["status"]} for row in rows]
    html = render_report(poisoned, bad_rows)
    check(html)
    assert "&lt;script&gt;" in html and "{{7*7}}" in html
    assert not set("\u202e\u2066\x00\x1b") & set(html)


def test_texts_of_any_script_stay_as_they_are(whole: Any) -> None:
    metrics, rows = whole
    html = render_report(metrics, rows)
    for part in ("豪雨", "فيضانات", "🚰"):
        assert part in html
    assert '<p class="spanned" dir="auto">' in html
