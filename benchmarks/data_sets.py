"""The data sets of the benchmarks: gold, pool and test drawn by seed from a data folder.

The folder holds banking77/, causal-news/ and pubmedqa/ as JSON lines (id, text, label, perhaps detail), each with
train.jsonl and test.jsonl, and for recorded teachers their answers/.
"""

import json
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

from dualchecker.data import fingerprint

Rows = list[dict[str, Any]]


def read(path: Path) -> Rows:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]


def without_test(rows: Rows, test: Rows) -> Rows:
    """Training rows whose text does not stand in the test file."""
    known = {fingerprint(row["text"]) for row in test}
    return [row for row in rows if fingerprint(row["text"]) not in known]


def training(data: Path, name: str) -> tuple[Rows, Rows]:
    """Training rows that do not stand in the test file, and the test rows."""
    test = read(data / name / "test.jsonl")
    return without_test(read(data / name / "train.jsonl"), test), test


BANKING = "Which intent does this message of a bank's customer have?"

CAUSAL = {
    "question": "Does this news sentence tell of an event that is caused by another?",
    "labels": {
        "causal": "One event or state in the sentence is said to bring about another.",
        "not_causal": "No such relation is told.",
    },
}

PUBMED = {
    "question": "What does the study answer to the question in its title?",
    "labels": {"yes": "The findings support it.", "no": "They contradict it.", "maybe": "They leave it open."},
}


def banking77(data: Path, seed: int) -> dict[str, Any]:
    """10 gold a class, 3,000 of the rest as the pool."""
    rows, test = training(data, "banking77")
    random.Random(seed).shuffle(rows)
    taken: dict[str, int] = defaultdict(int)
    gold, rest = [], []
    for row in rows:
        taken[row["label"]] += 1
        (gold if taken[row["label"]] <= 10 else rest).append(row)
    labels = dict.fromkeys(sorted(taken), "")
    return {"question": BANKING, "labels": labels, "gold": gold, "pool": rest[:3000], "test": test}


def causal_news(data: Path, seed: int) -> dict[str, Any]:
    """200 gold, the rest as the pool."""
    rows, test = training(data, "causal-news")
    random.Random(seed).shuffle(rows)
    return {**CAUSAL, "gold": rows[:200], "pool": rows[200:], "test": test}


def pubmedqa(data: Path, seed: int) -> dict[str, Any]:
    """200 gold, 300 pool; the question is the short form, the abstract the long one."""
    rows, test = training(data, "pubmedqa")
    random.Random(seed).shuffle(rows)
    return {**PUBMED, "gold": rows[:200], "pool": rows[200:500], "test": test}


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
