"""Texts of any length for an encoder: overlapping windows, in which every token is read once, with most context."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dualchecker.embedding.transformer import clean
from dualchecker.errors import ConfigError

_OVERLAP = 0.25
"""Share of a window that the next one repeats."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Tokenised texts.

    Attributes:
        ids: Token ids of each window, special tokens included.
        tokens: Of each text the offsets of its tokens, in code points, end exclusive: in order, not empty, without
            overlap and without blanks at their ends. What a tokenizer drops (blanks, control characters) is in none.
        places: Of each of these tokens the window that shows most of its context, and the position in it.
    """

    ids: list[list[int]]
    tokens: list[list[tuple[int, int]]]
    places: list[list[tuple[int, int]]]


def cut_windows(tokenizer: Any, texts: Sequence[str]) -> Windows:
    """Tokenise texts and cut the long ones at ``tokenizer.model_max_length``.

    Of several tokens for the same characters, as byte-level tokenizers make of an emoji, the first stands for all.

    Raises:
        ConfigError: The tokenizer does not say where in a text its tokens are.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise ConfigError(
            "The model's tokenizer does not say where in a text its tokens are.",
            why="Only fast tokenizers do (a folder with tokenizer.json).",
            fix="Choose another student.base.",
        )
    content = tokenizer.model_max_length - tokenizer.num_special_tokens_to_add()
    overlap = int(content * _OVERLAP)
    if not texts:
        return Windows([], [], [])
    cut = tokenizer(
        clean(texts),
        truncation=True,
        max_length=tokenizer.model_max_length,
        stride=overlap,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
    )
    windows: list[list[int]] = [[] for _ in texts]
    for number, text in enumerate(cut["overflow_to_sample_mapping"]):
        windows[text].append(number)
    tokens: list[list[tuple[int, int]]] = []
    places: list[list[tuple[int, int]]] = []
    for text, its in zip(texts, windows, strict=True):
        best: list[tuple[float, int, int]] = []  # of each token: its context, window and position
        for turn, number in enumerate(its):
            first = turn * (content - overlap)
            inner = [place for place, special in enumerate(cut["special_tokens_mask"][number]) if not special]
            for nth, place in enumerate(inner):
                before = float("inf") if turn == 0 else nth
                after = float("inf") if number == its[-1] else len(inner) - 1 - nth
                seen = min(before, after), number, place
                if first + nth == len(best):
                    best.append(seen)
                elif seen[0] > best[first + nth][0]:
                    best[first + nth] = seen
        offsets, where, end = [], [], 0
        for _, number, place in best:
            start, stop = cut["offset_mapping"][number][place]
            start = max(start, end)
            while start < stop and text[start].isspace():
                start += 1
            while start < stop and text[stop - 1].isspace():
                stop -= 1
            if start < stop:
                offsets.append((start, stop))
                where.append((number, place))
                end = stop
        tokens.append(offsets)
        places.append(where)
    return Windows(cut["input_ids"], tokens, places)


def pad_windows(tokenizer: Any, ids: Sequence[Sequence[int]], device: Any) -> Any:
    """Ids and attention mask of some windows as tensors, padded on the right to the longest."""
    rows = [{"input_ids": list(row), "attention_mask": [1] * len(row)} for row in ids]
    return tokenizer.pad(rows, padding=True, padding_side="right", return_tensors="pt").to(device)
