"""What the report says about the run's work: rounds, requests, failures, and the records left for people."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dualchecker.evaluation import wording
from dualchecker.evaluation.formats import DASH, cut, known, percent, share, whole
from dualchecker.evaluation.report_money import money_view

View = dict[str, Any]

DOUBTFUL_LIMIT = 50
TEXT_LIMIT = 300
RATIONALE_LIMIT = 1500


def work_view(metrics: Mapping[str, Any]) -> View:
    """What the run did and used: rounds, rungs, named failures, gold, requests."""
    teacher, requests = metrics["teacher"], metrics.get("requests") or {}
    attempts = {k: n for k, n in (requests.get("attempt_outcomes") or {}).items() if k != "ok"}
    outcomes, gold = teacher.get("outcomes") or {}, metrics.get("gold_used") or {}
    rungs = wording.RUNGS | (wording.CHAIN_RUNGS if metrics.get("kind") == "reasoning" else {})
    sizes = ("demonstrations", "calibration", "student_training", "test")
    return {
        "rounds": [_round(entry) for entry in teacher.get("rounds") or ()],
        "failed_rationales": teacher.get("failed_rationales") or 0,
        "rungs": _counted(teacher.get("rungs"), rungs, in_order=True),
        "outcomes": _counted(outcomes, wording.OUTCOMES),
        "written": _counted((teacher.get("written") or {}).get("outcomes"), wording.OUTCOMES | wording.WRITTEN),
        "notes": _counted(teacher.get("notes"), wording.OUTCOMES | wording.NOTES, of=sum(outcomes.values())),
        "distributions": [
            (
                name,
                wording.DISTRIBUTIONS.get(name, ""),
                whole(entry["answers"]),
                percent(entry["mean"]),
                percent(entry["most"]),
            )
            for name, entry in (teacher.get("distributions") or {}).items()
        ],
        "attempts": _counted(attempts, wording.OUTCOMES, of=requests.get("attempts")),
        "gold": {name: whole(gold.get(name)) for name in sizes} if gold else None,
        "calibrated": bool(teacher.get("calibration")),
        "cross_fit": gold.get("mode") == "cross_fit",
        "fixed": list(gold.get("fixed_in_template") or ()),
        "purposes": _purposes(requests.get("by_purpose") or {}),
        "money": money_view(metrics),
    }


def _round(entry: Mapping[str, Any]) -> View:
    kept = entry.get("template_kept")
    return {
        "number": entry["number"],
        "labelled": whole(entry.get("labelled")),
        "accepted": whole(entry.get("accepted")),
        "disputed": whole(entry.get("disputed")),
        "settled": whole(entry.get("settled")),
        "student": percent(entry.get("student_accuracy")),
        "teacher": percent(entry.get("calibration_accuracy")),
        "template": "unchanged" if kept is None else "new one kept" if kept else "new one rejected",
    }


def _counted(
    counts: Mapping[str, int] | None,
    meanings: Mapping[str, str],
    *,
    of: int | None = None,
    in_order: bool = False,
) -> list[tuple[str, str, str, str]]:
    """Name, meaning, number and share (``of`` so many, or of all counted).

    The most frequent comes first, or the order is that of the meanings.
    """
    counts = counts or {}
    everything = sum(counts.values()) if of is None else of
    place = {name: number for number, name in enumerate(meanings)}
    ordered = sorted(
        counts.items(), key=lambda item: (place.get(item[0], len(place)) if in_order else 0, -item[1], item[0])
    )
    return [(name, meanings.get(name, ""), whole(n), percent(share(n, everything))) for name, n in ordered]


def _purposes(uses: Mapping[str, int]) -> View:
    """Uses as a table: one row for each purpose, one column for each rung."""
    cells = {tuple(name.rsplit("/", 1)) if "/" in name else (name, ""): count for name, count in uses.items()}
    order = [*wording.RUNGS, *(rung for _, rung in cells)]
    rungs = [rung for rung in dict.fromkeys(order) if any(r == rung for _, r in cells)]
    purposes = [p for p in dict.fromkeys([*wording.PURPOSES, *(p for p, _ in cells)]) if any(p == q for q, _ in cells)]
    rows = [
        {
            "title": wording.PURPOSES.get(purpose, (purpose, ""))[0],
            "meaning": wording.PURPOSES.get(purpose, ("", ""))[1],
            "cells": [whole(cells.get((purpose, rung))) for rung in rungs],
            "total": whole(sum(n for (p, _), n in cells.items() if p == purpose)),
        }
        for purpose in purposes
    ]
    return {"rungs": rungs, "rows": rows}


def doubtful_view(labels: Sequence[Mapping[str, Any]], teacher: str) -> View:
    """Records for people: disputed ones first, then the least sure."""
    doubtful = [row for row in labels if row.get("status") != "accepted" or row.get("disputed")]
    doubtful.sort(key=lambda row: (not row.get("disputed"), known(row.get("confidence")) or 0.0))
    return {
        "total": len(doubtful),
        "disputed": sum(bool(row.get("disputed")) for row in doubtful),
        "rows": [_doubt(row, teacher) for row in doubtful[:DOUBTFUL_LIMIT]],
    }


def _doubt(row: Mapping[str, Any], teacher: str) -> View:
    label, reason = row.get("label"), str(row.get("reason") or "")
    distribution = row.get("distribution") or {}
    rival = max(distribution, key=distribution.__getitem__) if distribution else None
    return {
        "id": str(row.get("id")),
        "text": cut(" ".join(str(row.get("text") or "").split()), TEXT_LIMIT),
        "label": label,
        "rival": rival if rival != label else None,
        "confidence": percent(row.get("confidence")) if label is not None else DASH,
        "reason": reason,
        "meaning": wording.OUTCOMES.get(reason) or wording.REASONS.get(reason, ""),
        "disputed": bool(row.get("disputed")),
        "rationale": cut(str(row.get("rationale") or "").strip(), RATIONALE_LIMIT),
        "key": str(row.get("request_key") or "")[:12],
        "trail": [_step(answer, teacher) for answer in row.get("trail") or ()],
    }


def _step(answer: Mapping[str, Any], teacher: str) -> View:
    outcome = str(answer.get("outcome") or "")
    return {
        "rung": answer.get("rung") or DASH,
        "label": answer.get("label"),
        "outcome": outcome,
        "meaning": "" if outcome == "ok" else wording.OUTCOMES.get(outcome, ""),
        "stated": percent(answer.get("stated")),
        "key": str(answer.get("request_key") or "")[:12],
        "teacher": answer.get("teacher") if answer.get("teacher") != teacher else "",
        "notes": [_note(note, count) for note, count in Counter(answer.get("notes") or ()).items()],
    }


def _note(name: str, count: int) -> str:
    words = wording.NOTES.get(name) or wording.OUTCOMES.get(name, name)
    return words if count == 1 else f"{words} ({count} times)"
