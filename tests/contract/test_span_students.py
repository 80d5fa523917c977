"""What every student of spans keeps to."""

import json
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualchecker.config import StudentConfig
from dualchecker.errors import StudentError
from dualchecker.records import Example, Record, Span, TaughtSpan
from dualchecker.students import (
    SpanStudent,
    TokenFeatures,
    finds_spans,
    load_label_student,
    load_span_student,
    load_student,
    make_span_student,
)
from tiny import records
from tiny_spans import PARTS, SPAN_LABELS, span_examples, with_spans

Make = Callable[..., SpanStudent]


@pytest.fixture(scope="module", params=["linear", "tokens"])
def make(request: pytest.FixtureRequest) -> Make:
    """A fresh student of each kind: ``make()``, ``make(labels)``, ``make(soft_targets=True)``."""
    base = request.getfixturevalue("tiny_bert") if request.param == "tokens" else "offline"
    features = TokenFeatures()

    def fresh(labels: tuple[str, ...] = SPAN_LABELS, **options: Any) -> SpanStudent:
        given = {"epochs": 8, "batch_size": 8, "learning_rate": 5e-3, "min_steps": 0, "max_length": 24, **options}
        config = StudentConfig.model_validate({"kind": request.param, "base": base, **given})
        return make_span_student(config, labels, features, "ngrams", l2=0.01)

    return fresh


@pytest.fixture(scope="module")
def trained(make: Make) -> SpanStudent:
    return make().fit(span_examples())


def found(student: SpanStudent, some: list[Record]) -> list[list[Span]]:
    return [[one.span for one in its] for its in student.predict(some)]


def flat(nested: list[list[float]]) -> list[float]:
    return [value for its in nested for value in its]


LONG = " ".join(["reef", "anchor sail", "oven", "flour", "tide"] * 60)


# --- learning and finding


def test_it_learns_and_finds_spans_in_order_without_overlap(trained: SpanStudent) -> None:
    unseen = span_examples(40, seed=9)
    result = found(trained, records(unseen))
    assert np.mean([its == list(e.record.spans or ()) for its, e in zip(result, unseen, strict=True)]) > 0.9
    for its, example in zip(result, unseen, strict=True):
        assert its == sorted(its) and all(left.end <= right.start for left, right in pairwise(its))
        assert all(example.record.text[span.start : span.end].strip() for span in its)


def test_its_probabilities_are_those_of_exactly_these_spans(trained: SpanStudent) -> None:
    unseen = records(span_examples(40, seed=9))
    predicted = trained.predict(unseen)
    again = trained.probabilities(unseen, [[one.span for one in its] for its in predicted])
    for its, chances in zip(predicted, again, strict=True):
        np.testing.assert_allclose([one.probability for one in its], chances)
        assert all(0 <= chance <= 1 for chance in chances)
    certain = [one.probability for its in predicted for one in its]
    assert np.mean(certain) > 0.5


def test_a_wrong_span_is_less_likely_than_the_right_one(trained: SpanStudent) -> None:
    text = "reef anchor sail oven"
    ((right, longer, shorter, other),) = trained.probabilities(
        [Record("x", text)], [[Span(5, 16, "boat"), Span(5, 21, "boat"), Span(5, 11, "boat"), Span(5, 16, "food")]]
    )
    assert right > 0.4 and right > 2 * max(longer, shorter, other)
    assert right + longer + shorter + other <= 1 + 1e-9


def test_absence_is_high_where_a_label_has_no_span(trained: SpanStudent) -> None:
    chances = trained.absence([Record("a", "reef anchor sail oven"), Record("b", "tide flour dough reef")])
    assert chances.shape == (2, 2)
    assert (chances[0, 0] < 0.3 < 0.7 < chances[0, 1]) and (chances[1, 1] < 0.3 < 0.7 < chances[1, 0])


def test_no_records_give_no_rows(trained: SpanStudent) -> None:
    assert trained.predict([]) == [] and trained.probabilities([], []) == []
    assert trained.absence([]).shape == (0, 2)


def test_a_prediction_depends_on_its_text_alone(trained: SpanStudent) -> None:
    some = [*records(span_examples(10, seed=3)), Record("long", LONG), Record("empty", "")]
    assert found(trained, some[::-1])[::-1] == found(trained, some)
    assert [found(trained, [record])[0] for record in some] == found(trained, some)
    np.testing.assert_allclose(trained.absence(some[::-1])[::-1], trained.absence(some), atol=1e-5)


def test_it_reads_the_short_form_alone_in_which_spans_have_their_offsets(trained: SpanStudent) -> None:
    plain, longer = Record("x", "reef anchor sail"), Record("x", "reef anchor sail", detail="flour butter")
    assert found(trained, [plain]) == found(trained, [longer]) == [[Span(5, 16, "boat")]]


# --- what is learnt from


def test_weights_decide_which_of_two_stories_is_learnt(make: Make) -> None:
    other = dict(zip(SPAN_LABELS, reversed(SPAN_LABELS), strict=True))
    flipped = [
        Example(
            e.record,
            "",
            0.02,
            spans=tuple(TaughtSpan(Span(t.span.start, t.span.end, other[t.span.label])) for t in e.spans),
        )
        for e in span_examples()
    ]
    student = make().fit([*flipped, *span_examples()])
    assert found(student, [Record("x", "reef anchor sail oven flour tide")]) == [
        [Span(5, 16, "boat"), Span(22, 27, "food")]
    ]


def test_a_span_of_weight_zero_teaches_neither_itself_nor_outside(make: Make) -> None:
    hidden = [
        Example(e.record, "", spans=tuple(TaughtSpan(t.span, weight=float(t.span.label != "food")) for t in e.spans))
        for e in span_examples()
    ]
    never = [Example(e.record, "", spans=tuple(t for t in e.spans if t.span.label != "food")) for e in span_examples()]
    text = [Record("x", "reef flour butter oven")]
    assert found(make().fit(never), text) == [[]]
    unsure, sure = make().fit(hidden), make().fit(span_examples())
    assert all(one.span.label != "food" for one in unsure.predict(text)[0])
    assert found(sure, text) == [[Span(5, 17, "food")]]


def test_examples_of_weight_zero_are_ignored(make: Make, trained: SpanStudent) -> None:
    noise = [Example(e.record, "", 0.0, spans=(TaughtSpan(Span(0, 4, "food")),)) for e in span_examples(seed=5)]
    some = records(span_examples(8, seed=2))
    assert make().fit([*span_examples(), *noise]).predict(some) == trained.predict(some)


def test_soft_targets_are_learnt_unless_switched_off(make: Make) -> None:
    doubtful = [
        Example(e.record, "", spans=tuple(TaughtSpan(t.span, target=0.6) for t in e.spans)) for e in span_examples()
    ]
    some = [e.record for e in span_examples(30, seed=2) if e.spans]
    spans = [list(record.spans or ()) for record in some]

    def mean(student: SpanStudent) -> float:
        return float(np.mean([chance for its in student.probabilities(some, spans) for chance in its]))

    soft, hard = mean(make(soft_targets=True).fit(doubtful)), mean(make(soft_targets=False).fit(doubtful))
    assert soft < hard - 0.1


@pytest.mark.parametrize(
    "bad",
    [
        [],
        [with_spans("reef tide"), with_spans("oven")],
        [with_spans("reef anchor", Span(5, 11, "boat"), weight=0.0), with_spans("oven")],
        [Example(Record("x", "reef anchor"), "", spans=(TaughtSpan(Span(5, 11, "boat"), weight=0.0),))],
        [with_spans("   ", Span(0, 2, "boat"))],
        [with_spans("", Span(0, 2, "boat"))],
    ],
    ids=["nothing", "no span", "no span with weight", "span hidden", "no token", "no text"],
)
def test_what_cannot_be_learnt_from_is_refused(make: Make, bad: list[Example]) -> None:
    with pytest.raises(StudentError):
        make().fit(bad)


def test_an_unknown_label_is_refused(make: Make) -> None:
    with pytest.raises(StudentError, match="attic"):
        make().fit([*span_examples(), with_spans("reef", Span(0, 4, "attic"))])


def test_overlapping_gold_is_learnt_as_far_as_it_goes_and_the_rest_is_counted(make: Make) -> None:
    nested = [
        with_spans("reef anchor sail oven", Span(5, 16, "boat"), Span(5, 11, "food"), Span(12, 16, "food")),
        with_spans("tide flour oven", Span(5, 10, "food")),
    ]
    student = make().fit([*nested, *span_examples()])
    assert student.unexpressed == {"food": 2}
    assert make().fit(span_examples()).unexpressed == {}
    assert found(student, [Record("x", "reef anchor sail oven")]) == [[Span(5, 16, "boat")]]


# --- awkward texts


def test_awkward_texts_are_read(trained: SpanStudent) -> None:
    texts = [
        "",
        " ",
        "\n\n",
        "lone \ud800 surrogate",
        "👩‍👩‍👧 👍🏽",
        "\x00\x01",
        "[SEP] [PAD]",
        "anchor " * 7000,
        "原因は雨",
    ]
    awkward = [Record(str(number), text) for number, text in enumerate(texts)]
    assert np.isfinite(trained.absence(awkward)).all()
    assert trained.predict(awkward)[:3] == [(), (), ()]
    np.testing.assert_array_equal(trained.absence(awkward)[:3], 1)
    for record, its in zip(awkward, found(trained, awkward), strict=True):
        assert all(0 <= span.start < span.end <= len(record.text) for span in its)


def test_a_text_of_many_windows_is_read_to_its_end_without_doubles(trained: SpanStudent) -> None:
    (its,) = found(trained, [Record("x", LONG)])
    assert len(set(its)) == len(its) == 120
    assert {LONG[span.start : span.end] for span in its} == {"anchor sail", "flour"}


def test_spans_that_are_nowhere_have_no_probability(trained: SpanStudent) -> None:
    odd = [Span(4, 5, "boat"), Span(90, 95, "boat"), Span(5, 11, "unheard of"), Span(6, 9, "boat"), Span(5, 11, "boat")]
    ((blank, beyond, unknown, part, whole),) = trained.probabilities([Record("x", "reef anchor oven")], [odd])
    assert blank == beyond == unknown == 0
    assert part == whole > 0.3
    assert trained.probabilities([Record("e", "")], [[Span(0, 3, "boat")]]) == [[0.0]]


def test_long_examples_and_odd_label_names(make: Make, tmp_path: Path) -> None:
    names = {"boat": "B-x", "food": 'a label, "odd" | 原因'}
    data = []
    for part in range(4):
        words = [word for word in LONG.split(" ")[part:] if word != "sail"]
        text = " ".join(words)
        spans, place = [], 0
        for word in words:
            label = next((name for name, its in PARTS.items() if word in its), None)
            if label:
                spans.append(TaughtSpan(Span(place, place + len(word), names[label])))
            place += len(word) + 1
        data.append(Example(Record(str(part), text), "", spans=tuple(spans)))
    student = make(tuple(names.values()), epochs=12).fit(data)
    student.save(tmp_path / "student")
    for one in (student, load_span_student(tmp_path / "student")):
        assert one.labels == tuple(names.values())
        assert found(one, [Record("x", "reef flour oven anchor tide")]) == [
            [Span(5, 10, names["food"]), Span(16, 22, names["boat"])]
        ]


# --- keeping


def test_saved_and_loaded_it_says_the_same(make: Make, tmp_path: Path) -> None:
    nested = with_spans("reef anchor sail oven", Span(5, 16, "boat"), Span(5, 11, "food"))
    student = make().fit([*span_examples(), nested])
    some = [*records(span_examples(10, seed=3)), Record("long", LONG)]
    student.save(tmp_path / "student", "# A card – with é", {"run": "green"})
    loaded = load_span_student(tmp_path / "student")
    assert (loaded.kind, loaded.labels, loaded.unexpressed) == (student.kind, student.labels, {"food": 1})
    assert found(loaded, some) == found(student, some)
    np.testing.assert_allclose(loaded.absence(some), student.absence(some), atol=1e-5)
    assert (tmp_path / "student/README.md").read_text(encoding="utf-8") == "# A card – with é"
    about = json.loads((tmp_path / "student/dualchecker.json").read_text(encoding="utf-8"))
    assert about["spans"] is True and about["run"] == "green"
    assert not [path for path in (tmp_path / "student").rglob("*") if path.suffix in (".pkl", ".bin", ".joblib", ".pt")]
    assert [entry.name for entry in tmp_path.iterdir()] == ["student"]


def test_a_folder_tells_whether_its_student_finds_spans(trained: SpanStudent, tmp_path: Path) -> None:
    trained.save(tmp_path / "student")
    assert finds_spans(tmp_path / "student")
    assert load_student(tmp_path / "student").kind == trained.kind
    with pytest.raises(StudentError, match="finds spans"):
        load_label_student(tmp_path / "student")
    with pytest.raises(StudentError, match="holds no student"):
        load_span_student(tmp_path)


def test_a_sharpened_student_is_surer_also_when_loaded(make: Make, tmp_path: Path) -> None:
    some = records(span_examples(20, seed=3))
    spans = [list(record.spans or ()) for record in some]
    student = make().fit(span_examples())
    before, where = student.probabilities(some, spans), found(student, some)
    student.sharpen(3.0)
    student.save(tmp_path / "student")
    after = student.probabilities(some, spans)
    assert sum(map(sum, after)) > sum(map(sum, before))
    assert found(student, some) == where
    np.testing.assert_allclose(
        flat(load_span_student(tmp_path / "student").probabilities(some, spans)), flat(after), atol=1e-5
    )
    student.sharpen(1 / 3)
    np.testing.assert_allclose(flat(student.probabilities(some, spans)), flat(before), atol=1e-4)


def test_an_untrained_student_says_so(make: Make, tmp_path: Path) -> None:
    for use in (
        lambda: make().predict([]),
        lambda: make().probabilities([], []),
        lambda: make().absence([]),
        lambda: make().sharpen(2.0),
        lambda: make().save(tmp_path / "student"),
    ):
        with pytest.raises(StudentError, match="not been trained"):
            use()
    assert not (tmp_path / "student").exists()


def test_same_seed_same_student_and_the_callers_random_state_stays(make: Make, trained: SpanStudent) -> None:
    some = records(span_examples(8, seed=2))
    before = random.getstate(), str(np.random.get_state())
    again = make().fit(span_examples())
    assert again.predict(some) == trained.predict(some)
    assert (random.getstate(), str(np.random.get_state())) == before


def test_it_is_silent(make: Make, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    make(epochs=1).fit(span_examples()).save(tmp_path / "student")
    load_span_student(tmp_path / "student").predict([Record("x", LONG)])
    assert capfd.readouterr() == ("", "")
    assert [entry.name for entry in tmp_path.iterdir()] == ["student"]
