"""The values that flow through a run. All are frozen and carry no behaviour beyond simple views."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["accepted", "abstained", "failed"]
"""What became of a pool record: trusted, left open on purpose, or never answered usably."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of a text with its label. Spans may nest and overlap.

    Attributes:
        start: Code-point offset of its first character in ``Record.text``.
        end: Offset behind its last character; always greater than ``start``.
        label: One of the task's labels.
    """

    start: int
    end: int
    label: str

    def shared(self, other: "Span") -> int:
        """How many characters the two have in common, whatever their labels."""
        return max(0, min(self.end, other.end) - max(self.start, other.start))

    def overlap(self, other: "Span") -> float:
        """Shared characters over all characters of the two (Jaccard), 0..1, whatever their labels."""
        both = self.shared(other)
        return both / (self.end - self.start + other.end - other.start - both) if both else 0.0

    def likeness(self, other: "Span") -> float:
        """As ``overlap``, but 0 for another label."""
        return self.overlap(other) if self.label == other.label else 0.0


@dataclass(frozen=True, slots=True)
class Found:
    """A span as an answer has it, found in the text by the words that the teacher quoted.

    Attributes:
        span: Where it is.
        stated: The confidence that the teacher stated in it, in 0..1; None when it stated none that can be read.
        fit: How well the quote fits the text there, 1 for the very same characters.
    """

    span: Span
    stated: float | None = None
    fit: float = 1.0


VerdictWord = Literal["correct", "wrong", "uncertain"]
"""What a self-evaluation says of a chain of thought (Mind's Mirror, section 3.2)."""


@dataclass(frozen=True, slots=True)
class SelfEvaluation:
    """What a teacher says when it is shown a question and one of its own chains of thought.

    Attributes:
        verdict: None when the reply holds none that can be read.
        reason: Why.
        outcome: ``ok``, or the name of what went wrong (``verdict_missing``, ``verdict_ambiguous``, ``empty``, ...).
        request_key: Key of the request in the ledger.
    """

    verdict: VerdictWord | None
    reason: str = ""
    outcome: str = "ok"
    request_key: str = ""


@dataclass(frozen=True, slots=True)
class Chain:
    """One chain of thought about a question, with what was said of it.

    Attributes:
        text: The reasoning, in words.
        answer: What it arrives at, in the task's canonical form.
        rung: The rung that asked for it.
        count: How many samples had this very chain (the same words and answer).
        stated: The confidence stated with it, in 0..1.
        evaluations: The teacher's self-evaluations of it.
        sound: Share of its arithmetic statements (``12 + 5 = 17``) that hold; None where it makes none.
        right: Probability that the chain is right, as the checkers see it; None before they have looked.
        rejected: Why it is not distilled; empty when it is.
        request_key: Key of the first request that brought it.
        teacher: Name of the teacher.
        repeats: Keys of further requests that brought the same chain.
    """

    text: str
    answer: str
    rung: str = ""
    count: int = 1
    stated: float | None = None
    evaluations: tuple[SelfEvaluation, ...] = ()
    sound: float | None = None
    right: float | None = None
    rejected: str = ""
    request_key: str = ""
    teacher: str = ""
    repeats: tuple[str, ...] = ()

    @property
    def approval(self) -> float | None:
        """Share of the readable verdicts that are ``correct``, an ``uncertain`` one counting half; None without any."""
        worth = {"correct": 1.0, "uncertain": 0.5, "wrong": 0.0}
        said = [worth[one.verdict] for one in self.evaluations if one.verdict is not None]
        return sum(said) / len(said) if said else None


@dataclass(frozen=True, slots=True)
class Record:
    """One text to label.

    Attributes:
        id: Unique within a run.
        text: The short form, which every rung shows.
        detail: The long form, if there is one; shown from the ``detail`` rung on.
        label: The human label, if there is one. In the pool it serves evaluation only. Where several labels may apply
            it is their list as text, or ``yes`` / ``no`` in a decision.
        labels: The human labels of a record to which several may apply; empty says that people found none.
        about: In a decision: the label that may apply.
        base: In a decision: the record that is decided about.
        spans: The human spans, in order of ``Span``, where spans are asked for; empty says that people found none.
            ``label`` is then what a teacher would have to reply (``Extraction.write``).
        choices: The answers that this question offers, in order, where each question brings its own.
        meta: Other columns, for slices in the report; never shown to a teacher.
    """

    id: str
    text: str
    detail: str | None = None
    label: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] | None = None
    about: str | None = None
    base: "Record | None" = None
    spans: tuple[Span, ...] | None = None
    choices: tuple[str, ...] | None = None

    @property
    def whole(self) -> "Record":
        """The record that is asked about: itself, or the one that a decision is part of."""
        return self.base or self

    @property
    def carried(self) -> tuple[str, ...]:
        """The labels that people gave it: those of its spans, its set of labels, or its one label."""
        if self.spans is not None:
            return tuple(dict.fromkeys(span.label for span in self.spans))
        if self.labels is not None:
            return self.labels
        return () if self.label is None else (self.label,)

    @property
    def long_text(self) -> str:
        """Short and long form together, or the short form alone where there is no other."""
        return f"{self.text}\n{self.detail}" if self.detail else self.text


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A human-labelled record as it enters a prompt, with the reason for the label if one was written."""

    record: Record
    label: str
    rationale: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request brought, parsed.

    Attributes:
        record_id: The record that was asked about.
        label: The label, or None when the outcome is not ``ok``.
        outcome: ``ok`` or the *name* of what went wrong (``unparsed``, ``label_outside_set``, ``refused``, ...).
        rung: The rung of the ladder that asked.
        rationale: The teacher's reason.
        stated: The confidence that the teacher stated, in 0..1; None when it stated none that can be read.
        label_probabilities: The teacher's own distribution over the labels, where it offers one.
        neighbour_share: Share of the shown neighbours that carry this label.
        sample_share: Share of sampled answers to the same prompt that carry this label.
        variant_share: Share of the answers to variants of the prompt that carry this label.
        base_rate: In a decision: how often people answer like this about this label.
        request_key: Key of the request in the ledger.
        teacher: Name of the teacher.
        notes: Named peculiarities that the report counts (``confidence_unreadable``, ``truncated``, ...).
        outside_mass: Probability that the teacher gave to nothing in the label set, where it shows.
        order_spread: How far its distributions lie apart when the options come in another order (mean total variation
            distance, 0..1), where it was asked in several.
        spans: Those that it quoted and that are in the text, in order of ``Span``, each once.
        hallucinated: Quotes that are not in the text: counted, never stored as spans.
        unseen: Where spans are asked for, the stretch of the text (offsets, end exclusive) that was cut out of the
            prompt to make it fit: the answer says nothing about it.
        chains: Where reasoning is asked for: all different chains up to and with this rung, in the order in which they
            came. ``label`` is then what they arrive at by vote, and ``rationale`` the best chain that says so.
        vote_share: Share of the chains that arrive at ``label``.
        approval: Mean ``Chain.approval`` of these.
        rival_approval: The same of the chains that arrive at something else.
        sound: Mean ``Chain.sound`` of those that arrive at ``label``.
    """

    record_id: str
    label: str | None
    outcome: str
    rung: str
    rationale: str = ""
    stated: float | None = None
    label_probabilities: Mapping[str, float] | None = None
    neighbour_share: float | None = None
    sample_share: float | None = None
    variant_share: float | None = None
    base_rate: float | None = None
    request_key: str = ""
    teacher: str = ""
    notes: tuple[str, ...] = ()
    outside_mass: float | None = None
    order_spread: float | None = None
    spans: tuple[Found, ...] = ()
    hallucinated: tuple[str, ...] = ()
    unseen: tuple[int, int] | None = None
    chains: tuple[Chain, ...] = ()
    vote_share: float | None = None
    approval: float | None = None
    rival_approval: float | None = None
    sound: float | None = None

    @property
    def ok(self) -> bool:
        return self.outcome == "ok"


@dataclass(frozen=True, slots=True)
class Confidence:
    """The calibrated probability that a label is right, with the signals it came from.

    A signal that was not there is not in ``signals``.
    """

    value: float
    signals: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpanLabel:
    """What became of one span, or of a label without any: each is trusted or left open by itself.

    Attributes:
        label: The label.
        span: The span; None says that the text has no span of this label.
        confidence: Calibrated, in exactly this.
        status: ``accepted`` or ``abstained``.
        reason: Why it was not accepted; empty when it was.
        disputed: True when the students' evidence speaks against it.
        rung: The last rung that said so.
        cover: Share of the span's characters that people may be expected to have marked with the label, whether or not
            they marked exactly this span; None where it is not known.
    """

    label: str
    span: Span | None
    confidence: Confidence
    status: Status
    reason: str = ""
    disputed: bool = False
    rung: str = ""
    cover: float | None = None


@dataclass(frozen=True, slots=True)
class Labelled:
    """The state of one pool record: the answer kept, how sure we are, and the whole trail.

    Attributes:
        record: The record.
        answer: The answer kept (highest calibrated confidence), or None when every request failed.
        confidence: Calibrated confidence in ``answer.label``.
        status: See ``Status``.
        trail: All answers, in the order in which the ladder asked.
        distribution: Our probability for every label, where a student and a teacher could be fused.
        disputed: True when a confident student contradicts the label and asking again did not settle it.
        reason: Why the record was not accepted; empty when it was.
        spans: Where spans are asked for: every span that is kept or left open, and the labels that have none.
            ``status`` is then ``accepted`` if all of them are.
        rivals: Spans that some answer had and that were given up: a surer one is in their place, or they are too
            unlikely.
    """

    record: Record
    answer: Answer | None
    confidence: Confidence
    status: Status
    trail: tuple[Answer, ...] = ()
    distribution: Mapping[str, float] | None = None
    disputed: bool = False
    reason: str = ""
    spans: tuple[SpanLabel, ...] = ()
    rivals: tuple[SpanLabel, ...] = ()

    @property
    def label(self) -> str | None:
        return self.answer.label if self.answer else None


@dataclass(frozen=True, slots=True)
class TaughtSpan:
    """A span that a student learns, or learns to leave open.

    Attributes:
        span: The span.
        target: Probability that it is right: 1 for a human one.
        weight: How much its characters count in the loss, relative to the example's weight; 0 hides them.
    """

    span: Span
    target: float = 1.0
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class TaughtChain:
    """A chain of thought that a student learns to write, or to judge.

    Attributes:
        text: The reasoning, in words.
        answer: What it arrives at.
        weight: How much writing it counts in the loss, relative to the example's weight; 0 for one that is judged only.
        verdicts: Self-evaluations that the student learns to give of it, each with its reason (which may be empty).
        verdict_weight: How much they count in the loss, whatever the example's weight: the answer of a question may be
            in doubt where a verdict on a chain is not. None: as much as the example.
    """

    text: str
    answer: str
    weight: float = 1.0
    verdicts: tuple[tuple[VerdictWord, str], ...] = ()
    verdict_weight: float | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """A training example for a student.

    Attributes:
        record: The text.
        label: The hard label.
        weight: Importance in the loss, 1 for a human label.
        target: Soft target, probability by label; None means all mass on ``label``.
        source: ``gold`` (people), ``teacher`` (a pool text, its label), or ``generated`` (a text that it wrote).
        spans: Where spans are learnt: those of the text. The rest of it counts as outside of any, with ``weight``.
        unseen: Where spans are learnt: stretches of the text (offsets, end exclusive) of which nothing is known.
        chains: Where reasoning is learnt: chains of thought about the question; ``label`` is its answer.
    """

    record: Record
    label: str
    weight: float = 1.0
    target: Mapping[str, float] | None = None
    source: Literal["gold", "teacher", "generated"] = "gold"
    spans: tuple[TaughtSpan, ...] = ()
    unseen: tuple[tuple[int, int], ...] = ()
    chains: tuple[TaughtChain, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What a teacher sent back, before it is parsed.

    Attributes:
        text: The message.
        label_probabilities: The teacher's own distribution over the labels, where it offers one.
        finish: Why it stopped: ``stop``, ``length``, ``refusal``, ``unanswered``, ``none_of_these`` or the server's own
            word.
        prompt_tokens: As counted by the server; 0 when it does not say.
        completion_tokens: Likewise.
        model: The model that the server says has answered.
        outside_mass: See ``Answer``.
        order_spread: See ``Answer``.
        notes: Named peculiarities, counted in the report.
        cached_tokens: Those of the prompt tokens that the server says it had in its cache.
        batch: Whether it came by a batch file, which costs less.
    """

    text: str
    label_probabilities: Mapping[str, float] | None = None
    finish: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    model: str = ""
    outside_mass: float | None = None
    order_spread: float | None = None
    notes: tuple[str, ...] = ()
    cached_tokens: int = 0
    batch: bool = False
