"""Which recorded chains of thought are right, told without gold: students of the teacher's own answers, and checks.

CommonsenseQA and SVAMP with PaLM 540B's recorded chains. Human answers are used to score, and for nothing else. See
docs/benchmarks.md.
"""

import argparse
import json
import os
from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: see docs/benchmarks.md
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import numpy.typing as npt

from dualchecker.checking import ChainFault, chain_faults, check_choices, check_equations, choice_faults, doubted
from dualchecker.embedding import NgramEmbedder, make_embedder
from dualchecker.evaluation.metrics import auroc
from dualchecker.records import Record
from dualchecker.students import ChoiceQuestion, ChoiceStudent, EquationFeatures, NumberQuestion, PairFeatures
from pages import splice

Rows = list[dict[str, Any]]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Faults = Sequence[tuple[ChainFault, ...]]

COVERAGE = (1.0, 0.8, 0.6, 0.4)
DRAWS = 2000


def read(path: Path) -> Rows:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]


def with_answers(data: Path, name: str, part: str) -> tuple[Rows, Rows]:
    """Questions, and PaLM's answers in the same order."""
    given = {row["id"]: row for row in read(data / f"{name}/answers/palm-540b_{part}.jsonl")}
    rows = read(data / f"{name}/{part}.jsonl")
    return rows, [given[row["id"]] for row in rows]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *rows]] + [""]


def percent(values: Sequence[float]) -> str:
    """Mean ± half-range over seeds."""
    array = 100 * np.array(values)
    return f"{array.mean():.1f} ± {np.ptp(array) / 2:.1f}"


def covered(order: npt.NDArray[np.intp], right: Bools, share: float) -> float:
    return float(right[order[: round(share * len(order))]].mean())


def gain_interval(sure: Floats, right: Bools, share: float = 0.6) -> str:
    """95 % of the gain in accuracy of the surest share, over draws of questions."""
    generator = np.random.default_rng(0)
    gains = []
    for _ in range(DRAWS):
        drawn = generator.integers(0, len(right), len(right))
        # Drawing in random order breaks ties at random.
        order = np.argsort(-sure[drawn], kind="stable")
        gains.append(covered(order, right[drawn], share) - right[drawn].mean())
    low, high = 100 * np.quantile(gains, [0.025, 0.975])
    return f"{100 * np.mean(gains):+.1f} ({low:+.1f}, {high:+.1f})"


def compare(confidences: Sequence[Floats], faults: Faults, answered: Bools, right: Bools) -> list[str]:
    """What each check is worth alone and with the other; one confidence a seed, NaN where the student cannot say."""
    signals: dict[str, list[Floats]] = defaultdict(list)
    counted = np.array([doubted(0.5, some) for some in faults])
    for confidence in confidences:
        known = np.nan_to_num(confidence, nan=0.0)
        both = np.array([doubted(one, some) for one, some in zip(known.tolist(), faults, strict=True)])
        found = {"answered or not": answered * 1.0, "+ chain checks": counted, "+ student": known, "**+ both**": both}
        for name, values in found.items():
            signals[name].append(np.where(answered, values, -1.0))
    lines = []
    for name, seeds in signals.items():
        curves = []
        for seed, sure in enumerate(seeds):
            shuffled = np.random.default_rng(seed).permutation(len(right))  # ties in no order
            order = shuffled[np.argsort(-sure[shuffled], kind="stable")]
            curves.append([covered(order, right, share) for share in COVERAGE])
        known = [sure[answered].tolist() for sure in seeds]
        lines.append(
            [name, percent([auroc(sure.tolist(), right.tolist()) for sure in seeds])]
            + [percent([auroc(sure, right[answered].tolist()) for sure in known])]
            + [percent(column) for column in zip(*curves, strict=True)]
            + [gain_interval(seeds[0], right)]
        )
    head = ["least sure by", "AUROC", "AUROC, answered", *(f"{100 * share:.0f} %" for share in COVERAGE)]
    return table([*head, "gain at 60 % (95 % over questions)"], lines)


def fault_table(faults: Faults, right: Bools, answered: Bools) -> list[str]:
    lines = []
    for name in sorted({fault for some in faults for fault in some}):
        has = np.array([name in some for some in faults]) & answered
        without = answered & ~has
        lines.append([name, str(has.sum()), f"{100 * right[has].mean():.1f}", f"{100 * right[without].mean():.1f}"])
    return table(["fault", "chains", "right with it, %", "right without, %"], lines)


def commonsense(data: Path, seeds: int) -> list[str]:
    rows, given = with_answers(data, "cqa", "train")
    questions = [
        ChoiceQuestion(Record(row["id"], row["text"]), tuple(row["choices"]), answer["label"])
        for row, answer in zip(rows, given, strict=True)
    ]
    right = np.array([row["label"] == answer["label"] for row, answer in zip(rows, given, strict=True)])
    pairs = PairFeatures(questions, make_embedder("offline"))
    answered = pairs.labelled
    faults = [
        choice_faults(a["rationale"] or "", q.label, q.choices) if q.label else ()
        for q, a in zip(questions, given, strict=True)
    ]
    checks = [
        check_choices(pairs, lambda seed=seed: ChoiceStudent(seed=seed), seed=seed).confidence  # type: ignore[misc]
        for seed in range(seeds)
    ]
    return [
        "### CommonsenseQA",
        "",
        f"{len(rows)} questions, {answered.sum()} with a usable answer.",
        "",
        *compare(checks, faults, answered, right),
        *fault_table(faults, right, answered),
    ]


def word_problems(data: Path, seeds: int, part: str) -> list[str]:
    """SVAMP; students of the test questions learn from PaLM's answers to the training questions as well."""
    rows, given = with_answers(data, "svamp", part)
    count = len(rows)
    if part != "train":
        more, answers = with_answers(data, "svamp", "train")
        rows, given = rows + more, given + answers
    said = [None if answer["label"] is None else Fraction(answer["label"]) for answer in given]
    questions = [
        NumberQuestion(Record(row["id"], row["text"]), None if value is None else float(value))
        for row, value in zip(rows, said, strict=True)
    ]
    embedder = NgramEmbedder()
    embedder.fit([row["text"] for row in rows])
    pairs = EquationFeatures(questions, embedder)
    checks = [check_equations(pairs, seed=seed) for seed in range(seeds)]
    right = np.array([v is not None and v == Fraction(row["label"]) for v, row in zip(said, rows, strict=True)])[:count]
    answered = np.array([value is not None for value in said])[:count]
    faults = [
        chain_faults(row["text"], a["rationale"] or "", value, a["equation"] or "") if value is not None else ()
        for row, a, value in zip(rows[:count], given, said, strict=False)
    ]
    likelihood = ", ".join(f"{check.log_likelihood:.3f}" for check in checks)
    return [
        f"### SVAMP, {part}",
        "",
        f"{count} questions, {answered.sum()} with an answer; {pairs.labelled[:count].sum()} of these answers are what "
        f"a candidate equation gives. Log-likelihood of PaLM's answers by seed: {likelihood}.",
        "",
        *compare([check.confidence[:count] for check in checks], faults, answered, right),
        *fault_table(faults, right, answered),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with cqa and svamp")
    parser.add_argument("--only", choices=["cqa", "svamp", "svamp-test"], help="one of the tables")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="a Markdown file with marks for each table")
    arguments = parser.parse_args()
    parts = {
        "cqa": lambda: commonsense(arguments.data, arguments.seeds),
        "svamp": lambda: word_problems(arguments.data, arguments.seeds, "train"),
        "svamp-test": lambda: word_problems(arguments.data, arguments.seeds, "test"),
    }
    for name, measure in parts.items():
        if arguments.only in (None, name):
            text = "\n".join(measure())
            print(text, flush=True)
            if arguments.write:
                splice(arguments.write, f"filtering-{name}", text)


if __name__ == "__main__":
    main()
