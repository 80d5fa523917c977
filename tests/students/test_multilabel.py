"""Students with one output a label: they learn from the decisions that teach, and from no others."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dualchecker.data import decisions
from dualchecker.embedding import NgramEmbedder
from dualchecker.errors import StudentError
from dualchecker.records import Example, Record
from dualchecker.students import Features, LinearStudent, Student, load_student
from dualchecker.students.multilabel import grid_of
from dualchecker.students.solver import fit_sigmoid, scores_of, sigmoid
from tiny import KITCHEN, LABELS, SEA, texts_about

Make = Callable[[], Student]

SEA_ONLY, BOTH, KITCHEN_ONLY, NEITHER = ("sea",), ("sea", "kitchen"), ("kitchen",), ()


def make_records(count: int = 16, seed: int = 0) -> list[Record]:
    """As many texts about the sea, about the kitchen, about both, and about neither (only numbers)."""
    sea, kitchen = texts_about(SEA, 2 * count, seed), texts_about(KITCHEN, 2 * count, seed + 1)
    texts = [(text, SEA_ONLY) for text in sea[:count]] + [(text, KITCHEN_ONLY) for text in kitchen[:count]]
    texts += [(f"{a} {b}", BOTH) for a, b in zip(sea[count:], kitchen[count:], strict=True)]
    texts += [(f"{i} {i + 1} {i + 2}", NEITHER) for i in range(count)]
    return [Record(f"{seed}-{n}", text, labels=labels) for n, (text, labels) in enumerate(texts)]


def make_examples(records: list[Record]) -> list[Example]:
    return [Example(record, record.label or "") for record in decisions(records, LABELS)]


def truth(records: list[Record]) -> np.ndarray:
    return np.array([[label in (record.labels or ()) for label in LABELS] for record in records])


@pytest.fixture(params=["linear", "encoder"])
def make(request: pytest.FixtureRequest) -> Make:
    if request.param == "linear":
        ngrams = NgramEmbedder(features=2**12)
        return lambda: LinearStudent(LABELS, Features(ngrams, ngrams, 0.0, "text"), base="ngrams", multiple=True)
    base = request.getfixturevalue("tiny_bert")
    from dualchecker.students.encoder import EncoderStudent

    return lambda: EncoderStudent(LABELS, base=base, epochs=20, batch_size=8, learning_rate=3e-3, multiple=True)


def test_it_learns_each_label_by_itself(make: Make) -> None:
    test = make_records(10, seed=9)
    chances = make().fit(make_examples(make_records())).predict(test)
    assert chances.shape == (40, 2) and ((chances >= 0) & (chances <= 1)).all()
    assert np.mean((chances >= 0.5) == truth(test)) > 0.9
    sums = chances.sum(axis=1)
    assert sums.max() > 1.3 and sums.min() < 0.7


def test_an_open_decision_does_not_teach_its_output_while_the_others_of_the_text_do(make: Make) -> None:
    half = []
    for number, example in enumerate(make_examples(make_records(32))):
        is_open = number % 2 == number // 2 % 2  # of each text one decision, of texts in turn the one or the other
        lie = Example(example.record, "no" if example.label == "yes" else "yes", weight=0.0)
        half.append(lie if is_open else example)
    test = make_records(10, seed=9)
    chances = make().fit(half).predict(test)
    assert np.mean((chances >= 0.5) == truth(test)) > 0.9


def test_saved_and_loaded_it_says_the_same(make: Make, tmp_path: Path) -> None:
    student, some = make().fit(make_examples(make_records())), make_records(4, seed=3)
    student.save(tmp_path / "student", "# card", {"question": "Where?"})
    loaded = load_student(tmp_path / "student")
    assert (loaded.kind, loaded.labels, loaded.multiple) == (student.kind, LABELS, True)
    np.testing.assert_allclose(loaded.predict(some), student.predict(some), atol=1e-5)


def test_what_cannot_be_learnt_from_is_refused(make: Make) -> None:
    examples = make_examples(make_records())
    for bad in ([], [Example(e.record, e.label, weight=0.0) for e in examples]):
        with pytest.raises(StudentError, match="nothing to train on"):
            make().fit(bad)
    with pytest.raises(StudentError, match="one answer only"):
        make().fit([Example(e.record, "yes") for e in examples])
    with pytest.raises(StudentError, match="attic"):
        make().fit([*examples, *(Example(r, "no") for r in decisions(make_records(1), ["attic"]))])


def test_a_label_that_never_applies_gets_a_small_finite_chance(make: Make) -> None:
    records = [record for record in make_records() if "kitchen" not in (record.labels or ())]
    chances = make().fit(make_examples(records)).predict(records)
    assert np.isfinite(chances).all() and 0 < chances[:, 1].max() < 0.3


def test_early_stopping_watches_decisions(tiny_bert: str) -> None:
    from dualchecker.students.encoder import EncoderStudent

    records = make_records()
    student = EncoderStudent(LABELS, base=tiny_bert, epochs=20, batch_size=8, learning_rate=5e-3, multiple=True)
    chances = student.fit(make_examples(records), make_examples(make_records(6, seed=4))).predict(records)
    assert np.mean((chances >= 0.5) == truth(records)) > 0.9


def test_the_folder_of_an_encoder_is_a_multi_label_model_without_this_package(tiny_bert: str, tmp_path: Path) -> None:
    from dualchecker.students.encoder import EncoderStudent

    student = EncoderStudent(LABELS, base=tiny_bert, epochs=4, batch_size=8, learning_rate=5e-3, multiple=True)
    student.fit(make_examples(make_records())).save(tmp_path / "student", "# card")
    text = f"{SEA[0]} {SEA[1]} {KITCHEN[0]} {KITCHEN[1]}"
    program = f"""
import json, sys
from transformers import pipeline
classify = pipeline("text-classification", model={str(tmp_path / "student")!r}, truncation=True, top_k=None)
assert "dualchecker" not in sys.modules
print(json.dumps(classify([{text!r}])[0]))
"""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    found = {row["label"]: row["score"] for row in json.loads(done.stdout.splitlines()[-1])}
    expected = student.predict([Record("x", text)])[0]
    assert [found[label] for label in LABELS] == pytest.approx(expected.tolist(), abs=1e-4)


def test_the_grid_has_a_cell_for_each_decision_and_a_second_row_where_a_record_comes_twice() -> None:
    record = Record("1", "sails", labels=("sea",))
    sea, kitchen = decisions([record], LABELS)
    grid = grid_of(
        [
            Example(sea, "yes"),
            Example(kitchen, "no"),
            Example(sea, "yes", 0.25, {"yes": 0.7, "no": 0.3}, "teacher"),
            Example(sea, "no", 0.0),
            Example(decisions([Record("2", "oven")], LABELS)[0], "no"),
        ],
        LABELS,
    )
    assert [r.id for r in grid.records] == ["1", "1", "2"]
    np.testing.assert_array_equal(grid.weights, [[1, 1], [0.25, 0], [1, 0]])
    np.testing.assert_array_equal(grid.targets, [[1, 0], [0.7, 0], [0, 0]])


def test_the_solver_finds_what_single_logistic_regressions_find() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 5)).astype(np.float32)
    targets = (features @ rng.normal(size=(5, 3)) + rng.normal(size=(200, 3)) > 0.5).astype(float)
    weights = rng.uniform(0.1, 1, size=targets.shape)
    weights[:50, 1] = 0
    found = fit_sigmoid([features], targets, weights, l2=0.5)
    for column in range(3):
        single = linear_model.LogisticRegression(C=2, tol=1e-8, max_iter=1000)
        single.fit(features, targets[:, column], sample_weight=weights[:, column])
        np.testing.assert_allclose(
            sigmoid(scores_of([features], found))[:, column], single.predict_proba(features)[:, 1], atol=0.01
        )
