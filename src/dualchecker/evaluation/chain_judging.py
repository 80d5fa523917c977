"""From answers with chains, and from what a student says of questions, to the numbers of the report."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from dualchecker.confidence import auroc
from dualchecker.evaluation.comparison import compare_accuracy
from dualchecker.evaluation.intervals import bootstrap, of_share, resamples, share_right
from dualchecker.evaluation.summary import judge_labels, judge_predictions
from dualchecker.records import Labelled, Record
from dualchecker.students.reasoning import Reasoned
from dualchecker.tasks import Reasoning

_REPEATS = 1000


def judge_answers(task: Reasoning, labels: Sequence[Labelled], seed: int = 0) -> dict[str, Any]:
    """What ``judge_labels`` says, and ``chains``: how many there are, how sound, what was said of them and what became
    of them; where human answers are known, how well verdicts tell right chains from wrong ones."""
    return {**judge_labels(task, labels, seed), "chains": _judge_chains(task, labels, seed)}


def _judge_chains(task: Reasoning, labels: Sequence[Labelled], seed: int) -> dict[str, Any] | None:
    found = [(item, chain) for item in labels if item.answer for chain in item.answer.chains]
    if not found:
        return None
    everything = [chain for _, chain in found]
    verdicts = [one for chain in everything for one in chain.evaluations]
    result: dict[str, Any] = {
        "count": len(everything),
        "questions": len({item.record.id for item, _ in found}),
        "drawn": sum(chain.count for chain in everything),
        "unsound": sum(chain.sound is not None and chain.sound < 1 for chain in everything),
        "with_arithmetic": sum(chain.sound is not None for chain in everything),
        "verdicts": dict(Counter(one.verdict or one.outcome for one in verdicts)),
        "rejected": dict(Counter(chain.rejected for chain in everything if chain.rejected)),
    }
    known = [
        [(chain, task.equal(chain.answer, item.record.label)) for chain in item.answer.chains]
        for item in labels
        if item.answer and item.answer.chains and item.record.label
    ]
    if known:
        kept = [[right for chain, right in some if not chain.rejected] for some in known]
        result["right"] = _share_of_chains([[right for _, right in some] for some in known], seed)
        result["right_of_kept"] = _share_of_chains(kept, seed) if any(kept) else None
        result["verdict_auroc"] = _auroc(
            [[(c.approval, right) for c, right in some if c.approval is not None] for some in known], seed
        )
    return result


def judge_reasoned(
    task: Reasoning, said: Sequence[Reasoned], records: Sequence[Record], seed: int = 0
) -> dict[str, Any]:
    """Quality of a student's answers: by vote, at once, of its confidence, and of its verdicts on its own chains.

    A chain counts as right when it arrives at the human answer: whether its steps are right as well, nobody has said.

    Args:
        task: Compares answers.
        said: By the student.
        records: With human answers, aligned.
        seed: Of the bootstrap.
    """
    truth = [record.label or "" for record in records]
    judged = judge_predictions(task, [one.answer for one in said], truth, [one.confidence for one in said], seed)
    direct = [task.equal(one.direct, true) for one, true in zip(said, truth, strict=True)]
    chains = [
        [
            (chain.right, task.equal(chain.answer, true))
            for chain in one.chains
            # A chain that arrives at nothing has a 0 without having been judged.
            if chain.right is not None and chain.answer is not None
        ]
        for one, true in zip(said, truth, strict=True)
    ]
    return {
        **judged,
        "direct_accuracy": _share(direct, seed),
        "verdict_auroc": _auroc(chains, seed),
        "chains": sum(len(one.chains) for one in said),
        "without_answer": sum(one.answer is None for one in said),
    }


def compare_reasoned(
    task: Reasoning, mine: Sequence[Reasoned], theirs: Sequence[Reasoned], records: Sequence[Record]
) -> dict[str, Any]:
    """Accuracy of one student minus that of another, on the same resamples of questions."""
    truth = [record.label or "" for record in records]
    said = [[_as_in(task, one.answer, true) for one, true in zip(some, truth, strict=True)] for some in (mine, theirs)]
    return compare_accuracy(said[0], said[1], truth).to_dict()


def _as_in(task: Reasoning, answer: str | None, truth: str) -> str:
    """An answer, in the words of the human one where the two are equal."""
    return truth if task.equal(answer, truth) else f"\x00{answer}"


def _share(right: Sequence[bool], seed: int) -> dict[str, Any]:
    return share_right(right, seed=seed).to_dict()


def _share_of_chains(right: Sequence[Sequence[bool]], seed: int) -> dict[str, Any]:
    """Share of right chains, those of a question together in each resample: they err together."""
    sums = np.array([[sum(some), len(some)] for some in right], dtype=float)
    hits, count = sums.sum(axis=0)
    drawn = [weights @ sums for weights in resamples(len(sums), _REPEATS, seed)]
    shares = np.array([one / many if many else np.nan for one, many in drawn])
    return of_share(float(hits / count), shares, len(sums)).to_dict()


def _auroc(pairs: Sequence[Sequence[tuple[float, bool]]], seed: int) -> dict[str, Any] | None:
    """Of the chains of all questions, resampled by question; None where all are right or none is."""
    right = [hit for some in pairs for _, hit in some]
    if not 0 < sum(right) < len(right):
        return None

    def statistic(rows: Sequence[int]) -> float:
        drawn = [pair for row in rows for pair in pairs[row]]
        return auroc([value for value, _ in drawn], [hit for _, hit in drawn])

    return bootstrap(statistic, len(pairs), repeats=200, seed=seed).to_dict()
