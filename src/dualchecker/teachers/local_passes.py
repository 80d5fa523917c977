"""Forward passes over many prompts at once: what they share is computed once, and padding changes nothing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dualchecker.embedding.transformer import import_torch
from dualchecker.teachers.local_beginnings import NOTHING, Beginning, Beginnings, Tokens
from dualchecker.teachers.local_model import LocalModel

_EXACT, _ROUNDED = 1e-3, 0.1
"""By how much two ways to compute one distribution may differ (total variation): in float32, and in half precision."""


@dataclass
class Rows:
    """Prompts in the middle of being read: a batch whose cache holds the beginning, padding and all tokens so far.

    Attributes:
        cache: Of transformers; None after a pass that kept none.
        positions: Of every slot of the cache, (rows, slots).
        real: Whether a slot holds a token, (rows, slots).
        shared: Tokens of the beginning.
    """

    cache: Any
    positions: Any
    real: Any
    shared: int

    def keep(self, indices: Any) -> None:
        """Go on with some of the rows only."""
        self.cache.batch_select_indices(indices)
        self.positions, self.real = self.positions[indices], self.real[indices]


class NotThisWay(Exception):
    """The model cannot be read with shared beginnings and trees, or what comes out is not what it says by itself."""


class Passes:
    """Runs batches through a model.

    Slots of a batch are: the shared beginning, padding, the rest of each prompt, then a tree of continuations, of which
    each token sees its prompt and its own ancestors. Positions are those that each sequence has alone, and masks, also
    those of sliding windows, go by position and not by slot. So a prompt reads the same whatever stands beside it.

    Not every architecture takes such masks. So the first batch (and the first beyond a sliding window) is compared with
    what the model makes of one of its prompts by itself; where they differ, this way is given up (``NotThisWay``).

    Args:
        model: The model.
    """

    def __init__(self, model: LocalModel) -> None:
        self.model = model
        self._torch, _ = import_torch()
        self._beginnings = Beginnings()
        self._checked: set[bool] = set()

    @cached_property
    def window(self) -> int | None:
        """Positions that a layer of the sliding kind sees, itself included."""
        window = getattr(self.model.text_config, "sliding_window", None)
        return int(window) if window and "sliding_attention" in self._layers else None

    @cached_property
    def _layers(self) -> frozenset[str]:
        config = self.model.text_config
        default = ["sliding_attention" if getattr(config, "sliding_window", None) else "full_attention"]
        return frozenset(getattr(config, "layer_types", None) or default)

    @cached_property
    def obstacle(self) -> str:
        """Why the model cannot be read this way, as far as its settings tell; empty where nothing speaks against it."""
        if lacking := {"past_key_values", "attention_mask", "position_ids"} - self.model.takes:
            return f"it takes no {min(lacking)}"
        strange = self._layers - {"full_attention", "sliding_attention"}
        return f"it has layers of the kind {min(strange)}" if strange else ""

    def beginning(self, rows: Sequence[Tokens]) -> Beginning:
        """What all rows begin with, read; at least one token of each row is left over."""
        base, goal = self._beginnings.choose(rows)
        if goal == base.tokens or not goal:
            return base
        _, batch = self.read([goal], beginning=base, go_on=True, check=False)
        return self._beginnings.keep(Beginning(goal, tuple((layer.keys, layer.values) for layer in batch.cache.layers)))

    def forget(self) -> None:
        """Free what is kept."""
        self._beginnings.forget()

    def read(
        self,
        rows: Sequence[Tokens],
        tail: Tokens = (),
        parents: Tokens = (),
        *,
        beginning: Beginning | None = None,
        go_on: bool = False,
        check: bool = True,
    ) -> tuple[Any, Rows]:
        """Read prompts, and a tree of continuations behind each of them.

        Args:
            rows: Token ids; all begin with ``beginning``.
            tail: Tokens of the tree, each behind its parent.
            parents: Index in ``tail`` of each token's parent; -1 for those that follow the prompt.
            beginning: What ``beginning(rows)`` has returned.
            go_on: Keep the cache, for ``step``; there must then be no tail.
            check: Compare with the model's own means, where that has not been done.

        Returns:
            Logits in float32, (rows, 1 + len(tail), vocabulary), those behind the prompt first; and the batch.

        Raises:
            NotThisWay: See above; ``plain`` can be used in place of this.
            ArithmeticError: The model's arithmetic has overflown.
        """
        torch, device = self._torch, self.model.device
        start = beginning or NOTHING
        shared = len(start.tokens)
        width = max(map(len, rows)) - shared
        ids = torch.zeros((len(rows), width + len(tail)), dtype=torch.long)
        positions = torch.zeros_like(ids)
        real = torch.ones_like(ids, dtype=torch.bool)
        depth = _depths(parents)
        for number, row in enumerate(rows):
            pad = width - (len(row) - shared)
            ids[number, pad:width] = torch.tensor(row[shared:])
            positions[number, pad:width] = torch.arange(shared, len(row))
            real[number, :pad] = False
            positions[number, width:] = torch.tensor(depth, dtype=torch.long) + len(row)
        ids[:, width:] = torch.tensor(tail, dtype=torch.long)
        before = torch.arange(shared).expand(len(rows), -1)
        batch = Rows(
            start.cache(len(rows)) if go_on or shared else None,
            torch.cat([before, positions], dim=1).to(device),
            torch.cat([torch.ones_like(before, dtype=torch.bool), real], dim=1).to(device),
            shared,
        )
        logits = self._forward(batch, ids.to(device), self._order(width, parents).to(device), 1 + len(tail))
        if check:
            self._compare(rows, tail, parents, logits)
        return logits, batch

    def step(self, batch: Rows, tokens: Sequence[int]) -> Any:
        """Read one more token of each row; logits behind it in float32, (rows, vocabulary)."""
        torch = self._torch
        ids = torch.tensor(list(tokens), device=self.model.device)[:, None]
        batch.positions = torch.cat([batch.positions, batch.positions[:, -1:] + 1], dim=1)
        batch.real = torch.cat([batch.real, torch.ones_like(batch.real[:, :1])], dim=1)
        order = torch.ones((1, 1), dtype=torch.bool, device=self.model.device)
        return self._forward(batch, ids, order, 1)[:, 0]

    def plain(self, sequences: Sequence[Tokens], places: Sequence[Tokens]) -> list[Any]:
        """Logits by the model's own means, without any cache: of each sequence at its places, (places, vocabulary).

        Padding stands behind the sequences, where nothing that is causal can see it.
        """
        torch = self._torch
        ids = torch.zeros((len(sequences), max(map(len, sequences))), dtype=torch.long)
        for number, one in enumerate(sequences):
            ids[number, : len(one)] = torch.tensor(one)
        wanted = sorted({place for row in places for place in row})
        options: dict[str, Any] = {"use_cache": False} if "use_cache" in self.model.takes else {}
        some = "logits_to_keep" in self.model.takes
        if some:
            options["logits_to_keep"] = torch.tensor(wanted, device=self.model.device)
        with torch.inference_mode():
            logits = self.model.model(input_ids=ids.to(self.model.device), **options).logits
        index = {place: number if some else place for number, place in enumerate(wanted)}
        return [logits[n, [index[place] for place in row]].float() for n, row in enumerate(places)]

    def _order(self, width: int, parents: Tokens) -> Any:
        """Which of the new slots a new slot may see, padding apart: (new, new)."""
        torch = self._torch
        size = width + len(parents)
        order = torch.ones((size, size), dtype=torch.bool).tril()
        order[width:, width:] = False
        for number, parent in enumerate(parents):
            if parent >= 0:
                order[width + number] |= order[width + parent]
            order[width + number, width + number] = True
        return order

    def _mask(self, batch: Rows, order: Any, window: int | None) -> Any:
        """Additive, (rows, 1, new, slots)."""
        torch = self._torch
        new, slots = order.shape[0], batch.positions.shape[1]
        seen = batch.real[:, None, :].repeat(1, new, 1)
        seen[:, :, slots - new :] &= order
        if window is not None:
            distance = batch.positions[:, slots - new :, None] - batch.positions[:, None, :]
            seen &= distance < window
        # Padding sees itself: a row of the softmax without any number in it would be no number.
        seen[:, :, slots - new :] |= torch.eye(new, dtype=torch.bool, device=seen.device)
        dtype = self.model.model.dtype
        mask = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
        return mask.masked_fill_(~seen, torch.finfo(dtype).min)[:, None]

    def _forward(self, batch: Rows, ids: Any, order: Any, keep: int) -> Any:
        masks = {kind: self._mask(batch, order, self.window if "sliding" in kind else None) for kind in self._layers}
        options: dict[str, Any] = {"logits_to_keep": keep} if "logits_to_keep" in self.model.takes else {}
        try:
            with self._torch.inference_mode():
                logits = self.model.model(
                    input_ids=ids,
                    attention_mask=masks if len(masks) > 1 else next(iter(masks.values())),
                    position_ids=batch.positions[:, -ids.shape[1] :],
                    past_key_values=batch.cache,
                    use_cache=batch.cache is not None,
                    **options,
                ).logits
        except (TypeError, ValueError, AttributeError, IndexError, KeyError, NotImplementedError) as error:
            raise NotThisWay(f"{type(error).__name__}: {error}") from error
        except RuntimeError as error:
            if self._checked or out_of_memory(error):
                raise
            raise NotThisWay(f"{type(error).__name__}: {error}") from error
        return logits[:, -keep:].float()

    def _compare(self, rows: Sequence[Tokens], tail: Tokens, parents: Tokens, logits: Any) -> None:
        """Of each kind of length that is met for the first time, the shortest row (which has the most padding)."""
        longest_first = sorted(range(len(rows)), key=lambda number: len(rows[number]), reverse=True)
        kinds = {self.window is not None and len(rows[n]) > self.window: n for n in longest_first}
        for kind, number in kinds.items():
            if kind in self._checked:
                continue
            path = _longest_path(parents)
            row = rows[number]
            places = tuple(range(len(row) - 1, len(row) + len(path)))
            [alone] = self.plain([(*row, *(tail[node] for node in path))], [places])
            together = logits[number, [0, *(node + 1 for node in path)]]
            distance = (alone.softmax(-1) - together.softmax(-1)).abs().sum(-1).max().item() / 2
            if math.isnan(distance):
                raise ArithmeticError("logits are no numbers")
            exact = self.model.model.dtype == self._torch.float32
            if not distance <= (_EXACT if exact else _ROUNDED):
                raise NotThisWay(f"probabilities differ by {distance:.2g}")
            self._checked.add(kind)


def _depths(parents: Sequence[int]) -> list[int]:
    depths: list[int] = []
    for parent in parents:
        depths.append(depths[parent] + 1 if parent >= 0 else 0)
    return depths


def _longest_path(parents: Sequence[int]) -> list[int]:
    """Nodes of the longest path of a tree, from its root on."""
    depths = _depths(parents)
    path = []
    node = max(range(len(parents)), key=lambda number: depths[number], default=-1)
    while node >= 0:
        path.append(node)
        node = parents[node]
    return path[::-1]


def out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch says that there is no more room, on whatever device."""
    torch, _ = import_torch()
    return isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error)
