"""The signals of one answer. A missing signal is missing, never an invented number."""

from collections.abc import Sequence

from dualchecker.records import Answer

SIGNALS = ("stated", "label_probability", "neighbour_share", "repeat_share", "sample_share", "variant_share", "student")
"""Stated confidence; the teacher's own probability of the label; the label's share among the nearest human labels;
share of the teacher's answers so far that agree; share of sampled answers, and of answers to variants of the prompt,
that agree; the student's out-of-fold probability of the label."""

DECISION_SIGNALS = (*SIGNALS, "base_rate")
"""Where several labels may apply, also how often people answer like this about the label: "no" is right far more often
than "yes" about a rare one."""

SPAN_SIGNALS = (
    "stated",
    "fit",
    "latest",
    "repeat_share",
    "overlap_share",
    "sample_share",
    "variant_share",
    "base_rate",
    "student",
)
"""Of a span: the confidence stated in it; how well its quote fits the text; how much of it the last answer has; shares
of the answers, samples and variants with exactly this span; how much of it all answers have on average; the student's
probability of exactly this span. Of a label without a span: how often people find none."""


CHAIN_SIGNALS = (
    "stated",
    "vote_share",
    "approval",
    "rivals_rejected",
    "sound",
    "repeat_share",
)
"""Of an answer that chains of thought arrive at: the confidence stated with them; their share of all chains; how far
the teacher's self-evaluations approve of them, and reject the chains that arrive at something else; how much of their
arithmetic holds; share of the answers so far that agree."""


def read_signals(answer: Answer, trail: Sequence[Answer] = (), student: float | None = None) -> dict[str, float]:
    """Signals that are there for ``answer``, each in 0..1.

    Args:
        answer: The answer judged.
        trail: All answers about this record so far, ``answer`` among them.
        student: A student's out-of-fold probability of the answer's label.
    """
    signals: dict[str, float] = {}
    if answer.stated is not None:
        signals["stated"] = answer.stated
    if answer.label_probabilities and answer.label is not None:
        signals["label_probability"] = float(answer.label_probabilities.get(answer.label, 0.0))
    if answer.neighbour_share is not None:
        signals["neighbour_share"] = answer.neighbour_share
    if answer.base_rate is not None:
        signals["base_rate"] = answer.base_rate
    usable = [other for other in trail if other.ok]
    if len(usable) > 1:
        signals["repeat_share"] = sum(other.label == answer.label for other in usable) / len(usable)
    if answer.sample_share is not None:
        signals["sample_share"] = answer.sample_share
    if answer.variant_share is not None:
        signals["variant_share"] = answer.variant_share
    if student is not None:
        signals["student"] = student
    return signals | _chain_signals(answer)


def _chain_signals(answer: Answer) -> dict[str, float]:
    """What the chains of thought behind an answer say for it."""
    signals = {}
    if answer.vote_share is not None:
        # Half a vote either way: ten chains that agree say more than one that agrees with itself.
        drawn = sum(chain.count for chain in answer.chains)
        signals["vote_share"] = (answer.vote_share * drawn + 0.5) / (drawn + 1)
    if answer.approval is not None:
        signals["approval"] = answer.approval
    if answer.rival_approval is not None:
        signals["rivals_rejected"] = 1 - answer.rival_approval
    if answer.sound is not None:
        signals["sound"] = answer.sound
    return signals


def believed(answer: Answer) -> float | None:
    """The confidence that an answer claims by itself: stated, or else its label's probability; None without either.

    Of an answer with spans it is the lowest that was stated in one of them: it is right as a whole if all of them are.
    """
    if answer.stated is not None:
        return answer.stated
    spans = [found.stated for found in answer.spans if found.stated is not None]
    if spans:
        return min(spans)
    return read_signals(answer).get("label_probability")
