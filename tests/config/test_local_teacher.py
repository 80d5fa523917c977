"""Keys of a teacher in process: what goes with what."""

from typing import Any

import pytest

from dualchecker.config import RunConfig, build_config
from dualchecker.errors import ConfigError

LABELS = {"question": "q", "labels": ["a", "b"]}


def build(task: dict[str, Any] = LABELS, **teacher: Any) -> RunConfig:
    data = {"gold": "g.jsonl", "pool": "p.jsonl"}
    return build_config({"task": task, "data": data, "teacher": {"kind": "transformers", "model": "m", **teacher}})


def test_it_needs_no_more_than_a_model() -> None:
    teacher = build(model="models/a-model/").teacher
    assert (teacher.answer, teacher.device, teacher.dtype, teacher.batch_tokens) == ("auto", "auto", "auto", 8192)
    assert teacher.label == "a-model"


@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:1", "mps"])
def test_devices_by_name(device: str) -> None:
    assert build(device=device).teacher.device == device


@pytest.mark.parametrize(
    ("teacher", "said"),
    [
        ({"model": None}, "needs model"),
        ({"base_url": "http://x/v1"}, "kind: openai"),
        ({"device": "gpu"}, "device"),
        ({"dtype": "int8"}, "dtype"),
        ({"batch_tokens": 10}, "batch_tokens"),
        ({"answer": "reasons", "structured": False}, "structured"),
        ({"kind": "openai", "base_url": "http://x/v1", "batch_tokens": 512}, "batch_tokens belongs to"),
        ({"kind": "openai", "base_url": "http://x/v1", "answer": "score"}, "answer belongs to"),
        ({"kind": "exemplar", "model": None, "device": "cpu"}, "device belongs to"),
    ],
)
def test_what_does_not_go_together_is_refused(teacher: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build(**teacher)


@pytest.mark.parametrize(
    "task",
    [
        {**LABELS, "multiple": True},
        {**LABELS, "kind": "extraction"},
        {"kind": "reasoning", "question": "q", "answer": "number"},
    ],
)
def test_labels_are_scored_where_there_is_one_to_choose(task: dict[str, Any]) -> None:
    assert build(task).teacher.answer == "auto", "any task can be asked"
    for answer in ("score", "reasons"):
        with pytest.raises(ConfigError, match=r"teacher\.answer"):
            build(task, answer=answer)
    assert build(LABELS, answer="reasons").teacher.answer == "reasons"


def test_a_senior_and_members_may_be_local() -> None:
    local = {"kind": "transformers", "model": "large", "dtype": "bfloat16"}
    senior = build(senior=local).teacher.senior
    assert senior is not None and senior.dtype == "bfloat16"
    members = [{"kind": "transformers", "model": f"m/{n}", "answer": "score"} for n in "ab"]
    assert [m.label for m in build(kind="panel", model=None, members=members).teacher.members] == ["a", "b"]
