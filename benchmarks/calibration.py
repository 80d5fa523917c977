"""Are probabilities what they say, and do thresholds keep their promise?

    python benchmarks/calibration.py --data DATA [--seeds 3] [--part precision,students] [--write docs/benchmarks.md]

DATA is the folder of data_sets.py; ``precision`` also reads boolq/. Two parts:

``precision`` draws 200 gold answers of a recorded LLM, fits confidence and threshold as a run does, and looks at the
accepted ones among the rest; a hundred draws a data set. Nothing is asked.

``students`` runs the whole job with the embedded teacher and scores the student on the test set as it was trained and
as it was saved; Banking77 with 5 gold a class. One file a run is kept under --out and not computed again.
"""

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: see docs/benchmarks.md
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np

import classification
import data_sets
from dualchecker.confidence import Calibrator, choose_threshold, cross_fitted, fit_map
from dualchecker.confidence.thresholds import Unproved
from pages import splice

GOLD, DRAWS = 200, 100
RULES: tuple[Unproved, ...] = ("bound", "estimate", "nothing")


@dataclass(frozen=True)
class Recorded:
    """A recorded LLM: signals of its answers, whether they are right, and how many labels there are."""

    rows: list[dict[str, float]]
    right: np.ndarray
    labels: int


def recorded(
    truth: dict[str, str],
    answers: Sequence[dict[str, Any]],
    labels: int,
    panel: Sequence[dict[str, str | None]] = (),
) -> Recorded:
    """Answers about known records; ``panel`` holds labels by several models, whose agreement is one more signal."""
    rows, right = [], []
    for answer in answers:
        label = answer.get("label")
        if label is None or answer["id"] not in truth:
            continue
        signals: dict[str, float] = {}
        if isinstance(answer.get("confidence"), int | float):
            signals["stated"] = float(answer["confidence"])
        if answer.get("label_probabilities"):
            signals["label_probability"] = float(answer["label_probabilities"].get(label, 0.0))
        votes = [votes[answer["id"]] for votes in panel if votes.get(answer["id"]) is not None]
        if votes:
            signals["repeat_share"] = sum(vote == label for vote in votes) / len(votes)
        rows.append(signals)
        right.append(str(label).strip().lower() == str(truth[answer["id"]]).strip().lower())
    return Recorded(rows, np.array(right), labels)


def recorded_sets(data: Path) -> dict[str, Recorded]:
    def truth(path: str) -> dict[str, str]:
        return {row["id"]: row["label"] for row in data_sets.read(data / path)}

    questions = truth("boolq/validation.jsonl")
    models = {path.stem: data_sets.read(path) for path in sorted((data / "boolq/answers").glob("*.jsonl"))}
    panel = [{answer["id"]: answer["label"] for answer in answers} for answers in models.values()]
    sets = {f"BoolQ, {name}": recorded(questions, answers, 2) for name, answers in models.items()}
    sets["BoolQ, gpt-4o and how many of four models agree"] = recorded(questions, models["gpt-4o"], 2, panel)
    for form in ("brief", "detail"):
        answers = data_sets.read(data / f"pubmedqa/answers/assistant-llm_{form}.jsonl")
        sets[f"PubMedQA, {form}"] = recorded(truth("pubmedqa/train.jsonl"), answers, 3)
    answers = data_sets.read(data / "causal-news/answers/assistant-llm_aligned_shots.jsonl")
    sets["Causal News"] = recorded(truth("causal-news/train.jsonl"), answers, 2)
    return sets


def held_precision(recorded: Recorded, target: float) -> dict[Unproved, tuple[float, float, float, float]]:
    """By rule: shares of draws that are proved, that accept anything and that keep the target; mean coverage.

    Who accepts nothing keeps the target. The accepted error is measured on the records outside the draw.
    """
    found: dict[Unproved, list[tuple[bool, bool, bool, float]]] = {rule: [] for rule in RULES}
    prior = Calibrator.prior(chance=1 / recorded.labels)
    for draw in range(DRAWS):
        order = np.random.default_rng([0, draw]).permutation(len(recorded.rows))
        gold, rest = order[:GOLD], order[GOLD:]
        rows, right = [recorded.rows[i] for i in gold], recorded.right[gold].tolist()
        judged = cross_fitted(rows, right, prior).tolist()
        confidence = fit_map(rows, right, prior).predict([recorded.rows[i] for i in rest])
        for rule in RULES:
            threshold = choose_threshold(judged, right, target, fixed=False, unproved=rule)
            taken = confidence >= threshold.value
            held = not taken.any() or bool(recorded.right[rest][taken].mean() >= target)
            found[rule].append((threshold.guaranteed, bool(taken.any()), held, float(taken.mean())))
    return {rule: tuple(np.mean(results, axis=0)) for rule, results in found.items()}


def precision_table(data: Path) -> str:
    lines = [
        f"**Held precision.** {DRAWS} draws of {GOLD} gold answers of recorded LLMs. By rule "
        "(`check.threshold.unproved`): the share of draws in which the accepted answers outside the draw kept the "
        "target, and the mean share accepted. A draw that accepts nothing keeps it.",
        "",
    ]
    sets = recorded_sets(data)
    for target in (0.95, 0.9):
        lines += [
            f"| precision {target} | all right | proved | `bound`: kept | accepted | `estimate`: kept | accepted | "
            "`nothing`: kept | accepted |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        for name, answers in sets.items():
            found = held_precision(answers, target)
            cells = " | ".join(f"{100 * found[rule][2]:.0f} % | {100 * found[rule][3]:.0f} %" for rule in RULES)
            lines.append(f"| {name} | {100 * answers.right.mean():.0f} % | {100 * found['bound'][0]:.0f} % | {cells} |")
        lines.append("")
    return "\n".join(lines)


def banking_5(data: Path, seed: int) -> dict[str, Any]:
    """Banking77 with 5 gold a class: the first five of the ten that ``data_sets.banking77`` takes."""
    spec = data_sets.banking77(data, seed)
    taken: dict[str, int] = {}
    gold = []
    for row in spec["gold"]:
        taken[row["label"]] = taken.get(row["label"], 0) + 1
        if taken[row["label"]] <= 5:
            gold.append(row)
    return {**spec, "gold": gold}


STUDENTS = {
    "banking77, 5 gold a class": banking_5,
    "causal-news": data_sets.causal_news,
    "pubmedqa": data_sets.pubmedqa,
}


def students_table(data: Path, seeds: int, out: Path) -> str:
    lines = [
        f"**Students' probabilities.** {seeds} seed(s), embedded teacher, linear student; scored on the test set, "
        "mean ± half-range in per cent.",
        "",
        "| data | gold | accuracy | ECE as trained | ECE as saved | exponents |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    settings = {"report.few_shot": False, "report.references": False}
    for name, build in STUDENTS.items():
        runs = []
        for seed in range(seeds):
            file = out / f"calibration_{name.replace(', ', '_').replace(' ', '-')}_{seed}.json"
            if not file.is_file():
                metrics = classification.run(name, build(data, seed), seed, "linear", settings)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(json.dumps(metrics), encoding="utf-8")
            runs.append(json.loads(file.read_text(encoding="utf-8")))
        found = [run["student"] for run in runs]
        cells = [
            [student["test"]["accuracy"]["value"] for student in found],
            [student["calibration"]["test_ece_before"] for student in found],
            [student["test"]["ece"] for student in found],
        ]
        exponents = ", ".join(f"{student['calibration']['exponent']:.2f}" for student in found)
        shown = " | ".join(classification.mean(cell) for cell in cells)
        lines.append(f"| {name} | {runs[0]['data']['gold']} | {shown} | {exponents} |")
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--part", default="precision,students")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks"))
    parser.add_argument("--write", type=Path, help="put the tables between the marks of this Markdown file")
    options = parser.parse_args()
    parts = []
    if "precision" in options.part:
        parts.append(precision_table(options.data))
    if "students" in options.part:
        parts.append(students_table(options.data, options.seeds, options.out))
    text = "\n".join(parts)
    print(text)
    if options.write:
        splice(options.write, "calibration", text)


if __name__ == "__main__":
    main()
