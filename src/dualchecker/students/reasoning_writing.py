"""What a trained model writes: chains drawn or greedy, and its verdicts."""

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dualchecker.embedding.transformer import import_torch
from dualchecker.errors import ConfigError
from dualchecker.students.reasoning_lessons import Ids
from dualchecker.students.reasoning_loss import encoded, padded, room
from dualchecker.tasks.verdicts import VERDICTS

_ROWS = 128
"""Texts that are written at once."""

_CHOICE = 50
"""Only so many of the likeliest tokens are ever drawn, as is usual (Fan et al. 2018)."""


class Writer:
    """Greedy and drawn texts of a model, and its probabilities of the first word.

    Each drawn text has a random stream of its own, from seed and what is read: neither the order nor the number of the
    other texts changes it. Drawing adds Gumbel noise to the logits and takes the largest, which is drawing from the
    softmax.

    Args:
        model: Sequence-to-sequence, or causal.
        tokenizer: Of the model.
        causal: Which of the two the model is.
    """

    def __init__(self, model: Any, tokenizer: Any, *, causal: bool) -> None:
        self._model, self._tokenizer, self._causal = model, tokenizer, causal
        model.train(False)

    def write(
        self, inputs: Sequence[Ids], *, length: int, drawn: int = 0, temperature: float = 1.0, seed: int = 0
    ) -> list[list[str]]:
        """One greedy text for each input, and behind it the drawn ones; aligned with ``inputs``.

        Args:
            inputs: What is read.
            length: Tokens after which a text ends.
            drawn: Number of drawn texts.
            temperature: Of these.
            seed: Of these.
        """
        unique = sorted(set(inputs), key=lambda ids: (len(ids), ids))
        texts: dict[Ids, list[str]] = {}
        size = max(1, _ROWS // (1 + drawn))
        for start in range(0, len(unique), size):
            batch = unique[start : start + size]
            noise = np.concatenate([_noise(ids, drawn, length, seed) for ids in batch]) if drawn else None
            written = self._generate(batch, 1 + drawn, length, noise, temperature)
            for number, ids in enumerate(batch):
                texts[ids] = written[number * (1 + drawn) : (number + 1) * (1 + drawn)]
        return [texts[ids] for ids in inputs]

    def _generate(
        self, batch: Sequence[Ids], each: int, length: int, noise: npt.NDArray[np.float32] | None, temperature: float
    ) -> list[str]:
        torch, transformers = import_torch()
        tokenizer, model = self._tokenizer, self._model
        unknown = tokenizer.unk_token_id
        settings = transformers.GenerationConfig(
            max_new_tokens=length,
            do_sample=False,
            use_cache=True,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            decoder_start_token_id=getattr(model.config, "decoder_start_token_id", None),
            suppress_tokens=None if unknown in (None, tokenizer.eos_token_id) else [unknown],
        )
        which = [number for number in range(len(batch)) for _ in range(each)]
        with torch.inference_mode():
            if self._causal:
                ids, mask = padded(batch, tokenizer.pad_token_id, model.device, left=True)
                given, known = {"input_ids": ids[which], "attention_mask": mask[which]}, ids.shape[1]
            else:
                hidden, mask = encoded(model, batch, tokenizer.pad_token_id)
                outputs = transformers.modeling_outputs.BaseModelOutput(last_hidden_state=hidden[which])
                given, known = {"encoder_outputs": outputs, "attention_mask": mask[which]}, 1
            noisy = [] if noise is None else [_Gumbel(noise, temperature, known, model.device)]
            written = model.generate(**given, generation_config=settings, logits_processor=noisy)
        decoded: list[str] = tokenizer.batch_decode(written[:, known:], skip_special_tokens=True)
        return [text.strip() for text in decoded]

    def verdicts(self, inputs: Sequence[Ids]) -> npt.NDArray[np.float64]:
        """Probabilities of the verdicts, as the first word written decides, shape (inputs, 3), rows sum to 1."""
        torch, _ = import_torch()
        begun, words = verdict_tokens(self._tokenizer)
        unique = sorted(set(inputs), key=len)
        found: dict[Ids, npt.NDArray[np.float64]] = {}
        with torch.inference_mode():
            longest = len(unique[-1]) + len(begun) + 1 if unique else 1
            rows = max(1, min(_ROWS, room(self._model) // longest))
            for start in range(0, len(unique), rows):
                batch = unique[start : start + rows]
                logits = self._first_logits(batch, begun)[:, list(words)]
                chances = logits.cpu().double().softmax(dim=1).numpy()
                found.update(zip(batch, chances, strict=True))
        return np.array([found[ids] for ids in inputs]).reshape(len(inputs), len(VERDICTS))

    def _first_logits(self, batch: Sequence[Ids], begun: Ids) -> Any:
        """Logits of the token behind ``begun``, shape (batch, vocabulary)."""
        torch, _ = import_torch()
        model, fill = self._model, self._tokenizer.pad_token_id
        if self._causal:
            rows = [(*ids, *begun) for ids in batch]
            ids, mask = padded(rows, fill, model.device)
            logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
            return logits[torch.arange(len(rows)), [len(row) - 1 for row in rows]]
        hidden, mask = encoded(model, batch, fill)
        labels = torch.tensor([[*begun, 0]] * len(batch), device=model.device)
        shifted = model.prepare_decoder_input_ids_from_labels(labels=labels)
        return model(encoder_outputs=(hidden,), attention_mask=mask, decoder_input_ids=shifted, use_cache=False).logits[
            :, -1
        ]


def verdict_tokens(tokenizer: Any) -> tuple[Ids, Ids]:
    """What all verdicts begin with alike (mostly nothing), and the token behind it by which each is told.

    Raises:
        ConfigError: The tokenizer does not know them apart.
    """
    words = [tuple(tokenizer(word, add_special_tokens=False)["input_ids"]) for word in VERDICTS]
    for place in range(min(map(len, words))):
        here = {ids[place] for ids in words}
        if len(here) == len(VERDICTS):
            return words[0][:place], tuple(ids[place] for ids in words)
        if len(here) > 1:
            break
    raise ConfigError(
        f"The model's tokenizer does not tell {', '.join(VERDICTS)} apart.",
        why="It has no tokens for these words.",
        fix="Name another student.base, or 'scratch'.",
    )


def _noise(ids: Ids, drawn: int, length: int, seed: int) -> npt.NDArray[np.float32]:
    """Gumbel noise by text, place and rank, shape (1 + drawn, length, ranks); none for the first, which is greedy."""
    key = hashlib.blake2b(f"{seed} {ids}".encode(), digest_size=8).digest()
    drawn_noise = np.random.default_rng(int.from_bytes(key)).gumbel(size=(drawn, length, _CHOICE))
    return np.concatenate([np.zeros((1, length, _CHOICE)), drawn_noise]).astype(np.float32)


class _Gumbel:
    """A logits processor: noise on the likeliest tokens by rank, and nothing else to choose from."""

    def __init__(self, noise: npt.NDArray[np.float32], temperature: float, known: int, device: Any) -> None:
        torch, _ = import_torch()
        self._noise, self._temperature, self._known = torch.from_numpy(noise).to(device), temperature, known

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        torch, _ = import_torch()
        best, tokens = scores.topk(min(_CHOICE, scores.shape[1]), dim=1)
        noise = self._noise[:, input_ids.shape[1] - self._known, : best.shape[1]]
        return torch.full_like(scores, -math.inf).scatter(1, tokens, best / self._temperature + noise)
