"""Writes what `dualchecker bench` needs for the project's own table: run files, their data, and the bench file.

    python benchmarks/bench_data.py --data DATA --out FOLDER
    dualchecker bench FOLDER/bench.yaml
    python benchmarks/bench_data.py --data DATA --out FOLDER --write docs/benchmarks.md

DATA is a folder as benchmarks/data_sets.py describes it. Training rows whose text stands in the test file are left
out; the bench draws gold and pool from the rest by seed: 5 gold a class and 1,000 pool (banking77), 200 and 1,000
(causal-news), 200 and 300 (pubmedqa). The embedded corpus comes with the package.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import yaml

from data_sets import BANKING, CAUSAL, PUBMED, training
from pages import splice

HERE = Path(__file__).parent


def write(data: Path, out: Path, name: str, task: dict[str, Any]) -> None:
    """The run file of one data set beside its training and test rows; gold and pool are drawn from one file."""
    train, test = training(data, name)
    out.mkdir(parents=True, exist_ok=True)
    for part, rows in (("train", train), ("test", test)):
        plain = [{key: row.get(key) for key in ("id", "text", "detail", "label")} for row in rows]
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in plain)
        (out / f"{name}-{part}.jsonl").write_text(text, encoding="utf-8")
    labels = task.get("labels") or sorted({row["label"] for row in train})
    run = {
        "task": {"question": task["question"], "labels": labels},
        "data": {"gold": f"{name}-train.jsonl", "pool": f"{name}-train.jsonl", "test": f"{name}-test.jsonl"},
        "teacher": {"kind": "exemplar"},
    }
    (out / f"{name}.yaml").write_text(yaml.safe_dump(run, sort_keys=False, allow_unicode=True), encoding="utf-8")


def main_tables(text: str) -> str:
    """Of ``bench.md``: the table of each data set, and the differences over all of them."""
    kept, keep = [], False
    for line in text.splitlines():
        if line.startswith("## "):
            keep = True
            kept.append(f"#{line}")
        elif line.startswith("### "):
            keep = line.startswith("### Mean over")
            kept += [f"#{line}"] if keep else []
        elif keep:
            kept.append(line)
    return "\n".join(kept).rstrip() + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--write", type=Path, help="put the tables of a bench that has run into this page")
    options = parser.parse_args()
    if options.write:
        tables = (options.out / "runs/bench/bench.md").read_text(encoding="utf-8")
        splice(options.write, "bench", main_tables(tables))
        return
    write(options.data, options.out, "banking77", {"question": BANKING})
    write(options.data, options.out, "causal-news", CAUSAL)
    write(options.data, options.out, "pubmedqa", PUBMED)
    shutil.copy(HERE / "bench.yaml", options.out / "bench.yaml")
    print(f"dualchecker bench {options.out / 'bench.yaml'}")


if __name__ == "__main__":
    main()
