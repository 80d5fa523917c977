"""The student for questions that bring their own choices."""

import numpy as np
import pytest

from dualchecker.embedding import NgramEmbedder
from dualchecker.errors import StudentError
from dualchecker.records import Record
from dualchecker.students import ChoiceQuestion, ChoiceStudent, PairFeatures
from dualchecker.students import choices as module
from dualchecker.students.choice_features import FEATURES
from fakes import make_choice_questions


def pairs_of(questions: list[ChoiceQuestion]) -> PairFeatures:
    embedder = NgramEmbedder(features=2**10)
    embedder.fit([question.record.text for question in questions])
    return PairFeatures(questions, embedder)


@pytest.mark.parametrize("hidden", [0, 8])
def test_it_learns_which_choice_belongs_to_a_question_it_has_not_seen(hidden: int) -> None:
    questions = make_choice_questions(160, seed=1)
    pairs = pairs_of(questions)
    train = np.arange(160) < 120
    shares = ChoiceStudent(hidden=hidden).fit(pairs, train).predict(pairs, ~train)
    assert len(shares) == 40
    assert all(share.sum() == pytest.approx(1) and len(share) == 4 for share in shares)
    said = [q.choices[int(share.argmax())] for q, share in zip(questions[120:], shares, strict=True)]
    right = np.mean([a == q.label for a, q in zip(said, questions[120:], strict=True)])
    assert right > 0.7  # chance is 0.25


def test_labels_outside_the_training_questions_change_nothing() -> None:
    questions = make_choice_questions(80, seed=2)
    hidden = [q if i < 60 else ChoiceQuestion(q.record, q.choices, q.choices[i % 4]) for i, q in enumerate(questions)]
    train = np.arange(80) < 60
    first, second = pairs_of(questions), pairs_of(hidden)
    one = ChoiceStudent().fit(first, train).predict(first, ~train)
    two = ChoiceStudent().fit(second, train).predict(second, ~train)
    np.testing.assert_array_equal(np.stack(one), np.stack(two))


def test_a_questions_own_label_is_not_in_its_features() -> None:
    questions = make_choice_questions(40, seed=3)
    changed = [ChoiceQuestion(questions[0].record, questions[0].choices, questions[0].choices[3]), *questions[1:]]
    assert questions[0].label != questions[0].choices[3]
    everyone = np.ones(40, dtype=bool)
    np.testing.assert_allclose(
        pairs_of(questions).matrix(everyone)[:4], pairs_of(changed).matrix(everyone)[:4], atol=1e-12
    )
    alone = everyone.copy()
    alone[0] = False
    np.testing.assert_allclose(pairs_of(questions).matrix(alone)[:4], pairs_of(questions).matrix(everyone)[:4])


def test_what_was_chosen_elsewhere_is_counted() -> None:
    def ask(number: int, choices: tuple[str, ...], label: str | None) -> ChoiceQuestion:
        return ChoiceQuestion(Record(str(number), f"Question {number}?"), choices, label)

    pairs = pairs_of(
        [
            ask(0, ("sea", "pond", "sky"), "sea"),
            ask(1, ("Pond ", "sea", "desk"), "pond"),
            ask(2, ("lamp", "sky", "desk"), None),
        ]
    )
    assert pairs.labelled.tolist() == [True, True, False]
    rows = dict(zip(zip(pairs.owner, pairs.key, strict=True), pairs.matrix(pairs.labelled), strict=True))
    of = {name: FEATURES.index(name) for name in FEATURES}
    sea, pond, sky = pairs.key[:3]
    first = rows[0, sea], rows[0, pond], rows[0, sky]
    assert [row[of["in_sibling"]] for row in first] == [1, 1, 0]  # question 1 shares sea and pond
    assert [row[of["chosen_in_sibling"]] for row in first] == [0, 1, 0]
    assert [row[of["passed_over_in_siblings"]] for row in first] == pytest.approx([np.log(2), 0, 0])
    assert first[1][of["chosen_rate"]] > 0 > first[0][of["chosen_rate"]]


def test_a_choice_that_stands_twice_is_one_answer() -> None:
    questions = make_choice_questions(30, seed=4)
    twice = ChoiceQuestion(Record("twice", "Where?"), ("bridge", "bank", "Bridge"), "bridge")
    pairs = pairs_of([*questions, twice])
    assert pairs.target[-3:].tolist() == [0.5, 0, 0.5]


def test_the_gradient_is_the_gradient() -> None:
    from scipy.optimize import check_grad

    pairs = pairs_of(make_choice_questions(12, seed=5))
    features = pairs.matrix(pairs.labelled)
    for hidden in (0, 3):
        weights = np.random.default_rng(0).normal(0, 0.3, (15 * hidden + hidden + 14) if hidden else 14)
        given = (features, pairs.target, pairs.owner, pairs.start[:-1], hidden, 0.1)
        error = check_grad(
            lambda w, g=given: module._loss(w, *g)[0], lambda w, g=given: module._loss(w, *g)[1], weights
        )
        assert error < 1e-5


def test_what_cannot_be_learnt_from_is_refused() -> None:
    with pytest.raises(StudentError, match="no questions"):
        PairFeatures([], NgramEmbedder())
    with pytest.raises(StudentError, match="nothing to choose between"):
        pairs_of([ChoiceQuestion(Record("a", "Where?"), ("here", "Here"))])
    pairs = pairs_of([ChoiceQuestion(Record("a", "Where?"), ("here", "there"), "elsewhere")])
    with pytest.raises(StudentError, match="no question to learn from"):
        ChoiceStudent().fit(pairs, np.array([True]))
    with pytest.raises(StudentError, match="not been trained"):
        ChoiceStudent().predict(pairs, np.array([True]))
