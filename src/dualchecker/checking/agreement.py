"""Whether an answer stands when the teacher is asked again: drawn anew, or in other words.

Agreement of samples is the confidence of self-consistency (Wang et al. 2022, arXiv 2203.11171); agreement over prompts
that should not matter shows answers that hang on the examples shown.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from dualchecker.alignment import ContextAligner
from dualchecker.checking.ladder import Climb, Ladder
from dualchecker.confidence import read_signals
from dualchecker.prompts import Rung, Template
from dualchecker.records import Answer

ONLY_REPEATS = "only_repeats"
"""Note on an answer whose teacher has no other to give (a recorded one): its agreement with itself says nothing."""


def vote(answers: Sequence[Answer]) -> tuple[Answer | None, float]:
    """The answer to keep, and its label's share of all answers.

    Of several labels with as many votes, the one whose answers state more confidence wins, then the one said first. An
    answer that cannot be read votes for none and still counts.
    """
    votes: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        if answer.ok and answer.label is not None:
            votes[answer.label].append(answer)
    if not votes:
        return None, 0.0
    said = max(votes.values(), key=lambda same: (len(same), sum(answer.stated or 0.0 for answer in same)))
    return said[0], len(said) / len(answers)


def only_repeats(answers: Sequence[Answer]) -> bool:
    """Whether several answers are one request."""
    return len(answers) > 1 and len({answer.request_key for answer in answers}) == 1


class Agreement:
    """Asks again at one rung, and notes how many of the further answers agree.

    Args:
        ladder: Asks.
        aligner: Draws other demonstrations.
        samples: Answers drawn from the same prompt.
        variants: Prompts with other fixed demonstrations and the neighbours in another order.
    """

    def __init__(self, ladder: Ladder, aligner: ContextAligner, *, samples: int = 0, variants: int = 0) -> None:
        self._ladder, self._aligner = ladder, aligner
        self._samples, self._variants = samples, variants

    def measure(self, climbs: Sequence[Climb], rung: Rung, template: Template) -> None:
        """Add ``sample_share`` and ``variant_share`` to the last answer of each climb and to its signals."""
        usable = [climb for climb in climbs if climb.trail[-1].ok]
        sampled: dict[int, list[Answer]] = defaultdict(list)
        varied: dict[int, list[Answer]] = defaultdict(list)
        draws = [(climb, Climb(climb.record, sample=n + 1)) for n in range(self._samples) for climb in usable]
        self._ladder.ask([again for _, again in draws], rung, template, "sample")
        for climb, again in draws:
            sampled[id(climb)] += again.trail
        for number in range(1, self._variants + 1):
            other = replace(template, fixed=self._aligner.template(draw=number).fixed)
            fresh = [Climb(climb.record) for climb in usable]
            self._ladder.ask(fresh, rung, other, "variant", variant=number)
            for climb, again in zip(usable, fresh, strict=True):
                varied[id(climb)] += again.trail
        for climb in usable:
            self._note(climb, sampled[id(climb)], varied[id(climb)])

    def _note(self, climb: Climb, sampled: Sequence[Answer], varied: Sequence[Answer]) -> None:
        """Add what the further answers say about the last one."""
        answer = climb.trail[-1]
        sample_share, variant_share = _share(answer, sampled), _share(answer, varied)
        silent = (sampled and sample_share is None) or (varied and variant_share is None)
        notes = (*answer.notes, ONLY_REPEATS) if silent else answer.notes
        climb.trail[-1] = replace(answer, sample_share=sample_share, variant_share=variant_share, notes=notes)
        climb.signals[-1] = read_signals(climb.trail[-1], climb.trail)


def _share(answer: Answer, others: Sequence[Answer]) -> float | None:
    """Share of the other answers that agree; None where there are none that could differ."""
    readable = [other for other in others if other.ok and other.request_key != answer.request_key]
    return sum(other.label == answer.label for other in readable) / len(readable) if readable else None
