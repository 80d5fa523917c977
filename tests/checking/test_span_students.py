"""The student checker on spans: students that have not seen a text weigh on its claims."""

from pathlib import Path

import pytest
from tests.span_fakes import SPANS, LexiconStudent, SpanTeacher, make_span_parts, make_span_records, noisy, reply

from dualchecker.asking import Silent
from dualchecker.checking import gold_examples, span_examples
from dualchecker.checking.span_students import SpanStudentChecker
from dualchecker.checking.span_voices import SpanVoices
from dualchecker.checking.teacher_checker import Calibration
from dualchecker.confidence import Threshold
from dualchecker.config import CheckConfig
from dualchecker.data import Fence
from dualchecker.embedding import NgramEmbedder
from dualchecker.errors import StudentError
from dualchecker.methods.dualchecker import distill_with_dualchecker
from dualchecker.prompts import Prompt, Template
from dualchecker.records import Answer, Confidence, Labelled, Record, Span, SpanLabel
from dualchecker.students.bio import token_goal
from dualchecker.students.spans import ScoredSpan
from dualchecker.students.words import word_tokens

GOLD = make_span_records(90, "g")
POOL = make_span_records(60, "p")
FENCE = Fence(tuple(GOLD), tuple(GOLD), "cross_fit")


def test_a_voice_has_not_seen_the_text_it_speaks_about() -> None:
    taught: list[set[str]] = []

    class Watching(LexiconStudent):
        def fit(self, examples: object, validation: object = ()) -> "Watching":  # type: ignore[override]
            self.seen = {example.record.id for example in examples}  # type: ignore[attr-defined]
            return super().fit(examples)  # type: ignore[arg-type,return-value]

        def probabilities(self, records: object, spans: object) -> list[list[float]]:  # type: ignore[override]
            taught.append(self.seen & {record.id for record in records})  # type: ignore[attr-defined]
            return super().probabilities(records, spans)  # type: ignore[arg-type]

    voices = SpanVoices(SPANS.names, FENCE, POOL, lambda: Watching(SPANS.names), doubtful="weight")
    claims = [[SpanLabel("cause", Span(0, 2, "cause"), Confidence(0.5), "abstained")] for _ in (*GOLD, *POOL)]
    values = voices.own.of([*GOLD, *POOL], claims)
    assert all(value is not None for (value,) in values)
    assert taught
    assert not any(taught)


def test_a_student_that_cannot_be_taught_has_no_voice() -> None:
    class Mute(LexiconStudent):
        def fit(self, examples: object, validation: object = ()) -> "Mute":  # type: ignore[override]
            raise StudentError("There is nothing to train on.")

    voices = SpanVoices(SPANS.names, FENCE, POOL, lambda: Mute(SPANS.names), doubtful="weight")
    claims = [[SpanLabel("cause", None, Confidence(0.5), "abstained")]]
    assert voices.own.of(POOL[:1], claims) == [[None]]
    assert voices.own.found(POOL[:1]) == [()]


def test_students_tell_right_spans_from_shifted_ones(tmp_path: Path) -> None:
    check = CheckConfig(threshold=0.85, rungs=("brief",))
    with make_span_parts(tmp_path, SpanTeacher([*GOLD, *POOL], noisy(0.4)), FENCE, POOL, check=check) as parts:
        template = parts.aligner.template()
        labels = parts.checker.label(POOL, template)
        findings = parts.student_checker.inspect(labels, parts.checker.calibrate(template))
    claims = [(c, i.record.spans or ()) for i in findings.labels for c in (*i.spans, *i.rivals) if c.span]
    right = [c.confidence.value for c, truth in claims if c.span in truth]
    wrong = [c.confidence.value for c, truth in claims if c.span not in truth]
    assert sum(right) / len(right) > sum(wrong) / len(wrong) + 0.3
    assert findings.student_accuracy > 0.6
    assert len(findings.borderline) == 2
    assert all(record in GOLD for record in findings.borderline)


def test_a_missing_span_that_a_sure_student_sees_is_disputed_and_asked_about_again(tmp_path: Path) -> None:
    def answer(prompt: Prompt, record: Record) -> str:
        lost = prompt.rung == "brief" and record.id in ("p1", "p4", "g1", "g4", "g7", "g10", "g13", "g16")
        return reply(record.text, [s for s in record.spans or () if not (lost and s.label == "effect")])

    teacher = SpanTeacher([*GOLD, *POOL], answer)
    check = CheckConfig(threshold=0.5)
    with make_span_parts(tmp_path, teacher, FENCE, POOL, check=check) as parts:
        template = parts.aligner.template()
        labels = parts.checker.label(POOL, template)
        assert not any(len(item.trail) > 1 for item in labels), "the threshold lets everything pass"
        findings = parts.student_checker.inspect(labels, parts.checker.calibrate(template))
        assert {item.record.id for item in findings.disputed} == {"p1", "p4"}
        again = parts.student_checker.settle(parts.checker.look_again(findings.disputed, template))
    for item in again:
        assert not item.disputed
        assert {c.span for c in item.spans if c.span} == set(item.record.spans or ())


def test_a_second_inspection_starts_from_the_teachers_own_confidence(tmp_path: Path) -> None:
    check = CheckConfig(threshold=0.85, rungs=("brief",))
    with make_span_parts(tmp_path, SpanTeacher([*GOLD, *POOL], noisy(0.3)), FENCE, POOL, check=check) as parts:
        template = parts.aligner.template()
        labels = parts.checker.label(POOL, template)
        once = parts.student_checker.inspect(labels, parts.checker.calibrate(template)).labels
        twice = parts.student_checker.settle(once)
    for a, b in zip(once, twice, strict=True):
        assert [c.span for c in a.spans] == [c.span for c in b.spans]
        assert [c.confidence.value for c in a.spans] == pytest.approx([c.confidence.value for c in b.spans])


def test_the_whole_method_runs_on_spans(tmp_path: Path) -> None:
    teacher = SpanTeacher([*GOLD, *POOL], noisy(0.3))
    with make_span_parts(tmp_path, teacher, FENCE, POOL) as parts:
        outcome = distill_with_dualchecker(
            POOL,
            aligner=parts.aligner,
            teacher_checker=parts.checker,
            student_checker=parts.student_checker,
            rounds=2,
            progress=Silent(),
        )
    assert [item.record.id for item in outcome.labels] == [record.id for record in POOL]
    assert list(outcome.stages) == ["aligner", "teacher_checker", "student_checker"]
    assert len(outcome.rounds) == 2


def test_gold_teaches_its_spans_with_certainty() -> None:
    example = gold_examples(GOLD[1:2])[0]
    assert [(one.span, one.target, one.weight) for one in example.spans] == [(s, 1.0, 1.0) for s in GOLD[1].spans or ()]


def test_of_given_up_spans_that_overlap_the_surest_teaches_and_none_counts_as_lost() -> None:
    record = Record("r", "a dry summer, a poor harvest")
    kept = SpanLabel("cause", Span(2, 12, "cause"), Confidence(0.9), "accepted")
    rivals = tuple(
        SpanLabel("effect", Span(start, 28, "effect"), Confidence(0.2), "abstained", cover=cover)
        for start, cover in ((14, 0.4), (16, 0.5), (21, 0.1))
    )
    item = Labelled(record, Answer("r", "[]", "ok", "brief"), Confidence(0.9), "accepted", spans=(kept,), rivals=rivals)
    (example,) = span_examples([item])
    assert {one.span.start: one.weight > 0 for one in example.spans} == {2: True, 14: False, 16: True, 21: False}
    goal = token_goal(word_tokens(record.text), example.spans, SPANS.names)
    assert goal.unexpressed == ()
    assert goal.weights.tolist() == pytest.approx([1, 0.81, 0.81, 1, 0, 0.25, 0.25]), "what sticks out is hidden"


def test_a_sure_student_that_agrees_on_another_span_contradicts_nothing() -> None:
    """A label may have several: only a span that does not stand can take the place of one that does."""
    record = Record("r", "heavy rain, strong frost and low pressure")
    rain, frost, low = Span(0, 10, "cause"), Span(12, 24, "cause"), Span(29, 41, "cause")

    class Told:
        """A voice that has found these spans of the record."""

        def __init__(self, *spans: Span) -> None:
            self._found = tuple(ScoredSpan(span, 0.9) for span in spans)

        def of(self, records: object, claims: list[list[SpanLabel]]) -> list[list[float | None]]:
            return [[None] * len(some) for some in claims]

        def found(self, records: list[Record]) -> list[tuple[ScoredSpan, ...]]:
            return [self._found if one.id == "r" else () for one in records]

    def disputed(*found: Span) -> list[Span | None]:
        class Voices:
            own = Told(*found)

            def taught(self, labels: object) -> Told:
                return self.own

        checker = SpanStudentChecker(
            SPANS,
            FENCE,
            NgramEmbedder(features=2**6),
            Voices(),  # type: ignore[arg-type]
            lambda confidence, right: Threshold(0.3),
            borderline=0,
            final_map="none",
        )
        sure = {rain: 0.4, frost: 0.9}
        claims = tuple(SpanLabel("cause", span, Confidence(value), "accepted") for span, value in sure.items())
        item = Labelled(record, Answer("r", "[]", "ok", "brief"), Confidence(0.4), "accepted", spans=claims)
        findings = checker.inspect([item], Calibration(Template(), []))
        return [one.span for one in findings.labels[0].spans if one.disputed]

    assert disputed(frost) == []
    assert disputed(frost, low) == [rain]
