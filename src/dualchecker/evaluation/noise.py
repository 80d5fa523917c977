"""Which accepted labels look wrong: confident learning (Northcutt, Jiang, Chuang 2021), beside our own confidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dualchecker.evaluation.comparison import paired_difference
from dualchecker.evaluation.intervals import bootstrap_all, percentile, wilson
from dualchecker.evaluation.scores import ConfidenceScores
from dualchecker.records import Labelled
from dualchecker.tasks import Task

Floats = npt.NDArray[np.float64]

SUSPECTS = 25
"""Labels that are written down as suspicious, the worst first."""

_LEAST = 20
"""With fewer accepted labels, a threshold for each class would be a mean of next to nothing."""


@dataclass(frozen=True)
class Suspicion:
    """What out-of-sample probabilities say about given labels.

    Attributes:
        margin: Normalised margin of each record: probability of its given label minus that of the likeliest other,
            in -1..1; the lower, the more suspicious.
        suggested: Column of the label that the record is counted under, or the given one where none is confident.
        flagged: Whether the record stands off the diagonal of the confident joint.
        joint: Estimated joint distribution of given (rows) and true labels (columns), sums to 1.
    """

    margin: Floats
    suggested: npt.NDArray[np.intp]
    flagged: npt.NDArray[np.bool_]
    joint: Floats

    @property
    def wrong(self) -> float:
        """Estimated number of wrong labels: what of the joint lies off its diagonal."""
        return float(len(self.margin) * (1 - np.trace(self.joint)))


def confident_learning(probabilities: Floats, given: Sequence[int]) -> Suspicion:
    """Where confident predictions contradict given labels (section 3 of the paper).

    The threshold of a class is the mean probability that its own records give it, so that a student that is unsure of
    a class as a whole does not make all of its labels suspicious. A record is counted under the likeliest of the
    classes whose threshold it reaches. The counts, scaled to the number of records with each given label, estimate
    the joint distribution.

    Args:
        probabilities: Of students that have not seen the record's given label, shape (records, labels).
        given: Column of the given label of each record.

    Raises:
        ValueError: No records, or lists that are not aligned.
    """
    labels = np.asarray(given, dtype=np.intp)
    if probabilities.ndim != 2 or len(probabilities) != len(labels) or not len(labels):
        raise ValueError(f"{len(labels)} given labels for probabilities of shape {probabilities.shape}")
    rows, size = np.arange(len(labels)), probabilities.shape[1]
    own = probabilities[rows, labels]
    count = np.bincount(labels, minlength=size)
    # A class that no record carries has no threshold; nothing can be counted under it.
    with np.errstate(divide="ignore", invalid="ignore"):
        threshold = np.where(count > 0, np.bincount(labels, own, size) / count, np.inf)
    reached = np.where(probabilities >= threshold - 1e-9, probabilities, -1.0)
    suggested = np.where(reached.max(axis=1) >= 0, reached.argmax(axis=1), labels)
    confident = reached.max(axis=1) >= 0
    joint = np.zeros((size, size))
    np.add.at(joint, (labels[confident], suggested[confident]), 1.0)
    # Of a class without a confident record nothing is known: its labels are taken for right.
    lost = (joint.sum(axis=1) == 0) & (count > 0)
    joint[lost, lost] = 1.0
    joint *= (count / np.maximum(joint.sum(axis=1), 1.0))[:, None] / len(labels)
    rivals = probabilities.copy()
    rivals[rows, labels] = -1.0
    return Suspicion(own - rivals.max(axis=1), suggested, suggested != labels, joint)


def judge_noise(
    task: Task, labels: Sequence[Labelled], unseen: Mapping[str, Floats], *, seed: int = 0
) -> dict[str, Any] | None:
    """How many accepted labels look wrong, by confident learning and by the run's own confidence.

    Args:
        task: The order of the labels.
        labels: Of the pool; only accepted ones are checked.
        unseen: By record id, probabilities of a student that has not seen the record, shape (labels,).
        seed: Of the resamples.

    Returns:
        None with fewer than 20 accepted labels. Otherwise ``checked``; ``wrong`` (expected number, by ``learning`` and
        by ``confidence``); ``flagged``; ``suspects``, the flagged labels with the lowest margin. Where accepted
        labels have human ones beside them, ``known``: their ``count``, how many are ``wrong``, and for each of both
        ways the ``auroc`` for finding wrong labels and ``top``, the share of wrong ones among the ``count`` most
        suspicious (as many as confident learning flags, and at least a tenth), with intervals and the paired
        ``difference`` of the AUROCs.
    """
    column = {label: number for number, label in enumerate(task.labels)}
    checked = [i for i in labels if i.status == "accepted" and i.label in column and i.record.id in unseen]
    if len(checked) < _LEAST:
        return None
    probabilities = np.array([unseen[item.record.id] for item in checked])
    found = confident_learning(probabilities, [column[item.label or ""] for item in checked])
    sure = np.array([item.confidence.value for item in checked])
    names = list(task.labels)
    order = [int(row) for row in np.argsort(found.margin, kind="stable") if found.flagged[row]]
    return {
        "checked": len(checked),
        "wrong": {"learning": found.wrong, "confidence": float(np.sum(1 - sure))},
        "flagged": int(found.flagged.sum()),
        "suspects": [
            {
                "id": checked[row].record.id,
                "label": checked[row].label,
                "suggested": names[found.suggested[row]],
                "margin": float(found.margin[row]),
                "confidence": float(sure[row]),
            }
            for row in order[:SUSPECTS]
        ],
        "known": _known(task, checked, found, sure, seed),
    }


def _known(task: Task, checked: Sequence[Labelled], found: Suspicion, sure: Floats, seed: int) -> dict[str, Any] | None:
    """Both ways against human labels, where there are any."""
    rows = [row for row, item in enumerate(checked) if item.record.label is not None]
    if not rows:
        return None
    right = np.array([task.equal(checked[row].label, checked[row].record.label) for row in rows])
    trust = {"learning": found.margin[rows], "confidence": sure[rows]}
    scores = {name: ConfidenceScores(values, right) for name, values in trust.items()}
    values, draws = bootstrap_all(
        lambda weights: {name: score.auroc(weights) for name, score in scores.items()}, len(rows), seed=seed
    )

    def difference(drawn: npt.NDArray[np.intp]) -> float:
        weights = np.bincount(drawn, minlength=len(rows))
        return scores["learning"].auroc(weights) - scores["confidence"].auroc(weights)

    top = max(int(found.flagged[rows].sum()), -(-len(rows) // 10))
    # Flagged ones are first by definition of the check; within them and for the other way, the least trusted.
    flagged_first = {"learning": np.lexsort((trust["learning"], ~found.flagged[rows]))[:top]}
    picked = flagged_first | {"confidence": np.argsort(trust["confidence"], kind="stable")[:top]}
    return {
        "count": len(rows),
        "wrong": int((~right).sum()),
        "top": {"count": top, **{n: wilson(int((~right[rows_]).sum()), top).to_dict() for n, rows_ in picked.items()}},
        "auroc": {name: percentile(value, draws[name]).to_dict() for name, value in values.items()},
        "difference": paired_difference(difference, len(rows), seed=seed).to_dict(),
    }
