"""Several recorded LLMs on BoolQ: is agreement a better confidence, and what can be saved by asking the dear one last?

    python benchmarks/panel.py --data DATA [--seeds 5] [--gold 300] [--write docs/benchmarks.md]

DATA holds boolq/validation.jsonl (id, text, detail, label) and boolq/answers/MODEL.jsonl, the answers of four LLMs to
the question alone. For every seed, 300 questions are drawn as calibration gold; all others are scored. Nothing is
chosen on what is scored. Recorded answers cost nothing; the prices are the ratios of typical list prices.
"""

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dualchecker.checking import Member, PanelChecker
from dualchecker.confidence import Calibrator, Opinion, PanelModel, fit_reliability, read_signals
from dualchecker.config import PanelConfig
from dualchecker.data import Fence
from dualchecker.evaluation import auroc, ece
from dualchecker.prompts import Template
from dualchecker.records import Answer, Labelled, Record
from dualchecker.tasks import Classification
from pages import splice

TASK = Classification("Is the answer to this question yes?", {"true": "Yes.", "false": "No."})
PRICES = {
    "Meta-Llama-3.1-8B-Instruct": 0.02,
    "claude-3-haiku-20240307": 0.1,
    "Meta-Llama-3.1-70B-Instruct": 0.12,
    "gpt-4o": 1.0,
}
"""Relative to the dearest."""

DEAR = "gpt-4o"
BUDGETS = (0.0, 0.2, 0.3, 0.35, 0.4, 0.5, 1.0)
COLUMN = {label: index for index, label in enumerate(TASK.labels)}

Scores = dict[str, list[tuple[float, ...]]]


@dataclass(frozen=True)
class Known(Member):
    """A member whose answers are all known: it answers from memory, without prompts."""

    answers: dict[str, Answer]

    def ask(self, records: Sequence[Record], template: Template, purpose: str) -> list[Answer | None]:
        return [self.answers[record.id] for record in records]


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def load(data: Path) -> tuple[list[Record], dict[str, dict[str, Answer]]]:
    """Questions, and every model's answers by id."""
    rows = read(data / "boolq" / "validation.jsonl")
    records = [Record(row["id"], row["text"], row["detail"], row["label"]) for row in rows]
    answers = {}
    for name in PRICES:
        answers[name] = {
            row["id"]: Answer(
                row["id"],
                label := TASK.find(row["label"]) if row["label"] else None,
                "ok" if label else "unparsed",
                "brief",
                stated=row.get("confidence"),
                label_probabilities=row.get("label_probabilities"),
                teacher=name,
            )
            for row in read(data / "boolq" / "answers" / f"{name}.jsonl")
        }
    return records, answers


def opinions(record: Record, answers: dict[str, dict[str, Answer]]) -> dict[str, Opinion]:
    """What the models say about a question; who gave no usable answer is not there."""
    found = {name: by[record.id] for name, by in answers.items()}
    return {name: Opinion(COLUMN[a.label], read_signals(a)) for name, a in found.items() if a.label}


def confidences(
    gold: Sequence[Record], rest: Sequence[Record], answers: dict[str, dict[str, Answer]], scores: Scores
) -> None:
    """How well several confidences tell each model's right answers from its wrong ones."""
    names = tuple(PRICES)
    seen, new = [opinions(r, answers) for r in gold], [opinions(r, answers) for r in rest]
    truth = [COLUMN[record.label or ""] for record in gold]
    pool = PanelModel.fit(seen, truth, names, 2)
    together = pool.posterior(new)
    for name in names:
        own = pool.posterior([{n: o for n, o in row.items() if n == name} for row in new])
        counted = shared(name, seen, new, truth)
        there = [i for i, row in enumerate(new) if name in row]
        votes = [new[i][name].vote for i in there]
        right = [vote == COLUMN[rest[i].label or ""] for i, vote in zip(there, votes, strict=True)]
        kinds = {
            "stated": [new[i][name].signals.get("stated", 0.0) for i in there],
            "calibrated, own signals": [float(own[i, v]) for i, v in zip(there, votes, strict=True)],
            "calibrated, stated + share of the others": [counted[i] for i in there],
            "calibrated, panel": [float(together[i, v]) for i, v in zip(there, votes, strict=True)],
        }
        for kind, values in kinds.items():
            scores[f"{name} | {kind}"].append((auroc(values, right), ece(values, right)))


def shared(
    name: str, seen: Sequence[dict[str, Opinion]], new: Sequence[dict[str, Opinion]], truth: Sequence[int]
) -> list[float]:
    """The plain way: stated confidence and the share of the other teachers that agree, calibrated."""

    def signals(row: dict[str, Opinion]) -> dict[str, float]:
        others = [opinion.vote for other, opinion in row.items() if other != name]
        share = {"teacher_share": others.count(row[name].vote) / len(others)} if others else {}
        return {k: v for k, v in row[name].signals.items() if k == "stated"} | share

    kept = [(signals(row), row[name].vote == label) for row, label in zip(seen, truth, strict=True) if name in row]
    model = Calibrator.fit(
        [row for row, _ in kept], [hit for _, hit in kept], Calibrator.prior(("stated", "teacher_share"))
    )
    return [float(model.predict([signals(row)])[0]) if name in row else 0.0 for row in new]


def panels(
    gold: Sequence[Record], rest: Sequence[Record], answers: dict[str, dict[str, Answer]], scores: Scores
) -> None:
    """Accuracy over all scored questions by the share of them that the dear model was asked."""
    fence = Fence(tuple(gold), tuple(gold), "cross_fit")
    template = Template((), 0)
    members = [Known(name, None, price, (), answers[name]) for name, price in PRICES.items()]  # type: ignore[arg-type]
    policies = {"majority of all": PanelConfig(vote="majority"), "default": PanelConfig()}
    policies |= {f"budget {b:.0%}": PanelConfig(budget=b, gain=0.0) for b in BUDGETS}
    for title, policy in policies.items():
        labels = PanelChecker(TASK, members, fence, 0.9, policy).label(rest, template)
        scores[title].append(measured(labels))
    for name in PRICES:
        right = np.mean([answers[name][r.id].label == r.label for r in rest])
        scores[f"{name} alone"].append((float(right),))
    for title in policies:
        scores[f"{title}, difference"].append((scores[title][-1][0] - scores[f"{DEAR} alone"][-1][0],))
    dawid_skene(gold, rest, answers, scores)


def measured(labels: Sequence[Labelled]) -> tuple[float, ...]:
    """Accuracy, share asked of the dear one, price a record, AUROC, ECE; share and precision of the accepted."""
    right = [item.label == item.record.label for item in labels]
    asked = [[answer.teacher for answer in item.trail] for item in labels]
    sure = [item.confidence.value for item in labels]
    kept = [hit for item, hit in zip(labels, right, strict=True) if item.status == "accepted"]
    return (
        float(np.mean(right)),
        float(np.mean([DEAR in names for names in asked])),
        float(np.mean([sum(PRICES[name] for name in names) for names in asked])),
        auroc(sure, right),
        ece(sure, right),
        len(kept) / len(labels),
        float(np.mean(kept)) if kept else float("nan"),
    )


def dawid_skene(
    gold: Sequence[Record], rest: Sequence[Record], answers: dict[str, dict[str, Answer]], scores: Scores
) -> None:
    """Votes alone, weighed by confusion matrices that were learnt in three ways."""
    names = tuple(PRICES)

    def votes(records: Sequence[Record]) -> Any:
        rows = [opinions(record, answers) for record in records]
        return np.array([[row[n].vote if n in row else -1 for n in names] for row in rows])

    known = np.array([COLUMN[record.label or ""] for record in gold])
    everything = np.concatenate([votes(gold), votes(rest)])
    hidden = np.full(len(rest), -1)
    ways = {
        "votes weighed by gold": fit_reliability(votes(gold), names, 2, known),
        "votes weighed by gold and agreement": fit_reliability(everything, names, 2, np.concatenate([known, hidden])),
        "votes weighed by agreement alone": fit_reliability(everything, names, 2),
    }
    truth = np.array([COLUMN[record.label or ""] for record in rest])
    for title, model in ways.items():
        shares = model.posterior(votes(rest))
        right = shares.argmax(axis=1) == truth
        sure = shares.max(axis=1)
        scores[title].append(
            (float(right.mean()), auroc(sure.tolist(), right.tolist()), ece(sure.tolist(), right.tolist()))
        )


def spread(values: Sequence[float], scale: float = 100, places: int = 1) -> str:
    """Mean and half-range over seeds."""
    array = scale * np.array(values, dtype=float)
    return f"{array.mean():.{places}f} ± {np.ptp(array) / 2:.{places}f}"


def tables(scores: Scores, seeds: int, gold: int, rest: int) -> str:
    kinds = list(dict.fromkeys(key.partition(" | ")[2] for key in scores if " | " in key))
    lines = [
        f"{seeds} seeds; {gold} gold, {rest} scored. Mean ± half-range over seeds. AUROC / ECE (per cent): does "
        "the confidence tell whether the model's own answer is right?",
        "",
        "| model | right | " + " | ".join(kinds) + " |",
        "| --- | --- |" + " --- |" * len(kinds),
    ]
    for name in PRICES:
        cells = []
        for kind in kinds:
            found = scores[f"{name} | {kind}"]
            cells.append(f"{spread([f[0] for f in found], 1, 3)} / {spread([f[1] for f in found])}")
        right = spread([f[0] for f in scores[f"{name} alone"]])
        lines.append(f"| {name} | {right} | " + " | ".join(cells) + " |")
    lines += ["", f"| panel | asked of {DEAR} | right, of all | more than {DEAR} | price a question | AUROC | ECE |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- |")
    for name in PRICES:
        right = spread([f[0] for f in scores[f"{name} alone"]])
        lines.append(f"| {name} alone | {'100' if name == DEAR else '0'} | {right} | | {PRICES[name]:.2f} | | |")
    for title, found in scores.items():
        if len(found[0]) == 7:
            accuracy, share, price, area, error = (list(column) for column in zip(*(f[:5] for f in found), strict=True))
            more = spread([f[0] for f in scores[f"{title}, difference"]])
            cells = [
                title,
                spread(share),
                spread(accuracy),
                more,
                spread(price, 1, 2),
                spread(area, 1, 3),
                spread(error),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| all votes, and nothing else | right, of all | AUROC | ECE |", "| --- | --- | --- | --- |"]
    for title, found in scores.items():
        if title.startswith("votes"):
            accuracy, area, error = (list(column) for column in zip(*found, strict=True))
            lines.append(f"| {title} | {spread(accuracy)} | {spread(area, 1, 3)} | {spread(error)} |")
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--gold", type=int, default=300)
    parser.add_argument("--write", type=Path, help="put the tables between the marks of this Markdown file")
    options = parser.parse_args()
    records, answers = load(options.data)
    scores: Scores = defaultdict(list)
    for seed in range(options.seeds):
        drawn = records.copy()
        random.Random(seed).shuffle(drawn)
        gold, rest = drawn[: options.gold], drawn[options.gold :]
        confidences(gold, rest, answers, scores)
        panels(gold, rest, answers, scores)
    text = tables(scores, options.seeds, options.gold, len(records) - options.gold)
    print(text)
    if options.write:
        splice(options.write, "panel", text)


if __name__ == "__main__":
    main()
