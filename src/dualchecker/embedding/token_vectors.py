"""Vectors of the tokens of a text: what a frozen encoder makes of each in its context."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dualchecker.embedding.transformer import TransformerEmbedder, batches_by_length, import_torch
from dualchecker.embedding.windows import cut_windows, pad_windows

_WINDOWS = 64  # in a forward pass


def token_vectors(
    embedder: TransformerEmbedder, texts: Sequence[str], depth: float
) -> list[tuple[list[tuple[int, int]], npt.NDArray[np.float32]]]:
    """Offsets of each text's tokens, and their vectors in one layer.

    Args:
        embedder: Gives model and tokenizer.
        texts: Of any length; long ones are read in windows.
        depth: Which layer: 0 below the first, 1 above the last.

    Returns:
        For each text the tokens (see ``Windows.tokens``), and float32 of shape (tokens, d).
    """
    torch, _ = import_torch()
    model, tokenizer = embedder.loaded()
    cut = cut_windows(tokenizer, texts)
    hidden: list[npt.NDArray[np.float32]] = [np.zeros(0, dtype=np.float32)] * len(cut.ids)
    with torch.inference_mode():
        for batch in batches_by_length(cut.ids, _WINDOWS):
            padded = pad_windows(tokenizer, [cut.ids[number] for number in batch], model.device)
            states = model(**padded, output_hidden_states=True).hidden_states
            layer = states[round(depth * (len(states) - 1))].cpu().numpy()
            for number, vectors in zip(batch, layer, strict=True):
                hidden[number] = vectors[: len(cut.ids[number])]
    width = model.config.hidden_size
    return [
        (
            tokens,
            np.stack([hidden[window][place] for window, place in places])
            if places
            else np.zeros((0, width), dtype=np.float32),
        )
        for tokens, places in zip(cut.tokens, cut.places, strict=True)
    ]
