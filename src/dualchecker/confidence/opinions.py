"""What several teachers say about one record, put together: a pool of calibrated opinions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from dualchecker.confidence.calibration import Calibrator
from dualchecker.confidence.maps import cross_fitted
from dualchecker.confidence.reliability import SMOOTHING, Floats, Ints, Reliability, fit_reliability

OPINION_SIGNALS = ("reliability", "stated", "tempered_probability", "neighbour_share")
OPINION_SLOPES = {"reliability": 0.8, "stated": 0.3, "tempered_probability": 0.4, "neighbour_share": 0.1}
"""What makes a teacher's answer sure: how often it is right with this label, the confidence that it states, its label's
probability, the neighbours' labels. Before gold, mostly the first."""

POOL_WEIGHT = 0.5
POOL_STRENGTH = 1.0
"""Teachers make the same mistakes: before gold tells, each counts for half of what it would count for alone. A Gaussian
of standard deviation 1 around it."""

_CELLS = 4_000_000
"""Most numbers held at once while gains are counted."""

_TEMPER = 4.0
_SHRINK = 20.0
"""How another teacher behaves under one leading label is shrunk towards how it behaves under all of them by so many
imagined answers: a few hundred gold records hold but some dozens on which the leading label is wrong. All of them
together are shrunk towards independence far less: it seldom holds."""

_INDEPENDENCE = 4.0

_FLOOR = 1e-4

_SUREST = 1 - 1e-9
"""Many members' log-odds add up to a 1 in floating point, and a threshold of 1 is there to accept nothing."""


def temper(probability: float) -> float:
    """A label's probability at a quarter of its log-odds.

    Models give their labels probabilities like 0.9999 and 0.9999999; what lies between still tells right from wrong,
    and would be lost where a calibrator takes everything beyond 99.5 % as one.
    """
    p = min(max(probability, 1e-9), 1 - 1e-9)
    return float(1 / (1 + ((1 - p) / p) ** (1 / _TEMPER)))


@dataclass(frozen=True, slots=True)
class Opinion:
    """A teacher's usable answer: the column of its label, and its signals."""

    vote: int
    signals: Mapping[str, float]


Opinions = Mapping[str, Opinion]
"""By teacher; one that was not asked, or gave no usable answer, is not there."""


@dataclass
class PanelModel:
    """Probability of every label from the opinions of any of the teachers.

    Each opinion becomes a distribution: the teacher's calibrated confidence on its label, the rest as its mistakes with
    this label are spread. The distributions are pooled: their log-odds against the label shares are added with weights
    that are never negative (a logarithmic opinion pool; Genest and Zidek 1986). The weights are fitted for each set of
    teachers that has spoken, since what a teacher adds depends on who else has.

    Attributes:
        reliability: Of each teacher by label, counted on gold.
        calibrators: By teacher.
    """

    reliability: Reliability
    calibrators: Mapping[str, Calibrator]
    _evidence: Mapping[str, Floats]
    _truth: Ints
    _votes: Ints
    _weights: dict[frozenset[str], Floats] = field(default_factory=dict)
    _agreements: dict[tuple[frozenset[str], str], Floats] = field(default_factory=dict)

    @classmethod
    def fit(cls, gold: Sequence[Opinions], truth: Sequence[int], teachers: Sequence[str], labels: int) -> "PanelModel":
        """Learn from gold.

        Args:
            gold: Opinions about gold records, of all teachers.
            truth: Columns of the true labels.
            teachers: All names.
            labels: Number of labels.
        """
        known = np.asarray(truth, dtype=int)
        votes = np.array([[row[t].vote if t in row else -1 for t in teachers] for row in gold], dtype=int)
        votes = votes.reshape(len(gold), len(teachers))
        reliability = fit_reliability(votes, teachers, labels, known)
        prior = Calibrator.prior(OPINION_SIGNALS, intercept=0.0, slopes=OPINION_SLOPES, chance=1 / labels)
        calibrators, evidence = {}, {}
        for column, name in enumerate(teachers):
            spoken = np.flatnonzero(votes[:, column] >= 0)
            right = votes[spoken, column] == known[spoken]
            rows = [
                _with_reliability(gold[i][name], reliability, name, bool(hit))
                for i, hit in zip(spoken.tolist(), right, strict=True)
            ]
            calibrators[name] = Calibrator.fit(rows, right.tolist(), prior)
            # The pool's weights must see opinions as sure as they will be on new records.
            sure = cross_fitted(rows, right.tolist(), prior)
            evidence[name] = np.zeros((len(gold), labels))
            evidence[name][spoken] = _spread(sure, votes[spoken, column], reliability, name)
        return cls(reliability, calibrators, evidence, known, votes)

    def posterior(self, rows: Sequence[Opinions]) -> Floats:
        """Probability of every label, shape (n, labels), never quite 1; the label shares where nobody has spoken."""
        out = np.tile(self.reliability.prior, (len(rows), 1))
        groups: dict[frozenset[str], list[int]] = {}
        for index, row in enumerate(rows):
            groups.setdefault(frozenset(row), []).append(index)
        for spoken, members in groups.items():
            names = self._ordered(spoken)
            if names:
                evidence = np.stack([self._evidence_of([rows[i][n] for i in members], n) for n in names], axis=1)
                out[members] = _pooled(evidence, self.weights(spoken), np.log(self.reliability.prior))
        return np.asarray(np.minimum(out, _SUREST))

    def weights(self, spoken: frozenset[str]) -> Floats:
        """Weights of these teachers' opinions, in the order of ``reliability.teachers``."""
        if spoken not in self._weights:
            evidence = self._gold_evidence(spoken)
            self._weights[spoken] = _fit_weights(evidence, self._truth, np.log(self.reliability.prior))
        return self._weights[spoken]

    def vote_given(self, spoken: frozenset[str], teacher: str, lead: int) -> Floats:
        """How a teacher would vote (column) by true label (row), given who has spoken and which label leads.

        Teachers' mistakes are not independent. So what counts is how often this one is right where the leading label
        of the others is right, and where it is wrong how often it is right or makes the same mistake; each by leading
        label, shrunk towards all labels. Shape (labels, labels).
        """
        key = (spoken, teacher)
        if key not in self._agreements:
            self._agreements[key] = self._count_agreement(spoken, teacher)
        keeps, rescues, repeats = self._agreements[key][:, lead]
        size = len(self.reliability.prior)
        others = np.arange(size) != lead
        table = np.zeros((size, size))
        if size > 2:
            table[np.ix_(others, others)] = max(1 - rescues - repeats, 0.0) / (size - 2)
        table[others, others] = rescues
        table[others, lead] = repeats
        table[lead] = (1 - keeps) / (size - 1)
        table[lead, lead] = keeps
        return np.asarray(table / table.sum(axis=1, keepdims=True))

    def _count_agreement(self, spoken: frozenset[str], teacher: str) -> Floats:
        """By leading label: how often the teacher is right where it is right; and where it is wrong, how often the
        teacher is right, and how often it votes for it too; shape (3, labels)."""
        size, column = len(self.reliability.prior), self.reliability.teachers.index(teacher)
        log_prior = np.log(self.reliability.prior)
        gold = _pooled(self._gold_evidence(spoken), self.weights(spoken), log_prior) if spoken else None
        lead = np.full(len(self._truth), log_prior.argmax()) if gold is None else gold.argmax(axis=1)
        vote = self._votes[:, column]
        voted = vote >= 0
        good, same, hit = lead == self._truth, vote == lead, vote == self._truth
        overall = self.reliability.accuracy(teacher)

        def share(event: npt.NDArray[np.bool_], among: npt.NDArray[np.bool_], start: float) -> Floats:
            """By leading label, shrunk to the share over all, itself shrunk to what independence would give."""
            whole = ((event & among).sum() + _INDEPENDENCE * start) / (among.sum() + _INDEPENDENCE)
            seen = np.bincount(lead[among], minlength=size)
            happened = np.bincount(lead[among & event], minlength=size)
            return np.asarray((happened + _SHRINK * whole) / (seen + _SHRINK))

        keeps = share(same, voted & good, overall)
        rescues = share(hit, voted & ~good, overall)
        # With two labels, who is not right agrees with the wrong one.
        repeats = share(same, voted & ~good, (1 - overall) / (size - 1)) if size > 2 else 1 - rescues
        return np.stack([keeps, rescues, repeats])

    def expected_gain(
        self, posterior: Floats, spoken: frozenset[str], teacher: str, of: Literal["label", "sureness"] = "label"
    ) -> Floats:
        """What asking this teacher is expected to bring where ``spoken`` have been heard, shape (n,)."""
        lead = posterior.argmax(axis=1)
        gains = np.zeros(len(posterior))
        chunk = max(_CELLS // posterior.shape[1] ** 2, 1)
        for k in np.unique(lead).tolist():
            votes, rows = self.vote_given(spoken, teacher, k), np.flatnonzero(lead == k)
            for some in np.split(rows, range(chunk, len(rows), chunk)):
                gains[some] = expected_gain(posterior[some], votes, of)
        return gains

    def _ordered(self, spoken: frozenset[str]) -> list[str]:
        return [name for name in self.reliability.teachers if name in spoken]

    def _gold_evidence(self, spoken: frozenset[str]) -> Floats:
        names = self._ordered(spoken)
        return np.stack([self._evidence[name] for name in names], axis=1)

    def _evidence_of(self, opinions: Sequence[Opinion], teacher: str) -> Floats:
        rows = [_with_reliability(opinion, self.reliability, teacher) for opinion in opinions]
        votes = np.array([opinion.vote for opinion in opinions])
        return _spread(self.calibrators[teacher].predict(rows), votes, self.reliability, teacher)


def expected_gain(posterior: Floats, votes: Floats, of: Literal["label", "sureness"] = "label") -> Floats:
    """What one more vote is worth before it is known: the value of information, summed over all votes; shape (n,).

    Args:
        posterior: Probability of every label now, shape (n, labels).
        votes: Probability of each vote (column) by true label (row), shape (labels, labels).
        of: ``label``: the expected rise of the probability that the likeliest label is right; 0 where no vote could
            change the label. ``sureness``: that of the probability that a label drawn by its probability is right
            (the sum of squares); also above 0 where a vote can only confirm.
    """
    joint = posterior[:, :, None] * votes[None]
    if of == "label":
        then, now = joint.max(axis=1).sum(axis=1), posterior.max(axis=1)
    else:
        then = ((joint**2).sum(axis=1) / np.maximum(joint.sum(axis=1), 1e-12)).sum(axis=1)
        now = (posterior**2).sum(axis=1)
    return np.asarray(np.maximum(then - now, 0.0))


@dataclass(frozen=True)
class MajorityModel:
    """The label with the most votes, and how often such a majority was right on gold.

    Attributes:
        calibrator: From the share of the *other* teachers that agree.
        labels: Number of labels.
    """

    calibrator: Calibrator
    labels: int

    @classmethod
    def fit(cls, gold: Sequence[Opinions], truth: Sequence[int], labels: int) -> "MajorityModel":
        """Learn from gold; see ``PanelModel.fit``."""
        prior = Calibrator.prior(("teacher_share",), chance=1 / labels)
        spoken = [(row, true) for row, true in zip(gold, truth, strict=True) if row]
        leads = [_majority(row) for row, _ in spoken]
        rows = [_teacher_share(row, lead) for (row, _), lead in zip(spoken, leads, strict=True)]
        right = [lead == true for (_, true), lead in zip(spoken, leads, strict=True)]
        return cls(Calibrator.fit(rows, right, prior), labels)

    def posterior(self, rows: Sequence[Opinions]) -> Floats:
        """Probability of every label, shape (n, labels): the calibrated one of the majority, the rest by votes.

        It can be under one half, and is never under that of another label.
        """
        out = np.full((len(rows), self.labels), 1 / self.labels)
        for index, row in enumerate(rows):
            if not row:
                continue
            lead = _majority(row)
            sure = float(self.calibrator.predict([_teacher_share(row, lead)])[0])
            rest = np.full(self.labels, 0.1)
            for opinion in row.values():
                rest[opinion.vote] += 1
            rest[lead] = 0
            out[index] = np.minimum((1 - sure) * rest / rest.sum(), sure - 1e-6)
            out[index, lead] = sure
        return out


def _majority(row: Opinions) -> int:
    """The label with the most votes; of those with as many, the one that the last teacher of the row gave first."""
    votes = [opinion.vote for opinion in row.values()]
    return max(reversed(votes), key=votes.count)


def _teacher_share(row: Opinions, label: int) -> dict[str, float]:
    share = teacher_share([opinion.vote for opinion in row.values()], label)
    return {} if share is None else {"teacher_share": share}


def teacher_share(votes: Sequence[int], label: int) -> float | None:
    """Share of the *other* teachers that gave this label too; None where there is no other."""
    return (votes.count(label) - 1) / (len(votes) - 1) if len(votes) > 1 else None


def _with_reliability(
    opinion: Opinion, reliability: Reliability, teacher: str, right: bool | None = None
) -> dict[str, float]:
    """Signals of an opinion and how often the teacher is right with this label, without this record if it is gold."""
    counts, vote = reliability.counts[teacher], opinion.vote
    own = 0.0 if right is None else 1.0
    hits, total = counts[vote, vote] - own * bool(right), counts[:, vote].sum() - own
    signals = dict(opinion.signals)
    signals["reliability"] = float((hits + SMOOTHING * reliability.accuracy(teacher)) / (total + SMOOTHING))
    if "label_probability" in signals:
        signals["tempered_probability"] = temper(signals["label_probability"])
    return signals


def _spread(sure: Floats, votes: Ints, reliability: Reliability, teacher: str) -> Floats:
    """Log of each opinion's distribution against the label shares, shape (n, labels)."""
    rows = np.arange(len(votes))
    # Where the truth lies when this vote is wrong.
    mistakes = reliability.prior[:, None] * reliability.confusion(teacher)
    shares = mistakes[:, votes].T.copy()
    shares[rows, votes] = 0
    shares *= ((1 - sure) / np.maximum(shares.sum(axis=1), 1e-12))[:, None]
    shares[rows, votes] = sure
    return np.asarray(np.log(np.maximum(shares, _FLOOR)) - np.log(reliability.prior))


def _pooled(evidence: Floats, weights: Floats, log_prior: Floats) -> Floats:
    log = log_prior + np.einsum("njk,j->nk", evidence, weights)
    powers = np.exp(log - log.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _fit_weights(evidence: Floats, truth: Ints, log_prior: Floats) -> Floats:
    """Maximum a posteriori by Newton steps; weights that would be negative are 0.

    Args:
        evidence: Log of the opinions against the label shares, shape (n, teachers, labels).
        truth: Columns of the true labels, shape (n,).
        log_prior: Log of the label shares.
    """
    size = evidence.shape[1]
    weights, free = np.full(size, POOL_WEIGHT), np.ones(size, dtype=bool)
    rows = np.arange(len(truth))
    for _ in range(size + 1):
        for _ in range(30):
            shares = _pooled(evidence, weights, log_prior)
            mean = np.einsum("njk,nk->nj", evidence, shares)
            gradient = (mean - evidence[rows, :, truth]).sum(axis=0) + POOL_STRENGTH * (weights - POOL_WEIGHT)
            centred = evidence - mean[:, :, None]
            hessian = np.einsum("nik,njk,nk->ij", centred, centred, shares) + POOL_STRENGTH * np.eye(size)
            step = np.zeros(size)
            step[free] = np.linalg.solve(hessian[np.ix_(free, free)], gradient[free])
            weights = weights - np.clip(step, -0.5, 0.5)
            if np.abs(step).max() < 1e-7:
                break
        negative = free & (weights < 0)
        if not negative.any():
            break
        weights[negative], free[negative] = 0.0, False
    return weights
