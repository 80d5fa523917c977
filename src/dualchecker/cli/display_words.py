"""Words and numbers that the tables in the terminal share."""

from collections.abc import Mapping
from typing import Any

STAGES = {
    "zero_shot": "zero-shot prompting",
    "few_shot": "few-shot prompting",
    "cot": "chain of thought",
    "self_consistency": "self-consistency",
    "dtot": "+ one more question",
    "freeal": "+ clean texts as examples",
    "standard_distillation": "one answer",
    "single_cot": "one chain",
    "multi_cot": "vote of chains",
    "single_cot_self_eval": "one chain, self-evaluated",
    "minds_mirror": "vote of chains, self-evaluated",
    "aligner": "+ ContextAligner",
    "first_answer": "first answer",
    "teacher_checker": "+ teacher checker",
    "student_checker": "+ student checker",
}

CHAIN_STAGES = {"first_answer": "first chains"}
"""In place of those in ``STAGES`` where questions are answered by reasoning."""

REFERENCES = {
    "gold_only": "reference: gold alone",
    "gold_few_shot": "reference: gold + few-shot labels",
    "gold_pool": "reference: gold + true labels of the pool",
    "answers_alone": "reference: the same answers, no chains",
    "one_chain": "reference: one chain a question",
    "chains_alone": "reference: the same chains, no verdicts",
}

MEASURES = {"accuracy": "accuracy", "macro_f1": "macro-F1"}
LABEL_SET_MEASURES = {"micro_f1": "micro-F1", "macro_f1": "macro-F1", "exact_match": "exact match"}
"""Scores of a student, as the table calls them."""


def percent(value: Any) -> str:
    """``71.2 %``, or a dash for what is not known."""
    return f"{100 * value:.1f} %" if isinstance(value, int | float) and value == value else "–"


def decimal(value: Any) -> str:
    """``0.712``, or a dash for what is not known."""
    return f"{value:.3f}" if isinstance(value, int | float) and value == value else "–"


def with_interval(estimate: Mapping[str, float] | None) -> str:
    """``71.2 % (64.0–78.1)``."""
    if not estimate or any(estimate[name] is None or estimate[name] != estimate[name] for name in ("value", "low")):
        return "–"
    return f"{percent(estimate['value'])} ({100 * estimate['low']:.1f}–{100 * estimate['high']:.1f})"
