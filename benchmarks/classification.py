"""DualChecker on real classification data: does each part of the method earn its place?

    python benchmarks/classification.py --data DATA [--seeds 3] [--only banking77,causal-news] [--student linear]

DATA is a folder with banking77/, causal-news/ and pubmedqa/ as JSON lines (id, text, label, perhaps detail). For
every data set and seed, gold and pool are drawn from the training file; the test file is scored once, by the report.
The teacher is the embedded exemplar, or recorded answers of a real LLM. Results go to --out as JSON, one file a run,
and are not computed again while the file is there; the table is printed and, with --write, put into docs/benchmarks.md.
"""

import argparse
import json
import os
import random
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

from dualchecker.config import build_config
from dualchecker.data import fingerprint, load_dataset
from dualchecker.embedding import CachedEmbedder, make_embedder
from dualchecker.evaluation import judge_predictions
from dualchecker.records import Example
from dualchecker.runs import Run, distill
from dualchecker.students import LinearStudent, choose_features
from dualchecker.tasks import Classification

Rows = list[dict[str, Any]]


def read(path: Path) -> Rows:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]


def without_test(rows: Rows, test: Rows) -> Rows:
    """Training rows whose text does not stand in the test file."""
    known = {fingerprint(row["text"]) for row in test}
    return [row for row in rows if fingerprint(row["text"]) not in known]


def banking77(data: Path, seed: int) -> dict[str, Any]:
    """10 gold a class, 3,000 of the rest as the pool."""
    test = read(data / "banking77/test.jsonl")
    rows = without_test(read(data / "banking77/train.jsonl"), test)
    generator = random.Random(seed)
    generator.shuffle(rows)
    taken: dict[str, int] = defaultdict(int)
    gold, rest = [], []
    for row in rows:
        taken[row["label"]] += 1
        (gold if taken[row["label"]] <= 10 else rest).append(row)
    labels = dict.fromkeys(sorted(taken), "")
    return {
        "question": "Which intent does this message of a bank's customer have?",
        "labels": labels,
        "gold": gold,
        "pool": rest[:3000],
        "test": test,
    }


def causal_news(data: Path, seed: int) -> dict[str, Any]:
    """200 gold, the rest as the pool."""
    test = read(data / "causal-news/test.jsonl")
    rows = without_test(read(data / "causal-news/train.jsonl"), test)
    random.Random(seed).shuffle(rows)
    return {**CAUSAL, "gold": rows[:200], "pool": rows[200:], "test": test}


CAUSAL = {
    "question": "Does this news sentence tell of an event that is caused by another?",
    "labels": {
        "causal": "One event or state in the sentence is said to bring about another.",
        "not_causal": "No such relation is told.",
    },
}


def pubmedqa(data: Path, seed: int) -> dict[str, Any]:
    """200 gold, 300 pool; the question is the short form, the abstract the long one."""
    test = read(data / "pubmedqa/test.jsonl")
    rows = without_test(read(data / "pubmedqa/train.jsonl"), test)
    random.Random(seed).shuffle(rows)
    return {
        "question": "What does the study answer to the question in its title?",
        "labels": {"yes": "The findings support it.", "no": "They contradict it.", "maybe": "They leave it open."},
        "gold": rows[:200],
        "pool": rows[200:500],
        "test": test,
    }


def causal_news_llm(data: Path, seed: int) -> dict[str, Any]:
    """A real LLM's recorded answers to 1,500 sentences; its 200 demonstrations are the gold."""
    test = read(data / "causal-news/test.jsonl")
    rows = read(data / "causal-news/train.jsonl")
    answers = data / "causal-news/answers/assistant-llm_aligned_shots.jsonl"
    answered = {row["id"] for row in read(answers)}
    gold_ids = set(json.loads((data / "causal-news/answers/gold_ids.json").read_text()))
    return {
        **CAUSAL,
        "gold": [row for row in rows if row["id"] in gold_ids],
        "pool": [row for row in rows if row["id"] in answered and row["id"] not in gold_ids],
        "test": test,
        "teacher": {"kind": "recorded", "answers": str(answers.resolve()), "model": "assistant-llm"},
        "allow_leaks": True,
    }


def pubmedqa_llm(data: Path, seed: int) -> dict[str, Any]:
    """A real LLM's recorded answers to short and long form; 200 gold, 300 pool."""
    answers = data / "pubmedqa/answers"
    files = {rung: str((answers / f"assistant-llm_{rung}.jsonl").resolve()) for rung in ("brief", "detail")}
    return {
        **pubmedqa(data, seed),
        "teacher": {"kind": "recorded", "answers": files, "model": "assistant-llm"},
    }


SETS = {
    "banking77": banking77,
    "causal-news": causal_news,
    "pubmedqa": pubmedqa,
    "causal-news, recorded LLM": causal_news_llm,
    "pubmedqa, recorded LLM": pubmedqa_llm,
}


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
                    f"{mean([r['auroc'] for r in rows])} | {mean([r['ece'] for r in rows])} |"
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
                f"{mean([r['macro_f1']['value'] for r in rows])} | {mean([r['ece'] for r in rows])} |"
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
        begin, end = "<!-- classification:begin -->", "<!-- classification:end -->"
        page = options.write.read_text(encoding="utf-8")
        head, _, rest = page.partition(begin)
        options.write.write_text(f"{head}{begin}\n\n{text}\n{end}{rest.partition(end)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
