"""What the report says where spans are asked for; plain values for the template."""

from collections.abc import Mapping, Sequence
from typing import Any

from dualchecker.evaluation import wording
from dualchecker.evaluation.charts import whisker_chart
from dualchecker.evaluation.formats import (
    cut,
    decimal,
    decimal_interval,
    interval,
    known,
    percent,
    plural,
    share,
    whole,
)
from dualchecker.evaluation.report_marked import QUOTE_LIMIT, doubtful_spans_view, examples_view, hue, legend_view
from dualchecker.evaluation.report_quality import View, compared, confidence_view, final_stage, value_and_range

QUOTES = 20
"""Quotes that are not in the text, as examples."""

STUDENT_SCORES = {
    "strict_f1": ("Strict F1", "the very same span and label"),
    "overlap_f1": ("Overlap F1", "a shared character is enough, one for one"),
    "partial_f1": ("Partial F1", "credit by how far the two overlap"),
    "soft_f1": ("Soft F1", "credit by the share of characters covered"),
    "token_f1": ("Word F1", "words by label, those outside of any span too"),
    "exact_match": ("Exact match", "texts with exactly the human spans"),
}


def span_views(metrics: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All sections but those that every report has.

    Args:
        metrics: See ``render_report``; stages as ``judge_spans`` gives them, students as ``judge_span_student``.
        rows: Of ``labels.jsonl``.
    """
    teacher, student, labels = metrics["teacher"], metrics["student"], list(metrics["labels"])
    stages = teacher.get("stages") or {}
    test = student.get("test")
    calibration = teacher.get("calibration") or {}
    closed = {
        (str(entry.get("label")), _is_absence(entry))
        for entry in calibration.get("thresholds") or ()
        if entry.get("basis") == "none"
    }
    confidence = confidence_view(stages, test, calibration, what="span")
    return {
        "kept": "answer",
        "stages": span_stages_view(stages),
        "students": span_students_view(test, metrics.get("references") or {}),
        "confidence": confidence,
        "by_label": by_label_view(metrics),
        "confusion": span_confusion_view(test, labels),
        "invented": hallucinated_view(stages, rows),
        "legend": legend_view(labels),
        "examples": examples_view(rows, labels),
        "doubtful": doubtful_spans_view(rows, labels, str(teacher["name"]), closed),
    }


def span_figures(metrics: Mapping[str, Any]) -> list[View]:
    """The few numbers that a reader takes away: spans accepted, how many of them are right, the student's F1."""
    calibration = metrics["teacher"].get("calibration") or {}
    stage, test = final_stage(metrics["teacher"].get("stages") or {})[1], metrics["student"].get("test") or {}
    threshold = calibration.get("threshold") or {}
    kept, wanted = stage.get("kept") or {}, known(threshold.get("target"))
    goal = [f"asked for: {percent(wanted)}"] if wanted is not None else []
    accepted = {
        "name": "Spans accepted",
        "value": percent(share(stage.get("accepted"), stage.get("count"))),
        "range": "",
        "notes": [
            f"{whole(stage.get('accepted'))} of {plural(int(stage.get('count') or 0), 'span')} "
            f"in {plural(int(stage.get('records') or 0), 'text')}",
            f"{whole(stage.get('abstained'))} left open"
            + (f"; {plural(stage['failed'], 'text')} without an answer" if stage.get("failed") else ""),
        ],
    }
    right = {"name": "Accepted spans that are right", **value_and_range(kept.get("precision"))}
    if kept.get("count"):
        right["notes"] = [f"exactly right, of {whole(kept['count'])} in texts with human spans", *goal]
    elif "known" in stage:
        right["notes"] = ["nothing was accepted", *goal]
    else:
        estimate = known(threshold.get("precision"))
        seen = [f"{percent(estimate)} by estimate on gold"] if estimate is not None else []
        right["notes"] = ["not measured: the pool has no human spans", *seen, *goal]
    student = {"name": "Student strict F1 on test", **value_and_range(test.get("strict_f1"))}
    student["notes"] = (
        [f"overlap F1 {interval(test.get('overlap_f1'))}", plural(int(test.get("count") or 0), "text")]
        if test
        else ["not measured: the run has no test set"]
    )
    return [accepted, right, student]


def span_stages_view(stages: Mapping[str, Mapping[str, Any]]) -> View:
    """The teacher step by step."""
    rows = []
    for name, stage in stages.items():
        title, meaning = wording.STAGES.get(name, (name, ""))
        kept, count = stage.get("kept") or {}, stage.get("count")
        rows.append(
            {
                "title": title,
                "meaning": meaning,
                "strict": interval(stage.get("strict_f1")),
                "overlap": interval(stage.get("overlap_f1")),
                "accepted": percent(share(stage.get("accepted"), count)),
                "abstained": percent(share(stage.get("abstained"), count)),
                "failed": whole(stage.get("failed") or 0),
                "precision": interval(kept.get("precision")),
                "recall": interval(kept.get("recall")),
                "hallucinated": interval((stage.get("hallucinated") or {}).get("rate")),
                "auroc": decimal_interval(stage.get("auroc")),
                "ece": interval(stage.get("ece")),
            }
        )
    last = final_stage(stages)[1]
    return {
        "rows": rows,
        "parts": all(row["title"].startswith("+") for row in rows[1:]),
        "any_failed": any(stage.get("failed") for stage in stages.values()),
        "judged": int(last.get("known") or 0),
        "total": int(last.get("records") or 0),
        "unit": "texts",
    }


def span_students_view(student: Mapping[str, Any] | None, references: Mapping[str, Any]) -> View | None:
    """The student beside its references, by every score; None without a test set."""
    if not student:
        return None
    results = [(*wording.STUDENTS.get(n, (n, "")), r) for n, r in {"student": student, **references}.items()]
    unexpressed = student.get("unexpressed") or {}
    charts = [
        whisker_chart(
            [(title, result.get(key) or {}) for title, _, result in results],
            name=f"students-{key}",
            title=f"{what} on the test set, with 95 % intervals",
            axis=f"{what} on the test set",
        )
        for key, what in (("strict_f1", "strict F1"), ("overlap_f1", "overlap F1"))
    ]
    readings = [compared(student, name, r, "strict_f1", "Strict F1") for name, r in references.items()]
    return {
        "scores": list(STUDENT_SCORES.values()),
        "rows": [
            {"title": title, "meaning": meaning, "scores": [interval(result.get(name)) for name in STUDENT_SCORES]}
            for title, meaning, result in results
        ],
        "charts": [chart for chart in charts if chart] if references else [],
        "count": int(student.get("count") or 0),
        "gold": whole(student.get("gold")),
        "said": whole(student.get("said")),
        "unexpressed": whole(unexpressed["count"]) if unexpressed.get("count") else "",
        "ceiling": percent(share((student.get("gold") or 0) - unexpressed.get("count", 0), student.get("gold"))),
        "reading": [sentence for sentence in readings if sentence],
    }


def by_label_view(metrics: Mapping[str, Any]) -> View:
    """The spans of the pool and of the student, label by label."""
    labels, calibration = list(metrics["labels"]), metrics["teacher"].get("calibration") or {}
    stage = final_stage(metrics["teacher"].get("stages") or {})[1]
    thresholds: dict[str, list[str]] = {}
    for entry in calibration.get("thresholds") or ():
        said = "absent: " if _is_absence(entry) else ""
        thresholds.setdefault(str(entry.get("label")), []).append(said + _threshold(entry))
    pool = []
    for row in stage.get("by_label") or ():
        kept, absences = row.get("kept") or {}, row.get("absences") or {}
        pool.append(
            {
                "label": str(row["label"]),
                "hue": hue(str(row["label"]), labels),
                "gold": whole(row.get("gold")),
                "count": whole(row.get("count")),
                "accepted": percent(share(row.get("accepted"), row.get("count"))),
                "threshold": thresholds.get(str(row["label"]), []),
                "precision": interval(kept.get("precision")),
                "recall": interval(kept.get("recall")),
                "f1": interval(row.get("f1")),
                "auroc": decimal(row.get("auroc")),
                "absent": whole(absences.get("count") or 0),
                "absent_right": interval(absences.get("accuracy")) if absences.get("known") else "",
            }
        )
    student = [
        {
            "label": str(row["label"]),
            "hue": hue(str(row["label"]), labels),
            "gold": whole(row.get("gold")),
            "said": whole(row.get("said")),
            **{name: interval(row.get(name)) for name in ("precision", "recall", "f1", "overlap_f1")},
            "ece": percent(row.get("ece")),
        }
        for row in (metrics["student"].get("test") or {}).get("by_label") or ()
    ]
    return {
        "pool": pool,
        "known": "known" in stage,
        "thresholds": bool(thresholds),
        "why": [
            {
                "label": str(entry.get("label")),
                "hue": hue(str(entry.get("label")), labels),
                "absent": _is_absence(entry),
                "message": str(entry["message"]),
            }
            for entry in calibration.get("thresholds") or ()
            if entry.get("message")
        ],
        "absences": any((row.get("absences") or {}).get("count") for row in stage.get("by_label") or ()),
        "student": student,
    }


def _is_absence(entry: Mapping[str, Any]) -> bool:
    return entry.get("answer") in ("absent", "none", "no", "absence")


def _threshold(entry: Mapping[str, Any]) -> str:
    if entry.get("basis") == "none":
        return "nothing accepted"
    return (
        f"{percent(entry.get('value'))}{'' if entry.get('guaranteed') or not entry.get('target') else ' (not proved)'}"
    )


def span_confusion_view(result: Mapping[str, Any] | None, labels: Sequence[str]) -> View | None:
    """Which labels the student takes for which, which spans it misses, and which it invents."""
    confusion = (result or {}).get("confusion")
    if not confusion or not any(map(sum, confusion["counts"])):
        return None
    names, counts = list(confusion["labels"]), [list(row) for row in confusion["counts"]]
    return {
        "columns": names,
        "hues": [hue(name, labels) for name in names],
        "upright": len(names) > 4 or max(map(len, names)) > 16,
        "rows": [
            {
                "label": name,
                "cells": [
                    {"count": n, "right": j == i, "shade": f"{share(n, sum(row)) or 0:.3f}"} for j, n in enumerate(row)
                ],
                "total": whole(sum(row)),
            }
            for i, (name, row) in enumerate(zip(names, counts, strict=True))
        ],
        "invented": [whole(n) for n in confusion.get("invented") or ()],
    }


def hallucinated_view(stages: Mapping[str, Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> View | None:
    """Quotes that are not in the text: how many, and some of them; None where there are none."""
    found: dict[tuple[str, str], View] = {}
    for row in rows:
        for step in row.get("trail") or ():
            for quote in step.get("hallucinated") or ():
                words = cut(" ".join(str(quote).split()), QUOTE_LIMIT)
                entry = {"id": str(row.get("id")), "quote": words, "rung": str(step.get("rung") or "")}
                found.setdefault((entry["id"], words), entry)
    final = final_stage(stages)[1].get("hallucinated") or {}
    if not found and not final.get("count"):
        return None
    return {
        "count": whole(final.get("count") or 0),
        "quotes": whole(final.get("quotes")),
        "rate": interval(final.get("rate")),
        "records": plural(int(final.get("records") or 0), "text"),
        "total": len(found),
        "rows": list(found.values())[:QUOTES],
    }
