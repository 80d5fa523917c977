"""Batches, shared beginnings and trees against what a model says of each sequence by itself."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tiny_causal import build_causal

pytest.importorskip("transformers")

from dualchecker.teachers.local_beginnings import Tokens, common
from dualchecker.teachers.local_model import LocalModel
from dualchecker.teachers.local_passes import NotThisWay, Passes
from dualchecker.teachers.local_scoring import Tree

QUICK = ("llama", "gpt2", "mistral", "gemma")
CLOSE = 1e-4


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], LocalModel]:
    """A model of some architecture, built and loaded once."""
    loaded: dict[str, LocalModel] = {}

    def get(kind: str) -> LocalModel:
        if kind not in loaded:
            folder = build_causal(tmp_path_factory.mktemp(kind), kind)
            loaded[kind] = LocalModel.load(str(folder), device="cpu", dtype="float32")
        return loaded[kind]

    return get


@pytest.fixture(params=QUICK)
def passes(request: pytest.FixtureRequest, load: Callable[[str], LocalModel]) -> Iterator[Passes]:
    yield Passes(load(request.param))


def tokens(rng: random.Random, count: int) -> Tokens:
    return tuple(rng.randrange(10, 200) for _ in range(count))


def by_itself(passes: Passes, sequence: Tokens) -> Any:
    """Log-probabilities at each place of one sequence, by a plain forward pass; (tokens, vocabulary)."""
    import torch

    with torch.no_grad():
        return passes.model.model(torch.tensor([sequence])).logits[0].log_softmax(-1)


def largest(left: Any, right: Any) -> float:
    return float((left - right).abs().max())


@pytest.mark.parametrize("shared", [0, 12, 60], ids=["nothing", "a little", "beyond the window"])
def test_a_tree_behind_prompts_of_all_lengths_is_read_as_if_each_stood_alone(passes: Passes, shared: int) -> None:
    rng = random.Random(shared)
    start = tokens(rng, shared)
    rows = [(*start, *tokens(rng, count)) for count in (3, 40, 17, 5)]
    tree = Tree.of([(11, 12, 13), (11, 12), (11, 14), (15,), (16, 12, 13)], [False] * 5)
    beginning = passes.beginning(rows)
    assert len(beginning.tokens) == (shared if shared >= 16 else 0)
    logits, _ = passes.read(rows, tree.tokens, tree.parents, beginning=beginning)
    for row, found in zip(rows, logits.log_softmax(-1), strict=True):
        assert largest(found[0], by_itself(passes, row)[-1]) < CLOSE
        for candidate, path in enumerate(tree.paths):
            alone = by_itself(passes, (*row, *tree.sequence(candidate)))[len(row) :]
            assert largest(found[[node + 1 for node in path]], alone) < CLOSE


def test_writing_on_is_reading_on(passes: Passes) -> None:
    """Token by token, with rows that leave the batch on the way."""
    import torch

    rng = random.Random(3)
    rows = [(*tokens(random.Random(9), 50), *tokens(rng, count)) for count in (4, 31, 12)]
    logits, batch = passes.read(rows, beginning=passes.beginning(rows), go_on=True)
    now = logits[:, 0]
    for _ in range(6):
        for row, one in zip(rows, now.log_softmax(-1), strict=True):
            assert largest(one, by_itself(passes, row)[-1]) < CLOSE
        if len(rows) == 3:
            batch.keep(torch.tensor([0, 2]))
            rows = [rows[0], rows[2]]
        more = tokens(rng, len(rows))
        rows = [(*row, token) for row, token in zip(rows, more, strict=True)]
        now = passes.step(batch, more)


def test_what_prompts_share_is_read_once_and_kept(passes: Passes, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(5)
    start = tokens(rng, 100)
    seen: list[int] = []
    forward = Passes._forward

    def counting(self: Passes, batch: Any, ids: Any, *more: Any) -> Any:
        seen.append(ids.numel())
        return forward(self, batch, ids, *more)

    monkeypatch.setattr(Passes, "_forward", counting)
    for _ in range(3):
        rows = [(*start, rng.randrange(200, 250), *tokens(rng, 9)) for _ in range(4)]
        passes.read(rows, beginning=passes.beginning(rows))
    assert seen == [100, 40, 40, 40]


def test_a_kept_beginning_serves_single_prompts_and_those_that_share_a_little_more(passes: Passes) -> None:
    rng = random.Random(6)
    start = tokens(rng, 100)
    first = [(*start, number, *tokens(rng, 5)) for number in (201, 202)]
    assert passes.beginning(first).tokens == start
    assert passes.beginning([(*start, 203, *tokens(rng, 30))]).tokens == start
    more = tokens(rng, 4)
    assert passes.beginning([(*start, *more, 204), (*start, *more, 205, 7)]).tokens == start
    # Another template: nothing in common, and a beginning of its own.
    other = tokens(rng, 80)
    assert passes.beginning([(*other, 1, 2), (*other, 3)]).tokens == other
    assert passes.beginning([(*start, 206, 8), (*start, 207)]).tokens == start


def test_prompts_that_come_one_by_one_share_with_the_one_before(passes: Passes) -> None:
    rng = random.Random(7)
    start = tokens(rng, 100)
    lengths = [len(passes.beginning([(*start, number, *tokens(rng, 5))]).tokens) for number in range(201, 204)]
    assert lengths == [0, 100, 100]


def test_beginnings_that_are_kept_are_few(load: Callable[[str], LocalModel]) -> None:
    passes, rng = Passes(load("llama")), random.Random(8)
    for _ in range(7):
        start = tokens(rng, 20)
        passes.beginning([(*start, 201), (*start, 202)])
    assert len(passes._beginnings) == 4
    passes.forget()
    assert not len(passes._beginnings)


def test_a_model_that_reads_a_tree_otherwise_is_found_out(
    load: Callable[[str], LocalModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that ignores masks would: what comes out is not what it says by itself."""
    passes = Passes(load("llama"))
    mask = Passes._mask
    monkeypatch.setattr(Passes, "_mask", lambda *given: mask(*given) * 0)
    with pytest.raises(NotThisWay, match="probabilities differ"):
        passes.read([tokens(random.Random(1), 9), tokens(random.Random(2), 30)], (11, 12), (-1, -1))


@pytest.mark.parametrize(("kind", "why"), [("mamba", "takes no"), ("bloom", "takes no position_ids")])
def test_models_without_keys_or_positions_are_known_beforehand(
    kind: str, why: str, load: Callable[[str], LocalModel]
) -> None:
    assert why in Passes(load(kind)).obstacle


def test_common_beginnings() -> None:
    assert common([(1, 2, 3), (1, 2, 4), (1, 2)]) == 2
    assert common([(1, 2), (1, 2)]) == 2
    assert common([(1,), (2,)]) == 0
    assert common([()]) == 0
