"""Scores of spans: by hand on small cases, against seqeval on flat ones, and what holds for any spans."""

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualchecker.evaluation.intervals import resamples
from dualchecker.evaluation.resampled import Resamples
from dualchecker.evaluation.span_matching import covered, least_left_out, match
from dualchecker.evaluation.span_metrics import SpanScores, compare_spans, hallucination_rate
from dualchecker.evaluation.words import words
from dualchecker.records import Answer, Found, Span

TEXT = "heavy rain caused a flood"
RAIN, FLOOD = Span(0, 10, "cause"), Span(18, 25, "effect")


def measured(said: list, gold: list, texts: list[str] | None = None, labels: tuple[str, ...] = ()) -> dict[str, float]:
    scores = SpanScores(said, gold, texts, labels)
    return {name: float(values[0]) for name, values in scores.measure(scores.sums(repeats=0)).items()}


def test_the_same_spans_score_one_everywhere() -> None:
    found = measured([[RAIN, FLOOD]], [[FLOOD, RAIN]], [TEXT])
    assert found and set(found.values()) == {1.0}


def test_each_way_gives_its_own_credit() -> None:
    # "rain" alone for "heavy rain": 4 of 10 characters, and all 4 of them right; the effect is exact; one is invented.
    said = [[Span(6, 10, "cause"), FLOOD, Span(11, 17, "effect")]]
    found = measured(said, [[RAIN, FLOOD]], [TEXT])
    assert (found["precision"], found["recall"]) == (pytest.approx(1 / 3), pytest.approx(1 / 2))
    assert found["strict_f1"] == pytest.approx(2 / 5)
    assert found["macro_f1"] == pytest.approx((0 + 2 / 3) / 2)
    assert (found["overlap_precision"], found["overlap_recall"]) == (pytest.approx(2 / 3), 1.0)
    assert found["partial_f1"] == pytest.approx(2 * 1.4 / 5)
    assert (found["soft_precision"], found["soft_recall"]) == (pytest.approx(2 / 3), pytest.approx(1.4 / 2))
    # gold / said: heavy cause / O, rain cause / cause, caused O / effect, a and flood effect / effect
    assert found["token_accuracy"] == pytest.approx(3 / 5)
    assert found["token_f1"] == pytest.approx((2 / 3 + 4 / 5 + 0) / 3)
    assert found["exact_match"] == 0.0


def test_what_is_invented_counts_against_every_score() -> None:
    perfect = measured([[RAIN]], [[RAIN]], [TEXT])
    invented = measured([[RAIN, Span(11, 17, "cause")]], [[RAIN]], [TEXT])
    assert all(invented[name] < perfect[name] for name in perfect if not name.endswith("recall"))


def test_the_right_words_under_another_label_are_wrong() -> None:
    found = measured([[Span(0, 10, "effect")]], [[RAIN]], [TEXT])
    assert {found[f"{way}_f1"] for way in ("strict", "overlap", "partial", "soft")} == {0.0}


def test_one_long_span_cannot_earn_for_two() -> None:
    gold = [[Span(0, 4, "a"), Span(6, 10, "a")]]
    found = measured([[Span(0, 10, "a")]], gold)
    assert (found["overlap_precision"], found["overlap_recall"]) == (1.0, 0.5)
    assert (found["soft_precision"], found["soft_recall"]) == (pytest.approx(0.8), 1.0)


def test_nested_spans_of_one_label_are_each_found() -> None:
    gold = [[Span(0, 10, "a"), Span(0, 4, "a")]]
    assert measured([[Span(0, 4, "a"), Span(0, 10, "a")]], gold, ["x" * 10])["partial_f1"] == 1.0
    # The union of both is covered once, however many spans cover it.
    assert measured([[Span(0, 10, "a")]], gold)["soft_precision"] == 1.0


def test_an_equal_pair_is_made_before_any_other() -> None:
    pairs = match([Span(0, 10, "a"), Span(2, 6, "a")], [Span(2, 6, "a")])
    assert pairs == [(Span(2, 6, "a"), Span(2, 6, "a"), 1.0)]


def test_nothing_said_of_nothing_is_perfect_and_without_records_nothing_is_known() -> None:
    found = measured([[], []], [[], []], ["a b", "c"], ("cause",))
    assert found["strict_f1"] == found["macro_f1"] == found["soft_f1"] == found["exact_match"] == 1.0
    assert found["token_f1"] == found["token_accuracy"] == 1.0
    assert np.isnan(found["precision"]) and np.isnan(found["recall"])
    assert all(np.isnan(value) for value in measured([], [], []).values())


def test_a_missing_answer_finds_nothing_and_is_never_exact() -> None:
    found = measured([None, None], [[RAIN], []])
    assert (found["strict_f1"], found["recall"], found["exact_match"]) == (0.0, 0.0, 0.0)
    assert measured([None], [[]])["exact_match"] == 0.0


def test_a_span_given_twice_counts_once_and_an_empty_one_is_refused() -> None:
    assert measured([[RAIN, RAIN]], [[RAIN]])["precision"] == 1.0
    with pytest.raises(ValueError, match="no character"):
        SpanScores([[Span(3, 3, "a")]], [[]])
    with pytest.raises(ValueError, match="aligned"):
        SpanScores([[RAIN]], [])


def test_labels_are_scored_one_by_one_in_the_order_asked_for() -> None:
    scores = SpanScores([[RAIN], [FLOOD]], [[RAIN, FLOOD], []], labels=("signal", "effect", "cause"))
    assert scores.labels == ("signal", "effect", "cause")
    found = {name: values[0].tolist() for name, values in scores.by_label(scores.sums(0)).items()}
    assert (found["said"], found["gold"]) == ([0, 1, 1], [0, 1, 1])
    assert found["f1"][1:] == [0.0, 1.0] and np.isnan(found["f1"][0])


def test_intervals_are_those_of_a_plain_bootstrap() -> None:
    draw = np.random.default_rng(3)
    gold = [[Span(0, 5, "a")] if draw.random() < 0.7 else [] for _ in range(60)]
    said = [[Span(0, 5 if draw.random() < 0.6 else 4, "a")] if draw.random() < 0.8 else None for _ in gold]
    scores = SpanScores(said, gold, ["x" * 9] * 60)
    draws = scores.measure(scores.sums(repeats=30, seed=5))
    for number, weights in enumerate(resamples(60, 30, 5)):
        rows = np.repeat(np.arange(60), weights).tolist()
        again = SpanScores([said[row] for row in rows], [gold[row] for row in rows], ["x" * 9] * 60)
        plain = again.measure(again.sums(0))
        for name, values in draws.items():
            assert values[number + 1] == pytest.approx(float(plain[name][0]), nan_ok=True), name
    for name, one in scores.intervals(scores.sums()).items():
        assert one.low <= one.value <= one.high and one.high - one.low > 0.05, name


def test_a_few_right_answers_are_no_certainty() -> None:
    scores = SpanScores([[RAIN]] * 5, [[RAIN]] * 5)
    found = scores.intervals(scores.sums())
    assert found["precision"].low < 0.6 and found["exact_match"].low < 0.6


def test_differences_are_paired() -> None:
    draw = np.random.default_rng(0)
    gold = [[Span(0, 5, "a"), Span(6, 9, "b")]] * 80
    worse = [[Span(0, 5 if draw.random() < 0.5 else 4, "a")] for _ in gold]
    better = [[*spans, Span(6, 9, "b")] for spans in worse]
    found = compare_spans(better, worse, gold)
    assert 0 < found.low < found.value < found.high and found.p < 0.01
    same = compare_spans(worse, worse, gold)
    assert (same.value, same.low, same.high, same.p) == (0.0, 0.0, 0.0, 1.0)
    assert compare_spans(worse, better, gold, "exact_match").value < 0
    with pytest.raises(ValueError, match="token_f1"):
        compare_spans(worse, better, gold, "token_f1")


def test_many_results_share_their_resamples() -> None:
    gold = [[Span(0, 5, "a")] if number % 3 else [] for number in range(40)]
    scores = SpanScores([[Span(0, 5 - number % 2, "a")] for number in range(40)], gold)
    ids = [f"r{number}" for number in range(40)]
    shared = scores.measure(Resamples(ids, repeats=50, seed=2).sums(scores.columns, ids))
    alone = scores.measure(scores.sums(repeats=50, seed=2))
    assert all(np.allclose(shared[name], alone[name], equal_nan=True) for name in alone)


def test_hallucinated_quotes_are_a_share_of_all_quotes() -> None:
    answers = [
        Answer("1", "[]", "ok", "brief", spans=(Found(RAIN), Found(FLOOD)), hallucinated=("snow",)),
        Answer("2", None, "hallucinated_span", "brief", hallucinated=("hail",)),
        None,
    ]
    found = hallucination_rate(answers)
    assert found.value == 0.5 and found.low < 0.5 < found.high
    assert np.isnan(hallucination_rate([None]).value) and np.isnan(hallucination_rate([]).value)


def test_words_of_any_script() -> None:
    def split(text: str) -> list[str]:
        return [text[start:end] for start, end in words(text)]

    assert split("It's 3.5 m.") == ["It", "'", "s", "3", ".", "5", "m", "."]
    assert split("naïve café") == ["naïve", "café"]
    assert split("e\u0301te\u0301 👩\u200d🔬👍🏽!") == ["e\u0301te\u0301", "👩\u200d", "🔬", "👍🏽", "!"]
    assert split("熱ポンプ、CO2削減") == [*"熱ポンプ、", "CO2", *"削減"]
    assert split("هل هذا أخضر؟") == ["هل", "هذا", "أخضر", "؟"]
    assert split("नमस्ते दुनिया") == ["नमस्ते", "दुनिया"]
    assert split(" \r\n\t") == split("") == []


@given(st.text(max_size=60))
def test_words_are_in_order_within_the_text_and_leave_out_only_space(text: str) -> None:
    places = words(text)
    assert all(0 <= start < end <= len(text) for start, end in places)
    assert all(one[1] <= other[0] for one, other in pairwise(places))
    inside = {place for start, end in places for place in range(start, end)}
    assert all(not text[place].isalnum() for place in set(range(len(text))) - inside)


LABELS = st.sampled_from(["a", "b"])
SPANS = st.lists(
    st.builds(
        lambda start, size, label: Span(start, start + size, label), st.integers(0, 18), st.integers(1, 9), LABELS
    ),
    max_size=6,
)
RECORDS = st.lists(st.tuples(st.none() | SPANS, SPANS), min_size=1, max_size=5)


@given(RECORDS)
def test_milder_ways_never_give_less(records: list) -> None:
    said, gold = [one for one, _ in records], [other for _, other in records]
    found = measured(said, gold, ["ab cd efg hi jkl mno p qrst"] * len(records))
    assert found["strict_f1"] <= found["partial_f1"] + 1e-9
    assert found["partial_f1"] <= found["overlap_f1"] + 1e-9
    # Soft credit is not bound to pairs, so it is never under the partial one.
    assert found["partial_f1"] <= found["soft_f1"] + 1e-9
    assert all(0 <= value <= 1 + 1e-9 for value in found.values() if not np.isnan(value))


@given(SPANS, SPANS)
def test_pairs_are_one_to_one_and_no_order_matters(said: list[Span], gold: list[Span]) -> None:
    pairs = match(said, gold, any_label=True)
    assert len({one for one, _, _ in pairs}) == len({other for _, other, _ in pairs}) == len(pairs)
    assert all(share == one.overlap(other) > 0 for one, other, share in pairs)
    assert pairs == match(said[::-1], gold[::-1], any_label=True)
    left_said, left_gold = set(said) - {one for one, _, _ in pairs}, set(gold) - {other for _, other, _ in pairs}
    assert not any(one.overlap(other) for one in left_said for other in left_gold)


@given(SPANS, SPANS)
def test_coverage_counts_characters(spans: list[Span], by: list[Span]) -> None:
    inside = {place for span in by for place in range(span.start, span.end)}
    expected = sum(len(inside & set(range(s.start, s.end))) / (s.end - s.start) for s in spans)
    assert covered(spans, by) == pytest.approx(expected)


def test_what_a_flat_student_must_leave_out() -> None:
    assert least_left_out([Span(0, 9, "a"), Span(0, 3, "b"), Span(3, 5, "b"), Span(8, 12, "a")]) == 1
    assert least_left_out([Span(0, 9, "a"), Span(0, 3, "b"), Span(2, 5, "b"), Span(4, 12, "a")]) == 2
    assert least_left_out([Span(0, 3, "a"), Span(3, 5, "b")]) == least_left_out([]) == 0
    assert least_left_out([Span(0, 3, "a"), Span(0, 3, "b")]) == 1


def _flat(spans: list[Span]) -> list[Span]:
    kept: list[Span] = []
    for span in sorted(spans):
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept


def _bio(spans: list[Span], size: int) -> list[str]:
    tags = ["O"] * size
    for span in spans:
        tags[span.start : span.end] = [f"B-{span.label}", *[f"I-{span.label}"] * (span.end - span.start - 1)]
    return tags


@given(st.lists(st.tuples(SPANS, SPANS), min_size=1, max_size=6))
def test_strict_scores_are_those_of_seqeval_on_the_same_tags(records: list) -> None:
    metrics = pytest.importorskip("seqeval.metrics", reason="seqeval is not installed")
    said, gold = ([_flat(pair[side]) for pair in records] for side in (0, 1))
    tagged = [[_bio(spans, 30) for spans in part] for part in (gold, said)]
    found = measured(said, gold)
    if not any(said) and not any(gold):
        return  # seqeval says 0 where there is nothing to find, we say 1
    for name, theirs in (("precision", "precision_score"), ("recall", "recall_score"), ("strict_f1", "f1_score")):
        assert np.nan_to_num(found[name]) == pytest.approx(getattr(metrics, theirs)(*tagged, zero_division=0))
        macro = getattr(metrics, theirs)(*tagged, average="macro", zero_division=0)
        assert found[f"macro_{name.removeprefix('strict_')}"] == pytest.approx(macro)
    report = metrics.classification_report(*tagged, output_dict=True, zero_division=0)
    scores = SpanScores(said, gold)
    by_label = scores.by_label(scores.sums(0))
    for column, label in enumerate(scores.labels):
        for name, theirs in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score"), ("gold", "support")):
            assert np.nan_to_num(by_label[name][0, column]) == pytest.approx(report[label][theirs]), (label, name)


SEQEVAL = [
    (1, 0.5757575757575758, 0.3958333333333333, 0.4691358024691358),
    (2, 0.6896551724137931, 0.4166666666666667, 0.5194805194805195),
    (3, 0.6111111111111112, 0.55, 0.5789473684210527),
    (4, 0.48717948717948717, 0.3584905660377358, 0.41304347826086957),
    (5, 0.7222222222222222, 0.49056603773584906, 0.5842696629213483),
]
"""Precision, recall and F1 of seqeval 1.2.2 on the tags of ``flat_texts(seed)``, by seed."""


def flat_texts(seed: int) -> tuple[list[list[Span]], list[list[Span]]]:
    """What was said and what is there in 20 texts of ten three-letter words; no two spans overlap."""
    draw = random.Random(seed)

    def some() -> list[Span]:
        spans, word = [], 0
        while word < 10:
            length = draw.randint(1, 3)
            if draw.random() < 0.5 and word + length <= 10:
                spans.append(Span(4 * word, 4 * (word + length) - 1, draw.choice("ab")))
            word += length
        return spans

    gold = [some() for _ in range(20)]
    said = [[s for s in spans if draw.random() < 0.6] if draw.random() < 0.7 else some() for spans in gold]
    return said, gold


@pytest.mark.parametrize(("seed", "precision", "recall", "f1"), SEQEVAL)
def test_strict_scores_are_those_that_seqeval_gave(seed: int, precision: float, recall: float, f1: float) -> None:
    said, gold = flat_texts(seed)
    scores = SpanScores(said, gold)
    found = scores.measure(scores.sums(repeats=0))
    assert [float(found[name][0]) for name in ("precision", "recall", "strict_f1")] == pytest.approx(
        [precision, recall, f1]
    )
