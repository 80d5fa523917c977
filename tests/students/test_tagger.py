"""The linear student of spans: what it sees of a token, its files, and that it is quick to fit again."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dualchecker.errors import StudentError
from dualchecker.records import Example, Record, Span, TaughtSpan
from dualchecker.students import LinearTagger, TokenFeatures
from dualchecker.students.token_features import lexical_ids
from dualchecker.students.words import word_tokens
from tiny import records
from tiny_spans import SPAN_LABELS, span_examples

# --- features


def ids_of(text: str) -> np.ndarray:
    return lexical_ids(text, word_tokens(text))


def test_same_words_and_neighbours_have_the_same_features_elsewhere() -> None:
    first, second = ids_of("it was so wet , then dry and hot"), ids_of("He saw it was so wet , then dry and hot")
    assert first.shape[1] == second.shape[1]
    assert (first[4] == second[6]).mean() > 0.7
    assert 0.3 < (first[1] == second[3]).mean() < 1  # not those that say where in the text it is
    assert (first[4] == second[5]).mean() < 0.5


def test_features_do_not_depend_on_the_process() -> None:
    program = (
        "from dualchecker.students.token_features import lexical_ids\n"
        "from dualchecker.students.words import word_tokens\n"
        "print(lexical_ids('Rain, 原因は雨 !', word_tokens('Rain, 原因は雨 !')).tolist())"
    )
    shown = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert [json.loads(one) for one in shown] == [ids_of("Rain, 原因は雨 !").tolist()]


@pytest.mark.parametrize("text", ["", "a", "\ud800 x", "雨", "a " * 3])
def test_short_and_odd_texts_have_features(text: str) -> None:
    tokens, (block,) = TokenFeatures().blocks([text, "b c"])
    assert block.shape[0] == sum(map(len, tokens)) == len(word_tokens(text)) + 2


def test_without_an_encoder_wording_is_all() -> None:
    from dualchecker.embedding import NgramEmbedder

    features = TokenFeatures(NgramEmbedder())
    assert features.share == 0 and len(features.blocks(["a b"])[1]) == 1


def test_token_vectors_stand_beside_the_wording(tiny_bert: str) -> None:
    from dualchecker.embedding import CachedEmbedder, make_embedder

    features = TokenFeatures(CachedEmbedder(make_embedder(tiny_bert, max_length=16)))
    texts = ["reef anchor", "", "oven " * 60, "reef \x00 anchor"]
    tokens, (lexical, vectors) = features.blocks(texts)
    assert lexical.shape[0] == vectors.shape[0] == sum(map(len, tokens)) == 65
    lengths = np.linalg.norm(vectors, axis=1)
    unseen = [62 + nth for nth, (start, end) in enumerate(tokens[3]) if texts[3][start:end] == "\x00"]
    assert np.allclose(np.delete(lengths, unseen), 1, atol=1e-2) or len(unseen) == 1
    np.testing.assert_array_equal(features.blocks(texts)[1][1], vectors)
    again = TokenFeatures(make_embedder(tiny_bert, max_length=16)).blocks(texts[::-1])[1][1]
    np.testing.assert_allclose(again[-2:], vectors[:2], atol=2e-3)


def test_a_text_is_read_once_however_many_students_learn_from_it(
    tiny_bert: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dualchecker.embedding import make_embedder, token_vectors

    read: list[str] = []
    real = token_vectors.token_vectors

    def counting(embedder: object, texts: list[str], depth: float) -> object:
        read.extend(texts)
        return real(embedder, texts, depth)

    monkeypatch.setattr(token_vectors, "token_vectors", counting)
    features, data = TokenFeatures(make_embedder(tiny_bert)), span_examples(20)
    for part in range(4):
        student = LinearTagger(SPAN_LABELS, features).fit(data[part:])
        student.predict(records(data))
    assert sorted(read) == sorted({example.record.text for example in data})


# --- learning


def test_the_callers_random_state_and_the_order_of_examples_do_not_matter() -> None:
    data, some = span_examples(60), records(span_examples(10, seed=3))
    shuffled = random.Random(1).sample(data, len(data))
    one, other = (LinearTagger(SPAN_LABELS, TokenFeatures()).fit(its) for its in (data, shuffled))
    np.testing.assert_allclose(one.absence(some), other.absence(some), atol=0.02)


def test_spans_that_end_inside_words_are_counted() -> None:
    inside = Example(Record("x", "reefing anchor"), "", spans=(TaughtSpan(Span(0, 4, "boat")),))
    assert LinearTagger(SPAN_LABELS, TokenFeatures()).fit([inside, *span_examples(10)]).snapped == 1


@pytest.mark.parametrize("text", ["原因は雨、結果は洪水です", "สาเหตุคือฝน", "원인은 비입니다"])
def test_scripts_without_blanks_are_tagged_by_character(text: str) -> None:
    goal = Span(4, 6, "boat")
    example = Example(Record("x", text), "", spans=(TaughtSpan(goal),))
    student = LinearTagger(SPAN_LABELS, TokenFeatures(), l2=0.001).fit([example] * 2)
    (found,) = student.predict([example.record])
    assert len(found) == 1 and student.unexpressed == {}
    assert found[0].span.start <= goal.start and found[0].span.end >= goal.end


# --- files


def test_a_damaged_student_is_refused(tmp_path: Path) -> None:
    LinearTagger(SPAN_LABELS, TokenFeatures(), base="ngrams").fit(span_examples(10)).save(tmp_path / "student")
    about = tmp_path / "student/dualchecker.json"
    for damage in ({"labels": ["a"]}, {"unexpressed": 3}):
        whole = about.read_text()
        about.write_text(json.dumps({**json.loads(whole), **damage}))
        with pytest.raises(StudentError, match="no usable linear student"):
            LinearTagger.load(tmp_path / "student")
        about.write_text(whole)
    LinearTagger.load(tmp_path / "student")
    (tmp_path / "student/model.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(StudentError, match="no usable linear student"):
        LinearTagger.load(tmp_path / "student")


def test_with_vectors_it_is_saved_and_loaded_too(tiny_bert: str, tmp_path: Path) -> None:
    from dualchecker.embedding import make_embedder

    student = LinearTagger(SPAN_LABELS, TokenFeatures(make_embedder(tiny_bert)), base=tiny_bert)
    student.fit(span_examples(30)).save(tmp_path / "student")
    some = records(span_examples(10, seed=3))
    loaded = LinearTagger.load(tmp_path / "student")
    np.testing.assert_allclose(loaded.absence(some), student.absence(some), atol=1e-3)
    assert (tmp_path / "student/model.npz").stat().st_size < 500_000
