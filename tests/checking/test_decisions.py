"""Several labels at once: one request a record, one confidence, threshold and abstention a decision."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualchecker.checking import Climb, DecisionChecker, DecisionStudentChecker, DecisionVoices
from dualchecker.checking.decision_checker import DecisionCalibration, LabelCalibrators, choose_by_side, summarised
from dualchecker.confidence import (
    DECISION_SIGNALS,
    DECISION_SLOPES,
    Calibrator,
    Threshold,
    choose_threshold,
    read_signals,
)
from dualchecker.config import PrecisionThreshold
from dualchecker.data import Fence, decision_fence, decisions
from dualchecker.embedding import NgramEmbedder
from dualchecker.methods.dualchecker import growing_batches
from dualchecker.prompts import Prompt
from dualchecker.records import Record
from dualchecker.students import Features, LinearStudent
from dualchecker.tasks import MultiLabel
from fakes import LabelSetTeacher, Opened, make_ladder
from tiny import TOPICS, label_sets

TASK = MultiLabel("Which topics?", dict.fromkeys(TOPICS, ""))


def make_label_sets(count: int, prefix: str, seed: int) -> list[Record]:
    rows = label_sets(count, seed, prefix)
    return [
        Record(row["id"], row["text"], "more", label=TASK.write(row["labels"]), labels=tuple(row["labels"]))
        for row in rows
    ]


GOLD = make_label_sets(60, "g", 1)
POOL = make_label_sets(24, "p", 2)
TRUTH = {record.id: record.labels or () for record in (*GOLD, *POOL)}
FENCE = Fence(tuple(GOLD), tuple(GOLD), "cross_fit")
JUDGED = decision_fence(FENCE, TASK.names)


def sure(prompt: Prompt) -> dict[str, float]:
    return {label: 0.97 if label in TRUTH[prompt.record_id] else 0.03 for label in TOPICS}


def with_garden_by_chance(records: list[Record]) -> tuple[Record, ...]:
    """The same texts, whose label garden neither they nor their neighbours tell."""
    blind = []
    for record in records:
        coin = random.Random(record.id).random() < 0.5
        labels = [name for name in record.labels or () if name != "garden"] + ["garden"] * coin
        blind.append(replace(record, labels=tuple(labels), label=TASK.write(labels)))
    return tuple(blind)


def unsure_of_the_sea_when_brief(prompt: Prompt) -> dict[str, float]:
    doubtful = not prompt.shown.long and int(prompt.record_id[1:]) % 2 == 0
    return sure(prompt) | ({"sea": 0.55} if doubtful else {})


@pytest.fixture
def opened() -> Iterator[list[Opened]]:
    found: list[Opened] = []
    yield found
    for each in found:
        each.close()


def make_checker(
    folder: Path,
    teacher: LabelSetTeacher,
    opened: list[Opened],
    threshold: float | PrecisionThreshold = 0.8,
    fence: Fence = FENCE,
) -> tuple[DecisionChecker, DecisionCalibration]:
    ladder, aligner, ledger = make_ladder(folder, teacher, fence, task=TASK)
    opened.append(ledger)
    checker = DecisionChecker(TASK.decision, ladder, decision_fence(fence, TASK.names), threshold)
    calibration = checker.calibrate(aligner.template())
    assert isinstance(calibration, DecisionCalibration)
    return checker, calibration


def test_a_record_is_asked_once_a_rung_for_all_of_its_decisions(tmp_path: Path, opened: list[Opened]) -> None:
    teacher = LabelSetTeacher(sure)
    ladder, aligner, ledger = make_ladder(tmp_path, teacher, FENCE, task=TASK)
    opened.append(ledger)
    climbs = [Climb(record) for record in decisions(POOL, TASK.names)]
    random.Random(1).shuffle(climbs)
    ladder.ask(climbs, ladder.rungs[0], aligner.template(), "label")
    asked = Counter(prompt.record_id for prompt in teacher.asked if prompt.purpose == "label")
    assert asked == dict.fromkeys((record.id for record in POOL), 1)
    for climb in climbs:
        answer = climb.trail[0]
        assert answer.label == climb.record.label
        assert answer.stated == 0.97
        assert climb.signals[0].keys() == {"stated", "neighbour_share", "base_rate"}


def test_only_decisions_in_doubt_take_the_next_answer(tmp_path: Path, opened: list[Opened]) -> None:
    teacher = LabelSetTeacher(unsure_of_the_sea_when_brief)
    checker, calibration = make_checker(tmp_path, teacher, opened)
    teacher.asked.clear()
    labels = checker.label(decisions(POOL, TASK.names), calibration.template)
    climbed, settled = set(), set()
    for item in labels:
        first = Climb(item.record, [item.trail[0]], [read_signals(item.trail[0], item.trail[:1])])
        unsure = calibration.confidences("brief", [first])[0] < 0.8
        assert (len(item.trail) > 1) == unsure, item.record
        (climbed if unsure else settled).add(item.record.whole.id)
    again = Counter(p.record_id for p in teacher.asked if p.purpose == "label" and p.rung == "detail")
    assert again == dict.fromkeys(climbed, 1)
    assert climbed & settled and len(climbed) < len(POOL)


def test_the_teacher_sees_its_earlier_label_sets_once_when_it_decides(tmp_path: Path, opened: list[Opened]) -> None:
    teacher = LabelSetTeacher(lambda prompt: dict.fromkeys(TOPICS, 0.5))
    make_checker(tmp_path, teacher, opened, threshold=0.99)
    shown = [prompt.shown.previous for prompt in teacher.asked if prompt.rung == "reconsider"]
    assert shown
    for previous in shown:
        assert [answer.rung for answer in previous] == ["brief", "detail", "wide"]
        assert {answer.label for answer in previous} == {TASK.write(TASK.names)}


def test_an_unusable_reply_fails_all_decisions_and_an_unreadable_verdict_one(
    tmp_path: Path, opened: list[Opened]
) -> None:
    def odd(prompt: Prompt) -> dict[str, float] | None:
        if prompt.record_id == "p0":
            return None
        return sure(prompt) | ({"sea": 150} if prompt.record_id == "p1" else {})

    checker, calibration = make_checker(tmp_path, LabelSetTeacher(odd), opened)
    found = {
        (i.record.whole.id, i.record.about): i for i in checker.label(decisions(POOL, TASK.names), calibration.template)
    }
    assert {found["p0", label].status for label in TOPICS} == {"failed"}
    assert {found["p0", label].reason for label in TOPICS} == {"unparsed"}
    assert (found["p1", "sea"].status, found["p1", "sea"].reason) == ("failed", "verdict_unreadable")
    assert {found["p1", label].status for label in TOPICS if label != "sea"} == {"accepted"}


def test_one_bad_label_is_abstained_on_and_the_others_are_not(tmp_path: Path, opened: list[Opened]) -> None:
    gold, pool = with_garden_by_chance(GOLD), with_garden_by_chance(POOL)
    wanted = PrecisionThreshold(precision=0.9, unproved="estimate")
    checker, calibration = make_checker(tmp_path, LabelSetTeacher(sure), opened, wanted, Fence(gold, gold, "cross_fit"))
    labels = checker.label(decisions(pool, TASK.names), calibration.template)
    accepted = Counter(item.record.about for item in labels if item.status == "accepted")
    assert accepted["garden"] <= 4
    assert all(accepted[label] >= len(POOL) - 2 for label in TOPICS if label != "garden")
    sure_of = {about: np.mean([i.confidence.value for i in labels if i.record.about == about]) for about in TOPICS}
    assert sure_of["garden"] < 0.75 < 0.9 < min(sure_of[label] for label in TOPICS if label != "garden")


def simulated(seed: int) -> tuple[list[str], list[str], list[dict[str, float]], list[bool]]:
    """Decisions of a teacher that says 'applies' too easily: 'no' is nearly always right, 'yes' half of the time."""
    rng = np.random.default_rng(seed)
    about, answers, rows, right = [], [], [], []
    for _ in range(400):
        for label, rate in (("rare", 0.05), ("common", 0.5)):
            applies = rng.random() < rate
            says = bool(rng.random() < (0.95 if applies else 0.08))
            about.append(label)
            answers.append("yes" if says else "no")
            rows.append({"stated": 0.9, "base_rate": rate if says else 1 - rate})
            right.append(says == applies)
    return about, answers, rows, right


PRIOR = LabelCalibrators(Calibrator.prior(DECISION_SIGNALS, slopes=DECISION_SLOPES), {})


def test_calibration_tells_yes_from_no_and_label_from_label() -> None:
    about, _, rows, right = simulated(0)
    fitted = LabelCalibrators.fit(about, rows, right, PRIOR)
    about, answers, rows, right = simulated(1)
    confidence = fitted.predict(about, rows)
    for side in {*zip(about, answers, strict=True)}:
        own = [i for i, pair in enumerate(zip(about, answers, strict=True)) if pair == side]
        assert abs(confidence[own].mean() - np.mean([right[i] for i in own])) < 0.15, side


def test_confidences_on_gold_have_not_seen_the_record() -> None:
    about, _, rows, right = simulated(2)
    folds = [i // 2 % 10 for i in range(len(rows))]
    before = LabelCalibrators.cross_fitted(about, rows, right, PRIOR, folds)
    flipped = [not hit if fold == 3 else hit for hit, fold in zip(right, folds, strict=True)]
    after = LabelCalibrators.cross_fitted(about, rows, flipped, PRIOR, folds)
    own = [i for i, fold in enumerate(folds) if fold == 3]
    np.testing.assert_allclose(before[own], after[own])
    assert not np.allclose(before, after)


def test_many_right_noes_do_not_carry_wrong_yeses_over_the_threshold() -> None:
    about = ["rare"] * 110
    answers = ["no"] * 100 + ["yes"] * 10
    confidence = [0.97] * 100 + [0.55] * 10
    right = [True] * 100 + [True, False] * 5

    def choose(values: list[float], hits: list[bool]) -> object:
        return choose_threshold(values, hits, 0.9, fixed=False)

    assert choose_threshold(confidence, right, 0.9, fixed=False).value <= 0.55  # pooled, all would be let in
    thresholds = choose_by_side(about, answers, confidence, right, choose)  # type: ignore[arg-type]
    assert thresholds["rare", "yes"].value > 0.55
    assert 0.5 <= thresholds["rare", "no"].value <= 0.97


def make_student() -> LinearStudent:
    ngrams = NgramEmbedder(features=2**12)
    return LinearStudent(TASK.names, Features(ngrams, ngrams, 0.0, "text"), base="ngrams", multiple=True)


@pytest.fixture(scope="module")
def voices() -> DecisionVoices:
    embedder = NgramEmbedder()
    embedder.fit([record.text for record in (*GOLD, *POOL)])
    return DecisionVoices(TASK.names, JUDGED, decisions(POOL, TASK.names), embedder, make_student, doubtful="weight")


def test_students_have_an_opinion_on_every_decision(voices: DecisionVoices) -> None:
    voice = voices.own
    assert voice.gold.shape == (len(GOLD) * len(TOPICS), 2)
    np.testing.assert_allclose(voice.gold.sum(axis=1), 1)
    assert np.mean(voice.gold.argmax(axis=1) == voices.truth) > 0.75
    decided = decisions(POOL, TASK.names)
    assert voice.pool.keys() == {record.id for record in decided}
    assert np.mean([("yes", "no")[voice.pool[r.id].argmax()] == r.label for r in decided]) > 0.75


def test_wrong_decisions_are_disputed_and_borderline_cases_are_whole_records(
    tmp_path: Path, opened: list[Opened], voices: DecisionVoices
) -> None:
    def wrong_once(prompt: Prompt) -> dict[str, float]:
        odd = prompt.record_id.startswith("p") and "sea" in TRUTH[prompt.record_id]
        return sure(prompt) | ({"sea": 0.45} if odd else {})

    checker, calibration = make_checker(tmp_path, LabelSetTeacher(wrong_once), opened)
    embedder = NgramEmbedder()
    embedder.fit([record.text for record in GOLD])
    student = DecisionStudentChecker(TASK.decision, JUDGED, embedder, voices, checker.choose_threshold)
    labels = checker.label(decisions(POOL, TASK.names), calibration.template)
    findings = student.inspect(labels, calibration)
    assert {record.id for record in findings.borderline} <= {record.id for record in GOLD}
    assert len(findings.borderline) == 2
    assert set(findings.thresholds) == {(label, answer) for label in TOPICS for answer in ("yes", "no")}
    wrong = [i for i in findings.labels if i.label != i.record.label]
    assert wrong and all(item.record.about == "sea" for item in wrong)
    unsure = np.mean([i.confidence.value for i in wrong])
    assert unsure < np.mean([i.confidence.value for i in findings.labels if i.label == i.record.label])


def test_batches_keep_the_decisions_about_a_record_together() -> None:
    decided = decisions(POOL[:10], TASK.names)
    batches = list(growing_batches(decided, 3))
    assert [record for batch in batches for record in batch] == list(decided)
    assert all(len(batch) % len(TOPICS) == 0 for batch in batches)


def test_folds_with_nothing_to_tell_apart_leave_their_records_undecided() -> None:
    """Of eight records one carries a label at all: the fold that holds it leaves no yes to learn from."""
    plain = [Record(f"g{i}", f"A text about nothing much, {i}.", label="[]", labels=()) for i in range(7)]
    named = Record("g7", "The sea.", label=TASK.write(["sea"]), labels=("sea",))
    gold = (*plain, named)
    fence = decision_fence(Fence(gold, gold, "cross_fit"), TASK.names)
    embedder = NgramEmbedder()
    embedder.fit([record.text for record in gold])
    speaker = DecisionVoices(
        TASK.names, fence, decisions(POOL[:4], TASK.names), embedder, make_student, doubtful="weight"
    )
    own = dict(zip(((r.whole.id, r.about) for r in fence.gold), speaker.own.gold, strict=True))
    np.testing.assert_allclose(own["g7", "sea"], [0.5, 0.5])
    taught = dict(zip(((r.whole.id, r.about) for r in fence.gold), speaker.taught([]).gold, strict=True))
    np.testing.assert_allclose(taught["g7", "sea"], [0.5, 0.5])


@pytest.mark.parametrize(
    ("unproved", "basis", "value"), [("estimate", "estimate", 0.9), ("bound", "none", 1.0), ("nothing", "none", 1.0)]
)
def test_a_few_answers_carry_a_side_only_where_an_estimate_may(
    tmp_path: Path, opened: list[Opened], unproved: Any, basis: str, value: float
) -> None:
    wanted = PrecisionThreshold(precision=0.9, unproved=unproved)
    checker, _ = make_checker(tmp_path, LabelSetTeacher(sure), opened, wanted)
    few = checker.choose_threshold([0.95, 0.93, 0.4], [True, True, False])
    assert (few.basis, few.value, few.guaranteed, bool(few.message)) == (basis, value, False, True)
    many = checker.choose_threshold([0.95] * 40 + [0.92] * 60, [True] * 100)
    assert (many.basis, many.guaranteed, many.message) == ("proof", True, "")


def test_what_is_said_of_all_sides_names_what_each_rests_on() -> None:
    fixed = summarised({("sea", "yes"): Threshold(0.8)})
    assert (fixed.basis, fixed.message) == ("fixed", "")
    proof = Threshold(0.9, 0.9, True, 1.0, 40, "", "proof")
    closed = Threshold(1.0, 0.9, message="not reachable", basis="none")
    bound = Threshold(0.95, 0.9, False, 0.9, 20, "not proved", "bound")
    both = summarised({("sea", "no"): proof, ("sea", "yes"): closed})
    assert both.basis == "proof" and "for 1 nothing is accepted" in both.message
    assert "estimate" not in both.message
    three = summarised({("sea", "no"): proof, ("sea", "yes"): closed, ("garden", "no"): bound})
    assert three.basis == "bound" and not three.guaranteed and "for 1 the threshold rests" in three.message


def test_a_budget_counts_records_since_these_are_asked(tmp_path: Path, opened: list[Opened]) -> None:
    def one_in_doubt(prompt: Prompt) -> dict[str, float]:
        label = list(TOPICS)[int(prompt.record_id[1:]) % len(TOPICS)]
        return sure(prompt) | {label: 0.5}

    teacher = LabelSetTeacher(one_in_doubt)
    checker, calibration = make_checker(tmp_path, teacher, opened, PrecisionThreshold(precision=0.9, budget=0.25))
    teacher.asked.clear()
    checker.label(decisions(POOL, TASK.names), calibration.template)
    asked = Counter(prompt.rung for prompt in teacher.asked if prompt.purpose == "label")
    assert asked["brief"] == len(POOL) == 24
    assert 0 < asked["detail"] <= 6 and asked["wide"] <= 1
