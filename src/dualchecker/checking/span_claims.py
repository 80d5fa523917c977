"""What all answers about a text claim together: that a span is there, or that a label has none.

A claim is what confidence is about where spans are asked for. The claims of a record come from every answer about it,
whatever rung or sample gave it; those that contradict each other compete.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from dualchecker.checking.ladder import Climb
from dualchecker.records import Answer, Confidence, Record, Span, SpanLabel
from dualchecker.tasks import Extraction

Side = tuple[str, str]

SPAN, NONE = "span", "none"

LEAST = 0.3
"""A span that is less likely than this is given up, where gold does not say better (``span_selection``)."""


@dataclass
class SpanClimb(Climb):
    """A record on its way up, with what its answers claim.

    Attributes:
        sampled: Further answers to the first prompt.
        varied: Answers to variants of it.
        claims: All of them, judged at the last rung that gave a usable answer; none before.
        kept: Those that stand.
        rivals: Those given up.
        focus: Labels that the next rung asks to look at again, with the reason.
    """

    sampled: list[Answer] = field(default_factory=list)
    varied: list[Answer] = field(default_factory=list)
    claims: list[SpanLabel] = field(default_factory=list)
    kept: list[SpanLabel] = field(default_factory=list)
    rivals: list[SpanLabel] = field(default_factory=list)
    focus: list[tuple[str, str]] = field(default_factory=list)

    @property
    def best(self) -> int | None:
        """Index of the usable answer that has most of what is kept; a tie goes to the higher rung."""
        return best_answer(self.trail, self.kept)

    @property
    def confidence(self) -> float:
        """Of the least sure claim that is kept; 0 where there is no usable answer."""
        return min((claim.confidence.value for claim in self.kept), default=0.0)


def best_answer(trail: Sequence[Answer], kept: Sequence[SpanLabel]) -> int | None:
    """Index of the usable answer that has most of what is kept; a tie goes to the higher rung."""
    spans = {claim.span for claim in kept if claim.span is not None}

    def agrees(index: int) -> tuple[float, int]:
        own = {found.span for found in trail[index].spans}
        total = len(own) + len(spans)
        return (2 * len(own & spans) / total if total else 1.0), index

    return max((i for i, answer in enumerate(trail) if answer.ok), key=agrees, default=None)


def side_of(claim: SpanLabel) -> Side:
    """What a claim is calibrated and accepted with: claims about one label of one kind."""
    return claim.label, NONE if claim.span is None else SPAN


def about(claims: Sequence[SpanLabel]) -> list[str]:
    """The side of each claim as one word."""
    return [" / ".join(side_of(claim)) for claim in claims]


def is_right(claim: SpanLabel, record: Record) -> bool:
    """Whether people found exactly this span, or none of the label."""
    if claim.span is None:
        return claim.label not in record.carried
    return claim.span in (record.spans or ())


def gather_claims(climb: SpanClimb, task: Extraction, none_rates: Mapping[str, float]) -> list[SpanLabel]:
    """All claims of a record's answers, each with its signals; their confidence is not known yet.

    Args:
        climb: The record.
        task: Its labels.
        none_rates: How often people find no span of a label.
    """
    answers = [answer for answer in climb.trail if answer.ok]
    sampled, varied = _usable(climb.sampled), _usable(climb.varied)
    everything = [*answers, *sampled, *varied]
    claims = []
    for span in sorted({found.span for answer in everything for found in answer.spans}):
        signals = _signals(span, answers, sampled, varied)
        rung = next((a.rung for a in reversed(answers) if _has(a, span)), answers[0].rung if answers else "")
        claims.append(SpanLabel(span.label, span, Confidence(0.0, signals), "abstained", rung=rung))
    there = {claim.label for claim in claims}
    for label in task.names:
        if label not in there and answers:
            shares = {"base_rate": none_rates[label]}
            claims.append(SpanLabel(label, None, Confidence(0.0, shares), "abstained", rung=answers[-1].rung))
    return claims


def _usable(answers: Sequence[Answer]) -> list[Answer]:
    return [answer for answer in answers if answer.ok]


def _has(answer: Answer, span: Span) -> bool:
    return any(found.span == span for found in answer.spans)


def _share(span: Span, answers: Sequence[Answer]) -> float:
    return sum(_has(answer, span) for answer in answers) / len(answers)


def _likest(span: Span, answer: Answer) -> float:
    return max((found.span.likeness(span) for found in answer.spans), default=0.0)


def _signals(
    span: Span, answers: Sequence[Answer], sampled: Sequence[Answer], varied: Sequence[Answer]
) -> dict[str, float]:
    signals: dict[str, float] = {}
    everything = [*answers, *sampled, *varied]
    own = [found for answer in everything for found in answer.spans if found.span == span]
    stated = [found.stated for found in own if found.stated is not None]
    if stated:
        signals["stated"] = fmean(stated)
    fit = max(found.fit for found in own)
    if fit < 1:
        signals["fit"] = fit
    if len(answers) > 1:
        signals["latest"] = _likest(span, answers[-1])
        signals["repeat_share"] = _share(span, answers)
    if len(everything) > 1:
        signals["overlap_share"] = fmean(_likest(span, answer) for answer in everything)
    for name, votes in (("sample_share", sampled), ("variant_share", varied)):
        if votes:
            signals[name] = _share(span, votes)
    return signals


def select_claims(
    claims: Sequence[SpanLabel], task: Extraction, least: float = LEAST
) -> tuple[list[SpanLabel], list[SpanLabel]]:
    """Claims that can stand together, and those given up.

    Of spans of one label that overlap, the surest stays; of a label that occurs once, the surest of all. One that is
    less likely than ``least`` goes, unless its label must occur and has no other. Spans of different labels may nest.
    A label all of whose spans go is left without one. That is not as likely as none of them being exactly right: most
    spans with a wrong edge lie where there is one. It is as likely as their characters are to be outside of any.
    """
    kept: list[SpanLabel] = []
    rivals: list[SpanLabel] = []
    for label in task.names:
        mine = sorted((c for c in claims if c.label == label), key=lambda c: (-c.confidence.value, c.span or _NOWHERE))
        standing: list[SpanLabel] = []
        for claim in mine:
            if claim.span is None:
                standing.append(claim)
                continue
            span = claim.span
            crowded = any(other.span is not None and other.span.shared(span) for other in standing)
            likely = claim.confidence.value >= least or (task.needs(label) and not standing)
            if likely and not crowded and not (task.single(label) and standing):
                standing.append(claim)
            else:
                rivals.append(claim)
        if mine and not standing:
            there = max(claim.confidence.value if claim.cover is None else claim.cover for claim in mine)
            gone = Confidence(1 - there, mine[0].confidence.signals)
            standing.append(replace(mine[0], span=None, confidence=gone, cover=None))
        kept += standing
    return sorted(kept, key=lambda c: (c.span or _NOWHERE, c.label)), rivals


_NOWHERE = Span(1 << 62, 1 << 62, "")


def all_claims(kept: Sequence[SpanLabel], rivals: Sequence[SpanLabel]) -> list[SpanLabel]:
    """The claims that ``select_claims`` was given, whatever their confidence has become since."""
    spans = [claim for claim in (*kept, *rivals) if claim.span is not None]
    there = {claim.label for claim in spans}
    return [*spans, *(claim for claim in kept if claim.span is None and claim.label not in there)]


def strict_f1(said: Sequence[Sequence[SpanLabel]], records: Sequence[Record]) -> float:
    """Micro F1 of exactly equal spans over aligned lists; 1 where there are none at all."""
    hits = total = 0
    for claims, record in zip(said, records, strict=True):
        mine, theirs = {claim.span for claim in claims if claim.span is not None}, set(record.spans or ())
        hits, total = hits + len(mine & theirs), total + len(mine) + len(theirs)
    return 2 * hits / total if total else 1.0
