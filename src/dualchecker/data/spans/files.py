"""Whole files of texts with spans, in any of the formats."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dualchecker.data.spans.conll import write_conll
from dualchecker.data.spans.gliner import write_gliner
from dualchecker.data.spans.inline import write_inline
from dualchecker.data.spans.label_studio import write_task
from dualchecker.data.spans.offsets import write_offsets
from dualchecker.data.spans.written import Written
from dualchecker.records import Span

SpanFormat = Literal["jsonl", "inline", "conll", "label-studio", "gliner"]
"""``jsonl``: a column ``spans``; ``inline``: JSON lines, tags in the text; the two last ones: a JSON list."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A text as a file has it.

    Attributes:
        id: Its id.
        text: The text.
        spans: Its spans; None where nobody has looked for any.
        scores: How sure each is, where a model found them.
    """

    id: str
    text: str
    spans: tuple[Span, ...] | None
    scores: tuple[float | None, ...] | None = None


@dataclass(frozen=True, slots=True)
class SpanFile:
    """A file to write.

    Attributes:
        content: What goes into it.
        texts: How many texts that are.
        notes: What the format could not express.
    """

    content: str
    texts: int
    notes: tuple[str, ...]


def span_file(texts: Iterable[Marked], form: SpanFormat) -> SpanFile:
    """Texts as one file; ``read_rows`` and ``span_rows`` read all of them again.

    A text without known spans goes into Label Studio's format alone, as a task to be done; elsewhere it would look as
    if it had none. Spans with scores become predictions there, others annotations.

    Raises:
        DataError: A label cannot be written in the format.
    """
    parts: list[Any] = []
    left_out: Counter[str] = Counter()
    trimmed = unknown = 0
    for text in texts:
        if text.spans is None and form != "label-studio":
            unknown += 1
            continue
        written = _write(text, text.spans or (), form)
        parts.append(written.value)
        left_out.update(span.label for span in written.left_out)
        trimmed += written.trimmed
    notes = []
    if unknown:
        notes.append(f"{unknown} texts of which no spans are known are left out.")
    if left_out:
        counts = ", ".join(f"{label} {count}" for label, count in sorted(left_out.items()))
        total = sum(left_out.values())
        notes.append(f"{total} spans overlap another or hold only blanks, which {form} cannot express ({counts}).")
    if trimmed:
        notes.append(f"{trimmed} spans lose the blanks at their edges, which {form} cannot express.")
    return SpanFile(_joined(parts, form), len(parts), tuple(notes))


def _write(text: Marked, spans: Sequence[Span], form: SpanFormat) -> Written[Any]:
    if form == "conll":
        return write_conll(text.id, text.text, spans)
    data = {"id": text.id, "text": text.text}
    if form == "jsonl":
        return Written({**data, "spans": write_offsets(text.text, spans)})
    if form == "inline":
        tagged = write_inline(text.text, spans)
        return Written({"id": text.id, "text": tagged.value}, tagged.left_out)
    if form == "gliner":
        words = write_gliner(text.text, spans)
        return Written({"id": text.id, **words.value}, words.left_out, words.trimmed)
    if text.spans is None:
        return Written({"data": data, "annotations": []})
    return Written(write_task(data, spans, text.scores, predictions=text.scores is not None))


def _joined(parts: Sequence[Any], form: SpanFormat) -> str:
    if form == "conll":
        return "".join(parts)
    if form in ("jsonl", "inline"):
        return json_lines(parts)
    return json.dumps(parts, ensure_ascii=False, indent=1) + "\n"


def json_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    """One row a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
