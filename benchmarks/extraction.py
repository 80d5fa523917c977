"""Cause-effect extraction on Causal News: who teaches what, and what the checkers recover of a teacher's noise.

    python benchmarks/extraction.py --data DATA [--seeds 3] [--student tokens] [--only NAME ...] [--work FOLDER]
        [--write docs/benchmarks.md]

DATA holds causal-news/spans_train.jsonl and spans_test.jsonl (id, text, spans with label, start and end). For every
seed 200 training sentences are gold and the rest is the pool, whose human spans are used for scores alone. Every score
of a student is on the test sentences, which nothing is chosen on. The noisy oracle (noisy_spans.py) is a stress test.
"""

import argparse
import json
import random
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_sets import read, without_test
from dualchecker.config import build_config
from dualchecker.data import write_jsonl
from dualchecker.runs import distill
from noisy_spans import record_answers
from pages import splice

GOLD = 200
NOISE = 0.3
LABELS = {
    "cause": "The event or state that brings another one about.",
    "effect": "The event or state that is brought about.",
    "signal": "The words that say that one brings about the other, such as 'because'; often there are none.",
}
RUNGS = ("brief", "wide", "reconsider")
TEACHERS = {
    "independent": "noisy oracle, new mistakes at each question",
    "persistent": "noisy oracle, the same mistakes at each question",
    "exemplar": "embedded teacher (no language model)",
}
STAGES = {
    "few_shot": "first answers",
    "aligner": "first answers",
    "teacher_checker": "+ teacher checker",
    "student_checker": "+ student checker",
}


def run_one(data: Path, folder: Path, seed: int, teacher: str, student: str) -> dict[str, Any]:
    """One run; what ``metrics.json`` holds. A finished one is read."""
    done = folder / "run" / "metrics.json"
    if not done.exists():
        test = read(data / "causal-news" / "spans_test.jsonl")
        rows = without_test(read(data / "causal-news" / "spans_train.jsonl"), test)
        random.Random(seed).shuffle(rows)
        for name, part in (("gold", rows[:GOLD]), ("pool", rows[GOLD:]), ("test", test)):
            write_jsonl(folder / f"{name}.jsonl", part)
        described: dict[str, Any] = {"kind": "exemplar"}
        if teacher != "exemplar":
            described = {
                "kind": "recorded",
                "model": "noisy oracle",
                "answers": record_answers(
                    rows,
                    folder / "answers",
                    share=NOISE,
                    labels=tuple(LABELS),
                    seed=seed,
                    persistent=teacher == "persistent",
                    rungs=RUNGS,
                ),
            }
        config = {
            "task": {
                "kind": "extraction",
                "question": "Which event brings about which other one in this news sentence?",
                "labels": LABELS,
                "occurrence": {"cause": "exactly_one", "effect": "exactly_one", "signal": "any"},
            },
            "data": {"gold": "gold.jsonl", "pool": "pool.jsonl", "test": "test.jsonl", "seed": seed},
            "teacher": described,
            "align": {"rationales": False},
            "check": {"threshold": {"precision": 0.9, "unproved": "estimate"}, "rounds": 2},
            # The two lower layers of the encoder are frozen, which saves time and costs little (students/tokens.py).
            "student": {"kind": student, "freeze": 2, "epochs": 4, "seed": seed},
            "report": {"few_shot": True, "references": teacher != "exemplar"},
            "output": "run",
        }
        distill(build_config(config, root=folder))
    metrics: dict[str, Any] = json.loads(done.read_text(encoding="utf-8"))
    return metrics


def spread(values: Sequence[float]) -> str:
    """Mean and 95 % interval over seeds (Student's t)."""
    if not values:
        return "–"
    if len(values) == 1:
        return f"{100 * values[0]:.1f} (one seed)"
    t = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78}.get(len(values), 1.96)
    half = t * statistics.stdev(values) / len(values) ** 0.5
    return f"{100 * statistics.fmean(values):.1f} ± {100 * half:.1f}"


def value(found: dict[str, Any] | None, name: str) -> float | None:
    number = ((found or {}).get(name) or {}).get("value")
    return float(number) if number is not None else None


def row(title: str, results: Sequence[dict[str, Any] | None], names: Sequence[str]) -> str:
    cells = []
    for name in names:
        numbers = [number for found in results if (number := value(found, name)) is not None]
        cells.append(spread(numbers) if numbers else "–")
    return f"| {title} | {' | '.join(cells)} |"


def recovered(first: float, last: float, most: float) -> float:
    """Share of what was lost to noise that is there again."""
    return (last - first) / (most - first)


def tables(runs: dict[str, list[dict[str, Any]]], student: str) -> str:
    """The page's tables."""
    seeds = len(next(iter(runs.values())))
    data = next(iter(runs.values()))[0]["data"]
    lines = [
        f"Teacher's spans of the pool ({data['pool']} sentences), {seeds} seeds, % ± 95 % interval over seeds:",
        "",
        "| teacher | stage | strict F1 | overlap F1 | right, of the accepted | accepted |",
        "|---|---|---|---|---|---|",
    ]
    for teacher, found in runs.items():
        for stage in [name for name in STAGES if name in found[0]["teacher"]["stages"]]:
            if stage == "few_shot" and "aligner" in found[0]["teacher"]["stages"] and teacher != "exemplar":
                continue
            states = [metrics["teacher"]["stages"][stage] for metrics in found]
            title = f"{TEACHERS[teacher]} | {'few-shot' if stage == 'few_shot' else STAGES[stage]}"
            kept = [value(state.get("kept"), "precision") for state in states]
            right = spread([k for k in kept if k is not None]) if stage.endswith("checker") else "–"
            share = spread([s["accepted"] / s["count"] for s in states]) if stage.endswith("checker") else "–"
            lines.append(f"{row(title, states, ('strict_f1', 'overlap_f1'))[:-2]} | {right} | {share} |")
    names = ("strict_f1", "overlap_f1", "token_f1", "exact_match")
    lines += [
        "",
        f"Student (`{student}`) on the {data['test']} test sentences:",
        "",
        "| taught by | strict F1 | overlap F1 | token F1 | sentences exactly right |",
        "|---|---|---|---|---|",
    ]
    whole = runs.get("independent") or runs.get("persistent")
    if whole:
        lines.append(row("all gold", [m["references"].get("gold_pool") for m in whole], names))
        lines.append(row(f"{GOLD} gold alone", [m["references"]["gold_only"] for m in whole], names))
    for teacher, found in runs.items():
        if "gold_few_shot" in (found[0].get("references") or {}):
            firsts = [m["references"]["gold_few_shot"] for m in found]
            lines.append(row(f"{GOLD} gold + {TEACHERS[teacher]}, unchecked", firsts, names))
        checked = [m["student"]["test"] for m in found]
        lines.append(row(f"{GOLD} gold + {TEACHERS[teacher]}, checked", checked, names))
    lines += ["", "Share of the strict F1 lost to the noise that the checkers recover, by seed:", ""]
    for teacher in [name for name in ("independent", "persistent") if name in runs]:
        pool: list[float] = []
        test: list[str] = []
        for m in runs[teacher]:
            stages = m["teacher"]["stages"]
            first, last = value(stages["aligner"], "strict_f1"), value(stages["student_checker"], "strict_f1")
            pool.append(recovered(first or 0, last or 0, 1.0))
            refs = m["references"]
            if "gold_few_shot" in refs and "gold_pool" in refs:
                three = [
                    value(x, "strict_f1") or 0 for x in (refs["gold_few_shot"], m["student"]["test"], refs["gold_pool"])
                ]
                test.append(f"{three[0]:.3f} → {three[1]:.3f} of {three[2]:.3f}")
        shares = ", ".join(f"{100 * share:.0f} %" for share in pool)
        students = f"; student's test F1 (unchecked → checked of all gold): {'; '.join(test)}" if test else ""
        lines.append(f"- {TEACHERS[teacher]}: labels of the pool {shares}{students}.")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--student", choices=("tokens", "linear"), default="tokens")
    parser.add_argument("--only", nargs="+", choices=tuple(TEACHERS), default=list(TEACHERS))
    parser.add_argument("--work", type=Path, help="keeps the runs; finished ones are not run again")
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = arguments.work or Path(scratch)
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in arguments.only}
        for seed in range(1, arguments.seeds + 1):
            for teacher in arguments.only:
                folder = (work / f"{teacher}-{arguments.student}-{seed}").resolve()
                runs[teacher].append(run_one(arguments.data, folder, seed, teacher, arguments.student))
                print(f"seed {seed}: {teacher} done", flush=True)
    text = tables(runs, arguments.student)
    print(text)
    if arguments.write:
        splice(arguments.write, f"extraction-{arguments.student}", text)


if __name__ == "__main__":
    main()
