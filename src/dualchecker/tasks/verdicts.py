"""Verdicts on chains of thought: what a reply must hold."""

from typing import Any

VERDICTS = ("correct", "wrong", "uncertain")
"""In the order of every probability vector over them."""


def verdict_schema() -> dict[str, Any]:
    """Reason first, so that the verdict follows from it."""
    return {
        "type": "object",
        "properties": {"rationale": {"type": "string"}, "verdict": {"type": "string", "enum": list(VERDICTS)}},
        "required": ["rationale", "verdict"],
        "additionalProperties": False,
    }
