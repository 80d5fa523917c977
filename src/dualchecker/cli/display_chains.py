"""What the terminal shows at the end of a run where questions are answered by reasoning."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from dualchecker.cli.display_words import CHAIN_STAGES, STAGES, decimal, percent, with_interval

COLUMNS = ("by vote", "at once", "surest 80 %", "verdicts, AUROC")
"""Scores of a student, as the table calls them."""

REJECTED = {
    "other_answer": "arrive at another answer",
    "unsound": "have a calculation that does not hold",
    "called_wrong": "are called wrong by the teacher itself",
    "student_doubts": "are doubted by the student checker",
    "empty_chain": "have no words",
}
"""Why chains are not taught."""


def student_cells(result: Mapping[str, Any]) -> list[str]:
    """The scores of a student, in the order of ``COLUMNS``."""
    auroc = result.get("verdict_auroc")
    return [
        with_interval(result.get("accuracy")),
        with_interval(result.get("direct_accuracy")),
        with_interval((result.get("accuracy_at") or {}).get("0.8")),
        decimal(auroc["value"]) if auroc else "–",
    ]


def chain_table(metrics: Mapping[str, Any]) -> Table:
    """The teacher's answers after each stage."""
    table = Table(
        title=f"Teacher ({metrics['teacher']['name']}) on the {metrics['data']['pool']} pool questions",
        title_justify="left",
    )
    table.add_column("")
    for head in ("right, of all", "kept", "abstained", "right, of the kept"):
        table.add_column(head, justify="right")
    words = STAGES | CHAIN_STAGES
    for name, stage in metrics["teacher"]["stages"].items():
        count = max(stage["count"], 1)
        table.add_row(
            words.get(name, name),
            with_interval(stage.get("accuracy")),
            percent(stage["accepted"] / count),
            percent((stage["abstained"] + stage["failed"]) / count),
            with_interval((stage.get("kept") or {}).get("accuracy")),
        )
    return table


def chain_lines(metrics: Mapping[str, Any]) -> list[str]:
    """What became of the chains, in a line each."""
    stages = list(metrics["teacher"]["stages"].values())
    chains = stages[-1].get("chains") if stages else None
    if not chains:
        return []
    rejected = {name: count for name, count in chains["rejected"].items() if count}
    kept = chains["count"] - sum(rejected.values())
    lines = [
        f"{chains['drawn']} chains drawn, {chains['count']} of them different; {kept} are kept "
        f"({percent(kept / max(chains['count'], 1))})."
    ]
    if rejected:
        reasons = ", ".join(f"{count} {REJECTED.get(name, name)}" for name, count in sorted(rejected.items()))
        lines.append(f"Not taught: {reasons}.")
    if chains.get("right"):
        right = f"Chains that arrive at the human answer: {with_interval(chains['right'])}"
        if rejected and chains.get("right_of_kept"):
            right += f", of those kept {with_interval(chains['right_of_kept'])}"
        lines.append(f"{right}.")
    if chains.get("verdict_auroc"):
        lines.append(f"The teacher's verdicts tell right chains from wrong ones: AUROC {_auroc(chains)}.")
    return lines


def _auroc(chains: Mapping[str, Any]) -> str:
    found = chains["verdict_auroc"]
    return f"{decimal(found['value'])} ({decimal(found['low'])}–{decimal(found['high'])})"


def chain_remarks(metrics: Mapping[str, Any]) -> list[str]:
    """What else there is to know: a teacher that is no LLM, questions without an answer, what could not be learnt."""
    lines = []
    stages, student = list(metrics["teacher"]["stages"].values()), metrics["student"]
    if metrics["teacher"]["name"] == "program":
        lines.append("The teacher is a program with known flaws, no LLM.")
    if stages and stages[-1]["failed"]:
        lines.append(f"{stages[-1]['failed']} questions have no usable answer; the report says why.")
    if stages and stages[-1].get("chains") and not student.get("judges"):
        lines.append("The student has learnt no verdicts: no chain has a self-evaluation, so each has one vote.")
    cut = {name: count for name, count in (student.get("unlearnt") or {}).items() if name.startswith("cut_") and count}
    if cut:
        told = " and ".join(f"{count} {name.removeprefix('cut_')}s" for name, count in cut.items())
        lines.append(f"{told} are longer than the student reads or writes, and were cut: see student.max_length.")
    test = student.get("test") or {}
    if test.get("without_answer"):
        lines.append(f"To {test['without_answer']} of {test['count']} test questions the student finds no answer.")
    return lines
