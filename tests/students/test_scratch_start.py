"""The first weights of the small T5: it copies and knows numbers before it has learnt anything."""

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from dualchecker.students import scratch  # noqa: E402
from dualchecker.students.scratch_start import number_waves  # noqa: E402

WORDS = "river stone garden window bottle pencil market cousin"
TEXTS = [WORDS, "3 4 5 13"]


def untrained(seed: int, ready: bool) -> tuple[object, object]:
    with torch.random.fork_rng(), pytest.MonkeyPatch.context() as patch:
        torch.manual_seed(seed)
        if not ready:
            patch.setattr(scratch, "start_ready", lambda model, tokenizer: None)
        model, tokenizer = scratch.make_scratch(TEXTS, 64)
    return model.eval(), tokenizer


def lead_of_what_was_read(ready: bool) -> float:
    """How much likelier, in logits, words of the input are written than other words; mean over seeds and halves."""
    words = WORDS.split()
    leads = []
    for seed in range(4):
        model, tokenizer = untrained(seed, ready)
        places = [tokenizer(word)["input_ids"][0] for word in words]
        for half in (slice(0, 4), slice(4, 8)):
            read = tokenizer(" ".join(words[half]), return_tensors="pt")
            with torch.no_grad():
                logits = model(input_ids=read["input_ids"], decoder_input_ids=torch.tensor([[0]])).logits[0, -1, places]
            others = [logits[n] for n in range(8) if not half.start <= n < half.stop]
            leads.append(float(logits[half].mean() - torch.stack(others).mean()))
    return sum(leads) / len(leads)


def test_it_writes_what_it_reads_before_it_is_trained() -> None:
    assert lead_of_what_was_read(ready=True) > lead_of_what_was_read(ready=False) + 0.5


def test_numbers_are_told_by_their_values() -> None:
    def nearness(left: int, right: int) -> float:
        return sum(a * b for a, b in zip(number_waves(left), number_waves(right), strict=True))

    assert nearness(12, 12) == pytest.approx(9)
    assert nearness(3, 13) > nearness(3, 8), "the same last digit"
    assert len({tuple(round(wave, 6) for wave in number_waves(n)) for n in range(100)}) == 100
    model, tokenizer = untrained(0, ready=True)
    three = model.get_input_embeddings().weight[tokenizer("3")["input_ids"][0]]
    assert three[:18].tolist() == pytest.approx(number_waves(3), abs=1e-6)
    assert model.lm_head.weight is model.get_input_embeddings().weight


def test_everything_else_stays_random() -> None:
    (first, _), (again, _), (other, _) = untrained(1, True), untrained(1, True), untrained(2, True)
    names = ("encoder.block.0.layer.0.SelfAttention.q.weight", "decoder.block.0.layer.1.EncDecAttention.v.weight")
    for name in names:
        assert torch.equal(first.state_dict()[name], again.state_dict()[name])
        assert not torch.equal(first.state_dict()[name], other.state_dict()[name])
