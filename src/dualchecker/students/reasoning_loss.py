"""The loss of a reasoning student, computed with as few forward passes and as little padding as it takes."""

from collections.abc import Iterator, Sequence
from typing import Any

from dualchecker.embedding.transformer import import_torch
from dualchecker.students.reasoning_lessons import Ids, Source

_TOKENS = 8192
"""Padded tokens of one forward pass: enough to keep a machine busy, little enough for its memory."""


def padded(rows: Sequence[Ids], fill: int, device: Any, *, left: bool = False) -> tuple[Any, Any]:
    """Token ids and mask of rows of different length, both int64 of shape (rows, longest)."""
    torch, _ = import_torch()
    width = max(map(len, rows))
    ids, mask = ([[fill] * (width - len(row)) for row in rows], [[0] * (width - len(row)) for row in rows])
    ids = [[*gap, *row] if left else [*row, *gap] for row, gap in zip(rows, ids, strict=True)]
    mask = [[*gap, *[1] * len(row)] if left else [*[1] * len(row), *gap] for row, gap in zip(rows, mask, strict=True)]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def cost(sources: Sequence[Source], *, causal: bool) -> tuple[int, int]:
    """Tokens that a forward pass reads and writes: the real ones, and with padding."""
    targets = [(len(source.ids), len(target.ids)) for source in sources for target in source.targets]
    if causal:
        lengths = [read + written for read, written in targets]
        return sum(lengths), len(lengths) * max(lengths)
    read, written = [len(source.ids) for source in sources], [length for _, length in targets]
    return sum(read) + sum(written), len(read) * max(read) + len(written) * max(written)


def packs(sources: Sequence[Source], *, causal: bool, budget: int = _TOKENS) -> Iterator[list[Source]]:
    """Sources for one forward pass each, of similar length, within a budget of padded tokens."""

    def lengths(source: Source) -> tuple[int, int]:
        return max(len(target.ids) for target in source.targets), len(source.ids)

    pack: list[Source] = []
    for source in sorted(sources, key=lengths):
        if pack and cost([*pack, source], causal=causal)[1] > budget:
            yield pack
            pack = []
        pack.append(source)
    if pack:
        yield pack


def weighted_loss(model: Any, sources: Sequence[Source], fill: int, *, causal: bool) -> Any:
    """Sum over all tokens of all targets of weight times cross-entropy.

    An encoder reads each source once; its hidden states are repeated for all targets.

    Args:
        model: Sequence-to-sequence, or causal.
        sources: What is read and written.
        fill: Token that pads.
        causal: Which of the two the model is.
    """
    torch, _ = import_torch()
    logits, labels = _told(model, sources, fill, causal)
    targets = [target for source in sources for target in source.targets]
    weights = torch.tensor([weight for target in targets for weight in target.weights], device=model.device)
    return (torch.nn.functional.cross_entropy(logits, labels, reduction="none") * weights).sum()


def written_well(model: Any, sources: Sequence[Source], fill: int, *, causal: bool) -> list[tuple[bool, float]]:
    """For each target: whether it is what the model writes (greedy), and its log-probability."""
    torch, _ = import_torch()
    with torch.inference_mode():
        logits, labels = _told(model, sources, fill, causal)
        best = (logits.argmax(dim=1) == labels).tolist()
        chances = logits.log_softmax(dim=1).gather(1, labels[:, None])[:, 0].tolist()
    found, start = [], 0
    for length in (len(target.ids) for source in sources for target in source.targets):
        found.append((all(best[start : start + length]), sum(chances[start : start + length])))
        start += length
    return found


def _told(model: Any, sources: Sequence[Source], fill: int, causal: bool) -> tuple[Any, Any]:
    """Logits, shape (tokens, vocabulary), and the token that follows, shape (tokens,), target by target."""
    labels, there = padded([target.ids for source in sources for target in source.targets], -100, model.device)
    logits = (_causal_logits if causal else _decoder_logits)(model, sources, labels, fill)
    return logits[there.bool()].float(), labels[there.bool()]


def repeats(sources: Sequence[Source]) -> list[int]:
    """For each target the number of its source."""
    return [number for number, source in enumerate(sources) for _ in source.targets]


def encoded(model: Any, rows: Sequence[Ids], fill: int) -> tuple[Any, Any]:
    """Hidden states of an encoder, shape (rows, tokens, d), and the mask, shape (rows, tokens)."""
    ids, mask = padded(rows, fill, model.device)
    return model.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state, mask


def _decoder_logits(model: Any, sources: Sequence[Source], labels: Any, fill: int) -> Any:
    hidden, mask = encoded(model, [source.ids for source in sources], fill)
    which = repeats(sources)
    if len(which) > len(sources):
        hidden, mask = hidden[which], mask[which]
    shifted = model.prepare_decoder_input_ids_from_labels(labels=labels)
    # The mask of what is written is that of the labels, one step later; the token that starts is always seen.
    seen = (labels != -100).long().roll(1, dims=1)
    seen[:, 0] = 1
    return model(
        encoder_outputs=(hidden,),
        attention_mask=mask,
        decoder_input_ids=shifted,
        decoder_attention_mask=seen,
        use_cache=False,
    ).logits


def _causal_logits(model: Any, sources: Sequence[Source], labels: Any, fill: int) -> Any:
    """Logits of the tokens of each target, shape (targets, longest target, vocabulary)."""
    torch, _ = import_torch()
    rows = [(source.ids, target.ids) for source in sources for target in source.targets]
    ids, mask = padded([(*read, *written) for read, written in rows], fill, model.device)
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    # The token at a place is told by the logits of the place before; places behind a target are never looked at.
    first = torch.tensor([len(read) - 1 for read, _ in rows], device=model.device)[:, None]
    places = (first + torch.arange(labels.shape[1], device=model.device)).clamp(max=ids.shape[1] - 1)
    return logits.gather(1, places[:, :, None].expand(-1, -1, logits.shape[-1]))
