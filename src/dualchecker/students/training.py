"""What fine-tuned students share: schedule, batches, freezing, the optimiser's step, and the layer of the logits."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dualchecker.embedding.transformer import import_torch
from dualchecker.errors import ConfigError, StudentError

_WARM_UP = 0.1
_WEIGHT_DECAY = 0.01
_GRADIENT_NORM = 1.0
_BUCKET = 32  # batches that are sorted by length together


def learning_rate_factor(step: int, total: int) -> float:
    """Linear warm-up over a tenth of the steps, then linear decay.

    Args:
        step: Optimiser steps already taken.
        total: Optimiser steps that will be taken in all.

    Returns:
        A factor in 0..1: above 0 for every step that is taken, and 0 exactly when all are.
    """
    warm_up = int(_WARM_UP * total)
    if step < warm_up:
        return (step + 1) / (warm_up + 1)
    return (total - step) / (total - warm_up)


def bucketed_batches(lengths: Sequence[int], size: int, rng: np.random.Generator) -> Iterator[npt.NDArray[np.intp]]:
    """One epoch: every position once, in batches of similar length and nearly equal size, in random order.

    Texts are shuffled, cut into buckets of some batches, and sorted by length inside each bucket; so batches
    need little padding (a few per cent, where random batches double the work) and still differ every epoch.
    """
    order = rng.permutation(len(lengths))
    batches: list[npt.NDArray[np.intp]] = []
    for start in range(0, len(order), size * _BUCKET):
        bucket = order[start : start + size * _BUCKET]
        bucket = bucket[np.argsort(np.asarray(lengths)[bucket], kind="stable")]
        batches += np.array_split(bucket, math.ceil(len(bucket) / size))
    for number in rng.permutation(len(batches)):
        yield batches[number]


def freeze_lower_layers(model: Any, count: int, base: str, note: str = "") -> None:
    """Leave the embeddings and the lowest layers of a model as they are.

    Args:
        model: The model.
        count: Number of layers; 0 freezes nothing, not even the embeddings.
        base: Its name in the run file, for the message.
        note: Said after the number of layers that it has.

    Raises:
        ConfigError: The model has fewer layers.
    """
    if count == 0:
        return
    encoder, layers = model.base_model, _layers(model)
    depth = model.config.num_hidden_layers
    if layers is None or not 0 < count <= depth:
        raise ConfigError(
            f"freeze={count} does not fit the model {base!r}.",
            why="Its layers cannot be told apart." if layers is None else f"It has {depth} layers{note}.",
            fix="Set freeze to 0, or to at most the number of layers.",
        )
    for part in (getattr(encoder, "embeddings", encoder.get_input_embeddings()), *layers[:count]):
        part.requires_grad_(False)


def keep_lower_layers(model: Any, share: float) -> None:
    """Cut the upper layers of a model off, so that about this share stays; does nothing where they cannot be told
    apart."""
    layers, depth = _layers(model), model.config.num_hidden_layers
    if layers is None:
        return
    kept = max(1, round(share * depth))
    del layers[kept:]
    for name, value in model.config.to_dict().items():
        if isinstance(value, list) and len(value) == depth:  # what each layer is, where they differ
            setattr(model.config, name, value[:kept])
    model.config.num_hidden_layers = kept


def _layers(model: Any) -> Any:
    """The list of a model's layers, the lowest first; None where it cannot be found."""
    torch, _ = import_torch()
    lists = (part for part in model.base_model.modules() if isinstance(part, torch.nn.ModuleList))
    return next((layers for layers in lists if len(layers) == model.config.num_hidden_layers), None)


def make_optimizer(model: Any) -> Any:
    """AdamW over what is not frozen; vectors (biases, layer norms) are not decayed."""
    torch, _ = import_torch()
    trained = [weights for weights in model.parameters() if weights.requires_grad]
    return torch.optim.AdamW(
        [
            {"params": [weights for weights in trained if weights.ndim > 1], "weight_decay": _WEIGHT_DECAY},
            {"params": [weights for weights in trained if weights.ndim <= 1], "weight_decay": 0.0},
        ]
    )


def update(model: Any, optimizer: Any, learning_rate: float) -> None:
    """One optimiser step at a learning rate, with the gradient's norm held down.

    Raises:
        StudentError: A gradient is not finite.
    """
    torch, _ = import_torch()
    if not torch.isfinite(torch.nn.utils.clip_grad_norm_(model.parameters(), _GRADIENT_NORM)):
        raise StudentError("Training diverged: a gradient is not finite.", fix="Lower student.learning_rate.")
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    optimizer.step()
    optimizer.zero_grad()


def last_layer(model: Any) -> Any:
    """The linear layer whose outputs are the logits.

    Raises:
        StudentError: They come from something else.
    """
    torch, _ = import_torch()
    layers = [part for part in model.modules() if isinstance(part, torch.nn.Linear)]
    seen: list[Any] = []
    hooks = [layer.register_forward_hook(lambda part, _, out: seen.append((part, out))) for layer in layers]
    try:
        model.train(False)
        with torch.inference_mode():
            logits = model(input_ids=torch.ones((1, 2), dtype=torch.long, device=model.device)).logits
    finally:
        for hook in hooks:
            hook.remove()
    for layer, out in reversed(seen):
        if out.shape[-1] == logits.shape[-1] and torch.equal(_last_row(out), _last_row(logits)):
            return layer
    raise StudentError(
        "The student's probabilities cannot be calibrated: its logits do not come from a linear layer.",
        fix="Set student.calibrate to false, or start from another encoder.",
    )


def _last_row(scores: Any) -> Any:
    """Of the last token, or of the text."""
    return scores.reshape(-1, scores.shape[-1])[-1]
