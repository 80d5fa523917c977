"""A small run against a loopback server that charges, for tests of what it costs."""

import json
from pathlib import Path
from typing import Any

from dualchecker.config import RunConfig, build_config
from fakes import TASK, make_records
from servers import Call, LoopbackServer, Step, completion, verdict

MODEL = "gpt-5-mini"
"""In the price table: 0.25 for prompts, 2.00 for replies."""


WARM = ("stove", "boiler", "furnace", "oven", "radiator", "kettle", "torch", "kiln")


def is_warm(call: Call) -> bool:
    """Whether the text asked about, which stands last, is of the label ``warm``."""
    return any(word in call.text.rsplit("<text", 1)[-1] for word in WARM)


def charging(
    call: Call, *, prompt: int = 200, cached: int = 0, reply: int = 20, confidence: float = 0.9, wrong: bool = False
) -> Step:
    """Says ``warm`` or ``cold`` by the text (or the other one), and counts tokens as told."""
    warm = is_warm(call) != wrong
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": reply,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    return Step(completion(verdict("warm" if warm else "cold", confidence), usage=usage))


def write_data(folder: Path, *, gold: int = 12, pool: int = 30, test: int = 0) -> None:
    """Gold, pool and test files of two labels in turn."""
    for name, count in (("gold", gold), ("pool", pool), ("test", test)):
        rows = [{"id": r.id, "text": r.text, "label": r.label} for r in make_records(count, name)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def run_file(folder: Path, server: LoopbackServer | None = None, /, **more: Any) -> dict[str, Any]:
    """The values of a run file whose teacher is the server, or one that must not be asked."""
    teacher = {"kind": "openai", "model": MODEL, "base_url": server.base_url if server else "https://api.openai.com/v1"}
    return {
        "task": {"question": TASK.question, "labels": dict(TASK.labels)},
        "data": {"gold": "gold.jsonl", "pool": "pool.jsonl"},
        "teacher": {**teacher, "max_tokens": 50, **more.pop("teacher", {})},
        "align": {"embedder": "ngrams", "demonstrations": 3, "neighbours": 2, "wide_neighbours": 3},
        "student": {"kind": "linear"},
        "report": {"few_shot": False, "references": False},
        "check": {"threshold": 0.8, **more.pop("check", {})},
        "output": "out",
        **more,
    }


def make_run(folder: Path, server: LoopbackServer | None = None, /, **more: Any) -> RunConfig:
    """The configuration of such a run."""
    return build_config(run_file(folder, server, **more), root=folder)
