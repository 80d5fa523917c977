"""Character n-grams: no model, any language."""

import numpy as np
import pytest

from dualchecker.embedding import NgramEmbedder, similarity

TEXTS = ["heat pump", "heat pumps for houses", "board game", "ヒートポンプ", "ヒートポンプ装置", "盤上遊戯"]


@pytest.fixture
def fitted() -> NgramEmbedder:
    embedder = NgramEmbedder()
    embedder.fit(TEXTS)
    return embedder


@pytest.mark.parametrize(("text", "near", "far"), [(0, 1, 2), (3, 4, 5)])
def test_texts_that_share_letters_are_near(fitted: NgramEmbedder, text: int, near: int, far: int) -> None:
    found = similarity(fitted.embed([TEXTS[text]]), fitted.embed(TEXTS))[0]
    assert found[near] > 0.3 > found[far]


def test_rare_n_grams_count_more_after_fitting() -> None:
    texts = [*(f"common word {i}" for i in range(20)), "common rarity"]
    embedder = NgramEmbedder()

    def pull() -> float:
        found = similarity(embedder.embed(["common rarity"]), embedder.embed(["common", "rarity"]))[0]
        return float(found[1] - found[0])

    before = pull()
    embedder.fit(texts)
    assert pull() > before + 0.1


def test_n_grams_never_seen_weigh_no_more_than_the_rarest(fitted: NgramEmbedder) -> None:
    assert fitted.idf is not None
    assert fitted.idf.max() == pytest.approx(np.log((1 + len(TEXTS)) / 2) + 1)
    assert np.median(fitted.idf) == fitted.idf.max()


def test_the_name_tells_vectors_apart(fitted: NgramEmbedder) -> None:
    other = NgramEmbedder()
    other.fit(TEXTS[:3])
    assert len({NgramEmbedder().name, NgramEmbedder(features=512).name, fitted.name, other.name}) == 4
    again = NgramEmbedder()
    again.fit(TEXTS)
    assert again.name == fitted.name


def test_a_saved_one_gives_the_same_vectors(fitted: NgramEmbedder) -> None:
    loaded = NgramEmbedder(fitted.idf)
    assert loaded.name == fitted.name
    assert (loaded.embed(TEXTS) != fitted.embed(TEXTS)).nnz == 0


def test_fewer_buckets_make_shorter_vectors() -> None:
    small = NgramEmbedder(features=512)
    small.fit(TEXTS)
    assert small.embed(TEXTS).shape == (6, 512)
    assert NgramEmbedder(small.idf).embed([]).shape == (0, 512)


def test_fitting_on_nothing_changes_nothing(fitted: NgramEmbedder) -> None:
    name = fitted.name
    fitted.fit([])
    assert fitted.name == name
