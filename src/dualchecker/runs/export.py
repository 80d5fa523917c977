"""The labels of a finished run in the formats of other tools."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from dualchecker.data import read_rows
from dualchecker.data.spans import Marked, SpanFile, SpanFormat, json_lines, span_file
from dualchecker.errors import ConfigError, DataError
from dualchecker.records import Span

Row = Mapping[str, Any]
ExportStatus = Literal["accepted", "partial", "all"]

_KEPT: dict[str, tuple[str, ...]] = {
    "accepted": ("accepted",),
    "partial": ("accepted", "partial"),
    "all": ("accepted", "partial", "abstained", "failed"),
}


def export_labels(folder: Path, form: SpanFormat, status: ExportStatus = "accepted") -> SpanFile:
    """The labels of a run.

    Args:
        folder: The run's folder.
        form: ``jsonl`` (also for runs that label whole texts or answer questions); for spans also ``inline`` (JSON
            lines, tags in the text), ``conll``, ``label-studio`` (tasks with predictions, to be corrected by people)
            and ``gliner``.
        status: ``accepted``: texts of which every label is trusted. ``partial``: also the trusted labels of texts in
            which others are open; what is open then looks as if it were none. ``all``: whatever was answered.

    Raises:
        DataError: There is no finished run, its labels are damaged, or none of them has the status.
        ConfigError: The format is one for spans, and the run labels whole texts or answers questions.
    """
    file = folder / "labels.jsonl"
    if not file.is_file():
        raise DataError(f"{folder} holds no finished run.", fix="Finish it first: dualchecker run RUN_FILE")
    rows = [row for _, row in read_rows(file)]
    spans = any("spans" in row for row in rows)
    if not spans and form != "jsonl":
        does = "answers questions" if any("chains" in row for row in rows) else "labels whole texts"
        raise ConfigError(
            f"The format {form} is for spans.",
            why=f"The run in {folder} {does}.",
            fix="Use --format jsonl.",
        )
    states = Counter(str(row.get("status")) for row in rows)
    chosen = [row for row in rows if row.get("status") in _KEPT[status]]
    if not chosen:
        counts = ", ".join(f"{name} {count}" for name, count in states.items())
        fix = "Try --status partial, or all." if status == "accepted" and states["partial"] else "Try --status all."
        raise DataError(f"No text of {folder} is {status}.", why=f"There are: {counts}.", fix=fix)
    notes = []
    out = {name: count for name, count in states.items() if name not in _KEPT[status]}
    if out:
        listed = ", ".join(f"{count} {name}" for name, count in out.items())
        notes.append(f"{listed} of {len(rows)} texts are left out; --status all writes them too.")
    try:
        if form == "jsonl":
            lines = [_plain(row, status) if spans else _whole(row) for row in chosen]
            return SpanFile(json_lines(lines), len(lines), tuple(notes))
        made = span_file((_marked(row, status) for row in chosen), form)
        return SpanFile(made.content, made.texts, (*notes, *made.notes))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{file} is damaged.", why=f"{type(error).__name__}: {error}", fix="Run again.") from error


def _said(row: Row, status: ExportStatus, name: str = "spans") -> list[dict[str, Any]]:
    """The spans of a row that are wanted; with ``absent`` the labels that have none."""
    return [one for one in row.get(name) or () if status == "all" or one["status"] == "accepted"]


def _plain(row: Row, status: ExportStatus) -> dict[str, Any]:
    """A row that ``data.gold`` could read again, with what is known about each span.

    Of a text that was never answered usably no spans are known, which is null and not an empty list.
    """
    wanted = ("start", "end", "label", "quote", "confidence", "status")
    return {
        "id": row["id"],
        "text": row["text"],
        "status": row["status"],
        "spans": None
        if row["status"] == "failed"
        else [{name: one.get(name) for name in wanted} for one in _said(row, status)],
        "absent": _said(row, status, "absent"),
    }


def _whole(row: Row) -> dict[str, Any]:
    """A row of a run that labels whole texts, or answers questions: then with the chains that are taught."""
    names = ("id", "labels", "doubtful", "status", "text") if "labels" in row else ("id", "label", "confidence")
    found = {name: row.get(name) for name in dict.fromkeys((*names, "status", "text"))}
    if "chains" not in row:
        return found
    kept = [chain["rationale"] for chain in row["chains"] or () if not chain.get("rejected") and chain["rationale"]]
    return {**found, "choices": row.get("choices"), "chains": kept}


def _marked(row: Row, status: ExportStatus) -> Marked:
    """A row's spans; of a text that was never answered usably none are known."""
    if row["status"] == "failed":
        return Marked(str(row["id"]), row["text"], None)
    said = {Span(int(s["start"]), int(s["end"]), s["label"]): s.get("confidence") for s in _said(row, status)}
    spans = tuple(sorted(said))
    return Marked(str(row["id"]), row["text"], spans, tuple(said[span] for span in spans))
