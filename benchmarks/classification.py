"""DualChecker on real classification data: does each part of the method earn its place?

    python benchmarks/classification.py --data DATA [--seeds 3] [--only banking77,causal-news] [--student linear]

DATA is a folder as benchmarks/data_sets.py describes it. For every data set and seed, gold and pool are drawn from
the training file; the test file is scored once, by the report. The teacher is the embedded exemplar, or recorded
answers of a real LLM. Results go to --out as JSON, one file a run, and are not computed again while the file is there;
the table is printed and, with --write, put into docs/benchmarks.md.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: see docs/benchmarks.md
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np

from data_sets import SETS
from dualchecker.config import build_config
from dualchecker.data import load_dataset
from dualchecker.embedding import CachedEmbedder, make_embedder
from dualchecker.evaluation import judge_predictions
from dualchecker.records import Example
from dualchecker.runs import Run, distill
from dualchecker.students import LinearStudent, choose_features
from dualchecker.tasks import Classification
from pages import splice


def run(name: str, spec: dict[str, Any], seed: int, student: str, settings: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for part in ("gold", "pool", "test"):
            rows = [{k: row.get(k) for k in ("id", "text", "detail", "label")} for row in spec[part]]
            (root / f"{part}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        raw: dict[str, Any] = {
            "task": {"question": spec["question"], "labels": spec["labels"]},
            "data": {
                "gold": "gold.jsonl",
                "pool": "pool.jsonl",
                "test": "test.jsonl",
                "seed": seed,
                "allow_leaks": spec.get("allow_leaks", False),
            },
            "teacher": spec.get("teacher", {"kind": "exemplar"}),
            "student": {"kind": student, "seed": seed},
            "output": "run",
        }
        for key, value in settings.items():
            section, _, leaf = key.partition(".")
            raw.setdefault(section, {})[leaf] = value
        started = time.monotonic()
        outcome = distill(build_config(raw, root=root))
        metrics = outcome.metrics
        if student == "linear" and "references" in metrics:
            metrics["references"] |= other_treatments(outcome)
        metrics["seconds"] = time.monotonic() - started
        return metrics


def other_treatments(outcome: Run) -> dict[str, Any]:
    """Linear students on the same teacher's labels, taken in other ways than the method's."""
    config = outcome.config
    task = Classification(config.task.question, dict(config.task.labels))
    data = load_dataset(config, task)
    embedder = CachedEmbedder(make_embedder(config.align.embedder), config.output_dir / "cache")
    labels = tuple(task.labels)
    features, l2 = choose_features(embedder, data.gold, data.pool, task.labels, config.student.text)
    gold = [Example(record, record.label or "") for record in data.gold]
    answered = sorted((i for i in outcome.labels if i.label), key=lambda i: -i.confidence.value)
    treatments = {
        "gold + all teacher labels": answered,
        "gold + the surest 80 %": answered[: round(0.8 * len(answered))],
        "gold + accepted labels alone": [item for item in answered if item.status == "accepted"],
    }
    truth = [record.label or "" for record in data.test]
    results = {}
    for name, items in treatments.items():
        taught = [Example(item.record, item.label or "", source="teacher") for item in items]
        fitted = LinearStudent(labels, features, l2=l2).fit([*gold, *taught])
        shares = fitted.predict(data.test)
        predicted = [labels[column] for column in shares.argmax(axis=1)]
        results[name] = judge_predictions(task, predicted, truth, shares.max(axis=1).tolist())
    return results


def value(estimate: Any) -> float:
    """A number with or without its interval: results of earlier versions hold the number alone."""
    return float(estimate["value"] if isinstance(estimate, dict) else estimate)


def mean(values: Sequence[float]) -> str:
    """Mean and half-range over seeds, in per cent."""
    array = 100 * np.array(values, dtype=float)
    return f"{array.mean():.1f} ± {np.ptp(array) / 2:.1f}" if len(array) > 1 else f"{array.mean():.1f}"


TEACHER = {
    "few_shot": "few-shot",
    "aligner": "+ ContextAligner",
    "teacher_checker": "+ teacher checker",
    "student_checker": "+ student checker",
}


def tables(results: dict[str, list[dict[str, Any]]]) -> str:
    lines = []
    for name, runs in results.items():
        lines += [
            f"### {name}",
            "",
            f"{len(runs)} seed(s); pool {runs[0]['data']['pool']}, gold {runs[0]['data']['gold']}, "
            f"test {runs[0]['data']['test']}; student: {runs[0]['student']['kind']}. Mean ± half-range, in per cent.",
            "",
        ]
        lines += [
            "| teacher | right, of all | kept | right, of the kept | AUROC | ECE |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        for stage, title in TEACHER.items():
            rows = [r["teacher"]["stages"][stage] for r in runs if stage in r["teacher"]["stages"]]
            if rows:
                kept = [r["kept"]["accuracy"]["value"] for r in rows if r["accepted"]]
                lines.append(
                    f"| {title} | {mean([r['accuracy']['value'] for r in rows])} | "
                    f"{mean([r['accepted'] / r['count'] for r in rows])} | {mean(kept) if kept else '–'} | "
                    f"{mean([value(r['auroc']) for r in rows])} | {mean([value(r['ece']) for r in rows])} |"
                )
        lines += ["", "| student trained on | accuracy | macro-F1 | ECE |", "| --- | --- | --- | --- |"]
        students: dict[str, list[dict[str, Any]]] = {
            "gold alone": [r["references"]["gold_only"] for r in runs],
            **{
                name: [r["references"][name] for r in runs]
                for name in runs[0]["references"]
                if name.startswith("gold + ")
            },
            "**gold + checked labels (the method)**": [r["student"]["test"] for r in runs],
            "gold + true labels of the pool": [r["references"]["gold_pool"] for r in runs],
        }
        for title, rows in students.items():
            lines.append(
                f"| {title} | {mean([r['accuracy']['value'] for r in rows])} | "
                f"{mean([r['macro_f1']['value'] for r in rows])} | {mean([value(r['ece']) for r in rows])} |"
            )
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default=",".join(SETS))
    parser.add_argument("--student", default="linear", choices=["linear", "encoder"])
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks"))
    parser.add_argument("--write", type=Path, help="put the tables between the marks of this Markdown file")
    options = parser.parse_args()
    import yaml

    settings = {key: yaml.safe_load(value) for key, _, value in (item.partition("=") for item in options.set)}
    tag = "".join(f"_{key}-{value}" for key, value in settings.items()).replace("/", "-").replace(" ", "")
    results: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for name in (part for part in SETS if part in options.only):
        for seed in range(options.seeds):
            file = options.out / f"{name.replace(', ', '_').replace(' ', '-')}_{options.student}_{seed}{tag}.json"
            if not file.is_file():
                metrics = run(name, SETS[name](options.data, seed), seed, options.student, settings)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(json.dumps(metrics), encoding="utf-8")
            results[name].append(json.loads(file.read_text(encoding="utf-8")))
            print(f"{name}, seed {seed}: {results[name][-1]['seconds']:.0f} s", file=sys.stderr)
    text = tables(results)
    print(text)
    if options.write:
        splice(options.write, "classification", text)


if __name__ == "__main__":
    main()
