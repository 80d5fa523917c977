"""From the run file to the teacher in process."""

import json
from pathlib import Path
from typing import Any

import pytest

from dualchecker.config import build_config
from dualchecker.embedding import NgramEmbedder
from dualchecker.runs.teachers import build_teacher
from dualchecker.teachers import LocalTeacher


@pytest.mark.parametrize(
    ("settings", "answer"),
    [
        ({}, "score"),
        ({"method": "cot"}, "reasons"),
        ({"method": "self_consistency"}, "reasons"),
        ({"method": "cot", "teacher": {"answer": "score"}}, "score"),
        ({"method": "cot", "teacher": {"structured": False}}, "score"),
        ({"teacher": {"answer": "generate"}}, "text"),
    ],
)
def test_methods_about_reasons_get_them(
    settings: dict[str, Any], answer: str, tiny_causal: Path, make_prompts: Any
) -> None:
    teacher = {"kind": "transformers", "model": str(tiny_causal), "device": "cpu", **settings.pop("teacher", {})}
    config = build_config(
        {
            "task": {"question": "q", "labels": ["a", "b"]},
            "data": {"gold": "g.jsonl", "pool": "p.jsonl"},
            "teacher": teacher,
            **settings,
        }
    )
    built = build_teacher(config.teacher, config, NgramEmbedder())
    assert isinstance(built, LocalTeacher) and built.name == tiny_causal.name
    [prompt] = make_prompts(1)
    payload = built.payload(prompt)
    assert payload["answer"] == answer and str(tiny_causal) not in json.dumps(payload)
