"""What the terminal says at the end of a run where spans are asked for: plain tables and lines."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dualchecker.evaluation.formats import interval, percent, plural, share


@dataclass(frozen=True)
class TextTable:
    """A table of words.

    Attributes:
        title: What it is about.
        columns: Headings; that of the first column is often empty.
        rows: Cells; the first names the row, the others are numbers as text.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def span_tables(metrics: Mapping[str, Any], titles: Mapping[str, str]) -> list[TextTable]:
    """The teacher step by step, and the student with its references; what a run did not have is left out.

    Args:
        metrics: What ``metrics.json`` holds.
        titles: Words for the names of stages and references; a name without any stands as it is.
    """
    teacher, student = metrics["teacher"], metrics["student"]
    tables = []
    if teacher.get("stages"):
        tables.append(
            TextTable(
                f"Teacher ({teacher['name']}) on the {metrics['data']['pool']} pool texts, span by span",
                (
                    "",
                    "strict F1, all",
                    "overlap F1, all",
                    "accepted",
                    "right, of the accepted",
                ),
                tuple(
                    (
                        titles.get(name, name),
                        interval(stage.get("strict_f1")),
                        percent((stage.get("overlap_f1") or {}).get("value")),
                        percent(share(stage.get("accepted"), stage.get("count"))),
                        interval((stage.get("kept") or {}).get("precision")),
                    )
                    for name, stage in teacher["stages"].items()
                ),
            )
        )
    if student.get("test"):
        labels = "checked labels" if metrics.get("method") == "dualchecker" else "labels"
        results = {f"gold + {labels} (this run)": student["test"], **(metrics.get("references") or {})}
        measures = {"strict_f1": "strict F1", "overlap_f1": "overlap F1", "exact_match": "exact match"}
        tables.append(
            TextTable(
                f"Student ({student['kind']}) on the {metrics['data']['test']} test texts",
                ("trained on", *measures.values()),
                tuple(
                    (titles.get(name, name), *(interval(result.get(measure)) for measure in measures))
                    for name, result in results.items()
                ),
            )
        )
    return tables


def span_lines(metrics: Mapping[str, Any]) -> list[str]:
    """What the tables do not say, a sentence each."""
    teacher, student = metrics["teacher"], metrics["student"]
    stages = list((teacher.get("stages") or {}).values())
    lines = []
    if not stages:
        lines.append("No teacher was asked.")
    elif "strict_f1" not in stages[-1]:
        lines.append("The pool carries no human spans, so how many are right is not known; see the report.")
    if stages:
        invented = stages[-1].get("hallucinated") or {}
        if invented.get("count"):
            told = f"{invented['count']} of {plural(invented['quotes'], 'quote')} of the answers kept"
            lines.append(f"{told} ({percent(invented['rate']['value'])}) are not in the text: they were never spans.")
        failed = int(stages[-1].get("failed") or 0)
        if failed:
            lines.append(f"{plural(failed, 'text')} got no usable answer; the report names why.")
    unexpressed = {label: count for label, count in (student.get("unexpressed") or {}).items() if count}
    if unexpressed:
        by_label = ", ".join(f"{label} {count}" for label, count in unexpressed.items())
        lines.append(f"The student's spans cannot overlap: of those that were to teach it, it left out {by_label}.")
    test = student.get("test")
    if not test:
        return [*lines, "No test file was given, so the student is not scored."]
    lines.append("In brackets: 95 % bootstrap intervals over texts.")
    left_out = int((test.get("unexpressed") or {}).get("count") or 0)
    if left_out:
        most = percent(share(test["gold"] - left_out, test["gold"]))
        lines.append(
            f"Human spans overlap in the test set: a student whose spans do not can find {most} of them at best."
        )
    return lines
