"""What the report says where it looks closer: slices, and accepted labels that look wrong."""

from collections.abc import Mapping, Sequence
from typing import Any

from dualchecker.evaluation.formats import (
    DASH,
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

View = dict[str, Any]

SHOWN = 10
"""Slices in a table beside the marked ones."""

TEXT_LIMIT = 200

_TITLES = {"pool": "Labels of the pool", "test": "Student on the test set"}


def slices_view(slices: Mapping[str, Mapping[str, Any]] | None) -> list[View]:
    """One table for each set of records that was judged; those without a slice that is large enough are left out."""
    return [_slices(name, found) for name, found in (slices or {}).items() if found.get("looked_at")]


def _slices(name: str, found: Mapping[str, Any]) -> View:
    rows = list(found.get("rows") or ())
    marked = [row for row in rows if row.get("marked")]
    shown = [row for number, row in enumerate(rows) if number < SHOWN or row in marked]
    total = int(found["looked_at"])
    looked = f"{plural(total, 'slice')} of {found.get('least')} or more records"
    verdict = (
        f"{plural(int(found['marked']), 'differs', 'differ')} from the rest by more than chance explains"
        if found.get("marked")
        else "none differs from the rest by more than chance explains: read the order below as noise"
    )
    rest = f" Here are {len(shown)}; metrics.json holds {len(rows)}." if len(rows) > len(shown) else ""
    return {
        "title": _TITLES.get(name, name),
        "summary": f"{percent(found.get('overall'))} of all {whole(found.get('count'))} are right. "
        f"Of {looked}, {verdict}.{rest}",
        "accepts": any(known(row.get("accepted")) is not None for row in shown),
        "rows": [
            {
                "column": str(row.get("column")),
                "value": str(row.get("value")),
                "also": [str(name) for name in row.get("also") or ()],
                "count": whole(row.get("count")),
                "accuracy": interval(row.get("accuracy")),
                "macro_f1": interval(row.get("macro_f1")),
                "ece": interval(row.get("ece")),
                "accepted": percent(row.get("accepted")),
                "marked": row.get("marked") if row.get("marked") in ("worse", "better") else None,
                "p": _p(row.get("p")),
            }
            for row in shown
        ],
    }


def _p(value: Any) -> str:
    number = known(value)
    return DASH if number is None else "< 0.001" if number < 0.001 else f"{number:.3f}"


def noise_view(noise: Mapping[str, Any] | None, labels: Sequence[Mapping[str, Any]]) -> View | None:
    """Both ways side by side, what the comparison allows to say, and the suspicious labels with their texts."""
    if not noise:
        return None
    wrong, judged = noise.get("wrong") or {}, noise.get("known") or {}
    texts = {str(row.get("id")): " ".join(str(row.get("text") or "").split()) for row in labels}
    fact = f"of {whole(judged.get('count'))} with a human label, {whole(judged.get('wrong'))} are" if judged else ""
    rows = [
        ("Expected to be wrong", fact or "of the accepted labels", *(decimal(wrong.get(n), 1) for n in _WAYS)),
        ("Flagged", "contradicted by a sure student", whole(noise.get("flagged")), DASH),
    ]
    if judged:
        top, auroc = judged.get("top") or {}, judged.get("auroc") or {}
        rows += [
            (
                f"Wrong among the {whole(top.get('count'))} most suspicious",
                f"of all: {percent(share(judged.get('wrong'), judged.get('count')))}",
                *(interval(top.get(n)) for n in _WAYS),
            ),
            ("AUROC", "for finding wrong labels; 0.5 is a coin", *(decimal_interval(auroc.get(n)) for n in _WAYS)),
        ]
    suspects = [
        {
            "id": str(row.get("id")),
            "text": cut(texts.get(str(row.get("id")), ""), TEXT_LIMIT),
            "label": str(row.get("label")),
            "suggested": str(row.get("suggested")),
            "margin": decimal(row.get("margin"), 2),
            "confidence": percent(row.get("confidence")),
        }
        for row in noise.get("suspects") or ()
    ]
    flagged = int(noise.get("flagged") or 0)
    return {
        "checked": whole(noise.get("checked")),
        "known": bool(judged),
        "rows": rows,
        "reading": _reading(judged),
        "suspects": suspects,
        "title": f"The {plural(flagged, 'suspicious label')}"
        if flagged == len(suspects)
        else f"The {len(suspects)} most suspicious of {flagged} labels",
    }


_WAYS = ("learning", "confidence")


def _reading(judged: Mapping[str, Any]) -> str:
    """One sentence on which way finds wrong labels better, which promises no more than the interval holds."""
    difference = judged.get("difference") or {}
    low, high = known(difference.get("low")), known(difference.get("high"))
    if low is None or high is None:
        return ""
    spread = f"(difference in AUROC {decimal(difference.get('value'))}, 95 % interval {low:.3f} to {high:.3f})".replace(
        "-", "\N{MINUS SIGN}"
    )
    if low <= 0 <= high:
        return f"Which of the two finds wrong labels better cannot be told from these records {spread}."
    better = "Confident learning" if low > 0 else "The run's confidence"
    return f"{better} finds wrong labels better on these records {spread}."
