"""Tasks of Label Studio: its JSON export, and files that it imports.

Offsets there count Unicode code points, as here. Found in its sources and threads, not tried against a server: the
tests of its editor expect "test" at 21 to 25 of "🐱 Warning: This is a test text", which it is in code points alone,
since a change ("Store code points instead of js length", HumanSignal/label-studio#1559) that settled reports of wrong
places behind emoji. Projects annotated before that, about the end of 2021, count UTF-16 code units, and in 2024 some
versions were wrong again (#6135). So where the words that a mark stores (``value.text``) do not stand at its offsets,
the offsets are read as UTF-16, and refused if that does not fit either. Its documentation says that CR and LF count one
each.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dualchecker.data.spans.offsets import checked, utf16_places
from dualchecker.errors import DataError
from dualchecker.records import Span

_WHERE = {"from_name": "label", "to_name": "text", "type": "labels"}
"""Names in Label Studio's own template for named entities; a project with others must have them renamed."""

_NO_TEXT = ("hypertextlabels", "paragraphlabels", "timeserieslabels", "ocrlabels")


def is_task(row: Mapping[str, Any]) -> bool:
    """Whether a row has the shape of a task with annotations or predictions."""
    return isinstance(row.get("data"), Mapping) and any(k in row for k in ("annotations", "completions", "predictions"))


def read_task(
    task: Mapping[str, Any], text: str, where: str, notes: Counter[str] | None = None, *, predictions: bool = False
) -> list[Span] | None:
    """The spans that people marked in a task, in the order given; None where nobody has annotated it.

    Of several annotations the one marked as ground truth is taken, else the last that was changed. Skipped ones do not
    count. What is no mark in a text (choices, relations) is passed over.

    Args:
        task: The task.
        text: Its text.
        where: Names it in errors.
        notes: Takes the count of peculiarities: ``annotated_twice``, ``utf16_offsets``.
        predictions: Read the predictions of a model in place of what people marked.

    Raises:
        DataError: A mark is in HTML or in a dialogue, or not in the text, or without a label.
    """
    notes = Counter() if notes is None else notes
    given = task.get("predictions") if predictions else task.get("annotations", task.get("completions"))
    done = [one for one in _objects(given, f"{where}: its annotations") if not one.get("was_cancelled")]
    if not done:
        return None
    if len(done) > 1:
        notes["annotated_twice"] += 1
    chosen = max(done, key=lambda one: (bool(one.get("ground_truth")), str(one.get("updated_at") or "")))
    spans: list[Span] = []
    for number, mark in enumerate(_objects(chosen.get("result"), f"{where}: its results"), 1):
        value = mark.get("value")
        if not isinstance(value, Mapping):
            continue
        strange = next((name for name in _NO_TEXT if name in value), None)
        if strange is not None:
            raise DataError(
                f"{where}, mark {number}, is of the kind {strange}.",
                why="Its offsets are not those of a plain text.",
                fix="Annotate plain texts (<Text> and <Labels>).",
            )
        if "labels" in value or mark.get("type") == "labels":
            spans += _marked(text, value, f"{where}, mark {number}", notes)
    return spans


def _objects(value: Any, what: str) -> list[Mapping[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        raise DataError(f"{what} are no list of objects.", fix="Export the project as JSON, with its annotations.")
    return value


def _marked(text: str, value: Mapping[str, Any], at: str, notes: Counter[str]) -> list[Span]:
    labels = value.get("labels") or ()
    if not labels or not isinstance(labels, list):
        raise DataError(f"{at} has no label.", fix="Give it one in Label Studio, or remove it there.")
    start, end = (_number(value.get(name)) for name in ("start", "end"))
    quote = value.get("text")
    # The editor has stored broken characters where a mark cuts an emoji; such words prove nothing.
    quote = quote if isinstance(quote, str) and quote and not any(c == "\ufffd" or _half(c) for c in quote) else None
    try:
        return [checked(text, start, end, str(label), at, quote) for label in labels]
    except DataError:
        if quote is None or not isinstance(start, int) or not isinstance(end, int):
            raise
        place = utf16_places(text, start, end)
        if place is None or text[place[0] : place[1]] != quote:
            raise
    notes["utf16_offsets"] += 1
    return [checked(text, *place, str(label), at, quote) for label in labels]


def _number(value: Any) -> Any:
    """Offsets may be text; more digits than any text has characters stay text, and are refused as such."""
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 16 else value


def _half(char: str) -> bool:
    return "\ud800" <= char <= "\udfff"


def write_task(
    data: Mapping[str, Any],
    spans: Sequence[Span],
    scores: Sequence[float | None] | None = None,
    *,
    predictions: bool = True,
    model: str = "dualchecker",
) -> dict[str, Any]:
    """A task to import: the spans as predictions, which people then correct, or as annotations.

    Args:
        data: What the task holds; its ``text`` is the text.
        spans: The spans.
        scores: How sure each is, aligned with ``spans``; only predictions carry it.
        predictions: Annotations if False.
        model: Name of the predictions' model version.
    """
    text = str(data["text"])
    result: list[dict[str, Any]] = []
    for number, span in enumerate(spans):
        score = scores[number] if scores is not None and predictions else None
        value = {"start": span.start, "end": span.end, "text": text[span.start : span.end], "labels": [span.label]}
        sure = {} if score is None else {"score": score}
        result.append({"id": f"s{number}", **_WHERE, **sure, "value": value})
    if not predictions:
        return {"data": dict(data), "annotations": [{"result": result}]}
    known = [score for score in scores or () if score is not None]
    # Label Studio sorts tasks by this: as sure as the least sure span.
    overall = {"score": min(known)} if known else {}
    return {"data": dict(data), "predictions": [{"model_version": model, **overall, "result": result}]}
