"""What the terminal shows at the end of a run where spans were asked for."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from dualchecker.cli.display_words import STAGES, percent, with_interval

MEASURES = {"strict_f1": "span F1", "overlap_f1": "overlap F1", "exact_match": "texts exactly right"}
"""Scores of a student, as the table calls them."""


def span_table(metrics: Mapping[str, Any]) -> Table:
    """The teacher's spans after each stage."""
    table = Table(
        title=f"Teacher ({metrics['teacher']['name']}) on the {metrics['data']['pool']} pool texts, span by span",
        title_justify="left",
    )
    table.add_column("")
    for head in ("span F1", "overlap F1", "spans kept", "right, of the kept"):
        table.add_column(head, justify="right")
    for name, stage in metrics["teacher"]["stages"].items():
        count = max(stage["count"], 1)
        table.add_row(
            STAGES.get(name, name),
            with_interval(stage.get("strict_f1")),
            with_interval(stage.get("overlap_f1")),
            percent(stage["accepted"] / count),
            with_interval((stage.get("kept") or {}).get("accuracy")),
        )
    return table


def span_remarks(metrics: Mapping[str, Any]) -> list[str]:
    """What else there is to know: invented quotes, texts without an answer, spans that no flat student expresses."""
    lines = []
    stages = list(metrics["teacher"]["stages"].values())
    if stages:
        invented = stages[-1]["hallucinated"]
        if invented["count"]:
            rate = percent(invented["rate"]["value"])
            lines.append(
                f"{invented['count']} of {invented['quotes']} quotes ({rate}) are not in their text: they "
                "were counted, and are no spans."
            )
        if stages[-1]["failed"]:
            lines.append(f"{stages[-1]['failed']} texts have no usable answer; the report says why.")
    unexpressed = metrics["student"].get("unexpressed") or {}
    if any(unexpressed.values()):
        by_label = ", ".join(f"{count} of {label}" for label, count in unexpressed.items() if count)
        lines.append(f"The student's spans cannot overlap: of its training spans it left out {by_label}.")
    test = metrics["student"].get("test") or {}
    left_out = int((test.get("unexpressed") or {}).get("count") or 0)
    if left_out:
        most = percent((test["gold"] - left_out) / test["gold"])
        lines.append(
            f"Human spans overlap in the test texts: a student whose spans cannot finds at most {most} of them."
        )
    return lines
