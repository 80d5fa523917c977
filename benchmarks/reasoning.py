"""What a small model learns from answers, chains and self-evaluations, with flawed chains kept and filtered.

    python benchmarks/reasoning.py [--seeds 3] [--jobs 2] [--work FOLDER] [--write docs/benchmarks.md]

Word problems of the embedded generator, the program with known flaws as the teacher, the run file of
``dualchecker demo --task reasoning``; every seed has problems, a teacher and students of its own. ``minds_mirror``
keeps every chain, ``dualchecker`` keeps those that its checkers let through. The students of one seed differ in what
they learn from the same questions, and in nothing else.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: see docs/benchmarks.md
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import yaml

from dualchecker.config import build_config
from dualchecker.data.corpora import corpus_path
from dualchecker.data.word_problems import write_word_problems
from dualchecker.runs import distill
from pages import splice

METHODS = {"minds_mirror": "all chains kept", "dualchecker": "chains checked"}
TWO_STAGES = "two_stages"
"""``minds_mirror`` once more: verdicts first, then answers and chains, as in the paper; in as many steps in all."""

STUDENTS = {
    "gold_only": "gold alone",
    "answers_alone": "answers alone",
    "one_chain": "1 chain",
    "chains_alone": "5 chains",
    "student": "5 chains + self-evaluation",
}
MEASURES = {
    "direct_accuracy": "at once",
    "accuracy": "by vote",
    "at_80": "surest 80 %",
    "verdict_auroc": "verdict AUROC",
}

Cell = dict[str, Any]


def measure(folder: Path, method: str, seed: int, settings: Sequence[str]) -> Cell:
    """One run, as the numbers that the tables show."""
    folder.mkdir(parents=True, exist_ok=True)
    write_word_problems(folder, seed=100 + seed)
    raw: dict[str, Any] = yaml.safe_load((corpus_path("word-problems") / "run.yaml").read_text(encoding="utf-8"))
    raw |= {"method": "minds_mirror" if method == TWO_STAGES else method, "output": f"run-{method}"}
    raw["data"]["seed"] = raw["student"]["seed"] = seed
    if method == TWO_STAGES:
        raw["student"] |= {"stages": "evaluation_first", "epochs": raw["student"]["epochs"] / 2}
        raw["report"]["references"] = False
    if method == "dualchecker":
        raw["check"]["student"] = True
    for setting in settings:
        key, _, value = setting.partition("=")
        section, _, name = key.partition(".")
        raw[section][name] = yaml.safe_load(value)
    metrics = distill(build_config(raw, root=folder)).metrics
    stages = list(metrics["teacher"]["stages"].values())
    students = {"student": metrics["student"]["test"], **metrics.get("references", {})}
    return {
        "teacher": {
            "one": stages[0]["accuracy"]["value"],
            "vote": stages[-1]["accuracy"]["value"],
            "accepted": stages[-1]["accepted"] / stages[-1]["count"],
            "kept": stages[-1]["kept"]["accuracy"]["value"],
            "chains": stages[-1]["chains"]["right"]["value"],
            "chains_kept": stages[-1]["chains"]["right_of_kept"]["value"],
            "verdicts": stages[-1]["chains"]["verdict_auroc"]["value"],
        },
        "students": {name: figures(result) for name, result in students.items()},
    }


def figures(result: dict[str, Any]) -> Cell:
    return {
        "accuracy": result["accuracy"]["value"],
        "direct_accuracy": result["direct_accuracy"]["value"],
        "at_80": result["accuracy_at"]["0.8"]["value"],
        "verdict_auroc": (result["verdict_auroc"] or {}).get("value"),
        # Of the run's own student minus this one, on the same test questions.
        "difference": result.get("difference"),
    }


def run_all(work: Path, seeds: int, jobs: int, settings: Sequence[str]) -> dict[str, list[Cell]]:
    """All cells, each in a process of its own with one thread; those already measured in ``work`` are taken from it."""
    todo = [(method, seed) for method in (*METHODS, TWO_STAGES) for seed in range(seeds)]
    running: list[subprocess.Popen[bytes]] = []
    for method, seed in todo:
        if (work / f"{method}-{seed}.json").is_file():
            continue
        while len(running := [one for one in running if one.poll() is None]) >= jobs:
            time.sleep(1)
        one = [sys.executable, __file__, "--cell", f"{method}:{seed}", "--work", str(work)]
        more = [word for setting in settings for word in ("--set", setting)]
        running.append(subprocess.Popen([*one, *more], env={**os.environ, "OMP_NUM_THREADS": "1"}))
    for process in running:
        process.wait()
    return {
        method: [json.loads((work / f"{method}-{seed}.json").read_text(encoding="utf-8")) for seed in range(seeds)]
        for method in (*METHODS, TWO_STAGES)
    }


def spread(values: Sequence[float | None], *, share: bool = True) -> str:
    """Mean, and in brackets the least and the most over the seeds."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    scale, digits = (100, 1) if share else (1, 3)
    mean, low, high = (f"{scale * value:.{digits}f}" for value in (fmean(known), min(known), max(known)))
    return f"{mean} ({low} to {high})"


def table(cells: dict[str, list[Cell]]) -> str:
    """Markdown."""
    lines = [
        "| labels and chains | | " + " | ".join(words for words in METHODS.values()) + " |",
        "| --- | --- | --- | --- |",
    ]
    rows = {
        "one": "answers right, first vote",
        "vote": "answers right, at the end",
        "accepted": "accepted",
        "kept": "answers right, of the accepted",
        "chains": "chains right, all",
        "chains_kept": "chains right, of those taught",
    }
    for name, words in rows.items():
        lines.append(
            f"| {words} | % | " + " | ".join(spread([c["teacher"][name] for c in cells[m]]) for m in METHODS) + " |"
        )
    said = " | ".join(spread([c["teacher"]["verdicts"] for c in cells[m]], share=False) for m in METHODS)
    lines += [f"| teacher's verdicts tell right chains from wrong ones | AUROC | {said} |", ""]
    for method, words in METHODS.items():
        lines += [
            f"Students, {words} (`{method}`), right on the test questions in %:",
            "",
            "| taught | " + " | ".join(MEASURES.values()) + " | 5 chains + self-evaluation minus this, points |",
            "| --- |" + " --- |" * (len(MEASURES) + 1),
        ]
        for name, taught in STUDENTS.items():
            found = [cell["students"][name] for cell in cells[method] if name in cell["students"]]
            values = [spread([one[measure] for one in found], share=measure != "verdict_auroc") for measure in MEASURES]
            lines.append(f"| {taught} | " + " | ".join(values) + f" | {differences(found)} |")
        lines.append("")
    return "\n".join(lines + stages(cells))


def stages(cells: dict[str, list[Cell]]) -> list[str]:
    """Everything at once, or in two stages."""
    lines = [
        "`student.stages`, all chains kept, the same number of steps in all:",
        "",
        "| learnt | " + " | ".join(MEASURES.values()) + " |",
        "| --- |" + " --- |" * len(MEASURES),
    ]
    for method, words in (("minds_mirror", "`mixed`"), (TWO_STAGES, "`evaluation_first`")):
        found = [cell["students"]["student"] for cell in cells[method]]
        values = [spread([one[name] for one in found], share=name != "verdict_auroc") for name in MEASURES]
        lines.append(f"| {words} | " + " | ".join(values) + " |")
    return [*lines, ""]


def differences(found: Sequence[Cell]) -> str:
    """Mean over seeds, and each seed's 95 % interval over test questions."""
    known = [one["difference"] for one in found if one["difference"]]
    if not known:
        return "-"
    own = ", ".join(f"{100 * one['low']:+.0f} to {100 * one['high']:+.0f}" for one in known)
    return f"{100 * fmean(one['value'] for one in known):+.1f} ({own})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, each with one thread")
    parser.add_argument("--work", type=Path, help="folder for runs and results; measured ones are not run again")
    parser.add_argument("--write", type=Path, help="page to write the tables into")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.cell:
        method, _, seed = given.cell.partition(":")
        result = measure(given.work / f"seed-{seed}-{method}", method, int(seed), given.set)
        (given.work / f"{method}-{seed}.json").write_text(json.dumps(result), encoding="utf-8")
        return
    with tempfile.TemporaryDirectory() as temporary:
        work = given.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        text = table(run_all(work.resolve(), given.seeds, given.jobs, given.set))
    print(text)
    if given.write:
        splice(given.write, "reasoning", text)


if __name__ == "__main__":
    main()
