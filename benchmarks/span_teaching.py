"""What a span should teach with: the confidence in exactly it, or the share of its words that may be right.

    python benchmarks/span_teaching.py [--seeds 3] [--write docs/benchmarks.md]

On the embedded corpus green-innovation with the embedded teacher. Gold and pool of the demo are shuffled by seed: 60
records are gold, 100 the pool, 120 are scored on; the test file is not touched. The student is linear.
"""

import argparse
import json
import random
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from dualchecker.checking import gold_examples, span_examples
from dualchecker.config import build_config
from dualchecker.data import load_dataset, write_jsonl
from dualchecker.data.corpora import corpus_path
from dualchecker.embedding import make_embedder
from dualchecker.evaluation import judge_span_student
from dualchecker.records import Example, Labelled, SpanLabel
from dualchecker.runs import distill
from dualchecker.students import TokenFeatures
from dualchecker.students.tagger import LinearTagger
from dualchecker.tasks import Extraction
from pages import splice

PARTS = {"gold": (0, 60), "pool": (60, 160), "test": (160, 280)}
MEASURES = ("strict_f1", "overlap_f1", "token_f1")


def uncovered(labels: Sequence[Labelled]) -> list[Labelled]:
    """The same labels, of which only the confidence in exactly each span is known."""

    def bare(claims: Sequence[SpanLabel]) -> tuple[SpanLabel, ...]:
        return tuple(replace(claim, cover=None) for claim in claims)

    return [replace(item, spans=bare(item.spans), rivals=bare(item.rivals)) for item in labels]


def measure(folder: Path, seed: int) -> dict[str, dict[str, float]]:
    """Scores of students by what taught them."""
    corpus = corpus_path("green-innovation")
    rows = [
        json.loads(line)
        for name in ("gold", "pool")
        for line in (corpus / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    random.Random(seed).shuffle(rows)
    for name, (start, end) in PARTS.items():
        write_jsonl(folder / f"{name}.jsonl", rows[start:end])
    raw: dict[str, Any] = yaml.safe_load((corpus / "extraction.yaml").read_text(encoding="utf-8"))
    raw["student"] = {"kind": "linear", "seed": seed}
    raw["data"]["seed"] = seed
    raw["report"] = {"few_shot": False, "references": False}
    raw["output"] = "run"
    config = build_config(raw, root=folder)
    task = Extraction(config.task.question, dict(config.task.labels), config.task.occurs)
    dataset = load_dataset(config, task)
    labels = distill(config).labels
    features = TokenFeatures(make_embedder("offline"))

    def score(taught: Sequence[Example]) -> dict[str, float]:
        student = LinearTagger(task.names, features).fit([*gold_examples(dataset.gold), *taught])
        found = judge_span_student(task, student.predict(dataset.test), dataset.test)
        return {name: found[name]["value"] for name in MEASURES}

    return {
        "gold alone": score([]),
        "+ spans by the confidence in exactly each": score(span_examples(uncovered(labels))),
        "+ spans by the share of their words that may be right": score(span_examples(labels)),
        "+ the pool's human spans": score(gold_examples(dataset.pool)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    found = []
    for seed in range(1, arguments.seeds + 1):
        with tempfile.TemporaryDirectory() as folder:
            found.append(measure(Path(folder), seed))
        print(f"seed {seed} done", flush=True)
    lines = [
        f"Mean (each of {len(found)} seeds), in per cent:",
        "",
        "| the student is taught | strict F1 | overlap F1 | token F1 |",
        "|---|---|---|---|",
    ]
    for title in found[0]:
        cells = []
        for name in MEASURES:
            values = [100 * scores[title][name] for scores in found]
            cells.append(f"{statistics.fmean(values):.1f} ({', '.join(f'{value:.1f}' for value in values)})")
        lines.append(f"| {title} | {' | '.join(cells)} |")
    text = "\n".join(lines) + "\n"
    print(text)
    if arguments.write:
        splice(arguments.write, "span-teaching", text)


if __name__ == "__main__":
    main()
