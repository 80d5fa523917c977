"""The teacher checker on spans: confidence span by span, another question per label in doubt, partial abstention."""

from pathlib import Path

import pytest
from tests.span_fakes import SPANS, SpanParts, SpanTeacher, make_span_parts, make_span_records, noisy, reply

from dualchecker.checking import Climb, span_examples
from dualchecker.config import CheckConfig, PrecisionThreshold
from dualchecker.data import Fence
from dualchecker.methods.base import believe
from dualchecker.prompts import Prompt, Template
from dualchecker.records import Labelled, Record, Span
from dualchecker.tasks import Extraction

GOLD = make_span_records(90, "g")
POOL = make_span_records(60, "p")


def fence(gold: list[Record] = GOLD) -> Fence:
    return Fence(tuple(gold), tuple(gold), "cross_fit")


def strict(labels: list[Labelled], *, first: bool = False) -> float:
    hits = total = 0
    for item in labels:
        said = {f.span for f in item.trail[0].spans} if first else {c.span for c in item.spans if c.span}
        truth = set(item.record.spans or ())
        hits, total = hits + len(said & truth), total + len(said) + len(truth)
    return 2 * hits / total


def precision(labels: list[Labelled]) -> float:
    accepted = [(c.span, i.record) for i in labels for c in i.spans if c.span and c.status == "accepted"]
    return sum(span in (record.spans or ()) for span, record in accepted) / len(accepted)


def test_asking_again_recovers_most_of_what_noise_took(tmp_path: Path) -> None:
    teacher = SpanTeacher([*GOLD, *POOL], noisy(0.3))
    check = CheckConfig(threshold=PrecisionThreshold(precision=0.9, unproved="estimate"))
    with make_span_parts(tmp_path, teacher, fence(), POOL, check=check) as parts:
        labels = parts.checker.label(POOL, parts.aligner.template())
    before, after = strict(labels, first=True), strict(labels)
    assert before < 0.85
    assert 1 - after < (1 - before) / 2
    assert precision(labels) > before
    assert {len(item.trail) for item in labels} <= {1, 2, 3}


def test_what_is_sure_is_not_asked_about_again(tmp_path: Path) -> None:
    teacher = SpanTeacher([*GOLD, *POOL], noisy(0.0))
    with make_span_parts(tmp_path, teacher, fence(), POOL) as parts:
        labels = parts.checker.label(POOL, parts.aligner.template())
    assert all(len(item.trail) == 1 and item.status == "accepted" for item in labels)
    nothing = [item for item in labels if len(item.record.spans or ()) == 1]
    assert all([c.span for c in item.spans if c.label == "effect"] == [None] for item in nothing)


def test_one_span_is_accepted_and_another_left_open(tmp_path: Path) -> None:
    def answer(prompt: Prompt, record: Record) -> str:
        cause, *effect = record.spans or ()
        # Causes are always right; of three effects one is too long, at every rung.
        wrong = [Span(s.start - 3, s.end, s.label) for s in effect] if int(record.id[1:]) % 3 == 1 else effect
        return reply(record.text, [cause, *wrong])

    with make_span_parts(tmp_path, SpanTeacher([*GOLD, *POOL], answer), fence(), POOL) as parts:
        labels = parts.checker.label(POOL, parts.aligner.template())
    item = next(item for item in labels if len(item.record.spans or ()) == 2)
    assert {c.label: c.status for c in item.spans} == {"cause": "accepted", "effect": "abstained"}
    assert (item.status, item.reason) == ("abstained", "unsure")
    assert item.confidence.value == min(c.confidence.value for c in item.spans)


def test_the_next_rung_names_the_labels_in_doubt(tmp_path: Path) -> None:
    def answer(prompt: Prompt, record: Record) -> str:
        lost = prompt.rung == "brief" and int(record.id[1:]) % 2
        return reply(record.text, [s for s in record.spans or () if not (lost and s.label == "effect")])

    teacher = SpanTeacher([*GOLD, *POOL], answer)
    with make_span_parts(tmp_path, teacher, fence(), POOL) as parts:
        labels = parts.checker.label(POOL, parts.aligner.template())
    again = [p for p in teacher.asked if p.rung == "wide" and p.record_id.startswith("p")]
    assert again
    assert all(("effect", "no span was found") in p.shown.focus for p in again)
    assert "no span was found" in again[0].messages[1]["content"]
    assert strict(labels) > strict(labels, first=True)


def test_a_hallucinated_quote_is_counted_never_stored_and_asked_again(tmp_path: Path) -> None:
    def answer(prompt: Prompt, record: Record) -> str:
        body = reply(record.text, record.spans or ())
        if prompt.rung != "brief" or record.id not in ("p1", "g1"):
            return body
        return body.replace('"spans": [', '"spans": [{"label": "cause", "quote": "a plague of locusts"}, ')

    teacher = SpanTeacher([*GOLD, *POOL], answer)
    with make_span_parts(tmp_path, teacher, fence(), POOL) as parts:
        labels = parts.checker.label(POOL, parts.aligner.template())
    item = next(item for item in labels if item.record.id == "p1")
    assert item.trail[0].hallucinated == ("a plague of locusts",)
    assert "hallucinated_span" in item.trail[0].notes
    assert [answer.rung for answer in item.trail] == ["brief", "wide"]
    assert {c.span for c in item.spans if c.span} == set(item.record.spans or ())


def test_an_answer_of_which_a_part_is_lost_is_asked_for_again(tmp_path: Path) -> None:
    def answer(prompt: Prompt, record: Record) -> str:
        body = reply(record.text, record.spans or ())
        return body[: body.rindex("{") + 9] if prompt.rung == "brief" and record.id == "p1" else body

    teacher = SpanTeacher([*GOLD, *POOL], answer)
    with make_span_parts(tmp_path, teacher, fence(), POOL) as parts:
        labels = parts.checker.label(POOL[:3], parts.aligner.template())
    trails = {item.record.id: [answer.rung for answer in item.trail] for item in labels}
    assert trails == {"p0": ["brief"], "p1": ["brief", "wide"], "p2": ["brief"]}
    assert "json_truncated" in labels[1].trail[0].notes
    assert {c.span for c in labels[1].spans if c.span} == set(POOL[1].spans or ())


def test_a_checker_that_has_not_seen_a_record_goes_on_from_its_trail(tmp_path: Path) -> None:
    def answer(prompt: Prompt, record: Record) -> str:
        return reply(record.text, record.spans or ())

    with make_span_parts(tmp_path, SpanTeacher([*GOLD, *POOL], answer), fence(), POOL) as parts:
        (item,) = parts.checker.label(POOL[1:2], parts.aligner.template())
    teacher = SpanTeacher([*GOLD, *POOL], answer)
    (tmp_path / "other").mkdir()
    with make_span_parts(tmp_path / "other", teacher, fence(), POOL) as parts:
        (again,) = parts.checker.look_again([item], parts.aligner.template())
    assert [answer.rung for answer in again.trail] == ["brief", "wide", "reconsider"]
    assert [p.rung for p in teacher.asked if p.record_id == "p1"] == ["wide", "reconsider"]


def test_a_label_that_must_occur_is_never_accepted_as_missing(tmp_path: Path) -> None:
    task = Extraction(SPANS.question, SPANS.labels, {"effect": "exactly_one"})
    teacher = SpanTeacher([*GOLD, *POOL], lambda prompt, record: reply(record.text, (record.spans or ())[:1]))
    with make_span_parts(tmp_path, teacher, fence(), POOL, task=task) as parts:
        labels = parts.checker.label(POOL[:5], parts.aligner.template())
    for item in labels:
        assert [(c.span, c.status, c.reason) for c in item.spans if c.label == "effect"] == [
            (None, "abstained", "missing")
        ]
        assert len(item.trail) == 3, "every rung was asked for it"


def test_records_without_a_usable_answer_fail_by_name(tmp_path: Path) -> None:
    def answer(prompt: Prompt, record: Record) -> str:
        return "I would rather not." if record.id == "p2" else reply(record.text, record.spans or ())

    empty = Record("p999", "   ")
    with make_span_parts(tmp_path, SpanTeacher([*GOLD, *POOL], answer), fence(), POOL) as parts:
        labels = parts.checker.label([POOL[2], empty], parts.aligner.template())
    assert [(item.status, item.reason, item.spans) for item in labels] == [
        ("failed", "unparsed", ()),
        ("failed", "empty_text", ()),
    ]
    assert span_examples(labels) == []


def test_samples_vote_and_a_teacher_that_repeats_itself_does_not(tmp_path: Path) -> None:
    def run(folder: str, answering: object) -> list[Labelled]:
        teacher = SpanTeacher([*GOLD, *POOL], answering)  # type: ignore[arg-type]
        check = CheckConfig(threshold=0.85, samples=4, rungs=("brief",))
        (tmp_path / folder).mkdir()
        with make_span_parts(tmp_path / folder, teacher, fence(), POOL, check=check) as parts:
            return parts.checker.label(POOL, parts.aligner.template())

    labels = run("noisy", noisy(0.3))
    assert strict(labels) > strict(labels, first=True) + 0.05
    shares = [c.confidence.signals["sample_share"] for i in labels for c in i.spans if c.span]
    assert min(shares) < max(shares)


def test_without_calibration_the_stated_confidence_stands(tmp_path: Path) -> None:
    def answer(prompt: Prompt, record: Record) -> str:
        return reply(record.text, record.spans or (), 0.62)

    check = CheckConfig(threshold=0.6, calibration="none", rungs=("brief",))
    with make_span_parts(tmp_path, SpanTeacher([*GOLD, *POOL], answer), fence(), POOL, check=check) as parts:
        labels = parts.checker.label(POOL, parts.aligner.template())
    assert {round(c.confidence.value, 6) for item in labels for c in item.spans if c.span} == {0.62}


def test_nothing_is_learnt_from_a_records_own_truth(tmp_path: Path) -> None:
    """With spans that are right at random, confidence on gold must not tell right from wrong."""

    def answer(prompt: Prompt, record: Record) -> str:
        return noisy(0.5, seed=3)(prompt, record)

    check = CheckConfig(threshold=0.85, rungs=("brief",))
    with make_span_parts(tmp_path, SpanTeacher(GOLD, answer), fence(), [], check=check) as parts:
        calibration = parts.checker.calibrate(parts.aligner.template())
    causes = [(c, r) for climb in calibration.climbs for c, r in _causes(climb)]
    right = [c for c, good in causes if good]
    wrong = [c for c, good in causes if not good]
    assert sum(right) / len(right) - sum(wrong) / len(wrong) < 0.03


def _causes(climb: object) -> list[tuple[float, bool]]:
    return [
        (c.confidence.value, c.span in climb.record.spans)  # type: ignore[attr-defined]
        for c in climb.claims  # type: ignore[attr-defined]
        if c.span and c.label == "cause"
    ]


def test_look_again_climbs_the_rungs_not_seen_and_names_what_is_disputed(tmp_path: Path) -> None:
    from dataclasses import replace

    def answer(prompt: Prompt, record: Record) -> str:
        return reply(record.text, record.spans or ())

    teacher = SpanTeacher([*GOLD, *POOL], answer)
    parts: SpanParts
    with make_span_parts(tmp_path, teacher, fence(), POOL) as parts:
        template = parts.aligner.template()
        (item,) = parts.checker.label(POOL[1:2], template)
        assert len(item.trail) == 1
        disputed = replace(item, spans=tuple(replace(c, disputed=c.label == "effect") for c in item.spans))
        (again,) = parts.checker.look_again([disputed], template)
    assert [answer.rung for answer in again.trail] == ["brief", "wide", "reconsider"]
    asked = [p for p in teacher.asked if p.record_id == "p1" and p.rung == "wide"]
    assert asked[0].shown.focus == (("effect", "the span found is in doubt"),)


@pytest.mark.parametrize("doubtful", ["weight", "drop"])
def test_spans_left_open_teach_less_or_not_at_all(tmp_path: Path, doubtful: str) -> None:
    teacher = SpanTeacher([*GOLD, *POOL], noisy(0.3))
    with make_span_parts(tmp_path, teacher, fence(), POOL, check=CheckConfig(threshold=0.9, rungs=("brief",))) as parts:
        labels = parts.checker.label(POOL, parts.aligner.template())
    for example in span_examples(labels, doubtful):
        item = next(item for item in labels if item.record.id == example.record.id)
        taught = {one.span: one for one in example.spans}
        for c in item.spans:
            if c.span is not None:
                hidden = doubtful == "drop" and c.status != "accepted"
                assert (taught[c.span].weight == 0) == hidden
                assert taught[c.span].target == c.cover


def test_what_was_cut_out_of_a_prompt_teaches_nothing(tmp_path: Path) -> None:
    text = POOL[1].text + " And then nothing else came to pass on that day." * 1000
    long = Record("p1000", text, spans=POOL[1].spans)
    teacher = SpanTeacher([*GOLD, long], lambda prompt, record: reply(record.text, record.spans or ()))
    check = CheckConfig(threshold=0.85, rungs=("brief",))
    with make_span_parts(tmp_path, teacher, fence(), [long], check=check) as parts:
        labels = parts.checker.label([long], parts.aligner.template())
        first = believe(Climb(long, list(labels[0].trail[:1]), [{}]))
    cut = labels[0].trail[0].unseen
    assert cut is not None
    shown = next(p for p in teacher.asked if p.record_id == "p1000").shown.text
    assert shown.startswith(text[: cut[0]])
    assert shown.endswith(text[cut[1] :])
    assert len(shown) < len(text) - (cut[1] - cut[0]) + 60
    for item in (labels[0], first):
        (example,) = span_examples([item])
        assert example.unseen == (cut,)
        assert len(example.spans) == 2


def test_what_is_looked_at_again_is_judged_by_the_calibration_of_now(tmp_path: Path) -> None:
    """With the second template the teacher is wrong on gold, so what it said before is worth less."""

    def answer(prompt: Prompt, record: Record) -> str:
        spoilt = len(prompt.shown.demonstrations) == 1 and record.id.startswith("g")
        spans = [Span(s.start, s.end - 2, s.label) for s in record.spans or ()] if spoilt else record.spans or ()
        return reply(record.text, spans)

    check = CheckConfig(threshold=0.85, rungs=("brief",))
    with make_span_parts(tmp_path, SpanTeacher([*GOLD, *POOL], answer), fence(), POOL, check=check) as parts:
        template = parts.aligner.template()
        worse = Template(template.fixed[:1], 1)
        items = parts.checker.label(POOL[:4], template)
        again = parts.checker.look_again(items, worse)
    for before, now in zip(items, again, strict=True):
        assert all(one.confidence.value > 0.9 for one in before.spans if one.span)
        assert all(one.confidence.value < 0.5 for one in (*now.spans, *now.rivals) if one.span)
        assert now.trail == before.trail
