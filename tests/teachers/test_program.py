"""The teacher that is a program: real chains, flaws at the stated rates, verdicts as reliable as it is told to be."""

import asyncio
import json
from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import pytest

from dualchecker.data.word_problems import Problem, Step, make_problems, read_chain, write_chain
from dualchecker.errors import RequestFailed
from dualchecker.ledger import content_hash
from dualchecker.prompts import Prompt, PromptWriter, Rung, Template
from dualchecker.records import Chain, Record
from dualchecker.tasks import Reasoning
from dualchecker.teachers.program import ProgramTeacher
from dualchecker.teachers.program_flaws import Flaws, Kind, difficulty, first_wrong, reaching, variants

FAULTLESS = Flaws(0, 0, 0, missed=0, false_alarm=0, uncertain=0)
WRITER = PromptWriter(Reasoning("What is the answer?"))


def reply(teacher: ProgramTeacher, prompt: Prompt) -> dict[str, Any]:
    answer = asyncio.run(teacher.ask(prompt, teacher.payload(prompt)))
    body: dict[str, Any] = json.loads(answer.text)
    return body


def question(text: str, sample: int = 0) -> Prompt:
    return replace(WRITER.label(Record("q", text), Rung("brief"), Template(), ()), sample=sample)


def solved(teacher: ProgramTeacher, problem: Problem, sample: int = 0) -> dict[str, Any]:
    return reply(teacher, question(problem.text, sample))


def judged(teacher: ProgramTeacher, problem: Problem, text: str, answer: str, sample: int = 0) -> dict[str, Any]:
    return reply(teacher, WRITER.evaluate(Record("q", problem.text), Chain(text, answer), sample=sample))


def test_without_flaws_it_is_always_right() -> None:
    teacher = ProgramTeacher(FAULTLESS)
    for problem in make_problems(150, 1):
        body = solved(teacher, problem)
        steps, ending = read_chain(body["rationale"])
        assert body["answer"] == str(problem.answer) == str(ending)
        assert not first_wrong(steps, problem)
        assert 0 < body["confidence"] < 1


def test_it_errs_about_as_often_as_it_is_told_and_its_chains_lead_to_its_answers() -> None:
    teacher, problems = ProgramTeacher(Flaws(operator=0.1, misread=0.1, slip=0.1)), make_problems(500, 2)
    wrong = 0
    for problem in problems:
        body = solved(teacher, problem)
        steps, ending = read_chain(body["rationale"])
        assert str(ending) == str(steps[-1].stated) == body["answer"]
        assert bool(first_wrong(steps, problem)) == (body["answer"] != str(problem.answer))
        wrong += body["answer"] != str(problem.answer)
    stated = sum(1 - 0.7 ** len(problem.steps) for problem in problems) / len(problems)
    assert stated - 0.15 < wrong / len(problems) < stated + 0.05  # a risk has an upper limit, which takes some away


@pytest.mark.parametrize("kind", ["operator", "misread", "slip"])
def test_each_kind_of_flaw_is_what_it_says(kind: str) -> None:
    teacher = ProgramTeacher(Flaws(**{**dict.fromkeys(("operator", "misread", "slip"), 0.0), kind: 0.6}))
    seen = instead = 0
    for problem in make_problems(200, 3, distracted=1.0):
        steps, _ = read_chain(solved(teacher, problem)["rationale"])
        if not first_wrong(steps, problem):
            continue
        seen += 1
        slips = sum(step.stated != step.result for step in steps)
        turned = [step.operator for step in steps] != [step.operator for step in problem.steps]
        if kind == "slip":
            assert (slips, turned) == (1, False)
        elif kind == "operator":
            assert (slips, turned) == (0, True)
        else:
            assert not turned
            instead += slips  # where no number of the text can stand for another
    assert seen > 30 and instead < 0.1 * seen


def test_what_is_misread_is_a_distractor_where_there_is_one() -> None:
    text = "Ada has 7 eggs. Ben has 3 keys. Ada gives Tom 2 eggs. How many eggs are left with Ada?"
    problem = Problem(text, (Step("-", 7, 2),), "eggs", (3,))
    assert variants(problem, "misread") == [(Step("-", 3, 2),), (Step("-", 7, 3),)]
    assert variants(replace(problem, distractors=()), "misread") == []  # 2 - 2 and 7 - 7 leave nothing


def test_errors_of_samples_cluster_on_hard_questions() -> None:
    teacher = ProgramTeacher()
    failed: dict[bool, list[int]] = defaultdict(list)
    favourite = []
    for problem in make_problems(150, 4):
        answers = Counter(solved(teacher, problem, sample)["answer"] for sample in range(8))
        wrong = 8 - answers.pop(str(problem.answer), 0)
        failed[difficulty(problem) > 0.5].append(wrong)
        if wrong >= 4:
            favourite.append(max(answers.values()) / wrong)
    assert sum(failed[True]) / len(failed[True]) > 3 * sum(failed[False]) / len(failed[False])
    assert sum(favourite) / len(favourite) > 0.5, "independent errors would differ"


def test_the_stated_confidence_is_higher_where_it_is_right() -> None:
    teacher = ProgramTeacher()
    stated: dict[bool, list[float]] = defaultdict(list)
    for problem in make_problems(400, 5):
        body = solved(teacher, problem)
        stated[body["answer"] == str(problem.answer)].append(body["confidence"])
    right, wrong = (sum(stated[key]) / len(stated[key]) for key in (True, False))
    assert 0.05 < right - wrong < 0.5
    assert max(stated[False]) > min(stated[True]), "only loosely tied"


def test_the_same_request_gets_the_same_reply_and_the_seed_and_the_sample_change_it() -> None:
    problems = make_problems(40, 6)
    first = [solved(ProgramTeacher(), problem) for problem in problems]
    assert [solved(ProgramTeacher(), problem) for problem in problems] == first
    assert [solved(ProgramTeacher(seed=1), problem) for problem in problems] != first
    assert [solved(ProgramTeacher(), problem, sample=1) for problem in problems] != first
    prompt = question(problems[0].text)
    keys = {
        content_hash(t.payload(prompt)) for t in (ProgramTeacher(), ProgramTeacher(seed=1), ProgramTeacher(FAULTLESS))
    }
    assert len(keys) == 3


def test_samples_of_one_question_differ_in_their_words() -> None:
    teacher = ProgramTeacher(FAULTLESS)
    for problem in make_problems(30, 8):
        assert len({solved(teacher, problem, sample)["rationale"] for sample in range(5)}) == 5


def test_verdicts_are_as_reliable_as_stated() -> None:
    teacher = ProgramTeacher(Flaws(missed=0.3, false_alarm=0.2, uncertain=0.1))
    said: dict[bool, Counter[str]] = defaultdict(Counter)
    for problem in make_problems(300, 7):
        flawed = variants(problem, "slip")[0]
        for right, steps in ((True, problem.steps), (False, flawed)):
            body = judged(teacher, problem, write_chain(steps, problem, 0), str(steps[-1].stated))
            said[right][body["verdict"]] += 1
    assert said[True]["wrong"] / (said[True]["wrong"] + said[True]["correct"]) == pytest.approx(0.2, abs=0.06)
    assert said[False]["correct"] / (said[False]["wrong"] + said[False]["correct"]) == pytest.approx(0.3, abs=0.07)
    for verdicts in said.values():
        assert verdicts["uncertain"] / 300 == pytest.approx(0.1, abs=0.05)


def test_a_verdict_names_the_first_wrong_step() -> None:
    problem = two_steps()
    teacher = ProgramTeacher(FAULTLESS)
    slip = judged(teacher, problem, "First 7 + 4 = 12. Then 12 - 2 = 10. The answer is 10.", "10")
    assert slip["verdict"] == "wrong" and "7 + 4 = 12 is wrong: it gives 11" in slip["rationale"]
    turned = judged(teacher, problem, "First 7 + 4 = 11. Then 11 + 2 = 13. The answer is 13.", "13")
    assert turned["verdict"] == "wrong" and "11 + 2 = 13 does not fit" in turned["rationale"]
    short = judged(teacher, problem, "7 + 4 = 11. The answer is 11.", "11")
    assert short["verdict"] == "wrong" and "11 - 2 = 9 is missing" in short["rationale"]
    more = judged(teacher, problem, "7 + 4 = 11. 11 - 2 = 9. 9 + 1 = 10. The answer is 10.", "10")
    assert more["verdict"] == "wrong" and "9 + 1 = 10 is one too many" in more["rationale"]
    ending = judged(teacher, problem, "7 + 4 = 11. 11 - 2 = 9. The answer is 8.", "8")
    assert ending["verdict"] == "wrong" and "should be 9" in ending["rationale"]
    swapped = judged(teacher, problem, "4 + 7 = 11, so 11 - 2 = 9.", "9.0")
    assert swapped["verdict"] == "correct"


def two_steps() -> Problem:
    steps = (Step("+", 7, 4), Step("-", 11, 2))
    text = "Ada has 7 eggs. Tom gives Ada 4 eggs. Ada gives Tom 2 eggs. How many eggs are left with Ada?"
    return Problem(text, steps, "eggs", ())


def test_a_human_answer_is_explained_by_a_chain_that_leads_to_it() -> None:
    problem, teacher = two_steps(), ProgramTeacher()
    right = reply(teacher, WRITER.explain(Record("q", problem.text), "9"))["rationale"]
    assert right.endswith("The answer is 9.")
    assert not first_wrong(read_chain(right)[0], problem)
    other = reply(teacher, WRITER.explain(Record("q", problem.text), "13"))["rationale"]
    assert other.endswith("The answer is 13.")
    none = reply(teacher, WRITER.explain(Record("q", problem.text), "4711"))["rationale"]
    assert none == ""


def told(kind: Kind) -> set[tuple[tuple[int, str, int, int], ...]]:
    return {tuple((s.left, s.operator, s.right, s.stated) for s in steps) for steps in variants(two_steps(), kind)}


def test_later_steps_build_on_a_wrong_result() -> None:
    assert ((7, "+", 4, 12), (12, "-", 2, 10)) in told("slip")
    assert told("operator") == {
        ((7, "-", 4, 3), (3, "-", 2, 1)),
        ((7, "*", 4, 28), (28, "-", 2, 26)),
        ((7, "+", 4, 11), (11, "+", 2, 13)),
        ((7, "+", 4, 11), (11, "*", 2, 22)),
    }
    assert reaching(two_steps(), "26") == (Step("*", 7, 4), Step("-", 28, 2))


def test_what_it_cannot_read_is_a_failure_with_a_name() -> None:
    with pytest.raises(RequestFailed) as failed:
        reply(ProgramTeacher(), question("Why is the sky blue?"))
    assert failed.value.kind == "not_understood" and not failed.value.fatal and not failed.value.retryable


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_shares_are_shares(share: float) -> None:
    with pytest.raises(ValueError, match="slip"):
        Flaws(slip=share)
