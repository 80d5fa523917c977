"""What a run file need not say about a student that reasons."""

from typing import Any

import pytest

from dualchecker.config import RunConfig


def student(given: dict[str, Any]) -> Any:
    data = {"gold": "gold.jsonl", "pool": "pool.jsonl"}
    task = {"kind": "reasoning", "question": "How many?"}
    return RunConfig.model_validate(
        {"task": task, "data": data, "student": given, "teacher": {"kind": "program"}}
    ).student


@pytest.mark.parametrize(
    ("given", "base", "rate"),
    [
        ({}, "scratch", 5e-3),
        ({"base": "google/t5-v1_1-small"}, "google/t5-v1_1-small", 3e-4),
        ({"learning_rate": 2e-5}, "scratch", 2e-5),
    ],
)
def test_random_weights_are_learnt_faster_than_trained_ones(given: dict[str, Any], base: str, rate: float) -> None:
    found = student(given)
    assert (found.kind, found.base, found.learning_rate) == ("reasoner", base, rate)
    assert student(found.model_dump()) == found
