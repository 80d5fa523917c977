"""Confidence without gold: planted errors must come out as doubtful."""

from dataclasses import replace

import numpy as np

from dualchecker.checking import check_choices
from dualchecker.embedding import NgramEmbedder
from dualchecker.evaluation.metrics import auroc
from dualchecker.students import ChoiceQuestion, ChoiceStudent, PairFeatures
from fakes import make_choice_questions


def planted(seed: int, share: float = 0.2) -> tuple[list[ChoiceQuestion], np.ndarray]:
    """Questions of which a share has a wrong label, and which are right."""
    generator = np.random.default_rng(seed)
    questions, right = make_choice_questions(200, seed=seed), np.ones(200, dtype=bool)
    for index in generator.choice(200, int(200 * share), replace=False).tolist():
        question = questions[index]
        wrong = [choice for choice in question.choices if choice != question.label]
        questions[index] = replace(question, label=str(generator.choice(wrong)))
        right[index] = False
    return questions, right


def test_planted_errors_get_a_low_confidence() -> None:
    found = []
    for seed in range(3):
        questions, right = planted(seed)
        outcome = check_choices(PairFeatures(questions, NgramEmbedder(features=2**10)))
        found.append(auroc(outcome.confidence.tolist(), right.tolist()))
    assert min(found) > 0.85


def test_the_better_student_is_known_without_gold() -> None:
    questions, _ = planted(7)
    pairs = PairFeatures(questions, NgramEmbedder(features=2**10))
    seeing = check_choices(pairs, lambda: ChoiceStudent(hidden=0))
    blind = check_choices(pairs, lambda: ChoiceStudent(("length",), hidden=0))
    assert seeing.log_likelihood > blind.log_likelihood + 0.1


def test_a_question_without_a_usable_label_has_no_confidence() -> None:
    questions, _ = planted(8)
    questions[3] = replace(questions[3], label=None)
    questions[4] = replace(questions[4], label="none of these")
    confidence = check_choices(PairFeatures(questions, NgramEmbedder(features=2**10))).confidence
    assert np.flatnonzero(np.isnan(confidence)).tolist() == [3, 4]


def test_twins_are_judged_by_students_that_saw_neither() -> None:
    questions, _ = planted(9)
    twin = ChoiceQuestion(replace(questions[0].record, id="twin"), questions[0].choices, questions[0].label)
    other = replace(twin, label=next(c for c in twin.choices if c != twin.label))
    embedder = NgramEmbedder(features=2**10)
    first = check_choices(PairFeatures([*questions, twin], embedder), folds=4).confidence[0]
    second = check_choices(PairFeatures([*questions, other], embedder), folds=4).confidence[0]
    assert first == second
