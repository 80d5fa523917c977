"""What the kinds make alike."""

from dataclasses import asdict
from typing import Any, TypeVar

from dualchecker.checking import Agreement, Ladder
from dualchecker.checking.decision_checker import DecisionCalibration
from dualchecker.methods import Distilled
from dualchecker.prompts import rungs_for
from dualchecker.runs.kinds.base import Parts

L = TypeVar("L", bound=Ladder)
A = TypeVar("A", bound=Agreement)


def make_ladder(ladder: type[L], parts: Parts, **options: Any) -> L:
    """The ladder that a run asks, of a class with the arguments of ``Ladder`` and perhaps ``options``."""
    config = parts.config
    return ladder(
        parts.task,
        parts.aligner,
        parts.writer,
        parts.asker,
        parts.teacher,
        rungs_for(config.align, config.check.rungs),
        parts.senior,
        parts.fence.demonstrations,
        temperature=config.sampling.temperature,
        **options,
    )


def make_agreement(agreement: type[A], parts: Parts, ladder: Ladder) -> A | None:
    """Who asks the first rung again, of a class with the arguments of ``Agreement``; None where that is not wanted."""
    check = parts.config.check
    if not (check.samples or check.variants):
        return None
    return agreement(ladder, parts.aligner, samples=check.samples, variants=check.variants)


def thresholds_by_side(outcome: Distilled) -> dict[str, Any]:
    """The thresholds of each label's two sides (yes and no, a span and none), where there are such."""
    if not isinstance(outcome.calibration, DecisionCalibration):
        return {}
    by_side = outcome.findings.thresholds if outcome.findings else outcome.calibration.thresholds
    return {"thresholds": [{"label": label, "answer": said, **asdict(one)} for (label, said), one in by_side.items()]}
