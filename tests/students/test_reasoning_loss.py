"""The loss of reasoning students: the same as row by row, whatever is shared and padded."""

import random
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from dualchecker.records import Example, Record, TaughtChain  # noqa: E402
from dualchecker.students.reasoning_lessons import LessonWriter, Source, Target, verdict_weights  # noqa: E402
from dualchecker.students.reasoning_loss import Passes, chunks, packs  # noqa: E402
from dualchecker.students.reasoning_texts import (  # noqa: E402
    evaluate_input,
    explain_input,
    predict_input,
    whole_chain,
)
from tiny_writers import build_tiny_llama, build_tiny_t5, colour_examples  # noqa: E402

ALPHA = 0.3


@pytest.fixture(scope="module", params=["t5", "llama"])
def tiny(request: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, bool]:
    """Model, tokenizer, and whether it is causal."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "t5":
        build_tiny_t5(folder)
        model = transformers.T5ForConditionalGeneration.from_pretrained(folder)
    else:
        build_tiny_llama(folder)
        model = transformers.LlamaForCausalLM.from_pretrained(folder)
    return model, transformers.AutoTokenizer.from_pretrained(folder), request.param == "llama"


def weighted_examples() -> list[Example]:
    rng = random.Random(3)
    examples = colour_examples(6, 1)
    return [
        Example(
            example.record,
            example.label,
            weight=rng.uniform(0.2, 2),
            chains=tuple(
                TaughtChain(chain.text, chain.answer, chain.weight * rng.uniform(0.5, 1), chain.verdicts)
                for chain in example.chains
            ),
        )
        for example in examples
    ]


def row_loss(model: Any, tokenizer: Any, causal: bool, read: str, written: list[int]) -> tuple[Any, Any]:
    """Cross-entropy of each token of one target, from a batch of one; the plain way."""
    source = tokenizer(read, add_special_tokens=False)["input_ids"]
    if causal:
        ids = torch.tensor([[*source, 1, *written]])
        logits = model(input_ids=ids).logits[0, len(source) : -1]
    else:
        logits = model(
            input_ids=torch.tensor([[*source, 1]]), decoder_input_ids=torch.tensor([[0, *written[:-1]]])
        ).logits[0]
    return torch.nn.functional.cross_entropy(logits, torch.tensor(written), reduction="none"), logits


def naive_loss(model: Any, tokenizer: Any, causal: bool, examples: list[Example]) -> Any:
    """Every row by itself, as the paper writes it down."""

    def ids(text: str) -> list[int]:
        found: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        return found

    by_word = verdict_weights(examples)
    total = torch.zeros(())
    for example in examples:
        question = example.record.text
        for chain in example.chains:
            written = whole_chain(chain.text, chain.answer)
            weight = example.weight * chain.weight
            if weight:
                label, _ = row_loss(model, tokenizer, causal, predict_input(question), [*ids(example.label), 1])
                reason, _ = row_loss(model, tokenizer, causal, explain_input(question), [*ids(written), 1])
                total = total + weight * (ALPHA * label.mean() + (1 - ALPHA) * reason.mean())
            for word, why in chain.verdicts:
                weight = example.weight * by_word[word] / len(chain.verdicts)
                said = [*ids(word), *([*ids(why), 1] if why else [])]
                each, _ = row_loss(model, tokenizer, causal, evaluate_input(question, written), said)
                label_part = each[: len(ids(word))].mean()
                reason_part = each[len(ids(word)) :].mean() if why else torch.zeros(())
                total = total + weight * (ALPHA * label_part + (1 - ALPHA) * reason_part)
    return total


def test_loss_and_gradients_are_those_of_rows_one_by_one(tiny: tuple[Any, Any, bool]) -> None:
    model, tokenizer, causal = tiny
    model.eval()
    examples = weighted_examples()
    first = examples[0]
    examples[0] = Example(first.record, first.label, chains=first.chains[:1] * 5)  # five times the same
    writer = LessonWriter(tokenizer, causal=causal, max_length=64, text="text", alpha=ALPHA)
    lessons = writer.lessons(examples, verdicts=verdict_weights(examples))

    expected = naive_loss(model, tokenizer, causal, examples)
    model.zero_grad()
    expected.backward()
    gradients = {name: weights.grad.clone() for name, weights in model.named_parameters() if weights.grad is not None}

    model.zero_grad()
    passes = Passes(model, 0, causal=causal)
    total = 0.0
    for pack in packs([source for lesson in lessons for source in lesson.sources], causal=causal, budget=300):
        loss = passes.weighted_loss(pack)
        loss.backward()
        total += loss.item()
    assert total == pytest.approx(expected.item(), rel=1e-5)
    assert gradients
    for name, weights in model.named_parameters():
        if name in gradients:
            torch.testing.assert_close(weights.grad, gradients[name], atol=2e-5, rtol=2e-4)
    assert passes.real <= passes.padded < 1.5 * passes.real


def test_an_encoder_reads_a_question_once_for_all_its_chains(tmp_path: Any) -> None:
    build_tiny_t5(tmp_path)
    model = transformers.T5ForConditionalGeneration.from_pretrained(tmp_path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    seen: list[int] = []
    model.get_encoder().register_forward_hook(
        lambda part, args, kwargs, out: seen.append(len(out[0])), with_kwargs=True
    )
    writer = LessonWriter(tokenizer, causal=False, max_length=64, text="text", alpha=ALPHA)
    examples = colour_examples(3, 1, chains=4)
    lessons = writer.lessons(examples)
    Passes(model, 0, causal=False).weighted_loss([source for lesson in lessons for source in lesson.sources])
    assert sum(seen) == 2 * 3  # predict and explain, whatever the number of chains
    assert sum(len(source.targets) for lesson in lessons for source in lesson.sources) == 3 + 3 * 4


def test_what_fills_up_is_neither_read_nor_counted(tiny: tuple[Any, Any, bool]) -> None:
    model, _, causal = tiny
    short = Source((3, 4, 1), (Target((5, 1), (1.0, 1.0)),))
    long = Source(tuple(range(3, 40)), (Target(tuple(range(5, 30)), (1.0,) * 25),))
    passes = Passes(model, 0, causal=causal)
    passes._overhead = 10**6  # one pass, with all its padding
    with torch.no_grad():
        together = float(passes.weighted_loss([short, long]))
        apart = sum(float(Passes(model, 0, causal=causal).weighted_loss([one])) for one in (short, long))
        # The token that fills is of no consequence.
        other = Passes(model, 7, causal=causal)
        other._overhead = 10**6
        filled = float(other.weighted_loss([short, long]))
    assert passes.padded > passes.real
    assert together == pytest.approx(apart, rel=1e-5)
    assert together == pytest.approx(filled, rel=1e-5)


def test_what_is_written_well_is_what_greedy_writing_gives(tiny: tuple[Any, Any, bool]) -> None:
    model, _, causal = tiny
    model.eval()
    read = (4, 9, 12, 1)
    given = {"input_ids": torch.tensor([read])}
    greedy = model.generate(**given, max_new_tokens=5, do_sample=False, eos_token_id=None, pad_token_id=0)[0]
    written = tuple(greedy.tolist()[len(read) if causal else 1 :])
    other = (*written[:-1], (written[-1] + 1) % 50)
    weights = (1.0,) * len(written)
    sources = [Source(read, (Target(written, weights), Target(other, weights)))]
    (right, chance), (wrong, lower) = Passes(model, 0, causal=causal).written_well(sources)
    assert right and not wrong
    assert chance > lower
    loss = Passes(model, 0, causal=causal).weighted_loss([Source(read, (Target(written, weights),))])
    assert chance == pytest.approx(-loss.item(), rel=1e-4)


def test_chunks_hold_every_row_once_and_cost_least() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 60, 9).tolist()

    def cost(parts: list[list[int]]) -> int:
        return sum(len(part) * max(lengths[row] for row in part) + 20 for part in parts)

    found = chunks(lengths, 20)
    assert sorted(row for part in found for row in part) == list(range(9))
    order = sorted(range(9), key=lengths.__getitem__)
    every = []
    for bits in range(2**8):
        parts, part = [], [order[0]]
        for place, row in enumerate(order[1:]):
            if bits >> place & 1:
                parts.append(part)
                part = []
            part.append(row)
        every.append(cost([*parts, part]))
    assert cost(found) == min(every) < max(every)


def test_packs_keep_within_the_budget_and_lose_nothing() -> None:
    sources = [Source((1,) * n, (Target((1,) * 3, (1.0,) * 3),) * 2) for n in (5, 50, 7, 9, 200, 3)]
    found = list(packs(sources, causal=False, budget=80))
    assert [source for pack in found for source in pack] == sources
    sizes = [sum(len(source.ids) + 6 for source in pack) for pack in found]
    assert all(size <= 80 or len(pack) == 1 for size, pack in zip(sizes, found, strict=True))
    assert len(found) < len(sources)


def test_the_answer_counts_as_often_as_there_are_chains(tiny: tuple[Any, Any, bool]) -> None:
    _, tokenizer, causal = tiny
    writer = LessonWriter(tokenizer, causal=causal, max_length=64, text="text", alpha=0.5)
    record = Record("1", "Ann has a red box .")
    chains = tuple(TaughtChain(f"{word} is red .", "red") for word in ("it", "that", "the box"))
    (lesson,) = writer.lessons([Example(record, "red", chains=chains)])
    predict, explain = lesson.sources
    assert sum(predict.targets[0].weights) == pytest.approx(1.5)
    assert [sum(target.weights) for target in explain.targets] == pytest.approx([0.5] * 3)
    assert (lesson.rows, lesson.weight) == (3, 3.0)
    (alone,) = writer.lessons([Example(record, "red")])
    assert (alone.rows, len(alone.sources), sum(alone.sources[0].targets[0].weights)) == (1, 1, 0.5)
