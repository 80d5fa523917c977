"""The loss of a reasoning student, computed with as few forward passes and as little padding as it takes."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from dualchecker.embedding.transformer import import_torch
from dualchecker.students.reasoning_lessons import Ids, Source

_TOKENS = 16_384
"""Tokens whose gradients are kept at once: they decide how much memory a step takes."""

_LOGITS = 200_000_000
"""Logits that are kept at once (0.8 GB): with a large vocabulary they are what takes memory."""


def room(model: Any) -> int:
    """Tokens that a model may read and write at once."""
    return int(min(_TOKENS, max(256, _LOGITS // model.get_input_embeddings().weight.shape[0])))


_OVERHEAD = {"cpu": 64, "cuda": 4096}
"""What a forward pass costs beside its tokens, in tokens (measured on CPU: 30 with 60 million weights, 90 with one)."""


def padded(rows: Sequence[Ids], fill: int, device: Any, *, left: bool = False) -> tuple[Any, Any]:
    """Token ids and mask of rows of different length, both int64 of shape (rows, longest)."""
    torch, _ = import_torch()
    width = max(map(len, rows))
    ids, mask = np.full((len(rows), width), fill), np.zeros((len(rows), width), dtype=np.int64)
    for number, row in enumerate(rows):
        here = slice(width - len(row), width) if left else slice(len(row))
        ids[number, here], mask[number, here] = row, 1
    return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)


def chunks(lengths: Sequence[int], overhead: int) -> list[list[int]]:
    """Positions of all rows in batches of similar length that together cost least.

    A batch costs its rows times its longest, and ``overhead``. Of all ways to cut the sorted rows into batches the best
    is found by dynamic programming.
    """
    order = np.argsort(np.asarray(lengths), kind="stable")
    ascending = np.asarray(lengths)[order]
    count = len(order)
    best, cut = np.zeros(count + 1), np.zeros(count + 1, dtype=int)
    for end in range(1, count + 1):
        costs = best[:end] + (end - np.arange(end)) * ascending[end - 1]
        cut[end] = int(costs.argmin())
        best[end] = costs[cut[end]] + overhead
    found: list[list[int]] = []
    while count:
        found.append(order[cut[count] : count].tolist())
        count = int(cut[count])
    return found


def packs(sources: Sequence[Source], *, causal: bool, budget: int = _TOKENS) -> Iterator[list[Source]]:
    """Sources in their order, as many at a time as there is room for."""
    pack: list[Source] = []
    taken = 0
    for source in sources:
        read = len(source.ids) * (len(source.targets) if causal else 1)
        size = read + sum(len(target.ids) for target in source.targets)
        if pack and taken + size > budget:
            yield pack
            pack, taken = [], 0
        pack.append(source)
        taken += size
    if pack:
        yield pack


class Passes:
    """Forward passes of one model over what is read and written, and a count of their tokens.

    Args:
        model: Sequence-to-sequence, or causal.
        fill: Token that pads.
        causal: Which of the two the model is.

    Attributes:
        real: Tokens read and written so far.
        padded: The same with padding.
    """

    def __init__(self, model: Any, fill: int, *, causal: bool) -> None:
        self._model, self._fill, self._causal = model, fill, causal
        self._overhead = _OVERHEAD.get(model.device.type, _OVERHEAD["cuda"])
        self.real = self.padded = 0

    def weighted_loss(self, sources: Sequence[Source]) -> Any:
        """Sum over all tokens of all targets of weight times cross-entropy.

        An encoder reads each source once; its hidden states are repeated for all targets.
        """
        torch, _ = import_torch()
        targets = [target for source in sources for target in source.targets]
        loss = torch.zeros((), device=self._model.device)
        for chunk, logits, labels in self._told(sources):
            weights = [weight for number in chunk for weight in targets[number].weights]
            chances = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
            loss = loss + (chances * torch.tensor(weights, device=loss.device)).sum()
        return loss

    def written_well(self, sources: Sequence[Source]) -> list[tuple[bool, float]]:
        """For each target: whether it is what the model writes (greedy), and its log-probability."""
        torch, _ = import_torch()
        targets = [target for source in sources for target in source.targets]
        found: list[tuple[bool, float]] = [(False, 0.0)] * len(targets)
        with torch.inference_mode():
            for chunk, logits, labels in self._told(sources):
                sizes = [len(targets[number].ids) for number in chunk]
                best = (logits.argmax(dim=1) == labels).split(sizes)
                chances = logits.log_softmax(dim=1).gather(1, labels[:, None])[:, 0].split(sizes)
                for number, right, chance in zip(chunk, best, chances, strict=True):
                    found[number] = bool(right.all()), float(chance.sum())
        return found

    def _told(self, sources: Sequence[Source]) -> Iterator[tuple[list[int], Any, Any]]:
        """Numbers of some targets, their logits, shape (tokens, vocabulary), and tokens, shape (tokens,)."""
        rows = [(number, target.ids) for number, source in enumerate(sources) for target in source.targets]
        lengths = [len(sources[number].ids) for number, _ in rows]
        read = None if self._causal else self._read([source.ids for source in sources])
        written = [len(ids) + (length if self._causal else 0) for (_, ids), length in zip(rows, lengths, strict=True)]
        for chunk in chunks(written, self._overhead):
            labels, there = padded([rows[row][1] for row in chunk], -100, self._model.device)
            if read is None:
                logits = self._causal_logits([(sources[rows[row][0]].ids, rows[row][1]) for row in chunk], labels)
            else:
                which, longest = [rows[row][0] for row in chunk], max(lengths[row] for row in chunk)
                hidden, mask = read
                logits = self._decoder_logits(hidden[which, :longest], mask[which, :longest], labels)
            self._count([written[row] for row in chunk])
            yield chunk, logits[there.bool()].float(), labels[there.bool()]

    def _read(self, rows: Sequence[Ids]) -> tuple[Any, Any]:
        """Hidden states, shape (rows, longest, d), and mask, shape (rows, longest)."""
        torch, _ = import_torch()
        states: list[Any] = [None] * len(rows)
        for chunk in chunks([len(row) for row in rows], self._overhead):
            hidden, _ = encoded(self._model, [rows[number] for number in chunk], self._fill)
            self._count([len(rows[number]) for number in chunk])
            for number, state in zip(chunk, hidden, strict=True):
                states[number] = state[: len(rows[number])]
        return torch.nn.utils.rnn.pad_sequence(states, batch_first=True), padded(rows, self._fill, hidden.device)[1]

    def _decoder_logits(self, hidden: Any, mask: Any, labels: Any) -> Any:
        shifted = self._model.prepare_decoder_input_ids_from_labels(labels=labels)
        # The mask of what is written is that of the labels, one step later; the token that starts is always seen.
        seen = (labels != -100).long().roll(1, dims=1)
        seen[:, 0] = 1
        return self._model(
            encoder_outputs=(hidden,),
            attention_mask=mask,
            decoder_input_ids=shifted,
            decoder_attention_mask=seen,
            use_cache=False,
        ).logits

    def _causal_logits(self, rows: Sequence[tuple[Ids, Ids]], labels: Any) -> Any:
        torch, _ = import_torch()
        ids, mask = padded([(*read, *written) for read, written in rows], self._fill, labels.device)
        logits = self._model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        # A token is told by the logits of the place before it; places behind a target are never looked at.
        first = torch.tensor([len(read) - 1 for read, _ in rows], device=labels.device)[:, None]
        places = (first + torch.arange(labels.shape[1], device=labels.device)).clamp(max=ids.shape[1] - 1)
        return logits[torch.arange(len(rows), device=labels.device)[:, None], places]

    def _count(self, lengths: Sequence[int]) -> None:
        self.real += sum(lengths)
        self.padded += len(lengths) * max(lengths)


def encoded(model: Any, rows: Sequence[Ids], fill: int) -> tuple[Any, Any]:
    """Hidden states of an encoder, shape (rows, longest, d), and the mask, shape (rows, longest)."""
    ids, mask = padded(rows, fill, model.device)
    return model.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state, mask
