"""What every student keeps to."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dualchecker.embedding import NgramEmbedder
from dualchecker.errors import StudentError
from dualchecker.records import Example, Record
from dualchecker.students import Features, LinearStudent, Student, load_student
from tiny import LABELS, examples, records

Make = Callable[[], Student]


@pytest.fixture(params=["linear", "encoder"])
def make(request: pytest.FixtureRequest) -> Make:
    """A fresh student of each kind."""
    if request.param == "linear":
        ngrams = NgramEmbedder(features=2**12)
        return lambda: LinearStudent(LABELS, Features(ngrams, ngrams, 0.0, "text"), base="ngrams")
    base = request.getfixturevalue("tiny_bert")
    from dualchecker.students.encoder import EncoderStudent

    return lambda: EncoderStudent(LABELS, base=base, epochs=6, batch_size=8, learning_rate=5e-3)


def test_it_learns_and_gives_a_distribution_for_every_record(make: Make) -> None:
    student = make().fit(examples())
    shares = student.predict(records(examples(15, seed=9)))
    assert shares.shape == (30, 2) and shares.dtype == np.float64
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    truth = [LABELS.index(example.label) for example in examples(15, seed=9)]
    assert np.mean(shares.argmax(axis=1) == truth) > 0.9


def test_no_records_give_no_rows(make: Make) -> None:
    assert make().fit(examples()).predict([]).shape == (0, 2)


def test_a_prediction_depends_on_its_text_alone(make: Make) -> None:
    student, some = make().fit(examples()), records(examples(6, seed=3))
    together = student.predict(some)
    np.testing.assert_allclose(student.predict(some[::-1])[::-1], together, atol=1e-5)
    np.testing.assert_allclose(np.concatenate([student.predict([record]) for record in some]), together, atol=1e-5)


def test_saved_and_loaded_it_says_the_same(make: Make, tmp_path: Path) -> None:
    student, some = make().fit(examples()), records(examples(6, seed=3))
    student.save(tmp_path / "student", "# card", {"question": "Where?"})
    loaded = load_student(tmp_path / "student")
    assert (loaded.kind, loaded.labels) == (student.kind, student.labels)
    np.testing.assert_allclose(loaded.predict(some), student.predict(some), atol=1e-5)
    assert (tmp_path / "student/README.md").read_text(encoding="utf-8") == "# card"
    assert not [path for path in (tmp_path / "student").iterdir() if path.suffix in (".pkl", ".bin", ".joblib", ".pt")]


@pytest.mark.parametrize("exponent", [0.3, 2.0])
def test_a_sharpened_student_gives_powers_of_its_probabilities_also_when_loaded(
    make: Make, tmp_path: Path, exponent: float
) -> None:
    student, some = make().fit(examples()), records(examples(6, seed=3))
    powers = student.predict(some) ** exponent
    student.sharpen(exponent)
    student.save(tmp_path / "student")
    for one in (student, load_student(tmp_path / "student")):
        np.testing.assert_allclose(one.predict(some), powers / powers.sum(axis=1, keepdims=True), atol=1e-5)


def test_an_untrained_student_cannot_be_sharpened(make: Make) -> None:
    with pytest.raises(StudentError):
        make().sharpen(0.5)


def test_weights_decide_which_label_is_learnt(make: Make) -> None:
    flipped = [Example(e.record, LABELS[e.label == "sea"], weight=0.01) for e in examples()]
    shares = make().fit([*flipped, *examples()]).predict(records(examples(10, seed=4)))
    truth = [LABELS.index(example.label) for example in examples(10, seed=4)]
    assert np.mean(shares.argmax(axis=1) == truth) > 0.9


@pytest.mark.parametrize("bad", [[], [e for e in examples() if e.label == "sea"]], ids=["nothing", "one label"])
def test_what_cannot_be_learnt_from_is_refused(make: Make, bad: list[Example]) -> None:
    with pytest.raises(StudentError):
        make().fit(bad)


def test_an_unknown_label_is_refused(make: Make) -> None:
    with pytest.raises(StudentError, match="attic"):
        make().fit([*examples(), Example(Record("x", "a box"), "attic")])


def test_an_untrained_student_says_so(make: Make, tmp_path: Path) -> None:
    with pytest.raises(StudentError, match="not been trained"):
        make().predict(records(examples(1)))
    with pytest.raises(StudentError, match="not been trained"):
        make().save(tmp_path / "student")


def test_a_folder_without_a_student_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudentError, match=r"holds no student\. .*has not ended"):
        load_student(tmp_path)
