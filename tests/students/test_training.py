"""What fine-tuned students share."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from dualchecker.students.training import (  # noqa: E402
    bucketed_batches,
    keep_lower_layers,
    learning_rate_factor,
)


@pytest.mark.parametrize("total", [1, 2, 9, 10, 11, 100, 1234])
def test_the_schedule_reaches_zero_exactly_when_the_last_step_is_done(total: int) -> None:
    factors = [learning_rate_factor(step, total) for step in range(total + 1)]
    assert factors[-1] == 0
    assert all(0 < factor <= 1 for factor in factors[:-1])
    peak = factors.index(1.0)
    assert peak == total // 10
    assert factors[: peak + 1] == sorted(factors[: peak + 1])
    assert factors[peak:] == sorted(factors[peak:], reverse=True)


def test_an_epoch_holds_every_text_once_in_even_batches_of_similar_length() -> None:
    rng = np.random.default_rng(1)
    lengths = rng.integers(5, 200, 1003).tolist()
    first, second = (list(bucketed_batches(lengths, 16, rng)) for _ in range(2))
    assert sorted(np.concatenate(first)) == list(range(1003))
    assert {len(batch) for batch in first} <= {15, 16}
    padded = sum(len(batch) * max(lengths[row] for row in batch) for batch in first)
    assert padded < 1.1 * sum(lengths)
    assert [batch.tolist() for batch in first] != [batch.tolist() for batch in second]


def test_the_lower_layers_that_are_kept_say_what_they_said(tiny_bert: str, tmp_path: Path) -> None:
    model = transformers.BertModel.from_pretrained(tiny_bert).eval()
    ids = torch.tensor([[2, 5, 6, 3]])
    middle = model(ids, output_hidden_states=True).hidden_states[1]
    keep_lower_layers(model, 2 / 3)  # of two layers one
    torch.testing.assert_close(model(ids).last_hidden_state, middle)
    model.save_pretrained(tmp_path)
    loaded = transformers.BertModel.from_pretrained(tmp_path).eval()
    assert loaded.config.num_hidden_layers == 1
    torch.testing.assert_close(loaded(ids).last_hidden_state, middle)


def test_at_least_one_layer_is_kept(tiny_bert: str) -> None:
    model = transformers.BertModel.from_pretrained(tiny_bert)
    keep_lower_layers(model, 0.01)
    assert len(model.encoder.layer) == 1
