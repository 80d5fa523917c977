"""From chains of thought to an answer: equal ones joined, the rest votes, weighted by what was said of them."""

from collections import Counter, defaultdict
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
        return max(self.chains, key=lambda chain: (_worth(chain, 1.0), chain.approval is not None, chain.count))


def _worth(chain: Chain, unjudged: float) -> float:
    """What a vote of this chain counts, in 0..1; one without a verdict is approved of as ``unjudged`` says."""
    approval = unjudged if chain.approval is None else chain.approval
    sound = 1.0 if chain.sound is None else chain.sound
    return (_DOUBTED + (1 - _DOUBTED) * approval) * (_DOUBTED + (1 - _DOUBTED) * sound)


def joined(chains: Sequence[Chain], fresh: Sequence[Chain], task: Reasoning) -> tuple[Chain, ...]:
    """All chains, equal ones (by content and answer) as one that counts more.

    A chain that came with the same request is no further draw: a teacher that only repeats itself has one vote.
    """
    order = list(chains)
    places: dict[str, list[int]] = defaultdict(list)
    for place, chain in enumerate(order):
        places[chain_key(chain.text)].append(place)
    requests = {key for chain in chains for key in (chain.request_key, *chain.repeats) if key}
    for chain in fresh:
        if chain.request_key and chain.request_key in requests:
            continue
        requests.add(chain.request_key)
        same = places[chain_key(chain.text)]
        known = next((place for place in same if task.equal(order[place].answer, chain.answer)), None)
        if known is None:
            same.append(len(order))
            order.append(chain)
        else:
            one, keys = order[known], filter(None, [chain.request_key])
            order[known] = replace(one, count=one.count + chain.count, repeats=(*one.repeats, *keys))
    return tuple(order)


def parties(chains: Sequence[Chain], task: Reasoning) -> list[Party]:
    """The answers that chains arrive at, the one with the most weight first; of equals, the one said first."""
    groups: list[list[Chain]] = []
    for chain in chains:
        mine = next((group for group in groups if task.equal(group[0].answer, chain.answer)), None)
        if mine is None:
            groups.append([chain])
        else:
            mine.append(chain)
    # A chain whose evaluation failed, or that has no words to evaluate, must not outweigh those that were judged.
    mean = _mean([chain.approval for chain in chains])
    unjudged = 1.0 if mean is None else mean
    found = [Party(g[0].answer, tuple(g), sum(chain.count * _worth(chain, unjudged) for chain in g)) for g in groups]
    return sorted(found, key=lambda party: -party.weight)


def elected(answer: Answer, chains: Sequence[Chain], task: Reasoning, *, said: str | None = None) -> Answer:
    """An answer by vote.

    Args:
        answer: What else is known of it (rung, record, teacher).
        chains: All that vote.
        task: Compares answers.
        said: The answer to take in place of the vote's: that of a teacher that has weighed the rivals.
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
        chains=tuple(chains),
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
