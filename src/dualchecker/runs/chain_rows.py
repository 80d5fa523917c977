"""Answers with their chains of thought as rows of the files."""

from collections.abc import Sequence
from typing import Any

from dualchecker.records import Chain, Labelled, Record
from dualchecker.runs.label_rows import label_rows
from dualchecker.students.reasoning import Reasoned


def chain_label_rows(labels: Sequence[Labelled]) -> list[dict[str, Any]]:
    """What ``labels.jsonl`` holds: the rows of ``label_rows``, each with the chains behind its answer."""
    return [
        {**row, "choices": list(item.record.choices) if item.record.choices else None, "chains": _chains(item)}
        for row, item in zip(label_rows(labels), labels, strict=True)
    ]


def _chains(item: Labelled) -> list[dict[str, Any]]:
    return [_chain(chain) for chain in item.answer.chains] if item.answer else []


def _chain(chain: Chain) -> dict[str, Any]:
    return {
        "rationale": chain.text,
        "answer": chain.answer,
        "rung": chain.rung,
        "count": chain.count,
        "stated": chain.stated,
        "approval": _rounded(chain.approval),
        "sound": _rounded(chain.sound),
        "right": _rounded(chain.right),
        "rejected": chain.rejected or None,
        "evaluations": [
            {"verdict": one.verdict, "rationale": one.reason, "outcome": one.outcome, "request_key": one.request_key}
            for one in chain.evaluations
        ],
        "request_key": chain.request_key,
    }


def reasoned_row(said: Reasoned) -> dict[str, Any]:
    """What a student says of a question, without the question."""
    return {
        "answer": said.answer,
        "confidence": round(said.confidence, 4),
        "direct": said.direct,
        "chains": [
            {"rationale": chain.text, "answer": chain.answer, "right": _rounded(chain.right)} for chain in said.chains
        ],
    }


def chain_prediction_rows(records: Sequence[Record], said: Sequence[Reasoned]) -> list[dict[str, Any]]:
    """What ``predictions.jsonl`` holds: the student's answer to each test question, with its chains and verdicts.

    Args:
        records: Of the test set.
        said: By the student, aligned.
    """
    return [{"id": record.id, **reasoned_row(one)} for record, one in zip(records, said, strict=True)]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
