"""The teacher checker where reasoning is asked for: confidence from votes and verdicts, calibrated on gold."""

import random
from pathlib import Path

from chain_fakes import ChainTeacher, chain_checker, chain_ladder, make_sums
from dualchecker.confidence import auroc
from dualchecker.prompts import Prompt, Template
from dualchecker.records import Record

GOLD, POOL = make_sums(60, "g"), make_sums(60, "p")
EVERYTHING = [*GOLD, *POOL]


def hard(record: Record) -> bool:
    return random.Random(f"hard {record.id}").random() < 0.4


def erring(prompt: Prompt, record: Record) -> dict[str, object]:
    """Half of the chains about hard questions are wrong, in one of three ways."""
    draw = random.Random(f"{record.id} {prompt.sample} {prompt.rung}")
    error = draw.choice((1, 2, 3)) if hard(record) and draw.random() < 0.5 and prompt.rung != "senior" else 0
    return {"rationale": f"Thought {draw.random():.6f} of it.", "answer": str(int(record.label or "") + error)}


def judging(prompt: Prompt, record: Record) -> str:
    """Four of five verdicts are right."""
    truth = prompt.shown.chain is not None and prompt.shown.chain.answer == record.label
    draw = random.Random(f"{prompt.shown.chain} {prompt.sample}").random()
    return "correct" if truth == (draw < 0.8) else "wrong"


def test_confidence_tells_right_answers_from_wrong_ones(tmp_path: Path) -> None:
    teacher = ChainTeacher(EVERYTHING, erring, judging)
    with chain_ladder(tmp_path, teacher, GOLD, rungs=("brief",), chains=5) as ladder:
        checker = chain_checker(ladder, GOLD)
        calibration = checker.calibrate(Template())
        labels = checker.label(POOL, Template())
    right = [item.label == item.record.label for item in labels]
    assert 0.6 < calibration.accuracy < 1
    assert auroc([item.confidence.value for item in labels], right) > 0.8
    assert {"vote_share", "approval"} <= set(labels[0].confidence.signals)


def test_only_doubtful_questions_climb_and_more_chains_help(tmp_path: Path) -> None:
    teacher = ChainTeacher(EVERYTHING, erring, judging)
    with chain_ladder(tmp_path, teacher, GOLD, rungs=("brief", "wide"), more=6) as ladder:
        labels = chain_checker(ladder, GOLD, threshold=0.8).label(POOL, Template())
    climbed = [item for item in labels if len(item.trail) > 1]
    assert 0 < len(climbed) < len(POOL)
    assert sum(hard(item.record) for item in climbed) > len(climbed) / 2
    first = sum(item.trail[0].label == item.record.label for item in labels)
    assert sum(item.label == item.record.label for item in labels) >= first


def test_a_senior_settles_what_is_left(tmp_path: Path) -> None:
    teacher, senior = ChainTeacher(EVERYTHING, erring, judging), ChainTeacher(EVERYTHING, erring, name="senior")
    with chain_ladder(tmp_path, teacher, GOLD, senior=senior, rungs=("brief", "senior")) as ladder:
        labels = chain_checker(ladder, GOLD, threshold=0.8).label(POOL, Template())
    asked = [item for item in labels if item.trail[-1].rung == "senior"]
    assert asked and len(asked) < len(POOL)
    before = sum(item.trail[0].label == item.record.label for item in asked)
    after = sum(item.label == item.record.label for item in asked)
    assert after > before and after >= 0.9 * len(asked)


def test_chains_come_back_with_what_the_checker_makes_of_them(tmp_path: Path) -> None:
    teacher = ChainTeacher(EVERYTHING, erring, judging)
    with chain_ladder(tmp_path, teacher, GOLD, rungs=("brief",), chains=5) as ladder:
        checker = chain_checker(ladder, GOLD)
        labels = checker.label(POOL, Template())
        gold = checker.answers_about_gold()
    assert set(gold) == {record.id for record in GOLD}
    for item in labels:
        for chain in item.answer.chains if item.answer else ():
            assert chain.right is not None
            if chain.answer != item.label:
                assert chain.rejected == "other_answer"
            elif chain.approval == 0:
                assert chain.rejected == "called_wrong"
            else:
                assert not chain.rejected


def test_a_disputed_answer_resumes_its_climb(tmp_path: Path) -> None:
    teacher = ChainTeacher(EVERYTHING, erring, judging)
    with chain_ladder(tmp_path, teacher, GOLD, rungs=("brief", "wide")) as ladder:
        checker = chain_checker(ladder, GOLD, threshold=0.05)
        labels = checker.label(POOL[:3], Template())
        assert all(len(item.trail) == 1 for item in labels)
        again = checker.look_again(labels, Template())
    assert [answer.rung for answer in again[0].trail] == ["brief", "wide"]
    assert len(again[0].trail[1].chains) == 5
