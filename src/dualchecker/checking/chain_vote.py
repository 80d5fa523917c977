"""From chains of thought to an answer: equal ones joined, the rest votes, weighted by what was said of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from dualchecker.records import Answer, Chain
from dualchecker.tasks import Reasoning
from dualchecker.tasks.chains import chain_key

_DOUBTED = 0.25
"""Weight of a chain that every self-evaluation calls wrong, or no statement of which holds: judges err too."""


@dataclass(frozen=True)
class Party:
    """The chains that arrive at one answer.

    Attributes:
        answer: As the first of them puts it.
        chains: In the order in which they came.
        weight: Of their votes together.
    """

    answer: str
    chains: tuple[Chain, ...]
    weight: float

    @property
    def best(self) -> Chain:
        """The one with the most weight a vote; of equals one that was judged, then one that was drawn more often."""
        return max(self.chains, key=lambda chain: (_worth(chain), chain.approval is not None, chain.count))


def _worth(chain: Chain) -> float:
    """What a vote of this chain counts, in 0..1."""
    approval = 1.0 if chain.approval is None else chain.approval
    sound = 1.0 if chain.sound is None else chain.sound
    return (_DOUBTED + (1 - _DOUBTED) * approval) * (_DOUBTED + (1 - _DOUBTED) * sound)


def joined(chains: Sequence[Chain], fresh: Sequence[Chain], task: Reasoning) -> tuple[Chain, ...]:
    """All chains, equal ones (by content and answer) as one that counts more.

    A chain that came with the same request is no further draw: a teacher that only repeats itself has one vote.
    """
    found = {(chain_key(chain.text), chain.answer): chain for chain in chains}
    requests = {chain.request_key for chain in chains if chain.request_key}
    for chain in fresh:
        if chain.request_key and chain.request_key in requests:
            continue
        requests.add(chain.request_key)
        key = chain_key(chain.text), chain.answer
        known = found.get(key)
        found[key] = chain if known is None else replace(known, count=known.count + chain.count)
    return tuple(found.values())


def parties(chains: Sequence[Chain], task: Reasoning) -> list[Party]:
    """The answers that chains arrive at, the one with the most weight first; of equals, the one said first."""
    groups: list[list[Chain]] = []
    for chain in chains:
        mine = next((group for group in groups if task.equal(group[0].answer, chain.answer)), None)
        if mine is None:
            groups.append([chain])
        else:
            mine.append(chain)
    found = [Party(g[0].answer, tuple(g), sum(chain.count * _worth(chain) for chain in g)) for g in groups]
    return sorted(found, key=lambda party: -party.weight)


def elected(
    answer: Answer, chains: Sequence[Chain], task: Reasoning, *, said: str | None = None, whole: bool = True
) -> Answer:
    """An answer by vote.

    Args:
        answer: What else is known of it (rung, record, teacher).
        chains: All that vote.
        task: Compares answers.
        said: The answer to take in place of the vote's: that of a teacher that has weighed the rivals.
        whole: Whether the chains stay with the answer; without them it is an answer and a reason.
    """
    found = parties(chains, task)
    if not found:
        return answer
    mine = next((party for party in found if said is not None and task.equal(party.answer, said)), found[0])
    others = [chain for party in found if party is not mine for chain in party.chains]
    stated = [chain.stated for chain in mine.chains if chain.stated is not None]
    return replace(
        answer,
        label=mine.answer,
        outcome="ok",
        rationale=mine.best.text,
        stated=fmean(stated) if stated else None,
        request_key=mine.best.request_key,
        chains=tuple(chains) if whole else (),
        vote_share=sum(chain.count for chain in mine.chains) / sum(chain.count for chain in chains),
        approval=_mean([chain.approval for chain in mine.chains]),
        rival_approval=_mean([chain.approval for chain in others]),
        sound=_mean([chain.sound for chain in mine.chains]),
    )


def rivals(answer: Answer, task: Reasoning) -> list[Answer]:
    """The best chains of the two answers with the most weight, each as an answer, for a teacher to decide between."""
    found = parties(answer.chains, task)[:2]
    return [
        replace(answer, label=party.answer, rationale=party.best.text, stated=party.best.stated, chains=())
        for party in found
    ]


def failure(answers: Sequence[Answer]) -> str:
    """The outcome of draws none of which can be used: the most frequent one."""
    return Counter(answer.outcome for answer in answers).most_common(1)[0][0] if answers else "failed"


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
