"""What the report says about quality: teacher, student, confidence, confusions; plain values for the template."""

from collections.abc import Mapping, Sequence
from typing import Any

from dualchecker.evaluation import wording
from dualchecker.evaluation.charts import coverage_chart, reliability_chart, whisker_chart
from dualchecker.evaluation.formats import (
    DASH,
    decimal,
    decimal_interval,
    interval,
    known,
    percent,
    plural,
    share,
    whole,
)

View = dict[str, Any]

MATRIX_LIMIT = 15
"""With more labels than this, the most confused pairs stand in place of the matrix."""

PAIR_LIMIT = 20


def total(stage: Mapping[str, Any]) -> int:
    """Number of records of a stage: each has one of the three states."""
    return int(sum(stage.get(name) or 0 for name in ("accepted", "abstained", "failed")))


def unit(stage: Mapping[str, Any]) -> str:
    """What a stage counts: records, or decisions where several labels may apply to one."""
    return "decisions" if "records" in stage else "records"


def judged(result: Mapping[str, Any]) -> int:
    """Number of records whose human label is known."""
    return int(sum(row["count"] for row in result.get("reliability") or ()))


def final_stage(stages: Mapping[str, Mapping[str, Any]]) -> tuple[str, Mapping[str, Any]]:
    """Name and numbers of the stage that the labels of the run come from."""
    name = next((name for name in reversed(list(stages)) if name in wording.STAGES), "")
    return name, stages.get(name, {})


def value_and_range(estimate: Mapping[str, Any] | None) -> View:
    """Value and bounds apart, so that the page can set the value large."""
    value, _, bounds = interval(estimate).partition(" (")
    return {"value": value, "range": f"{bounds.rstrip(')')}" if bounds else ""}


def stages_view(stages: Mapping[str, Mapping[str, Any]], *, panel: bool = False) -> View:
    """The teacher, or the panel of teachers, step by step."""
    words = wording.STAGES | (wording.PANEL_STAGES if panel else {})
    rows = []
    for name, stage in stages.items():
        title, meaning = words.get(name, (name, ""))
        records = total(stage)
        rows.append(
            {
                "title": title,
                "meaning": meaning,
                "accuracy": interval(stage.get("accuracy")),
                "macro_f1": interval(stage.get("macro_f1")),
                "accepted": percent(share(stage.get("accepted"), records)),
                "abstained": percent(share(stage.get("abstained"), records)),
                "failed": percent(share(stage.get("failed"), records)),
                "kept": interval((stage.get("kept") or {}).get("accuracy")),
                "auroc": decimal_interval(stage.get("auroc")),
                "ece": interval(stage.get("ece")),
            }
        )
    last = final_stage(stages)[1]
    return {
        "rows": rows,
        "parts": all(row["title"].startswith("+") for row in rows[1:]),
        "any_failed": any(stage.get("failed") for stage in stages.values()),
        "judged": judged(last),
        "total": total(last),
        "unit": unit(last),
    }


def students_view(student: Mapping[str, Any] | None, references: Mapping[str, Any]) -> View | None:
    """The student beside its references; None without a test set."""
    if not student:
        return None
    results = [(*wording.STUDENTS.get(n, (n, "")), r) for n, r in {"student": student, **references}.items()]
    rows = [
        {
            "title": title,
            "meaning": meaning,
            "accuracy": interval(result.get("accuracy")),
            "macro_f1": interval(result.get("macro_f1")),
            "ece": interval(result.get("ece")),
        }
        for title, meaning, result in results
    ]
    charts = [
        whisker_chart(
            [(title, result.get(key) or {}) for title, _, result in results],
            name=f"students-{key}",
            title=f"{what} on the test set, with 95 % intervals",
            axis=f"{what} on the test set",
        )
        for key, what in (("accuracy", "accuracy"), ("macro_f1", "macro-F1"))
    ]
    return {
        "rows": rows,
        "charts": [chart for chart in charts if chart],
        "count": student.get("count") or judged(student),
        "reading": [reading for name, r in references.items() if (reading := compared(student, name, r))],
    }


def compared(
    student: Mapping[str, Any], name: str, reference: Mapping[str, Any], key: str = "accuracy", what: str = "Accuracy"
) -> str:
    """One sentence on the difference to a reference that promises no more than the intervals hold."""
    mine, other = student.get(key) or {}, reference.get(key) or {}
    ours, theirs = known(mine.get("value")), known(other.get("value"))
    if ours is None or theirs is None:
        return ""
    who = wording.REFERENCES.get(name, name)
    points = round(100 * (ours - theirs), 1)
    if points == 0:
        return f"{what} is the same as with {who}."
    size = "point" if abs(points) == 1 else "points"
    side = f"{what} is {abs(points):.1f} {size} {'above' if points > 0 else 'below'} that with {who}"
    paired = reference.get("difference") or {}
    least, most = known(paired.get("low")), known(paired.get("high"))
    if least is not None and most is not None:
        ends = sorted(100 * (end if points > 0 else -end) for end in (least, most))
        spread = f"(95 % interval of the difference on the same texts: {_signed(ends[0])} to {_signed(ends[1])})"
        hint = "take it as a hint, not as a finding" if least <= 0 <= most else "chance alone hardly explains it"
        return f"{side} {spread}; {hint}."
    bounds = [known(e.get(end)) for e in (mine, other) for end in ("low", "high")]
    if None in bounds:
        return f"{side}."
    low, high, other_low, other_high = (b or 0.0 for b in bounds)
    if low <= other_high and other_low <= high:
        return f"{side}; the intervals overlap, so take it as a hint, not as a finding."
    return f"{side}, and the intervals do not overlap."


def _signed(points: float) -> str:
    """A difference in points with a true minus sign; hyphens in the words beside it stay what they are."""
    return f"{points:.1f}".replace("-", "\N{MINUS SIGN}")


def confidence_view(
    stages: Mapping[str, Mapping[str, Any]],
    student: Mapping[str, Any] | None,
    calibration: Mapping[str, Any],
    what: str = "label",
) -> View:
    """Whether confidence is deserved: of the pool's labels (or ``what`` else is said) and of the student on the test
    set."""
    name, stage = final_stage(stages)
    threshold = calibration.get("threshold") or {}
    records, known_count, kept = total(stage), judged(stage), stage.get("kept") or {}
    at = (share(kept.get("count"), known_count), known((kept.get("accuracy") or {}).get("value")))
    accepted = (at[0], at[1]) if at[0] is not None and at[1] is not None and stage.get("accepted") != records else None
    groups = [
        _curves(
            "pool",
            f"{what.capitalize()}s of the pool {wording.LABELS_AFTER.get(name, '')}",
            stage,
            known(threshold.get("target")),
            accepted,
        ),
        _curves("student", "Student on the test set", student or {}, None, None),
    ]
    fusion = calibration.get("fusion") or {}
    return {
        "what": what,
        "groups": [group for group in groups if group],
        "threshold": _threshold(threshold, calibration, what) if threshold else "",
        "fusion": [(wording.SIGNALS.get(k, k), decimal(v, 2)) for k, v in fusion.items() if k != "intercept"],
        "raw": wording.UNCALIBRATED.get("few_shot" if calibration.get("calibrated") is False else name, ""),
    }


def _curves(
    name: str,
    title: str,
    result: Mapping[str, Any],
    target: float | None,
    accepted: tuple[float, float] | None,
) -> View | None:
    bins, coverage = result.get("reliability") or [], result.get("coverage") or []
    if not bins or not coverage:
        return None
    least, most = min(row["count"] for row in bins), max(row["count"] for row in bins)
    size = whole(least) if least == most else f"{whole(least)}–{whole(most)}"
    return {
        "title": title,
        "dots": f"{plural(len(bins), 'dot')} of {size} answers each",
        "ringed": accepted is not None,
        "reliability": reliability_chart(bins, name=f"{name}-reliability", title=f"{title}: reliability"),
        "coverage": coverage_chart(
            coverage, name=f"{name}-coverage", title=f"{title}: accuracy by coverage", target=target, accepted=accepted
        ),
        "banded": all(known(row.get("low")) is not None for row in coverage),
        "numbers": _numbers(result),
        "bins": [(percent(r["confidence"]), percent(r["right"]), whole(r["count"])) for r in bins],
    }


def _numbers(result: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Name, meaning and value of what is said about a confidence."""
    chance = result.get("ece_by_chance") or {}
    expected = f"; chance alone would give {percent(chance.get('mean'))}, seldom over {percent(chance.get('high'))}"
    rows = [
        ("ECE", f"distance of confidence and correctness{expected if chance else ''}", interval(result.get("ece"))),
        ("AUROC", "chance that a right answer is surer than a wrong one", decimal_interval(result.get("auroc"))),
        ("Brier score", "squared distance to what was right; 0 is perfect", decimal_interval(result.get("brier"))),
        ("Area under the curve", "mean accuracy over all shares kept", interval(result.get("coverage_area"))),
    ]
    kept = result.get("accuracy_at") or {}
    rows += [
        (f"Accuracy of the surest {100 * float(s):.0f}\N{NO-BREAK SPACE}%", "", interval(e)) for s, e in kept.items()
    ]
    return [row for row in rows if row[2] != DASH]


def _threshold(threshold: Mapping[str, Any], calibration: Mapping[str, Any], what: str) -> str:
    if calibration.get("thresholds") and what != "label":
        return f"Each label has a threshold of its own, from which on its {what}s are accepted: see label by label."
    if calibration.get("thresholds"):
        return (
            "Each label has a threshold of its own for “applies” and for “does not”: they stand label by label above."
        )
    answers = plural(int(calibration.get("answers") or 0), "calibration answer")
    if threshold.get("basis") == "none":
        return f"By {answers}, no confidence is enough for what was asked: no {what} is accepted."
    one = f"{'An' if what[0] in 'aeiou' else 'A'} {what}"
    said = f"{one} is accepted from a confidence of {percent(threshold.get('value'))} on"
    if not threshold.get("accepted"):
        return f"{said}; none of {answers} reaches it."
    proof = " (the 95 % lower bound reaches what was asked for)" if threshold.get("guaranteed") else ""
    return (
        f"{said}. On gold, {whole(threshold['accepted'])} of {answers} reach it, "
        f"and {percent(threshold.get('precision'))} of those are right{proof}."
    )


def confusion_view(result: Mapping[str, Any] | None) -> View | None:
    """Which labels the student takes for which; pairs in place of a matrix where there are many labels."""
    confusion = (result or {}).get("confusion")
    if not confusion:
        return None
    labels, counts = list(confusion["labels"]), [list(row) for row in confusion["counts"]]
    columns = [*labels, "no label"] if any(row[-1] for row in counts) else labels
    counts = [row[: len(columns)] for row in counts]
    rights = [row[i] for i, row in enumerate(counts)]
    wrong = sum(map(sum, counts)) - sum(rights)
    view: View = {"labels": len(labels), "wrong": wrong, "matrix": None, "pairs": None}
    if len(labels) > MATRIX_LIMIT:
        view["pairs"] = _pairs(labels, columns, counts)
        return view
    said = [sum(row[i] for row in counts) for i in range(len(labels))]
    view["matrix"] = {
        "columns": columns,
        "upright": len(columns) > 4 or max(map(len, columns)) > 16,
        "rows": [
            {
                "label": label,
                "cells": [
                    {"count": n, "right": j == i, "shade": f"{share(n, sum(row)) or 0:.3f}"} for j, n in enumerate(row)
                ],
                "found": percent(share(rights[i], sum(row))),
            }
            for i, (label, row) in enumerate(zip(labels, counts, strict=True))
        ],
        "precision": [percent(share(r, n)) for r, n in zip(rights, said, strict=True)]
        + [DASH] * (len(columns) - len(labels)),
    }
    return view


def _pairs(labels: Sequence[str], columns: Sequence[str], counts: Sequence[Sequence[int]]) -> list[View]:
    pairs: list[View] = [
        {"truth": label, "said": columns[j], "count": n, "share": percent(share(n, sum(row)))}
        for i, (label, row) in enumerate(zip(labels, counts, strict=True))
        for j, n in enumerate(row)
        if j != i and n
    ]
    return sorted(pairs, key=lambda pair: -pair["count"])[:PAIR_LIMIT]
