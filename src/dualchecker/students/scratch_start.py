"""First weights that save a small T5 the slowest part of learning from nothing: to copy, and to reckon.

A model with random weights spends most of a short training on finding out that what it attends to may be written, and
that 12 lies next to 13; meanwhile it learns its questions by heart. Both can be had from the start: weights through
which an attended token passes unchanged, and embeddings of numbers that hold their values. All else stays random.
"""

import math
from typing import Any

from dualchecker.embedding.transformer import import_torch

_PERIODS = (2, 3, 4, 5, 7, 10, 20, 40, 100)
"""Of the waves by which a number is told: its remainders by small numbers, and its size in three grains."""

_NOISE = 0.3
"""Part of the random weights that stays, so that heads and layers differ."""

_BLANK = "\u2581"


def start_ready(model: Any, tokenizer: Any) -> None:
    """Set the first weights of a new T5 in place; what is random in them is left from the model's own start.

    Args:
        model: A ``T5ForConditionalGeneration`` whose output weights are its embeddings.
        tokenizer: Its tokenizer, with whole numbers as tokens.
    """
    torch, _ = import_torch()
    with torch.no_grad():
        for block in model.decoder.block:
            _let_pass(torch, block.layer[1].EncDecAttention)
        embeddings = model.get_input_embeddings().weight
        for token, place in tokenizer.get_vocab().items():
            digits = token.removeprefix(_BLANK)
            if digits.isascii() and digits.isdigit():
                waves = torch.tensor(number_waves(int(digits)))[: embeddings.shape[1]]
                embeddings[place, : len(waves)] = waves


def number_waves(number: int) -> list[float]:
    """A number as cosines and sines: equal remainders look alike, and so do neighbours; all in -1..1."""
    angles = [2 * math.pi * number / period for period in _PERIODS]
    return [wave for angle in angles for wave in (math.cos(angle), math.sin(angle))]


def _let_pass(torch: Any, attention: Any) -> None:
    """What is attended to comes out as it was: values and output are the identity, and a little noise."""
    for weights in (attention.v.weight, attention.o.weight):
        weights.mul_(_NOISE).add_(torch.eye(*weights.shape, device=weights.device))
