"""The word problems: varied, solved rightly, and understood again from their text alone."""

import re
from collections import Counter, defaultdict

import pytest

from dualchecker.data.word_problems import WORDINGS, Step, make_problems, read_chain, read_problem, write_chain
from dualchecker.errors import DataError


@pytest.mark.parametrize(("seed", "largest"), [(1, 30), (2, 12), (3, 20), (4, 99)])
def test_what_is_made_is_read_again(seed: int, largest: int) -> None:
    for problem in make_problems(800, seed, largest=largest, steps=(0.4, 0.3, 0.3), distracted=0.6):
        assert read_problem(problem.text) == problem


def test_no_two_texts_are_the_same_and_the_seed_decides() -> None:
    first = make_problems(500, 7)
    assert len({problem.text for problem in first}) == 500
    assert make_problems(500, 7) == first
    assert make_problems(200, 7) == first[:200]
    assert not {problem.text for problem in make_problems(500, 8)} & {problem.text for problem in first}


def test_numbers_stay_in_the_range_and_steps_use_the_text() -> None:
    for problem in make_problems(600, 5, largest=15):
        told = Counter(int(number) for number in re.findall("[0-9]+", problem.text))
        results: Counter[int] = Counter()
        used: Counter[int] = Counter()
        for step in problem.steps:
            assert step.sound and 0 < step.result <= 15
            used.update((step.left, step.right))
            results[step.result] += 1
        assert max(told) <= 15
        assert set(used) <= set(told) | set(results)
        assert not Counter(problem.distractors) - told


def test_shares_of_steps_and_asides_are_kept() -> None:
    made = make_problems(1000, 3, steps=(0.6, 0.3, 0.1), distracted=0.0)
    counts = Counter(len(problem.steps) for problem in made)
    assert counts[1] == pytest.approx(600, abs=60)
    assert counts[3] == pytest.approx(100, abs=40)
    many = sum(bool(problem.distractors) for problem in make_problems(1000, 3, distracted=1.0))
    assert many == 1000 > sum(bool(problem.distractors) for problem in made)


def test_a_cue_word_does_not_give_away_the_operator() -> None:
    operators: dict[str, Counter[str]] = defaultdict(Counter)
    for problem in make_problems(3000, 11, steps=(1, 0, 0), distracted=0.0):
        for cue in ("more", "fewer", "gives", "takes", "left", "each", "has"):
            if cue in re.findall(r"\w+", problem.text):
                operators[cue][problem.steps[0].operator] += 1
    for cue, counts in operators.items():
        assert counts.most_common(1)[0][1] < 0.8 * counts.total(), (cue, counts)


@pytest.mark.parametrize(
    ("text", "written", "distractors"),
    [
        ("Ada has 7 eggs. Tom gives Ada 4 eggs. How many eggs does Ada have now?", "7 + 4 = 11", ()),
        ("Ada has 7 eggs. Ada gives Tom 4 eggs. How many eggs are left with Ada?", "7 - 4 = 3", ()),
        ("Ada has 7 eggs. Ben has 4 keys. Ada buys 2 more eggs. How many eggs does Ada have now?", "7 + 2 = 9", (4,)),
        ("Ada has 7 eggs. Ada has 4 more eggs than Tom. How many eggs does Tom have?", "7 - 4 = 3", ()),
        ("Ada has 7 eggs. Tom has 12 eggs. How many more eggs does Tom have than Ada?", "12 - 7 = 5", ()),
        ("Ada has 2 bags with 3 eggs in each. Tom owns 5 eggs. How many eggs does Ada have now?", "2 * 3 = 6", (5,)),
        ("Ada owns 8 eggs. Ada puts 4 eggs into each box. How many boxes does Ada fill?", "8 / 4 = 2", ()),
        ("After giving 3 eggs to Tom, Ada has 5 eggs. How many eggs were there before?", "5 + 3 = 8", ()),
    ],
)  # fmt: skip
def test_reads_texts_that_people_might_write_in_the_grammar(
    text: str, written: str, distractors: tuple[int, ...]
) -> None:
    problem = read_problem(text)
    assert problem is not None
    assert [f"{s.left} {s.operator} {s.right} = {s.result}" for s in problem.steps] == [written]
    assert problem.distractors == distractors


@pytest.mark.parametrize(
    "text",
    [
        "",
        "How many eggs does Ada have now?",
        "Ada has 7 eggs.",
        "Ada has 7 eggs. How many eggs does Ada have now?",  # nothing to work out
        "Ada has 7 eggs. Ada gives Tom 9 eggs. How many eggs are left with Ada?",  # below nothing
        "Ada owns 9 eggs. Ada puts 4 eggs into each box. How many boxes does Ada fill?",  # a rest
        "Ada has 7 eggs. Ada gives Tom 4 eggs. How many eggs does Omar have?",  # nothing is known of him
        "Ada has 7 eggs. It rains. Ada gives Tom 4 eggs. How many eggs are left with Ada?",
    ],
)
def test_what_is_no_problem_is_not_read(text: str) -> None:
    assert read_problem(text) is None


def test_the_unit_is_what_is_counted() -> None:
    problem = read_problem("Ada owns 8 eggs. Each jar holds 2 eggs. How many jars does Ada need?")
    assert problem is not None
    assert (problem.unit, problem.answer) == ("jars", 4)


def test_chains_differ_in_words_and_agree_in_arithmetic() -> None:
    for problem in make_problems(200, 2):
        chains = [write_chain(problem.steps, problem, wording) for wording in range(WORDINGS)]
        assert len(set(chains)) == WORDINGS >= 5
        for chain in chains:
            steps, answer = read_chain(chain)
            assert answer == problem.answer
            assert [step.stated for step in steps] == [step.result for step in problem.steps]
            assert all(step.claimed is None for step in steps)


def test_a_flawed_step_is_written_and_read_as_it_is() -> None:
    problem = make_problems(1, 1)[0]
    chain = write_chain([Step("+", 4, 5, claimed=10)], problem, 0)
    assert chain == "First 4 + 5 = 10. The answer is 10."
    (step,), answer = read_chain(chain)
    assert (step.stated, step.result, answer) == (10, 9, 10)


@pytest.mark.parametrize("text", ["7 / 0 = 3", "7 / 2 = 3", "2 - 5 = -3"])
def test_steps_outside_the_counting_numbers_are_not_sound(text: str) -> None:
    (step,), answer = read_chain(text)
    assert not step.sound
    assert step.claimed == int(text.split()[-1])
    assert answer is None


def test_too_many_problems_are_an_error() -> None:
    with pytest.raises(DataError, match="could be made"):
        make_problems(10, 1, largest=2, steps=(0, 0, 1))
