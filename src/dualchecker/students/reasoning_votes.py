"""From judged chains to one answer: a vote in which each chain weighs what its verdict says, and what that is worth."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from dualchecker.confidence.calibration import Calibrator
from dualchecker.students.reasoning import JudgedChain, Reasoned

_SLOPES = {"votes": 0.3, "verdict": 0.3, "direct": 0.1}
"""What is believed of each signal before any gold: they overlap, and a small model is sure too soon."""

_LEAST = 1e-6


def vote(chains: Sequence[JudgedChain], direct: str | None) -> Reasoned:
    """The answer that most of the chains' verdicts stand for; where no chain arrives at any, the direct one.

    Ties go to the direct answer, then to the chain that comes first.
    """
    weights: dict[str, float] = defaultdict(float)
    for chain in chains:
        if chain.answer is not None:
            weights[chain.answer] += max(chain.right, _LEAST) if chain.right is not None else 1.0
    total = sum(weights.values())
    if not total:
        return Reasoned(direct, 0.0, direct, tuple(chains))
    votes = tuple((answer, weight / total) for answer, weight in weights.items())
    best, share = max(votes, key=lambda one: (round(one[1], 9), one[0] == direct))
    return Reasoned(best, share, direct, tuple(chains), votes)


def signals(said: Reasoned) -> dict[str, float]:
    """What speaks for an answer: its share of the votes, the mean verdict on its chains, the direct answer's word."""
    if said.answer is None:
        return {}
    found = {"votes": dict(said.votes).get(said.answer, 0.0), "direct": float(said.direct == said.answer)}
    verdicts = [chain.right for chain in said.chains if chain.answer == said.answer and chain.right is not None]
    return {**found, "verdict": float(np.mean(verdicts))} if verdicts else found


def fit_calibration(said: Sequence[Reasoned], right: Sequence[float]) -> Calibrator | None:
    """How often an answer is right, from its signals; no signal can lower it. None where there are no answers."""
    pairs = [(signals(one), hit) for one, hit in zip(said, right, strict=True) if one.answer is not None]
    if not pairs:
        return None
    prior = Calibrator.prior(tuple(_SLOPES), intercept=0.0, slopes=_SLOPES)
    return Calibrator.fit([row for row, _ in pairs], [float(hit) for _, hit in pairs], prior)


def calibration_to_json(calibration: Calibrator) -> dict[str, Any]:
    """As plain values."""
    return {
        "names": calibration.names,
        "weights": calibration.weights.tolist(),
        "fitted_on": calibration.fitted_on,
        "learnt": calibration.learnt,
    }


def calibration_from_json(values: dict[str, Any]) -> Calibrator:
    """What ``calibration_to_json`` has written."""
    return Calibrator(
        tuple(values["names"]),
        np.asarray(values["weights"], dtype=float),
        fitted_on=int(values["fitted_on"]),
        learnt=float(values["learnt"]),
    )
