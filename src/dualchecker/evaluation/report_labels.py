"""What the report says where several labels may apply: whole label sets, and label by label."""

from collections.abc import Mapping, Sequence
from typing import Any

from dualchecker.evaluation import wording
from dualchecker.evaluation.formats import decimal, interval, percent, share, whole
from dualchecker.evaluation.report_quality import View, final_stage

NO = "does not apply"
YES = "applies"


def label_sets_view(metrics: Mapping[str, Any]) -> View | None:
    """Label sets and single labels; None where one label is chosen."""
    if not metrics.get("multiple"):
        return None
    teacher, student = metrics["teacher"], metrics["student"].get("test") or {}
    stage = final_stage(teacher.get("stages") or {})[1]
    chosen = (teacher.get("calibration") or {}).get("thresholds") or ()
    thresholds = {(entry["label"], entry["answer"]): entry for entry in chosen}
    on_test = {row["label"]: row for row in student.get("by_label") or ()}
    results = [("Labels of the pool", stage), ("Student of this run", student)]
    references = metrics.get("references") or {}
    results += [(wording.STUDENTS.get(name, (name, ""))[0], result) for name, result in references.items()]
    return {
        "labels": len(metrics["labels"]),
        "sets": [_set(title, result) for title, result in results if result.get("micro_f1")],
        "pool": [_pool(row, thresholds) for row in stage.get("by_label") or ()],
        "known": "micro_f1" in stage,
        "student": [_student(label, on_test[label]) for label in metrics["labels"] if label in on_test],
    }


def _set(title: str, result: Mapping[str, Any]) -> View:
    names = ("micro_f1", "macro_f1", "exact_match", "accuracy")
    return {"title": title, **{name: interval(result.get(name)) for name in names}}


def _pool(row: Mapping[str, Any], thresholds: Mapping[tuple[str, str], Mapping[str, Any]]) -> View:
    kept, label = row.get("kept") or {}, row["label"]
    total = sum(row.get(name) or 0 for name in ("accepted", "abstained", "failed"))
    return {
        "label": label,
        "accepted": percent(share(row.get("accepted"), total)),
        "abstained": percent(share((row.get("abstained") or 0) + (row.get("failed") or 0), total)),
        "yes": _threshold(thresholds.get((label, "yes"))),
        "no": _threshold(thresholds.get((label, "no"))),
        "kept": percent(kept.get("accuracy")),
        "said": whole(kept.get("said")),
        "precision": percent(kept.get("precision")),
        "f1": interval(row.get("f1")),
        "auroc": decimal(row.get("auroc")),
    }


def _threshold(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return "not seen on gold"
    if entry.get("basis") == "none":
        return "nothing accepted"
    return f"{percent(entry['value'])}{'' if entry.get('guaranteed') or not entry.get('target') else ' (not proved)'}"


def _student(label: str, row: Mapping[str, Any]) -> View:
    return {
        "label": label,
        "applies": whole(row.get("applies")),
        "precision": percent(row.get("precision")),
        "recall": percent(row.get("recall")),
        "f1": interval(row.get("f1")),
        "ece": percent(row.get("ece")),
    }


def decision_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of ``labels.jsonl`` decision by decision, as the list of doubtful records takes them."""
    found = []
    for row in rows:
        for label, part in row["decisions"].items():
            said = _said(part.get("applies"))
            chance = part.get("probability")
            found.append(
                {
                    **part,
                    "id": f"{row['id']}: {label}",
                    "label": said,
                    "text": row.get("text"),
                    "distribution": None if chance is None else {YES: chance, NO: 1 - chance},
                    "trail": [{**step, "label": _said(step.get("applies"))} for step in part.get("trail") or ()],
                }
            )
    return found


def _said(applies: bool | None) -> str | None:
    return None if applies is None else YES if applies else NO
