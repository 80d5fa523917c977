"""How far each of several teachers can be believed, label by label: from gold, from their agreement, or from both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

SMOOTHING = 4.0
"""A label's reliability is shrunk towards the teacher's over all labels by so many imagined answers: with few answers
a teacher has one number, with many it has a confusion matrix."""

_ROUNDS = 200
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Reliability:
    """What teachers' votes are worth.

    Attributes:
        teachers: Names, in the order of the columns of votes.
        prior: Share of each label, shape (labels,).
        counts: Expected number of answers by true label and vote, by teacher; shape (labels, labels) each.
        gold: Rows whose truth was known.
        rows: All rows.
    """

    teachers: tuple[str, ...]
    prior: Floats
    counts: Mapping[str, Floats]
    gold: int
    rows: int
    _floor: float = 0.0

    def accuracy(self, teacher: str) -> float:
        """Share of the teacher's votes that are right, smoothed; one half before any vote has been seen."""
        counts = self.counts[teacher]
        return float(max((np.trace(counts) + 1) / (counts.sum() + 2), self._floor))

    def confusion(self, teacher: str) -> Floats:
        """Probability of each vote (column) by true label (row), shape (labels, labels)."""
        counts, size = self.counts[teacher], len(self.prior)
        right = self.accuracy(teacher)
        imagined = np.full((size, size), (1 - right) / (size - 1))
        np.fill_diagonal(imagined, right)
        return np.asarray((counts + SMOOTHING * imagined) / (counts.sum(axis=1, keepdims=True) + SMOOTHING))

    def precision(self, teacher: str) -> Floats:
        """Probability that a vote is right, by the label voted for, shape (labels,)."""
        counts = self.counts[teacher]
        return np.asarray((np.diag(counts) + SMOOTHING * self.accuracy(teacher)) / (counts.sum(axis=0) + SMOOTHING))

    def posterior(self, votes: Ints) -> Floats:
        """Probability of every label, were the teachers' errors independent; shape (n, labels).

        Args:
            votes: Columns of the labels voted for, -1 where there is no vote; shape (n, teachers).
        """
        return _posterior(votes, self.prior, [self.confusion(name) for name in self.teachers])[0]


def fit_reliability(
    votes: Ints,
    teachers: Sequence[str],
    labels: int,
    truth: Ints | None = None,
    *,
    unlabelled: float = 1.0,
) -> Reliability:
    """Expectation maximisation over the truth that is not known (Dawid and Skene 1979).

    With all truths given it counts; with none it goes by agreement, from the majority on; in between, rows with a
    known truth anchor the others. Without gold the model could as well call every label by another's name, so it must
    agree with the majority on most rows; where it does not, one accuracy a teacher, never below chance, is used.

    Args:
        votes: Columns of labels, -1 for no vote, shape (n, teachers).
        teachers: Their names.
        labels: Number of labels.
        truth: Columns of true labels, -1 where unknown, shape (n,); None for all unknown.
        unlabelled: Weight of a row without truth. Errors that teachers share look like truth to this model, so with
            gold at hand less than 1 can be wise.
    """
    known = np.full(len(votes), -1) if truth is None else truth
    gold = known >= 0
    # Rows that nobody voted on say nothing about teachers.
    use = gold | (votes >= 0).any(axis=1)
    votes, known, gold = votes[use], known[use], gold[use]
    weight = np.where(gold, 1.0, unlabelled)
    one_hot = np.eye(labels)
    belief = _majority(votes, labels)
    belief[gold] = one_hot[known[gold]]
    start = belief
    model = _count(votes, belief, weight, teachers, labels, gold)
    if not gold.all():
        model, belief = _climb(model, votes, start, weight, gold, floor=0.0)
        if not gold.any() and _agreement(belief, start) < 0.5:
            model = _count(votes, start, weight, teachers, labels, gold, floor=1 / labels)
            model, _ = _climb(model, votes, start, weight, gold, floor=1 / labels)
    return model


def _climb(
    model: Reliability, votes: Ints, start: Floats, weight: Floats, gold: npt.NDArray[np.bool_], floor: float
) -> tuple[Reliability, Floats]:
    """Expectation and maximisation until the likelihood settles; with a floor, one accuracy a teacher."""
    belief, before = start.copy(), -np.inf
    for _ in range(_ROUNDS):
        matrices = [_one_coin(model, name) if floor else model.confusion(name) for name in model.teachers]
        posterior, evidence = _posterior(votes, model.prior, matrices)
        belief = np.where(gold[:, None], start, posterior)
        model = _count(votes, belief, weight, model.teachers, start.shape[1], gold, floor)
        likelihood = float(np.mean(evidence))
        if abs(likelihood - before) < _TOLERANCE:
            break
        before = likelihood
    return model, belief


def _count(
    votes: Ints,
    belief: Floats,
    weight: Floats,
    teachers: Sequence[str],
    labels: int,
    gold: npt.NDArray[np.bool_],
    floor: float = 0.0,
) -> Reliability:
    counts = {}
    for column, name in enumerate(teachers):
        table = np.zeros((labels, labels))
        voted = votes[:, column] >= 0
        np.add.at(table.T, votes[voted, column], belief[voted] * weight[voted, None])
        counts[name] = table
    share = (belief * weight[:, None]).sum(axis=0) + 1
    return Reliability(tuple(teachers), share / share.sum(), counts, int(gold.sum()), len(votes), floor)


def _one_coin(model: Reliability, teacher: str) -> Floats:
    size, right = len(model.prior), model.accuracy(teacher)
    matrix = np.full((size, size), (1 - right) / (size - 1))
    np.fill_diagonal(matrix, right)
    return matrix


def _posterior(votes: Ints, prior: Floats, matrices: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Probabilities of the labels, shape (n, labels), and the log-likelihood of each row's votes, shape (n,)."""
    log = np.tile(np.log(prior), (len(votes), 1))
    for column, matrix in enumerate(matrices):
        voted = votes[:, column] >= 0
        log[voted] += np.log(np.maximum(matrix, 1e-9))[:, votes[voted, column]].T
    top = log.max(axis=1, keepdims=True)
    powers = np.exp(log - top)
    total = powers.sum(axis=1, keepdims=True)
    return powers / total, (top + np.log(total))[:, 0]


def _majority(votes: Ints, labels: int) -> Floats:
    """Shares of the votes, shape (n, labels); even where there are none."""
    shares = np.stack([(votes == label).sum(axis=1) for label in range(labels)], axis=1).astype(float)
    total = shares.sum(axis=1, keepdims=True)
    return np.where(total > 0, shares / np.maximum(total, 1), 1 / labels)


def _agreement(belief: Floats, majority: Floats) -> float:
    """Share of the rows with a clear majority on which the belief follows it; 1 without such rows."""
    top = np.sort(majority, axis=1)
    clear = top[:, -1] > top[:, -2]
    return float(np.mean((belief.argmax(axis=1) == majority.argmax(axis=1))[clear])) if clear.any() else 1.0
