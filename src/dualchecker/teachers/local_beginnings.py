"""What many prompts begin with: computed once, kept while it is of use."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LEAST = 16
"""Tokens from which a shared beginning is worth keeping."""

_ENOUGH = 0.8
"""Share of the longest possible beginning from which a kept one is taken in its place."""

_KEPT, _KEPT_TOKENS = 4, 16384
"""Shared beginnings that are kept, and their tokens together."""

Tokens = tuple[int, ...]
"""Token ids of a text."""


def common(rows: Sequence[Tokens]) -> int:
    """How many tokens all rows begin with alike."""
    first, last = min(rows), max(rows)  # whatever lies between these in order shares what they share
    return next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))


@dataclass(frozen=True, slots=True)
class Beginning:
    """Keys and values of a beginning that many prompts share: a pair a layer, each (1, heads, tokens, width)."""

    tokens: Tokens
    states: tuple[tuple[Any, Any], ...] = ()

    def cut(self, length: int) -> "Beginning":
        """Its first tokens; views, nothing is copied."""
        if length == len(self.tokens):
            return self
        return Beginning(self.tokens[:length], tuple((k[..., :length, :], v[..., :length, :]) for k, v in self.states))

    def cache(self, rows: int) -> Any:
        """A cache of transformers for so many rows, which grows without touching the kept one."""
        from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

        layers = []
        for keys, values in self.states:
            layer = DynamicLayer()
            layer.lazy_initialization(keys, values)
            layer.keys, layer.values = (part.expand(rows, -1, -1, -1) for part in (keys, values))
            layers.append(layer)
        return Cache(layers=layers) if layers else DynamicCache()


NOTHING = Beginning(())
"""The beginning that any prompts share."""


class Beginnings:
    """Those that are kept: a few, the latest used."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Tokens, Beginning] = OrderedDict()
        self._last: Tokens = ()

    def __len__(self) -> int:
        return len(self._kept)

    def choose(self, rows: Sequence[Tokens]) -> tuple[Beginning, Tokens]:
        """For prompts that are read together: what is there already, and how far it is worth to read on from there.

        One that is kept is taken in place of one that is a little longer: the same texts stand behind prompts of one
        template, and words that a few of them share by chance are not worth a pass. A prompt that comes alone is
        compared with the one before. At least one token of each prompt is left over.

        Returns:
            A beginning of all rows, which may be empty; and the longer one that should be read and kept, or the same.
        """
        alone = len(rows) == 1
        compared = [*rows, self._last] if alone and self._last else rows
        length = min(common(compared), min(map(len, rows)) - 1) if len(compared) > 1 else 0
        self._last = rows[0]
        goal = rows[0][:length]
        reach = rows[0][:-1] if alone else goal
        best, overlap = NOTHING, 0
        for kept in self._kept.values():
            if (shared := common([kept.tokens, reach])) > overlap:
                best, overlap = kept, shared
        if overlap < LEAST:
            return NOTHING, goal if length >= LEAST else ()
        self._kept.move_to_end(best.tokens)
        best = best.cut(overlap)
        return best, best.tokens if overlap >= _ENOUGH * length else goal

    def keep(self, beginning: Beginning) -> Beginning:
        """Keep one more, and let go of those that were not used for longest."""
        self._kept[beginning.tokens] = beginning
        while len(self._kept) > _KEPT or (len(self._kept) > 1 and sum(map(len, self._kept)) > _KEPT_TOKENS):
            self._kept.popitem(last=False)
        return beginning

    def forget(self) -> None:
        """Free what is kept."""
        self._kept.clear()
        self._last = ()
