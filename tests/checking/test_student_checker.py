"""The student checker: disputes, borderline gold, and voices that have not heard the truth they are judged by."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dualchecker.checking import StudentChecker, StudentVoices, TeacherChecker
from dualchecker.checking.examples import examples_from
from dualchecker.checking.propagation import neighbour_graph, propagate
from dualchecker.data import Fence
from dualchecker.embedding import NgramEmbedder
from dualchecker.prompts import Prompt
from dualchecker.records import Confidence, Labelled, Record
from dualchecker.students import Features, LinearStudent
from fakes import TASK, ScriptedTeacher, make_ladder, make_records

GOLD = make_records(60, "g")
POOL = make_records(60, "p", start=200)
SABOTAGED = {"p203", "p210", "p217"}


def embedder() -> NgramEmbedder:
    ngrams = NgramEmbedder(features=2**12)
    ngrams.fit([record.text for record in (*GOLD, *POOL)])
    return ngrams


def voices(fence: Fence, pool: list[Record] = POOL) -> StudentVoices:
    ngrams = embedder()
    features = Features(ngrams, ngrams, 0.0, "text")
    return StudentVoices(
        tuple(TASK.labels), fence, pool, ngrams, lambda: LinearStudent(tuple(TASK.labels), features), doubtful="weight"
    )


def answering(prompt: Prompt) -> tuple[str, float]:
    """Right, but for three pool records, whatever is asked."""
    number = int(prompt.record_id[1:])
    truth = ("warm", "cold")[number % 2]
    if prompt.record_id in SABOTAGED or (prompt.record_id.startswith("g") and number % 10 == 3):
        return ("cold" if truth == "warm" else "warm"), 0.8
    return truth, 0.8


@pytest.fixture(params=["cross_fit", "split"])
def fence(request: pytest.FixtureRequest) -> Fence:
    if request.param == "split":
        return Fence(tuple(GOLD[:30]), tuple(GOLD[30:]), "split")
    return Fence(tuple(GOLD), tuple(GOLD), "cross_fit")


def test_a_confident_student_disputes_wrong_labels_and_they_are_not_accepted(tmp_path: Path, fence: Fence) -> None:
    ladder, aligner, ledger = make_ladder(tmp_path, ScriptedTeacher(answering), fence, rungs=("brief",))
    with ledger:
        checker = TeacherChecker(TASK, ladder, fence, 0.85)
        template = aligner.template()
        labels = checker.label(POOL, template)
        student_checker = StudentChecker(TASK, fence, embedder(), voices(fence), checker.choose_threshold)
        findings = student_checker.inspect(labels, checker.calibrate(template))
    heard = {"intercept", "teacher", "student", *(["taught"] if fence.mode == "split" else [])}
    assert findings.fusion.describe().keys() == heard, "no weight is told of a voice that has not spoken"
    disputed = {item.record.id for item in findings.disputed}
    assert disputed == SABOTAGED
    by_id = {item.record.id: item for item in findings.labels}
    for identity in SABOTAGED:
        assert by_id[identity].status == "abstained"
        assert by_id[identity].reason == "disputed"
        assert by_id[identity].label != by_id[identity].record.label, "the label itself is never replaced in silence"
    right = [item.confidence.value for item in findings.labels if item.record.id not in SABOTAGED]
    wrong = [item.confidence.value for item in findings.labels if item.record.id in SABOTAGED]
    assert min(right) > max(wrong)


def test_distributions_sum_to_one_and_give_the_label_its_confidence(tmp_path: Path, fence: Fence) -> None:
    ladder, aligner, ledger = make_ladder(tmp_path, ScriptedTeacher(answering), fence, rungs=("brief",))
    with ledger:
        checker = TeacherChecker(TASK, ladder, fence, 0.85)
        template = aligner.template()
        student_checker = StudentChecker(TASK, fence, embedder(), voices(fence), checker.choose_threshold)
        findings = student_checker.inspect(checker.label(POOL, template), checker.calibrate(template))
    for item in findings.labels:
        assert item.distribution is not None and item.label is not None
        assert sum(item.distribution.values()) == pytest.approx(1)
        assert item.distribution[item.label] == pytest.approx(item.confidence.value)


def test_inspecting_twice_does_not_count_the_student_twice(tmp_path: Path, fence: Fence) -> None:
    ladder, aligner, ledger = make_ladder(tmp_path, ScriptedTeacher(answering), fence, rungs=("brief",))
    with ledger:
        checker = TeacherChecker(TASK, ladder, fence, 0.85)
        template = aligner.template()
        student_checker = StudentChecker(TASK, fence, embedder(), voices(fence), checker.choose_threshold)
        labels = checker.label(POOL, template)
        calibration = checker.calibrate(template)
        once = student_checker.inspect(labels, calibration).labels
        teacher = [item.confidence.signals["teacher"] for item in student_checker.inspect(once, calibration).labels]
    assert teacher == [item.confidence.value for item in labels]


def test_without_calibration_confidences_stay_as_stated_to_the_end(tmp_path: Path, fence: Fence) -> None:
    def stating(prompt: Prompt) -> tuple[str, float | None]:
        label, _ = answering(prompt)
        number = int(prompt.record_id[1:])
        return label, None if number % 6 == 5 else 0.4 if prompt.record_id in SABOTAGED else 0.9

    ladder, aligner, ledger = make_ladder(tmp_path, ScriptedTeacher(stating), fence, rungs=("brief",))
    with ledger:
        checker = TeacherChecker(TASK, ladder, fence, 0.85, "none")
        template = aligner.template()
        student_checker = StudentChecker(
            TASK, fence, embedder(), voices(fence), checker.choose_threshold, final_map="none"
        )
        findings = student_checker.inspect(checker.label(POOL, template), checker.calibrate(template))
    for item in findings.labels:
        stated = item.answer.stated if item.answer else None
        assert item.confidence.value == pytest.approx(stated or 0.0)
        assert (item.status == "accepted") == (stated == 0.9)
        # What claims nothing cannot be outweighed: it is open, and its label is nobody's but the teacher's.
        assert item.disputed == (item.record.id in SABOTAGED and stated is not None)
    assert findings.threshold.value == 0.85


def test_the_gold_student_knows_nothing_of_pool_labels() -> None:
    fence = Fence(tuple(GOLD), tuple(GOLD), "cross_fit")
    flipped = [replace(record, label="warm") for record in POOL]
    np.testing.assert_array_equal(voices(fence).own.gold, voices(fence, flipped).own.gold)


def test_a_gold_record_does_not_hear_its_own_label() -> None:
    """With texts that tell nothing, a student that had seen the label could not stay at chance."""
    generator = np.random.default_rng(0)
    blind = [
        Record(f"g{i}", " ".join(generator.choice(list("abcdefghij"), 12)), label=("warm", "cold")[i % 2])
        for i in range(80)
    ]
    fence = Fence(tuple(blind), tuple(blind), "cross_fit")
    speaker = voices(fence)
    hits = float(np.mean(speaker.own.gold.argmax(axis=1) == speaker.truth))
    assert hits < 0.68  # chance is .5 with a standard error of .056
    assert np.abs(speaker.own.gold - 0.5).max() < 0.35, "and a student that knows nothing speaks softly"


def test_borderline_gold_is_wrong_first_and_no_two_are_near_duplicates() -> None:
    twin = replace(GOLD[1], id="g900", text=GOLD[1].text + " ")
    records = [*GOLD[:10], twin]
    fence = Fence(tuple(records), tuple(records), "cross_fit")
    checker = StudentChecker(
        TASK,
        fence,
        embedder(),
        voices(fence),
        lambda confidence, right: None,
        borderline=3,  # type: ignore[arg-type,return-value]
    )
    own = np.array([("warm", "cold").index(record.label or "") for record in records])
    probabilities = np.full((len(records), 2), 0.05)
    probabilities[np.arange(len(records)), own] = 0.95
    for row, share in ((1, 0.4), (10, 0.41), (4, 0.2), (7, 0.55)):
        probabilities[row, own[row]], probabilities[row, 1 - own[row]] = share, 1 - share
    chosen = [record.id for record in checker._pick_borderline(probabilities)]
    assert len(chosen) == 3
    assert len({"g1", "g900"} & set(chosen)) == 1, "a record and its twin do not both come"
    assert "g4" in chosen and chosen[-1] == "g7", "wrong ones come before right but unsure ones"


def test_in_split_mode_borderline_cases_come_from_the_demonstrations_only() -> None:
    fence = Fence(tuple(GOLD[:30]), tuple(GOLD[30:]), "split")
    checker = StudentChecker(
        TASK,
        fence,
        embedder(),
        voices(fence),
        lambda confidence, right: None,
        borderline=5,  # type: ignore[arg-type,return-value]
    )
    probabilities = np.full((60, 2), 0.5)
    assert {record.id for record in checker._pick_borderline(probabilities)} <= {record.id for record in GOLD[:30]}


def test_propagation_follows_the_neighbourhood_and_keeps_rows_summing_to_one() -> None:
    vectors = np.array([[1, 0], [0.99, 0.14], [0.98, 0.2], [0, 1], [0.14, 0.99], [0.2, 0.98]], dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    beliefs = np.full((6, 2), 0.5)
    known = np.zeros(6, dtype=bool)
    beliefs[0], beliefs[3] = (1, 0), (0, 1)
    known[[0, 3]] = True
    smooth = propagate(neighbour_graph(vectors, neighbours=2), beliefs, known)
    np.testing.assert_allclose(smooth.sum(axis=1), 1)
    assert (smooth[:3, 0] > 0.5).all() and (smooth[3:, 1] > 0.5).all()


def test_doubtful_labels_teach_softly_or_not_at_all() -> None:
    record = POOL[0]
    sure = Labelled(record, None, Confidence(0.0), "failed")
    assert examples_from([sure]) == []
    from dualchecker.records import Answer

    answer = Answer(record.id, "warm", "ok", "brief")
    doubtful = Labelled(
        record, answer, Confidence(0.3), "abstained", distribution={"warm": 0.3, "cold": 0.7}, disputed=True
    )
    assert examples_from([doubtful], "drop") == []
    (example,) = examples_from([doubtful], "weight")
    assert (example.label, example.weight) == ("cold", pytest.approx(0.49))


def test_a_label_that_is_believed_without_any_claim_teaches_in_full() -> None:
    from dualchecker.records import Answer

    def accepted(**claim: float) -> Labelled:
        answer = Answer(POOL[0].id, "warm", "ok", "brief", **claim)  # type: ignore[arg-type]
        return Labelled(POOL[0], answer, Confidence(claim.get("stated", 0.0)), "accepted")

    assert [e.weight for e in examples_from([accepted()], "drop")] == [1.0]
    assert examples_from([accepted(stated=0.0)]) == [], "what is stated to be worth nothing is"
    assert examples_from([replace(accepted(), status="abstained")]) == []
