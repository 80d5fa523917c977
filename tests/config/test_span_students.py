"""What a run file need not say about a student of spans."""

from typing import Any

import pytest

from dualchecker.config import RunConfig


def student(given: dict[str, Any], kind: str = "extraction") -> Any:
    task = {"kind": kind, "question": "What causes what?", "labels": {"cause": "", "effect": ""}}
    data = {"gold": "gold.jsonl", "pool": "pool.jsonl"}
    return RunConfig.model_validate({"task": task, "data": data, "student": given}).student


@pytest.mark.parametrize(
    ("given", "kind", "rate"),
    [
        ({}, "tokens", 5e-4),
        ({"kind": "tokens"}, "tokens", 5e-4),
        ({"learning_rate": 2e-5}, "tokens", 2e-5),
        ({"kind": "linear"}, "linear", 1e-4),
    ],
)
def test_spans_have_a_student_and_learning_rate_of_their_own(given: dict[str, Any], kind: str, rate: float) -> None:
    found = student(given)
    assert (found.kind, found.learning_rate) == (kind, rate)
    assert (student(found.model_dump()).kind, student(found.model_dump()).learning_rate) == (kind, rate)


def test_other_tasks_keep_theirs() -> None:
    assert (student({}, "classification").kind, student({}, "classification").learning_rate) == ("encoder", 1e-4)
