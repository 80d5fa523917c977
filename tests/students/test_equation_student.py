"""The student of small equations over a question's own numbers."""

from fractions import Fraction

import numpy as np
import pytest

from dualchecker.checking import check_equations
from dualchecker.embedding import NgramEmbedder
from dualchecker.errors import StudentError
from dualchecker.evaluation.metrics import auroc
from dualchecker.records import Record
from dualchecker.students import EquationFeatures, EquationStudent, NumberQuestion
from dualchecker.students.equation_candidates import FORMS, candidates, read_story
from dualchecker.tasks.equations import evaluate

THINGS = ("apples", "books", "coins", "shells", "stamps", "pens")
NAMES = ("Ann", "Bob", "Cem", "Dora", "Eva")


def make_questions(count: int, seed: int = 0) -> list[NumberQuestion]:
    """Sums, differences and products, with a number that plays no part."""
    generator = np.random.default_rng(seed)
    questions = []
    for index in range(count):
        large, small, idle = (int(number) for number in generator.choice(np.arange(2, 90), 3, replace=False))
        large, small = max(large, small), min(large, small)
        name, (thing, other) = generator.choice(NAMES), generator.choice(THINGS, 2, replace=False)
        kind = index % 3
        told = (
            f"{name} had {large} {thing} and {idle} {other}. {name} gave {small} {thing} away.",
            f"{name} had {large} {thing} and {idle} {other}. {name} found {small} more {thing}.",
            f"{name} has {large} bags of {thing} and {idle} {other}. There are {small} {thing} in each bag.",
        )[kind]
        asked = (
            f"How many {thing} are left?",
            f"How many {thing} are there altogether?",
            f"How many {thing} are in the bags?",
        )[kind]
        answer = (large - small, large + small, large * small)[kind]
        questions.append(NumberQuestion(Record(str(index), f"{told}\n{asked}"), float(answer)))
    return questions


def features_of(questions: list[NumberQuestion]) -> EquationFeatures:
    embedder = NgramEmbedder(features=2**10)
    embedder.fit([question.record.text for question in questions])
    return EquationFeatures(questions, embedder)


def test_a_story_is_read_with_its_numbers_and_what_is_asked() -> None:
    story = read_story("He paid $1,200.50 for three cars. He sold one.\nHow many of 3 cars are left?")
    assert story.numbers == (1200.5, 3.0, 3.0)
    assert [story.tokens[place] for place in story.where] == ["#", "#", "#"]
    assert story.tokens[story.asks :] == ("how", "many", "of", "#", "car", "are", "left", "?")


@pytest.mark.parametrize("text", ["", "No number here.", "7", "How many?\n"])
def test_odd_texts_are_read_too(text: str) -> None:
    story = read_story(text)
    assert len(list(candidates(story.numbers))) == len(story.numbers)


def test_no_equation_stands_twice_and_none_divides_by_zero() -> None:
    found = list(candidates((6.0, 3.0)))
    assert sorted(c.value for c in found) == sorted([6, 3, 9, 3, -3, 18, 2, 0.5])
    assert {FORMS[c.form].name for c in candidates((5.0, 0.0)) if c.places == (0, 1)} == {"a+b", "a-b", "a*b"}


def test_forms_say_what_they_come_to() -> None:
    numbers = (7.0, 5.0, 3.0, 2.0)
    for found in candidates(numbers):
        written = FORMS[found.form].name
        for slot, place in zip("abcd", found.places, strict=False):
            written = written.replace(slot, f"{numbers[place]:.0f}")
        value = evaluate(written)
        assert isinstance(value, Fraction), written
        assert found.value == pytest.approx(float(value)), written


def test_it_learns_which_numbers_to_take_and_how() -> None:
    questions = make_questions(150)
    pairs = features_of(questions)
    train = np.arange(150) < 110
    shares = EquationStudent().fit(pairs, train).predict(pairs, ~train)
    assert all(share.sum() == pytest.approx(1) for share in shares)
    right = [
        pairs.hit[pairs.start[index] : pairs.start[index + 1]][int(share.argmax())]
        for index, share in zip(range(110, 150), shares, strict=True)
    ]
    assert np.mean(right) > 0.9


def test_answers_outside_the_training_questions_change_nothing() -> None:
    questions = make_questions(60, seed=1)
    other = [q if i < 40 else NumberQuestion(q.record, float(i)) for i, q in enumerate(questions)]
    train = np.arange(60) < 40
    first, second = features_of(questions), features_of(other)
    one = EquationStudent().fit(first, train).predict(first, ~train)
    two = EquationStudent().fit(second, train).predict(second, ~train)
    for left, right in zip(one, two, strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_questions_own_answer_is_not_in_its_votes() -> None:
    questions = make_questions(30, seed=2)
    changed = [NumberQuestion(questions[0].record, 0.0), *questions[1:]]
    everyone = np.ones(30, dtype=bool)
    own = slice(0, features_of(questions).start[1])
    np.testing.assert_array_equal(
        features_of(questions).matrix(everyone)[own], features_of(changed).matrix(everyone)[own]
    )


def test_weights_count() -> None:
    questions = make_questions(60, seed=3)
    wrong = [NumberQuestion(q.record, q.answer if i < 30 else 0.0) for i, q in enumerate(questions)]
    wrong = [
        NumberQuestion(q.record, sum(read_story(q.record.text).numbers)) if i >= 30 else q for i, q in enumerate(wrong)
    ]
    pairs = features_of(wrong)
    everyone, half = np.ones(60, dtype=bool), (np.arange(60) < 30).astype(float)
    weighted = EquationStudent().fit(pairs, everyone, half).predict(pairs, everyone)
    alone = EquationStudent().fit(pairs, half > 0).predict(pairs, everyone)
    np.testing.assert_allclose(weighted[45], alone[45], atol=1e-6)
    assert not np.allclose(EquationStudent().fit(pairs, everyone).predict(pairs, everyone)[45], alone[45], atol=1e-3)


def test_it_says_when_there_is_nothing_to_learn() -> None:
    pairs = features_of([NumberQuestion(Record("1", "What is 2 and 3?"), 77.0), NumberQuestion(Record("2", "None?"))])
    with pytest.raises(StudentError, match="no question to learn from"):
        EquationStudent().fit(pairs, np.ones(2, dtype=bool))
    with pytest.raises(StudentError, match="not been trained"):
        EquationStudent().predict(pairs, np.ones(2, dtype=bool))
    with pytest.raises(StudentError, match="no questions"):
        EquationFeatures([], NgramEmbedder(features=2**10))


def test_a_question_without_numbers_gets_no_probabilities() -> None:
    questions = [*make_questions(30, seed=4), NumberQuestion(Record("none", "How many are there?"), 3.0)]
    pairs = features_of(questions)
    shares = EquationStudent().fit(pairs, np.arange(31) < 25).predict(pairs, np.arange(31) >= 29)
    assert [len(share) > 0 for share in shares] == [True, False]
    assert np.isnan(check_equations(pairs, folds=3).confidence[30])


def test_planted_errors_get_a_low_confidence() -> None:
    questions = make_questions(150, seed=5)
    generator = np.random.default_rng(0)
    right = generator.random(150) > 0.2
    for index in np.flatnonzero(~right).tolist():
        first, second, third = read_story(questions[index].record.text).numbers
        wrong = next(value for value in (first + second, third + first) if value != questions[index].answer)
        questions[index] = NumberQuestion(questions[index].record, wrong)
    outcome = check_equations(features_of(questions), folds=4)
    assert auroc(outcome.confidence.tolist(), right.tolist()) > 0.85
    other = check_equations(features_of(questions), folds=4, seed=1)
    assert not np.array_equal(outcome.confidence, other.confidence)
    blind = check_equations(features_of(questions), lambda: EquationStudent(l2=100.0), folds=4)
    assert blind.log_likelihood < outcome.log_likelihood - 0.1
