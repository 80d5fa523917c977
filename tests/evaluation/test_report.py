"""The report: every kind of run renders, nothing from outside can act in it, it loads nothing."""

import copy
import math
import random
import re
from typing import Any

import numpy as np
import pytest

from dualchecker.evaluation import Judged, group, judge_noise, judge_slices
from dualchecker.evaluation.formats import interval, percent
from dualchecker.evaluation.report import render_report
from dualchecker.evaluation.summary import judge_labels, judge_predictions
from dualchecker.records import Answer, Confidence, Labelled, Record, Status
from dualchecker.tasks import Classification
from pages import NASTY, check

RUNGS = ("brief", "detail", "wide", "reconsider")


def task_of(labels: int) -> Classification:
    return Classification("Which intent?", {f"intent_{i:02}": f"Meaning {i}." for i in range(labels)})


def make_labels(task: Classification, count: int, seed: int = 1, *, human: float = 1.0) -> list[Labelled]:
    """Labels of a pool: some right, some accepted, some disputed, one failed."""
    draw = random.Random(seed)
    labels = []
    for number in range(count):
        truth = draw.choice(task.names)
        sure = draw.random()
        label = truth if draw.random() < 0.4 + 0.6 * sure else draw.choice(task.names)
        record = Record(f"r{number}", f"Text {number}.", label=truth if draw.random() < human else None)
        trail = tuple(
            Answer(
                record.id, label, "ok", rung, f"Because {number}.", sure, request_key=f"{number:064x}", teacher="llm"
            )
            for rung in RUNGS[: draw.randint(1, 4)]
        )
        if number == 0:
            refused = Answer(record.id, None, "refused", "brief", request_key="a" * 64, teacher="llm")
            labels.append(Labelled(record, None, Confidence(0.0), "failed", (refused,), reason="refused"))
            continue
        disputed = sure < 0.2
        status: Status = "accepted" if sure > 0.6 else "abstained"
        spread = {name: (sure if name == label else (1 - sure) / (len(task.names) - 1)) for name in task.names}
        reason = "" if status == "accepted" else "disputed" if disputed else "unsure"
        labels.append(
            Labelled(record, trail[0], Confidence(sure, {"stated": sure}), status, trail, spread, disputed, reason)
        )
    return labels


def make_rows(labels: list[Labelled]) -> list[dict[str, Any]]:
    """What labels.jsonl holds."""
    return [
        {
            "id": item.record.id,
            "label": item.label,
            "confidence": item.confidence.value,
            "status": item.status,
            "reason": item.reason or None,
            "rung": item.answer.rung if item.answer else None,
            "rationale": item.answer.rationale if item.answer else None,
            "request_key": item.answer.request_key if item.answer else None,
            "disputed": item.disputed,
            "signals": {},
            "distribution": dict(item.distribution) if item.distribution else None,
            "trail": [
                {
                    "rung": a.rung, "label": a.label, "outcome": a.outcome, "stated": a.stated,
                    "request_key": a.request_key, "teacher": a.teacher, "notes": ["json_in_prose", "made_up"],
                }
                for a in item.trail
            ],
            "text": item.record.text,
        }
        for item in labels
    ]  # fmt: skip


def judge_student(task: Classification, count: int, seed: int) -> dict[str, Any]:
    draw = random.Random(seed)
    truth = [draw.choice(task.names) for _ in range(count)]
    predicted = [t if draw.random() < 0.75 else draw.choice(task.names) for t in truth]
    return judge_predictions(task, predicted, truth, [draw.random() for _ in truth])


def make_metrics(task: Classification, labels: list[Labelled]) -> dict[str, Any]:
    """A whole metrics.json, as runs/distill.py builds it."""
    stage = judge_labels(task, labels)
    rounds = [
        {
            "number": n, "labelled": 30, "accepted": 10 * n, "disputed": 3, "settled": 1, "student_accuracy": 0.7,
            "template_version": n, "template_kept": kept, "calibration_accuracy": 0.8, "borderline": ["g1"],
        }
        for n, kept in ((1, True), (2, False), (3, None))
    ]  # fmt: skip
    return {
        "method": "dualchecker",
        "question": task.question,
        "labels": dict(task.labels),
        "seed": 7,
        "data": {"gold": 80, "pool": len(labels), "test": 120, "warnings": ["gold has only a few records."]},
        "teacher": {
            "name": "llm",
            "senior": "bigger-llm",
            "stages": dict.fromkeys(("few_shot", "aligner", "teacher_checker", "student_checker"), stage),
            "rungs": {"wide": 20, "brief": 50},
            "outcomes": {"ok": 300, "refused": 3, "unheard_of": 1},
            "notes": {"json_in_prose": 4, "made_up": 1},
            "calibration": {
                "answers": 80,
                "accuracy_first_rung": 0.6,
                "accuracy": 0.7,
                "threshold": {
                    "value": 0.62, "target": 0.9, "guaranteed": False, "precision": 0.93, "accepted": 41,
                    "message": "A precision of 90% cannot be guaranteed.",
                },
                "climb_below": 0.8,
                "weights": {},
                "fusion": {"intercept": -0.4, "teacher": 0.5, "student": 0.75},
            },
            "rounds": rounds,
            "failed_rationales": 2,
        },
        "student": {
            "kind": "encoder",
            "base": "/home/somebody/secret/my-model",
            "taught": {"teacher": len(labels)},
            "test": judge_student(task, 120, 2),
        },
        "gold_used": {
            "mode": "cross_fit", "demonstrations": 80, "calibration": 79, "student_training": 80,
            "fixed_in_template": ["g1", "g2"], "test": 120,
        },
        "requests": {
            "answered": 12480,
            "attempts": 12500,
            "attempt_outcomes": {"ok": 12480, "rate_limited": 20},
            "by_purpose": {"label/brief": 60, "label/wide": 20, "explain/explain": 80, "new_one/brief": 3},
        },
        "tokens": {"prompt": 1234567, "completion": 8901},
        "cost": 3.456,
        "references": {"gold_only": judge_student(task, 120, 3), "gold_pool": judge_student(task, 120, 4)},
        "slices": slices_of(task, labels),
        "noise": noise_of(task, labels),
    }  # fmt: skip


def slices_of(task: Classification, labels: list[Labelled]) -> dict[str, Any] | None:
    """Slices of the pool, as runs/distill.py judges them."""
    known = [item for item in labels if item.record.label is not None]
    judged = Judged(
        [item.record for item in known],
        [item.label for item in known],
        [item.record.label or "" for item in known],
        [task.equal(item.label, item.record.label) for item in known],
        [item.confidence.value for item in known],
        [item.status == "accepted" for item in known],
        [item.answer.rung if item.answer else None for item in known],
    )
    return {"pool": judge_slices(judged, group(judged))} if known else None


def noise_of(task: Classification, labels: list[Labelled]) -> dict[str, Any] | None:
    """The noise check by students that guess."""
    draw = random.Random(5)
    unseen = {}
    for item in labels:
        raw = [draw.random() for _ in task.names]
        unseen[item.record.id] = np.array(raw) / sum(raw)
    return judge_noise(task, labels, unseen)


@pytest.fixture(scope="module")
def whole() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    task = task_of(3)
    labels = make_labels(task, 150)
    return make_metrics(task, labels), make_rows(labels)


def words_of(metrics: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    return " ".join(check(render_report(metrics, rows)).words.split())


def test_a_whole_run_shows_every_section(whole: Any) -> None:
    metrics, rows = whole
    words = words_of(metrics, rows)
    stage = metrics["teacher"]["stages"]["student_checker"]
    for expected in (
        "Which intent?",
        "Pool accepted",
        percent(stage["accepted"] / 150).replace("\xa0", " "),
        interval(stage["kept"]["accuracy"]).replace("\xa0", " "),
        interval(metrics["references"]["gold_pool"]["accuracy"]).replace("\xa0", " "),
        "A precision of 90% cannot be guaranteed.",
        "gold has only a few records.",
        "+ ContextAligner",
        "Gold alone",
        "the row above. What counts is",
        "new one rejected",
        "unheard_of",
        "the teacher declined to answer",
        "rate_limited",
        "12,480",
        "cost 3.46",
        "1,234,567 tokens in",
        "reason; they serve as demonstrations without one",
        "dualchecker run run.yaml",
        "All requests and replies are in ledger.sqlite",
        "senior bigger-llm",
        "encoder on my-model",
    ):
        assert expected in words
    assert "/home/somebody" not in words


def test_the_same_metrics_give_the_same_page(whole: Any) -> None:
    assert render_report(*whole) == render_report(*copy.deepcopy(whole))


def test_doubtful_records_come_disputed_first_then_least_sure(whole: Any) -> None:
    metrics, rows = whole
    html = render_report(metrics, rows)
    shown = re.findall(r'<p class="id"><code dir="auto">(r\d+)</code>', html)
    by_id = {row["id"]: row for row in rows}
    keys = [(not by_id[name]["disputed"], by_id[name]["confidence"]) for name in shown]
    assert len(shown) == 50 and keys == sorted(keys)
    assert all(by_id[name]["status"] != "accepted" for name in shown)
    assert "here are the first 50" in html


def test_a_failed_record_names_what_went_wrong(whole: Any) -> None:
    metrics, rows = whole
    words = words_of(metrics, rows[:1])
    assert "no label" in words and "refused: the teacher declined to answer" in words


def test_long_texts_are_cut(whole: Any) -> None:
    metrics, rows = copy.deepcopy(whole)
    row = next(row for row in rows if row["disputed"])
    row["text"] = "word " * 400
    html = render_report(metrics, [row])
    assert "word " * 59 + "word …" in html and "word " * 61 not in html


def test_many_labels_show_the_most_confused_pairs() -> None:
    task = task_of(77)
    labels = make_labels(task, 200)
    metrics = make_metrics(task, labels)
    counts = metrics["student"]["test"]["confusion"]["counts"]
    counts[3][9], counts[5][77] = 40, 30
    html = render_report(metrics, make_rows(labels))
    words = " ".join(check(html).words.split())
    assert "With 77 labels a matrix is too wide" in words
    assert 'class="matrix' not in html
    pairs = words[words.index("Share of that label") :]
    assert pairs.index("intent_03 intent_09 40") < pairs.index("intent_05 no label 30")
    assert html.count('</bdi></td><td><bdi class="label">') >= 20


def test_matrix_counts_and_shares() -> None:
    task = task_of(2)
    labels = make_labels(task, 40)
    metrics = make_metrics(task, labels)
    metrics["student"]["test"]["confusion"] = {"labels": list(task.names), "counts": [[8, 2, 0], [0, 0, 0]]}
    words = words_of(metrics, make_rows(labels))
    assert "intent_00 8 2 80.0 %" in words
    assert "intent_01 0 0 –" in words
    assert "Right when said (precision) 100.0 % 0.0 %" in words
    assert (
        "no label"
        not in words[words.index("People said") : words.index("Rounds and requests", words.index("People said"))]
    )


def test_the_worst_slices_are_shown_and_noise_is_named_so(whole: Any) -> None:
    metrics, rows = copy.deepcopy(whole)
    found = metrics["slices"]["pool"]
    found |= {"marked": 0, "rows": [row | {"marked": None} for row in found["rows"]]}
    assert "read the order below as noise" in words_of(metrics, rows)
    first = found["rows"][0]
    first |= {"marked": "worse", "p": 0.0004, "value": "A & B", "column": "source", "also": ["team: north"]}
    found["marked"] = 1

    words = words_of(metrics, rows)

    section = words[
        words.index("Where it is worst", words.index("Which labels")) : words.index("Accepted labels that look")
    ]
    shown = interval(first["accuracy"]).replace("\xa0", " ")
    assert f"source A & B the same records: team: north {first['count']} {shown} worse p < 0.001" in section
    assert f"Of {found['looked_at']} slices of 20 or more records, 1 differs from the rest" in section
    metrics["slices"] = None
    assert "Where it is worst" not in words_of(metrics, rows)


def test_suspicious_labels_are_shown_with_their_texts_and_without_overclaiming(whole: Any) -> None:
    metrics, rows = copy.deepcopy(whole)
    noise = metrics["noise"]
    suspect = noise["suspects"][0]
    text = next(row["text"] for row in rows if row["id"] == suspect["id"])
    noise["known"]["difference"] = {"value": 0.1, "low": -0.1, "high": 0.3, "p": 0.4}

    words = words_of(metrics, rows)

    assert f"{suspect['id']} {text} {suspect['label']} {suspect['suggested']}" in words
    assert "cannot be told from these records (difference in AUROC 0.100" in words
    noise["known"]["difference"]["low"] = 0.02
    assert "Confident learning finds wrong labels better on these records" in words_of(metrics, rows)
    noise["known"] = None
    assert "is not known here" in words_of(metrics, rows)
    metrics["noise"] = None
    assert "Accepted labels that look wrong" not in words_of(metrics, rows)


def test_a_report_of_an_older_run_renders(whole: Any) -> None:
    """Version 0.1 wrote some numbers without intervals, and looked at neither slices nor noise."""
    metrics, rows = copy.deepcopy(whole)
    del metrics["slices"], metrics["noise"]
    results = [*metrics["teacher"]["stages"].values(), metrics["student"]["test"], *metrics["references"].values()]
    for result in results:
        for name in ("ece", "brier", "auroc"):
            if isinstance(result[name], dict):
                result[name] = result[name]["value"]
        for name in ("coverage_area", "accuracy_at", "ece_by_chance"):
            result.pop(name, None)
        for row in result["coverage"]:
            row.pop("low", None), row.pop("high", None)

    words = words_of(metrics, rows)

    assert percent(metrics["student"]["test"]["ece"]).replace("\xa0", " ") in words
    assert "with the 95 % interval as a band" not in words


def test_students_are_compared_on_the_same_texts(whole: Any) -> None:
    metrics, rows = copy.deepcopy(whole)
    own, reference = metrics["student"]["test"], metrics["references"]["gold_only"]
    own["accuracy"], reference["accuracy"] = {"value": 0.75}, {"value": 0.8}
    reference["difference"] = {"value": -0.05, "low": -0.12, "high": 0.02, "p": 0.2}
    said = "Accuracy is 5.0 points below that with gold alone (95 % interval of the difference on the same texts: "
    assert f"{said}−2.0 to 12.0); take it as a hint" in words_of(metrics, rows)
    reference["difference"]["high"] = -0.01
    assert f"{said}1.0 to 12.0); chance alone hardly explains it." in words_of(metrics, rows)
    metrics["references"]["gold_few_shot"] = {"accuracy": {"value": 0.8}, "difference": reference["difference"]}
    assert "below that with gold and the few-shot labels (95 %" in words_of(metrics, rows)


def test_the_numbers_of_a_confidence_carry_their_intervals(whole: Any) -> None:
    metrics, rows = whole
    test = metrics["student"]["test"]
    words = words_of(metrics, rows)

    for estimate in (test["ece"], test["coverage_area"], *test["accuracy_at"].values()):
        assert interval(estimate).replace("\xa0", " ") in words
    assert f"chance alone would give {percent(test['ece_by_chance']['mean'])}".replace("\xa0", " ") in words
    assert "with the 95 % interval as a band" in words


def test_minimal_run_without_test_references_and_human_labels() -> None:
    task = task_of(2)
    labels = make_labels(task, 30, human=0.0)
    metrics = make_metrics(task, labels)
    del metrics["references"]
    metrics["student"]["test"] = None
    metrics["data"] |= {"test": 0, "warnings": []}
    words = words_of(metrics, make_rows(labels))
    assert "not measured: the run has no test set" in words
    assert "not measured: the pool has no human labels" in words
    assert "93.0 % by estimate on 41 gold answers" in words
    assert "beside its references" not in words and "Can the confidence be trusted" not in words
    assert "Which labels the student confuses" not in words


def test_few_shot_run_without_calibration_and_rounds() -> None:
    task = task_of(2)
    labels = [
        Labelled(i.record, i.answer, i.confidence, "accepted", i.trail) for i in make_labels(task, 30) if i.answer
    ]
    metrics = make_metrics(task, labels)
    metrics["method"] = "few_shot"
    stages = metrics["teacher"]["stages"]
    metrics["teacher"]["stages"] = {"few_shot": stages["few_shot"]}
    for name in ("calibration", "rounds", "failed_rationales"):
        del metrics["teacher"][name]
    words = words_of(metrics, make_rows(labels))
    assert "few_shot accepts every label that can be read" in words
    assert "it was not calibrated on gold" in words
    assert "each asked about without itself" not in words and "never in a prompt" not in words
    assert "+ ContextAligner" not in words and "Settled by asking again" not in words


@pytest.mark.parametrize("missing", [None, math.nan])
def test_values_that_are_not_there_are_dashes(whole: Any, missing: Any) -> None:
    metrics, rows = copy.deepcopy(whole)
    for stage in metrics["teacher"]["stages"].values():
        stage |= {"auroc": missing, "ece": missing, "accepted": 0}
        stage["kept"] = {"count": 0, "accuracy": dict.fromkeys(("value", "low", "high"), missing)}
    threshold = metrics["teacher"]["calibration"]["threshold"]
    threshold |= {"precision": None, "accepted": 0, "message": ""}
    metrics["teacher"]["calibration"]["fusion"] = None
    metrics["student"]["test"] |= {"auroc": missing, "ece": missing, "accuracy": dict.fromkeys(("value",), missing)}
    metrics["references"]["gold_only"]["accuracy"] = {"value": 0.5, "low": missing, "high": missing}
    words = words_of(metrics, rows)
    assert "nothing was accepted" in words and "none of 80 calibration answers reaches it" in words
    threshold["basis"] = "none"
    assert "no confidence is enough for what was asked" in words_of(metrics, rows)


def test_an_empty_run_renders() -> None:
    metrics = make_metrics(task_of(2), [])
    metrics["teacher"] = {"name": "llm", "stages": {}}
    metrics["student"]["test"] = None
    for name in ("references", "requests", "tokens", "gold_used", "cost"):
        del metrics[name]
    assert "No record was left open" in words_of(metrics, [])


def test_partly_labelled_pools_are_counted_right() -> None:
    task = task_of(2)
    labels = make_labels(task, 100, human=0.5)
    metrics = make_metrics(task, labels)
    words = words_of(metrics, make_rows(labels))
    known = sum(item.record.label is not None for item in labels)
    accepted = sum(item.status == "accepted" for item in labels)
    assert f"{accepted} of 100 records" in words
    assert f"human labels of {known} of the 100 pool records" in words


def test_a_teacher_that_is_no_llm_is_named_so(whole: Any) -> None:
    metrics, rows = copy.deepcopy(whole)
    assert "is no LLM" not in words_of(metrics, rows)
    metrics["teacher"]["name"] = "exemplar"
    assert "is no LLM" in words_of(metrics, rows)


def test_a_missed_precision_is_a_warning(whole: Any) -> None:
    metrics, rows = copy.deepcopy(whole)
    metrics["teacher"]["stages"]["student_checker"]["kept"]["accuracy"] = {"value": 0.8, "low": 0.7, "high": 0.88}
    assert "miss the precision asked for (90.0 %): 80.0 % (70.0–88.0)" in words_of(metrics, rows)
    metrics["teacher"]["stages"]["student_checker"]["kept"]["accuracy"]["high"] = 0.91
    assert "miss the precision" not in words_of(metrics, rows)


def _poisoned(value: Any) -> Any:
    """The same structure with every text replaced, keys of counts and labels included."""
    if isinstance(value, dict):
        return {key: _poisoned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_poisoned(item) for item in value]
    return NASTY if isinstance(value, str) else value


def test_nothing_from_outside_can_act_in_the_page(whole: Any) -> None:
    metrics, rows = copy.deepcopy(whole)
    poisoned = _poisoned(metrics)
    poisoned["labels"] = {NASTY: NASTY, "b": ""}
    for name in ("rungs", "outcomes", "notes"):
        poisoned["teacher"][name] = {NASTY: 3}
    poisoned["teacher"]["stages"][NASTY] = poisoned["teacher"]["stages"]["few_shot"]
    poisoned["requests"]["by_purpose"] = {f"{NASTY}/{NASTY}": 2}
    poisoned["requests"]["attempt_outcomes"] = {NASTY: 2}
    poisoned["references"][NASTY] = poisoned["references"]["gold_only"]
    poisoned["teacher"]["calibration"]["fusion"] = {NASTY: 1.0}
    doubtful = [{**_poisoned(row), "distribution": {NASTY + "!": 1.0}} for row in rows]
    html = render_report(poisoned, doubtful)
    check(html)
    body = html.partition("</head>")[2]
    assert "&lt;script&gt;" in html and "&#34;&#39;&gt;&lt;img" in html and "{{7*7}}" in html
    assert html.count("</style>") == 1 and html.count("</title>") == 1 + body.count("</title>")
    assert not set("\u202e\u2066\x00\x1b") & set(html)
    assert "[U+202E]dlog[U+2066][U+0000][U+001B]" in html
    assert "content=\"default-src 'none'; style-src 'unsafe-inline'" in html


def test_halves_of_surrogate_pairs_do_not_stop_the_file(whole: Any) -> None:
    metrics, rows = copy.deepcopy(whole)
    metrics["question"] = "Is \ud83d it?"
    render_report(metrics, rows).encode("utf-8")


def test_texts_of_any_script_stay_as_they_are(whole: Any) -> None:
    metrics, rows = copy.deepcopy(whole)
    texts = ["この発明は省エネか。", "هل هذا اختراع أخضر؟\u200f", "क्‍ष می‌خواهم 👩‍🔬"]
    doubtful = [row for row in rows if row["disputed"]][: len(texts)]
    for row, text in zip(doubtful, texts, strict=True):
        row["text"] = text
    html = render_report(metrics, doubtful)
    assert all(f'dir="auto">{text}<' in html for text in texts)
