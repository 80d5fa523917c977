"""Scores of labels against the naive way: one full forward pass for each prompt and label."""

import math
from typing import Any

import pytest

from tiny_causal import build_causal

pytest.importorskip("transformers")

from dualchecker.teachers.local_model import LocalModel
from dualchecker.teachers.local_passes import Passes
from dualchecker.teachers.local_scoring import Question, Questions, Scorer, Scores, Tree

NAMES = ("green", "green_x", "not_green", 'a "quoted" one', "環境")
OPENING = '{"label": '
TEXTS = ["The text to label: a device<|assistant|>\n", "Another text, and a longer one by far<|assistant|>\n", "x"]


@pytest.fixture(scope="module", params=["llama", "gpt2", "gemma"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LocalModel:
    folder = build_causal(tmp_path_factory.mktemp("scored"), request.param)
    return LocalModel.load(str(folder), device="cpu", dtype="float32")


def naive(model: LocalModel, text: str, name: str) -> float:
    """Log-likelihood of the name and any token that begins with a quote, behind the text and the opening."""
    import json

    import torch

    def ids(words: str) -> list[int]:
        return list(model.tokenizer(words, add_special_tokens=False)["input_ids"])

    before, whole = ids(text + OPENING + '"'), ids(text + OPENING + json.dumps(name, ensure_ascii=False)[:-1])
    assert whole[: len(before)] == before
    with torch.no_grad():
        logs = model.model(torch.tensor([whole])).logits[0].double().log_softmax(-1)
    words = model.tokenizer.convert_ids_to_tokens(list(range(len(model.tokenizer))))
    quotes = [
        n for n, word in enumerate(words) if word.startswith('"') and not word[1:2].isalnum() and word[1:2] != "_"
    ]
    steps = sum(float(logs[place - 1, whole[place]]) for place in range(len(before), len(whole)))
    return steps + math.log(sum(math.exp(float(logs[-1, quote])) for quote in quotes))


def test_scores_are_those_of_the_naive_way(model: LocalModel) -> None:
    questions = [Questions(model).question(text, OPENING, NAMES) for text in TEXTS]
    assert len({question.tree for question in questions}) == 1
    scorer = Scorer(model, Passes(model))
    for text, together, alone in zip(TEXTS, scorer.together(questions), scorer.alone(questions, 200), strict=True):
        truth = [naive(model, text, name) for name in NAMES]
        assert together.logs == pytest.approx(truth, abs=1e-4)
        assert alone.logs == pytest.approx(truth, abs=1e-4)
        # A random model finds the labels as unlikely as anything else.
        assert together.outside == pytest.approx(1 - sum(map(math.exp, truth)), abs=1e-6)


def test_scores_do_not_hang_on_the_batch(model: LocalModel) -> None:
    ask, scorer = Questions(model), Scorer(model, Passes(model))
    questions = [ask.question(f"{text} again<|assistant|>\n", OPENING, NAMES) for text in (*TEXTS, "one more " * 20)]
    together = scorer.together(questions)
    for number, question in enumerate(questions):
        [alone] = scorer.together([question])
        assert alone.logs == pytest.approx(together[number].logs, abs=1e-4)


def test_a_tree_is_made_once_for_all_texts(model: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = Questions(model)
    first = ask.question(TEXTS[0], OPENING, NAMES)
    counts: list[int] = []
    tokens = LocalModel.tokens

    def counting(self: LocalModel, texts: list[str]) -> list[list[int]]:
        counts.append(len(texts))
        return tokens(self, texts)

    monkeypatch.setattr(LocalModel, "tokens", counting)
    later = [ask.question(text, OPENING, NAMES) for text in TEXTS]
    assert counts == [1, 1, 1]
    assert later == [Questions(model).question(text, OPENING, NAMES) for text in TEXTS]
    assert later[0] == first


def test_tokens_that_merge_with_the_text_before_are_cut_together(model: LocalModel) -> None:
    """Where the text's end changes how the opening is cut, the tree is made anew."""
    ask = Questions(model)
    ask.question("It ends here.\n", "", ("green", "not_green"))
    merged = ask.question("It ends inside the word l", "", ("green", "not_green"))
    for name in ("green", "not_green"):
        [whole] = model.tokens([f'It ends inside the word l"{name}"'])
        number = ("green", "not_green").index(name)
        assert [*merged.row, *merged.tree.sequence(number)] == whole[:-1]


def test_labels_that_begin_with_each_other_exclude_each_other() -> None:
    """A tree by hand: the shorter label ends where the longer goes on."""
    tree = Tree.of([(5,), (5, 6)], [True, True])
    assert tree == Tree((5, 6), (-1, 0), ((0,), (0, 1)), (True, True))
    scores = Scores((math.log(0.3), math.log(0.5)))
    assert scores.shares == pytest.approx((0.375, 0.625))
    assert scores.outside == pytest.approx(0.2)
    assert Scores((-2000.0, -2001.0)).shares == pytest.approx((1 / (1 + math.exp(-1)), 1 / (1 + math.e)))


def test_a_closing_mark_that_is_part_of_a_name_s_last_token_is_scored_as_it_is(model: LocalModel) -> None:
    """``."`` may be one token; the quote is then not added a second time."""
    question = Questions(model).question("x", OPENING, ("a", "b"))
    assert question.tree.closed == (True, True)
    asked = Question(question.row, Tree.of([(20,), (21,)], [False, False]))
    open_, closed = (
        Scorer(model, Passes(model)).together([one])[0].logs
        for one in (asked, Question(question.row, Tree.of([(20,), (21,)], [True, True])))
    )
    assert all(left > right for left, right in zip(open_, closed, strict=True))


@pytest.mark.parametrize("kind", ["metaspace", "whole words"])
def test_prompt_and_candidate_are_the_tokens_of_both_together(kind: str) -> None:
    """Tokenizers that put a mark before words, and one that knows whole words alone."""
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    texts = ['{"label": "green", "label": "not_green"}', "The text: a device.", "{}"]
    trainer: Any
    if kind == "metaspace":
        backend = Tokenizer(models.BPE(unk_token="<unk>"))
        backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
        backend.decoder = decoders.Metaspace()
        trainer = trainers.BpeTrainer(vocab_size=90, special_tokens=["<unk>"], show_progress=False)
    else:
        backend = Tokenizer(models.WordLevel(unk_token="<unk>"))
        backend.pre_tokenizer = pre_tokenizers.Punctuation()
        trainer = trainers.WordLevelTrainer(vocab_size=90, special_tokens=["<unk>"], show_progress=False)
    backend.train_from_iterator(texts * 9, trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>")
    model, names = LocalModel(None, tokenizer), ("green", "not_green")
    ask = Questions(model)
    for text in ("The text: a device.\n", "The text: a green", "a device {"):
        question = ask.question(text, OPENING, names)
        for number, name in enumerate(names):
            [whole] = model.tokens([f'{text}{OPENING}"{name}"'])
            cut = len(whole) - question.tree.closed[number]
            assert [*question.row, *question.tree.sequence(number)] == whole[:cut], name
