"""Texts with their spans marked, as the report shows them: examples, and the records left for people."""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any

from dualchecker.evaluation import wording
from dualchecker.evaluation.formats import DASH, cut, known, percent, plural
from dualchecker.evaluation.report_work import RATIONALE_LIMIT

View = dict[str, Any]

EXAMPLES = 8
DOUBTFUL_LIMIT = 50
SHOWN = 900
"""Characters of a text that are shown."""

BEFORE = 120
"""Characters shown before the first span where the text is cut in front of it."""

QUOTE_LIMIT = 160
HUES = 8
"""Colours of the page; with more labels they start again, and the label beside each span tells."""

LANES = 5
"""Lines under a text that can be told apart; deeper nesting shares the last one."""


def marked(text: str, spans: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> View:
    """A text in pieces, cut wherever a span starts or ends, so that nested and crossing spans can be shown.

    Args:
        text: The text.
        spans: ``label``, ``start``, ``end``, and where they are known ``confidence``, ``status``, ``disputed``. What
            is not within the text is left out.
        labels: All labels; their order gives the colours.

    Returns:
        ``pieces``, each with its ``text``, its ``marks`` (the spans it is in, from the widest to the narrowest: css
        classes and a title), its ``tags`` (those that end with it, the narrowest first) and ``through`` (those that go
        on behind the tags); ``before`` and ``after``: whether the text goes on there; ``unseen``: how many spans lie
        outside of what is shown.
    """
    inside = [span for span in spans if _is_place(span.get("start"), span.get("end"), len(text))]
    ordered = sorted(inside, key=lambda s: (s["start"], -s["end"], str(s.get("label"))))
    first = 0
    if ordered and len(text) > SHOWN and min(span["end"] for span in ordered) > SHOWN:
        first = max(0, ordered[0]["start"] - BEFORE)
    last = min(len(text), first + SHOWN)
    shown = [span for span in ordered if span["start"] < last and span["end"] > first]
    lanes = _lanes(shown)
    marks = [_mark(span, lane, labels) for span, lane in zip(shown, lanes, strict=True)]
    edges = {first, last} | {edge for span in shown for edge in (span["start"], span["end"]) if first < edge < last}
    cuts = sorted(edges)
    pieces = []
    for start, end in pairwise(cuts):
        here = [number for number, span in enumerate(shown) if span["start"] <= start and span["end"] >= end]
        here.sort(key=lambda number: -lanes[number])
        ending = [number for number in here if min(shown[number]["end"], last) == end]
        pieces.append(
            {
                "text": text[start:end],
                "marks": [marks[number] for number in here],
                "tags": [marks[number] for number in reversed(ending)],
                "through": [marks[number] for number in here if number not in ending] if ending else [],
            }
        )
    return {
        "pieces": pieces,
        "before": first > 0,
        "after": last < len(text),
        "unseen": len(ordered) - len(shown),
    }


def _is_place(start: Any, end: Any, size: int) -> bool:
    return isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= size


def _lanes(spans: Sequence[Mapping[str, Any]]) -> list[int]:
    """A line under the text for each span: no two overlapping spans share one, and what holds another lies lower."""
    lanes = [0] * len(spans)
    placed: list[int] = []
    for number in sorted(range(len(spans)), key=lambda n: (spans[n]["end"] - spans[n]["start"], -n)):
        mine = spans[number]
        taken = {lanes[o] for o in placed if spans[o]["start"] < mine["end"] and mine["start"] < spans[o]["end"]}
        lanes[number] = max(taken, default=-1) + 1
        placed.append(number)
    return lanes


def _mark(span: Mapping[str, Any], lane: int, labels: Sequence[str]) -> View:
    label, confidence = str(span.get("label")), known(span.get("confidence"))
    is_open = span.get("status") not in (None, "accepted")
    state = "disputed" if span.get("disputed") else "left open" if is_open else "accepted" if span.get("status") else ""
    says = [label, f"{percent(confidence)} sure" if confidence is not None else "", state]
    return {
        "label": label,
        "hue": hue(label, labels),
        "open": is_open,
        "lane": min(lane, LANES - 1),
        "title": ", ".join(part for part in says if part),
    }


def hue(label: str, labels: Sequence[str]) -> str:
    """CSS class with the colour of a label."""
    return f"hue{list(labels).index(label) % HUES if label in labels else HUES - 1}"


def legend_view(labels: Sequence[str]) -> list[tuple[str, str]]:
    """Label and class of each label."""
    return [(label, hue(label, labels)) for label in labels]


def examples_view(rows: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> list[View]:
    """Some accepted records with spans, spread over the pool, so that no one has picked them."""
    fit = [row for row in rows if row.get("status") == "accepted" and row.get("spans") and not _is_disputed(row)]
    step = max(1, len(fit) / EXAMPLES)
    picked = [fit[int(number * step)] for number in range(min(EXAMPLES, len(fit)))]
    return [{"id": str(row.get("id")), **_text(row, labels)} for row in picked]


def doubtful_spans_view(
    rows: Sequence[Mapping[str, Any]],
    labels: Sequence[str],
    teacher: str,
    closed: Collection[tuple[str, bool]] = (),
) -> View:
    """Records for people: disputed ones first, then the least sure.

    Args:
        rows: Of ``labels.jsonl``.
        labels: All of the task.
        teacher: Its name.
        closed: Labels, each with whether their absence is meant, of which nothing at all is accepted.
    """
    doubtful = [row for row in rows if row.get("status") != "accepted" or _is_disputed(row)]
    doubtful.sort(key=lambda row: (not _is_disputed(row), _least(row)))
    open_spans = sum(len(_open(row)) for row in doubtful)
    return {
        "total": len(doubtful),
        "open": plural(open_spans, "span or missing label", "spans and missing labels"),
        "disputed": sum(map(_is_disputed, doubtful)),
        "rows": [_doubt(row, labels, teacher, closed) for row in doubtful[:DOUBTFUL_LIMIT]],
    }


def _all(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*(row.get("spans") or ()), *(row.get("absent") or ())]


def _is_disputed(row: Mapping[str, Any]) -> bool:
    return bool(row.get("disputed")) or any(one.get("disputed") for one in _all(row))


def _open(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for one in _all(row) if one.get("status") != "accepted" or one.get("disputed")]


def _least(row: Mapping[str, Any]) -> float:
    return min((known(one.get("confidence")) or 0.0 for one in _open(row)), default=0.0)


def _text(row: Mapping[str, Any], labels: Sequence[str]) -> View:
    quotes = row.get("hallucinated")
    if row.get("status") == "failed" and not quotes and row.get("trail"):
        quotes = row["trail"][-1].get("hallucinated")
    return {
        "text": marked(str(row.get("text") or ""), row.get("spans") or (), labels),
        "hallucinated": _quotes(quotes),
    }


def _quotes(quotes: Any) -> list[str]:
    return [cut(" ".join(str(quote).split()), QUOTE_LIMIT) for quote in quotes or ()]


def _doubt(row: Mapping[str, Any], labels: Sequence[str], teacher: str, closed: Collection[tuple[str, bool]]) -> View:
    accepted = sum(one.get("status") == "accepted" for one in row.get("spans") or ())
    reason = str(row.get("reason") or "")
    text = str(row.get("text") or "")
    return {
        "id": str(row.get("id")),
        **_text(row, labels),
        "failed": row.get("status") == "failed",
        "reason": reason,
        "meaning": _meaning(reason),
        "disputed": _is_disputed(row),
        "accepted": accepted,
        "open": [_part(one, labels, reason, closed) for one in _open(row)],
        "rationale": cut(str(row.get("rationale") or "").strip(), RATIONALE_LIMIT),
        "trail": [_step(answer, text, labels, teacher) for answer in row.get("trail") or ()],
    }


def _part(one: Mapping[str, Any], labels: Sequence[str], reason: str, closed: Collection[tuple[str, bool]]) -> View:
    absent = one.get("start") is None
    label, own = str(one.get("label")), str(one.get("reason") or "")
    said = "disputed" if one.get("disputed") else own or reason or "unsure"
    return {
        "label": label,
        "hue": hue(label, labels),
        "absent": absent,
        "sure": percent(one.get("confidence")),
        "reason": said,
        "meaning": _NOTHING if said == "unsure" and (label, absent) in closed else _meaning(said),
    }


def _meaning(reason: str) -> str:
    return _REASONS.get(reason) or wording.OUTCOMES.get(reason) or wording.REASONS.get(reason, "")


_NOTHING = "nothing of its kind is accepted, see label by label"
_REASONS = {
    "unsure": "under the threshold",
    "disputed": "a student that has not seen the text contradicts it",
}


def _step(answer: Mapping[str, Any], text: str, labels: Sequence[str], teacher: str) -> View:
    outcome = str(answer.get("outcome") or "")
    return {
        "rung": answer.get("rung") or DASH,
        "teacher": answer.get("teacher") if answer.get("teacher") != teacher else "",
        "spans": [
            {"label": str(span.get("label")), "hue": hue(str(span.get("label")), labels), "quote": _quote(span, text)}
            for span in answer.get("spans") or ()
        ],
        "hallucinated": _quotes(answer.get("hallucinated")),
        "ok": outcome == "ok",
        "outcome": outcome,
        "meaning": "" if outcome == "ok" else wording.OUTCOMES.get(outcome, ""),
        "stated": percent(answer.get("stated")),
        "key": str(answer.get("request_key") or "")[:12],
        "notes": [wording.NOTES.get(note, note) for note in answer.get("notes") or ()],
    }


def _quote(span: Mapping[str, Any], text: str) -> str:
    start, end = span.get("start"), span.get("end")
    quote = span.get("quote") or (text[start:end] if _is_place(start, end, len(text)) else "")
    return cut(" ".join(str(quote).split()), QUOTE_LIMIT)
