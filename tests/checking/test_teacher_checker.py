"""The teacher checker: it climbs while unsure, keeps the surest answer, abstains at the top."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from dualchecker.checking import Climb, TeacherChecker
from dualchecker.checking.decision_checker import DecisionCalibration
from dualchecker.checking.teacher_checker import Calibration
from dualchecker.config import PrecisionThreshold
from dualchecker.data import Fence
from dualchecker.prompts import Prompt, Template
from dualchecker.records import Answer, Record
from fakes import TASK, Opened, ScriptedTeacher, make_blind_records, make_ladder, make_records

GOLD = make_records(40, "g", detail=True)
POOL = make_records(30, "p", detail=True, start=100)
BLIND_GOLD = make_blind_records(60, "b")
BLIND_POOL = make_blind_records(20, "c")
TRUTH = {record.id: record.label for record in (*GOLD, *POOL, *BLIND_GOLD, *BLIND_POOL)}


def fence(gold: Sequence[Record] = GOLD) -> Fence:
    return Fence(tuple(gold), tuple(gold), "cross_fit")


def unsure_without_detail(prompt: Prompt) -> tuple[str, float]:
    """Right and sure from the long form; from the short form, right and sure on every other record only."""
    truth = TRUTH[prompt.record_id] or ""
    wrong = "cold" if truth == "warm" else "warm"
    if prompt.shown.long or int(prompt.record_id[1:]) % 4 < 2:
        return truth, 0.97
    return wrong, 0.3


@pytest.fixture
def ledgers() -> Iterator[list[Opened]]:
    opened: list[Opened] = []
    yield opened
    for ledger in opened:
        ledger.close()


def make_checker(
    tmp_path: Path,
    teacher: ScriptedTeacher,
    ledgers: list[Opened],
    gold: Sequence[Record] = GOLD,
    senior: ScriptedTeacher | None = None,
    threshold: float | PrecisionThreshold = 0.85,
) -> tuple[TeacherChecker, Template]:
    ladder, aligner, ledger = make_ladder(tmp_path, teacher, fence(gold), senior=senior)
    ledgers.append(ledger)
    return TeacherChecker(TASK, ladder, fence(gold), threshold), aligner.template()


def test_only_unsure_records_climb_and_the_detail_settles_them(tmp_path: Path, ledgers: list[Opened]) -> None:
    teacher = ScriptedTeacher(unsure_without_detail)
    checker, template = make_checker(tmp_path, teacher, ledgers)
    labels = checker.label(POOL, template)
    for item in labels:
        climbs = int(item.record.id[1:]) % 4 >= 2
        assert [answer.rung for answer in item.trail][:2] == (["brief", "detail"] if climbs else ["brief"])
        assert item.label == item.record.label
        assert item.status == "accepted"


def test_calibrated_confidence_follows_what_was_right_on_gold(tmp_path: Path, ledgers: list[Opened]) -> None:
    checker, template = make_checker(tmp_path, ScriptedTeacher(unsure_without_detail), ledgers)
    calibration = checker.calibrate(template)
    sure = [c.confidences[0] for c in calibration.climbs if int(c.record.id[1:]) % 4 < 2]
    unsure = [c.confidences[0] for c in calibration.climbs if int(c.record.id[1:]) % 4 >= 2]
    assert min(sure) > 0.85 > max(unsure)
    assert calibration.brief_accuracy == pytest.approx(0.5)
    assert calibration.accuracy == pytest.approx(1.0)


def test_an_answer_that_stays_doubtful_is_abstained_on(tmp_path: Path, ledgers: list[Opened]) -> None:
    guessing = ScriptedTeacher(lambda prompt: ("warm", 0.5))
    checker, template = make_checker(tmp_path, guessing, ledgers, BLIND_GOLD, threshold=0.97)
    labels = checker.label(BLIND_POOL, template)
    assert all(item.status == "abstained" and item.reason == "unsure" and item.label for item in labels)
    assert all(len(item.trail) == 4 for item in labels), "brief, detail, wide and reconsider were all tried"


def test_a_reply_that_cannot_be_read_is_a_named_outcome_and_no_label(tmp_path: Path, ledgers: list[Opened]) -> None:
    def mute(prompt: Prompt) -> tuple[str | None, float | None]:
        return (None, None) if prompt.record_id == "p101" else (TRUTH[prompt.record_id], 0.9)

    checker, template = make_checker(tmp_path, ScriptedTeacher(mute), ledgers)
    labels = {item.record.id: item for item in checker.label(POOL, template)}
    failed = labels["p101"]
    assert (failed.status, failed.label, failed.reason) == ("failed", None, "unparsed")
    assert {answer.outcome for answer in failed.trail} == {"unparsed"}
    assert sum(item.status == "failed" for item in labels.values()) == 1


def test_an_empty_text_is_not_asked_about(tmp_path: Path, ledgers: list[Opened]) -> None:
    teacher = ScriptedTeacher(unsure_without_detail)
    checker, template = make_checker(tmp_path, teacher, ledgers)
    (label,) = checker.label([Record("p999", "  ")], template)
    assert (label.status, label.reason, label.trail) == ("failed", "empty_text", ())
    assert "p999" not in {prompt.record_id for prompt in teacher.asked}


def test_the_senior_teacher_is_asked_last_and_only_when_named(tmp_path: Path, ledgers: list[Opened]) -> None:
    senior = ScriptedTeacher(lambda prompt: (TRUTH[prompt.record_id], 0.99), name="senior")
    junior = ScriptedTeacher(lambda prompt: ("warm", 0.5))
    checker, template = make_checker(tmp_path, junior, ledgers, BLIND_GOLD, senior, 0.97)
    labels = checker.label(BLIND_POOL, template)
    assert all(item.trail[-1].teacher == "senior" for item in labels)
    assert all(item.label == item.record.label for item in labels)
    assert {prompt.rung for prompt in senior.asked} == {"senior"}


def test_reconsider_shows_the_teacher_its_own_answers(tmp_path: Path, ledgers: list[Opened]) -> None:
    teacher = ScriptedTeacher(lambda prompt: ("warm", 0.5))
    checker, template = make_checker(tmp_path, teacher, ledgers, BLIND_GOLD)
    checker.label(BLIND_POOL[:3], template)
    decisive = [prompt for prompt in teacher.asked if prompt.rung == "reconsider" and prompt.record_id == "c0"]
    assert [answer.rung for answer in decisive[0].shown.previous] == ["brief", "detail", "wide"]


def test_looking_again_asks_the_rungs_not_yet_seen_and_no_other(tmp_path: Path, ledgers: list[Opened]) -> None:
    teacher = ScriptedTeacher(unsure_without_detail)
    checker, template = make_checker(tmp_path, teacher, ledgers)
    settled = [item for item in checker.label(POOL, template) if len(item.trail) == 1]
    again = checker.look_again(settled, template)
    for before, after in zip(settled, again, strict=True):
        assert after.trail[0] == before.trail[0]
        assert [answer.rung for answer in after.trail] == ["brief", "detail", "wide", "reconsider"]


def test_the_surest_answer_is_kept_whichever_rung_gave_it() -> None:
    climb = Climb(Record("r", "text"))
    for label, confidence in (("warm", 0.6), ("cold", 0.8), ("warm", 0.7)):
        climb.trail.append(Answer("r", label, "ok", "brief"))
        climb.signals.append({})
        climb.confidences.append(confidence)
    assert climb.answer is climb.trail[1]
    assert climb.confidence == 0.8


def test_asking_again_with_the_same_ledger_asks_nothing(tmp_path: Path, ledgers: list[Opened]) -> None:
    first, template = make_checker(tmp_path, ScriptedTeacher(unsure_without_detail), ledgers)
    labels = first.label(POOL, template)
    ledgers.pop().close()
    silent = ScriptedTeacher(unsure_without_detail)
    second, template = make_checker(tmp_path, silent, ledgers)
    assert second.label(POOL, template) == labels
    assert silent.asked == []


def test_no_record_is_shown_its_own_label(tmp_path: Path, ledgers: list[Opened]) -> None:
    teacher = ScriptedTeacher(unsure_without_detail)
    checker, template = make_checker(tmp_path, teacher, ledgers)
    checker.calibrate(template)
    for prompt in teacher.asked:
        if prompt.purpose == "label":
            assert prompt.record_id not in {demo.record.id for demo in prompt.shown.demonstrations}


@pytest.mark.parametrize(("budget", "asked"), [(0.4, [20, 8, 3, 1]), (0.5, [20, 10, 5, 2])])
def test_a_budget_bounds_every_rung_and_the_least_sure_climb(
    tmp_path: Path, ledgers: list[Opened], budget: float, asked: list[int]
) -> None:
    # All state the same confidence: a threshold would take all of them up, or none.
    teacher = ScriptedTeacher(lambda prompt: ("warm", 0.6))
    checker, template = make_checker(
        tmp_path, teacher, ledgers, BLIND_GOLD, threshold=PrecisionThreshold(precision=0.9, budget=budget)
    )
    labels = checker.label(BLIND_POOL, template)
    heights = [len(item.trail) for item in labels]
    assert [sum(height > rung for height in heights) for rung in range(4)] == asked


def test_with_a_budget_the_least_sure_climb(tmp_path: Path, ledgers: list[Opened]) -> None:
    wanted = PrecisionThreshold(budget=0.5)
    checker, template = make_checker(tmp_path, ScriptedTeacher(unsure_without_detail), ledgers, threshold=wanted)
    pool = POOL[:28]
    labels = checker.label(pool, template)
    assert [len(item.trail) > 1 for item in labels] == [int(record.id[1:]) % 4 >= 2 for record in pool]


def test_a_rung_that_applies_to_none_uses_up_no_budget(tmp_path: Path, ledgers: list[Opened]) -> None:
    short = [Record(r.id, r.text, label=r.label) for r in BLIND_POOL]
    teacher = ScriptedTeacher(lambda prompt: ("warm", 0.6))
    checker, template = make_checker(tmp_path, teacher, ledgers, BLIND_GOLD, threshold=PrecisionThreshold(budget=0.5))
    trails = [[answer.rung for answer in item.trail] for item in checker.label(short, template)]
    assert sum("wide" in trail for trail in trails) == 10
    assert not any("detail" in trail for trail in trails)


def test_the_calibration_says_what_it_could_not_learn(tmp_path: Path, ledgers: list[Opened]) -> None:
    checker, template = make_checker(tmp_path, ScriptedTeacher(lambda prompt: ("warm", 0.9)), ledgers, BLIND_GOLD)
    said = " ".join(checker.calibrate(template).remarks)
    for words in ("With 60 gold answers", "the same confidence (0.9)", "carry the label 'warm'"):
        assert words in said


@pytest.mark.parametrize("make", [Calibration, DecisionCalibration])
def test_no_rung_tells_a_higher_one_what_is_true_of_a_held_out_record(make: type[Calibration]) -> None:
    def confidences(turned: int | None) -> list[float]:
        """At the second rung; no answer about the fold ``turned`` is right."""
        climbs = [Climb(replace(record, about="warm")) for record in GOLD]
        folds = [i % 10 for i in range(len(climbs))]
        right = [i % 3 > 0 and i % 10 != turned for i in range(len(climbs))]
        calibration = make(Template(), climbs)
        for rung in ("brief", "detail"):
            for i, climb in enumerate(climbs):
                climb.trail.append(Answer(climb.record.id, "warm", "ok", rung))
                climb.signals.append({"stated": 0.5 + 0.1 * (i % 4)})
                climb.confidences.append(0.0)
            calibration.learn(rung, climbs, right, folds)
        return [climb.confidences[-1] for climb in climbs]

    as_it_is, otherwise = confidences(None), confidences(3)
    assert [c for i, c in enumerate(otherwise) if i % 10 == 3] == pytest.approx(as_it_is[3::10], abs=1e-12)
    assert otherwise != pytest.approx(as_it_is)
