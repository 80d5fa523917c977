"""Answers with chains, and what students say of questions, in numbers."""

import pytest

from chain_fakes import SUMS, said
from dualchecker.evaluation import compare_reasoned, judge_answers, judge_reasoned
from dualchecker.records import Answer, Chain, Confidence, Labelled, Record, SelfEvaluation, Status
from dualchecker.students import JudgedChain, Reasoned


def labelled(
    number: int, truth: str | None, answer: str | None, *chains: Chain, status: Status = "accepted", sure: float = 0.9
) -> Labelled:
    record = Record(f"q{number}", f"Question {number}?", label=truth)
    if answer is None:
        return Labelled(record, None, Confidence(0.0), "failed", reason="answer_missing")
    told = Answer(record.id, answer, "ok", "brief", chains=chains)
    return Labelled(record, told, Confidence(sure), status, (told,))


def test_chains_are_counted_with_their_draws_faults_verdicts_and_fates() -> None:
    unread = Chain("Hm, 7.", "7", evaluations=(SelfEvaluation(None, outcome="verdict_missing"),))
    labels = [
        labelled(0, "5", "5", said("5", "2 + 3 = 5", "correct", "wrong", count=3, sound=1.0), unread),
        labelled(1, "4", "6", said("6", "2 + 2 = 6", "wrong", sound=0.0, rejected="unsound")),
        labelled(2, "4", None),
    ]
    chains = judge_answers(SUMS, labels)["chains"]
    assert (chains["count"], chains["questions"], chains["drawn"]) == (3, 2, 5)
    assert (chains["unsound"], chains["with_arithmetic"]) == (1, 2)
    assert chains["verdicts"] == {"correct": 1, "wrong": 2, "verdict_missing": 1}
    assert chains["rejected"] == {"unsound": 1}
    assert chains["right"]["value"] == pytest.approx(1 / 3) and chains["right_of_kept"]["value"] == 0.5


def test_verdicts_that_tell_have_an_auroc_of_one_and_without_any_there_is_none() -> None:
    told = [labelled(n, "1", "1", said("1", f"a{n}", "correct"), said("2", f"b{n}", "wrong")) for n in range(4)]
    assert judge_answers(SUMS, told)["chains"]["verdict_auroc"]["value"] == 1.0
    silent = [labelled(n, "1", "1", said("1", f"a{n}"), said("2", f"b{n}")) for n in range(4)]
    assert judge_answers(SUMS, silent)["chains"]["verdict_auroc"] is None
    alike = [labelled(n, "1", "1", said("1", f"a{n}", "wrong")) for n in range(4)]
    assert judge_answers(SUMS, alike)["chains"]["verdict_auroc"] is None  # no wrong chain to be told from


def test_a_pool_without_human_answers_says_nothing_of_right_and_one_without_chains_nothing_of_chains() -> None:
    chains = judge_answers(SUMS, [labelled(0, None, "5", said("5"))])["chains"]
    assert chains["count"] == 1 and "right" not in chains and "verdict_auroc" not in chains
    assert judge_answers(SUMS, [labelled(0, "5", "5")])["chains"] is None


def test_numbers_are_right_by_value() -> None:
    assert judge_answers(SUMS, [labelled(0, "0.5", "1/2", said("1/2"))])["accuracy"]["value"] == 1.0


def reasoned(answer: str | None, sure: float, direct: str | None, *chains: JudgedChain) -> Reasoned:
    return Reasoned(answer, sure, direct, chains)


def test_a_student_is_judged_by_vote_at_once_and_on_its_own_verdicts() -> None:
    records = [Record(f"q{n}", "?", label="5") for n in range(4)]
    answers = [
        reasoned("5", 0.9, "4", JudgedChain("a", "5", 0.8), JudgedChain("b", "6", 0.1)),
        reasoned("5.0", 0.8, "5", JudgedChain("c", "5.0", 0.7)),
        reasoned("6", 0.4, "5", JudgedChain("d", "6", 0.2)),
        reasoned(None, 0.0, None, JudgedChain("e", None, 0.0)),
    ]
    judged = judge_reasoned(SUMS, answers, records)
    assert judged["accuracy"]["value"] == 0.5 and judged["direct_accuracy"]["value"] == 0.5
    assert judged["verdict_auroc"]["value"] == 1.0
    assert (judged["chains"], judged["without_answer"], judged["count"]) == (5, 1, 4)
    assert judged["accuracy_at"]["0.4"]["value"] == 1.0  # the surest two


def test_two_students_are_compared_on_the_same_questions_by_value() -> None:
    records = [Record(f"q{n}", "?", label="0.5") for n in range(12)]
    mine = [reasoned("1/2", 1, None)] * 12
    theirs = [reasoned("1/2", 1, None)] * 6 + [reasoned("2", 1, None)] * 6
    found = compare_reasoned(SUMS, mine, theirs, records)
    assert found["value"] == 0.5 and found["low"] > 0
    assert compare_reasoned(SUMS, mine, mine, records)["value"] == 0
    both_wrong = [reasoned("3", 1, None)] * 12
    assert compare_reasoned(SUMS, both_wrong, [reasoned("4", 1, None)] * 12, records)["value"] == 0


def test_a_share_of_few_is_never_sure() -> None:
    told = judge_answers(SUMS, [labelled(n, "1", "1", said("1", f"a{n}")) for n in range(10)])
    for share in (told["accuracy"], told["kept"]["accuracy"], told["chains"]["right"]):
        assert share["value"] == 1.0 and share["low"] < 0.75
