"""What is asked about questions, before it is asked: chains on each rung, and self-evaluations of all of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from chain_fakes import make_sums
from dualchecker.config import build_config
from dualchecker.runs import plan_run


def planned(folder: Path, **more: Any) -> dict[str, tuple[int, int]]:
    """Requests by purpose, about 20 gold and 10 pool questions."""
    for name, count in (("gold", 20), ("pool", 10)):
        rows = [{"id": r.id, "text": r.text, "label": r.label} for r in make_sums(count, name)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    raw: dict[str, Any] = {
        "task": {"kind": "reasoning", "question": "Solve it."},
        "data": {"gold": "gold.jsonl", "pool": "pool.jsonl"},
        "teacher": {"kind": "openai", "model": "m", "base_url": "http://localhost:1/v1"},
        "report": {"few_shot": False},
    }
    lines, _ = plan_run(build_config({**raw, **more}, root=folder))
    return {line.purpose: line.requests for line in lines}


def test_each_rung_draws_its_chains(tmp_path: Path) -> None:
    found = planned(tmp_path, reasoning={"chains": 4, "more": 3, "evaluations": 2})
    assert found["rung brief"] == (30 * 4, 30 * 4)
    assert found["rung wide"] == (0, 30 * 3) and found["rung reconsider"] == (0, 30)
    assert found["self-evaluations"] == (30 * 2, 30 * (4 + 3 + 1) * 2)  # chains of the same words are judged once


def test_rungs_without_chains_and_verdicts_that_nobody_wants_are_left_out(tmp_path: Path) -> None:
    found = planned(tmp_path, reasoning={"chains": 2, "more": 0, "evaluations": 0})
    assert "rung wide" not in found and "self-evaluations" not in found


@pytest.mark.parametrize(("method", "requests"), [("minds_mirror", 40), ("single_cot", 10)])
def test_methods_ask_for_their_chains(tmp_path: Path, method: str, requests: int) -> None:
    found = planned(tmp_path, method=method, reasoning={"chains": 4, "evaluations": 1})
    assert found["chains of thought"] == (requests, requests)
