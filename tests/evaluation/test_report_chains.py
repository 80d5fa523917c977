"""The report where questions are answered: every number is there, rival chains stand side by side, nothing can act."""

import copy
import random
from collections.abc import Mapping
from typing import Any

import pytest

from chain_fakes import SUMS, said
from dualchecker.checking.chain_teaching import REJECTIONS
from dualchecker.evaluation import judge_answers, judge_reasoned, render_report
from dualchecker.evaluation.report_chains import CHAINS, chain_figures, doubtful_questions_view
from dualchecker.evaluation.wording import REJECTED
from dualchecker.records import Answer, Confidence, Labelled, Record
from dualchecker.runs.chain_rows import chain_label_rows
from dualchecker.students import JudgedChain, Reasoned
from pages import NASTY, check


def make_labels(count: int, *, human: bool = True, text: str = "") -> list[Labelled]:
    """Answers right as often as they are sure, each with a rival chain."""
    draw = random.Random(3)
    labels = []
    for n in range(count):
        sure = draw.random()
        truth, answer = str(n), str(n if draw.random() < sure else n + 1)
        record = Record(f"q{n}", text or f"What is {n}?", label=truth if human else None)
        chains = (
            said(answer, f"{text}One says {answer}.", "correct", "wrong", count=2, sound=1.0),
            said(str(n + 7), f"{text}No, 1 + 1 = 3.", "wrong", sound=0.0, rejected="other_answer"),
        )
        told = Answer(record.id, answer, "ok", "brief", rationale=chains[0].text, chains=chains, notes=("empty",) * 2)
        status = "accepted" if sure > 0.6 else "abstained"
        reason = "" if status == "accepted" else "unsure"
        labels.append(Labelled(record, told, Confidence(sure), status, (told,), reason=reason))  # type: ignore[arg-type]
    return labels


def make_said(count: int) -> tuple[list[Reasoned], list[Record]]:
    draw = random.Random(5)
    found, records = [], []
    for n in range(count):
        sure = draw.random()
        answer = str(n if draw.random() < sure else n + 1)
        chains = (JudgedChain("a", answer, sure), JudgedChain("b", str(n), 0.6))
        found.append(Reasoned(answer, sure, str(n), chains))
        records.append(Record(f"t{n}", "?", label=str(n)))
    return found, records


def make_metrics(labels: list[Labelled], *, tested: bool = True) -> dict[str, Any]:
    test = judge_reasoned(SUMS, *make_said(40)) if tested else None
    last = judge_answers(SUMS, labels)
    stages = {"few_shot": {**judge_answers(SUMS, labels), "chains": None}, "teacher_checker": last}
    threshold = {"value": 0.6, "target": 0.9, "basis": "bound", "accepted": 9, "precision": 0.91, "guaranteed": False}
    references = ("gold_only", "answers_alone", "one_chain", "chains_alone")
    return {
        "kind": "reasoning",
        "method": "dualchecker",
        "question": "Solve the problem.",
        "labels": {},
        "multiple": False,
        "seed": 42,
        "data": {"gold": 30, "pool": len(labels), "test": 40, "warnings": []},
        "teacher": {
            "name": "llm",
            "stages": stages,
            "rungs": {"brief": len(labels)},
            "outcomes": {"ok": len(labels)},
            "notes": {"empty": 2},
            "calibration": {
                "threshold": threshold,
                "answers": 30,
                "remarks": [],
                "fusion": {"intercept": 0.1, "teacher": 1.0, "judged": 0.4},
                "weights": {"brief": {"intercept": 0.0, "vote_share": 1.5, "approval": 0.7}},
            },
        },
        "student": {
            "kind": "reasoner",
            "base": "scratch",
            "taught": {"teacher": 20},
            "judges": True,
            "unlearnt": {"cut_chain": 3, "empty_chain": 0},
            "calibration": {"judged": 30, "accuracy": 0.5, "by": "twins"},
            "test": test,
        },
        "references": {name: copy.deepcopy(test) for name in references} if tested else {},
        "requests": {"used": 70, "per_record": 1.5, "by_purpose": {"label/brief": 40, "evaluate/evaluate": 30}},
    }


@pytest.fixture(scope="module")
def labels() -> list[Labelled]:
    return make_labels(60)


def test_the_page_has_all_parts_in_words(labels: list[Labelled]) -> None:
    page = check(render_report(make_metrics(labels), chain_label_rows(labels)))
    assert {"teacher", "chains", "student", "confidence", "work", "doubtful"} <= set(page.ids())
    for words in (
        "Pool answers accepted", "Its surest 80 %, right", "Chains kept", "60 of 120 different chains",
        "arrives at another answer than the one kept", "60 of 120", "The same answers without chains",
        "One chain a question", "The same chains without verdicts", "Share of the chains that agree",
        "calibrated on 30 gold questions that students like it had not learnt", "the first chains",
        "chains longer than student.max_length", "the reply was empty (2 times)", "teacher answers",
        "An answer is accepted from a confidence of", "Student checker's verdicts on its chains",
    ):  # fmt: skip
        assert words in page.words, words
    assert "labels that people gave" not in page.words and "Macro-F1" not in page.words


def test_the_figures_are_those_of_the_metrics(labels: list[Labelled]) -> None:
    metrics = make_metrics(labels)
    accepted, right, student, surest, chains = chain_figures(metrics)
    stage, test = metrics["teacher"]["stages"]["teacher_checker"], metrics["student"]["test"]
    assert accepted["notes"][0] == f"{stage['accepted']} of 60 questions"
    assert right["value"].startswith(f"{100 * stage['kept']['accuracy']['value']:.1f}")
    assert student["value"].startswith(f"{100 * test['accuracy']['value']:.1f}")
    assert surest["value"].startswith(f"{100 * test['accuracy_at']['0.8']['value']:.1f}")
    assert chains["value"].startswith("50.0")


def test_without_test_set_human_answers_or_chains_the_report_says_so() -> None:
    bare = make_labels(12, human=False)
    metrics = make_metrics(bare, tested=False)
    metrics["student"]["test"] = None
    page = check(render_report(metrics, chain_label_rows(bare)))
    assert "not measured: the pool has no human answers" in page.words and "student" not in page.ids()
    assert "Right, of the kept" not in page.words
    for stage in metrics["teacher"]["stages"].values():
        stage["chains"] = None
    page = check(render_report(metrics, chain_label_rows(bare)))
    assert "chains" not in page.ids() and "Chains kept" not in page.words
    metrics |= {"teacher": {"name": "none", "stages": {}}, "student": {"kind": "reasoner", "base": "b", "test": None}}
    check(render_report(metrics, []))


def test_a_teacher_that_is_a_program_is_called_one(labels: list[Labelled]) -> None:
    metrics = make_metrics(labels)
    assert "is a program with known flaws, no LLM" not in check(render_report(metrics, [])).words
    metrics["teacher"]["name"] = "program"
    assert "is a program with known flaws, no LLM" in check(render_report(metrics, [])).words


def test_rival_answers_stand_side_by_side_the_one_kept_first() -> None:
    record = Record("q", "Which?", choices=("cat", "dog"))
    chains = (said("dog", "It barks."), said("cat", "It purrs.", "correct", "correct", count=3), said("dog", "Woof."))
    told = Answer("q", "cat", "ok", "brief", chains=chains)
    item = Labelled(record, told, Confidence(0.4), "abstained", (told,), reason="unsure")
    (row,) = doubtful_questions_view(chain_label_rows([item]), "llm")["rows"]
    assert [(party["answer"], party["votes"], party["kept"]) for party in row["parties"]] == [
        ("cat", 3, True),
        ("dog", 2, False),
    ]
    assert row["choices"] == ["cat", "dog"]
    assert row["parties"][0]["chains"][0]["verdicts"] == "2 correct"
    assert row["parties"][0]["chains"][0]["reasons"] == [("correct", "Because correct.")]


def test_many_chains_are_cut_and_the_rest_is_counted() -> None:
    chains = tuple(said(str(n), f"Chain {n}.") for n in range(CHAINS + 4))
    told = Answer("q", "0", "ok", "brief", chains=chains)
    item = Labelled(Record("q", "?"), told, Confidence(0.1), "abstained", (told,), reason="unsure")
    (row,) = doubtful_questions_view(chain_label_rows([item]), "llm")["rows"]
    assert row["more"] == 4 and sum(len(party["chains"]) for party in row["parties"]) == CHAINS


def hostile(value: Any) -> Any:
    """Texts with something nasty in each."""
    if isinstance(value, str):
        return value + NASTY
    if isinstance(value, list):
        return [hostile(one) for one in value]
    if isinstance(value, Mapping):
        return {name: one if name in ("status", "rejected") else hostile(one) for name, one in value.items()}
    return value


def test_no_text_can_act_or_break_the_page(labels: list[Labelled]) -> None:
    rows = [hostile(row) | {"choices": [NASTY, "b"]} for row in chain_label_rows(labels)]
    metrics = make_metrics(labels)
    metrics["question"] = NASTY
    metrics["labels"] = {NASTY: NASTY, "b": ""}
    metrics["teacher"]["name"] = NASTY
    last = metrics["teacher"]["stages"]["teacher_checker"]["chains"]
    last["verdicts"][NASTY], last["rejected"][NASTY] = 3, 1
    metrics["student"]["unlearnt"][NASTY] = 2
    page = check(render_report(metrics, rows))
    assert "alert(1)" in page.words and "{{7*7}}" in page.words and "\u202e" not in page.words
    assert "The 2 choices" in page.words


def test_every_reason_to_reject_a_chain_has_words() -> None:
    assert set(REJECTED) == set(REJECTIONS)
