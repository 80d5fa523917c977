"""The labels of a finished run in the formats of other tools."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dualchecker.data import read_rows
from dualchecker.data.spans import Written, write_conll, write_gliner, write_inline, write_task
from dualchecker.errors import ConfigError, DataError
from dualchecker.records import Span

Row = Mapping[str, Any]
ExportFormat = Literal["jsonl", "inline", "conll", "label-studio", "gliner"]
ExportStatus = Literal["accepted", "partial", "all"]

_KEPT: dict[str, tuple[str, ...]] = {
    "accepted": ("accepted",),
    "partial": ("accepted", "partial"),
    "all": ("accepted", "partial", "abstained", "failed"),
}


@dataclass(frozen=True)
class Export:
    """What goes into the file.

    Attributes:
        content: The file.
        texts: How many texts are in it.
        notes: What was left out, and why.
    """

    content: str
    texts: int
    notes: tuple[str, ...] = ()


def export_labels(folder: Path, form: ExportFormat, status: ExportStatus = "accepted") -> Export:
    """The labels of a run.

    Args:
        folder: The run's folder.
        form: ``jsonl`` (also for runs that label whole texts); for spans also ``inline`` (JSON lines, tags in the
            text), ``conll``, ``label-studio`` (tasks with predictions, to be corrected by people) and ``gliner``.
        status: ``accepted``: texts of which every label is trusted. ``partial``: also the trusted labels of texts in
            which others are open; what is open then looks as if it were none. ``all``: whatever was answered.

    Raises:
        DataError: There is no finished run, its labels are damaged, or none of them has the status.
        ConfigError: The format is one for spans, and the run labels whole texts.
    """
    file = folder / "labels.jsonl"
    if not file.is_file():
        raise DataError(f"{folder} holds no finished run.", fix="Finish it first: dualchecker run RUN_FILE")
    rows = [row for _, row in read_rows(file)]
    spans = any("spans" in row for row in rows)
    if not spans and form != "jsonl":
        raise ConfigError(
            f"The format {form} is for spans.",
            why=f"The run in {folder} labels whole texts.",
            fix="Use --format jsonl.",
        )
    states = Counter(str(row.get("status")) for row in rows)
    chosen = [row for row in rows if row.get("status") in _KEPT[status]]
    if not chosen:
        counts = ", ".join(f"{name} {count}" for name, count in states.items())
        raise DataError(f"No text of {folder} is {status}.", why=f"There are: {counts}.", fix="Try --status all.")
    notes = []
    out = {name: count for name, count in states.items() if name not in _KEPT[status]}
    if out:
        listed = ", ".join(f"{count} {name}" for name, count in out.items())
        notes.append(f"{listed} of {len(rows)} texts are left out; --status all writes them too.")
    try:
        if form == "jsonl":
            lines = [_plain(row, status) if spans else _whole(row) for row in chosen]
            return Export(_json_lines(lines), len(lines), tuple(notes))
        return _formatted(chosen, form, status, notes)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{file} is damaged.", why=f"{type(error).__name__}: {error}", fix="Run again.") from error


def _said(row: Row, status: ExportStatus, name: str = "spans") -> list[dict[str, Any]]:
    """The spans of a row that are wanted; with ``absent`` the labels that have none."""
    return [one for one in row.get(name) or () if status == "all" or one["status"] == "accepted"]


def _plain(row: Row, status: ExportStatus) -> dict[str, Any]:
    """A row that ``data.gold`` could read again, with what is known about each span."""
    wanted = ("start", "end", "label", "quote", "confidence", "status")
    return {
        "id": row["id"],
        "text": row["text"],
        "status": row["status"],
        "spans": [{name: one.get(name) for name in wanted} for one in _said(row, status)],
        "absent": _said(row, status, "absent"),
    }


def _whole(row: Row) -> dict[str, Any]:
    """A row of a run that labels whole texts."""
    names = ("id", "labels", "doubtful", "status", "text") if "labels" in row else ("id", "label", "confidence")
    return {name: row.get(name) for name in dict.fromkeys((*names, "status", "text"))}


def _formatted(rows: Sequence[Row], form: ExportFormat, status: ExportStatus, notes: list[str]) -> Export:
    parts: list[Any] = []
    left_out: Counter[str] = Counter()
    trimmed = unanswered = 0
    for row in rows:
        if row["status"] == "failed" and form != "label-studio":
            unanswered += 1  # nothing is known of it, which these formats would tell as: there is no span
            continue
        said = {
            Span(int(one["start"]), int(one["end"]), one["label"]): one.get("confidence") for one in _said(row, status)
        }
        spans = sorted(said)
        written: Written[Any]
        if form == "label-studio":
            data = {"id": row["id"], "text": row["text"]}
            task = write_task(data, spans, [said[span] for span in spans])
            written = Written({"data": data} if row["status"] == "failed" else task)
        elif form == "inline":
            written = write_inline(row["text"], spans)
            written = Written({"id": row["id"], "text": written.value}, written.left_out)
        elif form == "gliner":
            written = write_gliner(row["text"], spans)
            written = Written({"id": row["id"], **written.value}, written.left_out, written.trimmed)
        else:
            written = write_conll(str(row["id"]), row["text"], spans)
        parts.append(written.value)
        left_out.update(span.label for span in written.left_out)
        trimmed += written.trimmed
    if unanswered:
        notes.append(f"{unanswered} texts that were never answered usably are left out.")
    if left_out:
        counts = ", ".join(f"{label} {count}" for label, count in sorted(left_out.items()))
        notes.append(f"{sum(left_out.values())} spans overlap another in a way that {form} cannot express ({counts}).")
    if trimmed:
        notes.append(f"{trimmed} spans lose the blanks at their edges, which {form} cannot express.")
    if form == "conll":
        content = "".join(parts)
    elif form == "inline":
        content = _json_lines(parts)
    else:
        content = json.dumps(parts, ensure_ascii=False, indent=1) + "\n"
    return Export(content, len(parts), tuple(notes))


def _json_lines(rows: Sequence[Row]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
