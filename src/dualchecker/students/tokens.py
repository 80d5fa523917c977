"""The fine-tuned student of spans: a Hugging Face encoder that tags tokens (BIO), for texts of any length."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from dualchecker.embedding.transformer import (
    batches_by_length,
    import_torch,
    is_sentence_encoder,
    load_pretrained,
)
from dualchecker.embedding.windows import Windows, cut_windows, pad_windows
from dualchecker.records import Example, Record
from dualchecker.students.bio import Token, tag_names
from dualchecker.students.pretrained import Pretrained
from dualchecker.students.tagging import SpanTagger, Tagged, usable
from dualchecker.students.token_features import DEPTH
from dualchecker.students.training import (
    bucketed_batches,
    freeze_lower_layers,
    keep_lower_layers,
    learning_rate_factor,
    make_optimizer,
    update,
)
from dualchecker.students.words import word_tokens

_PREDICT_BATCH = 64


@dataclass(frozen=True, slots=True)
class _Unit:
    """What a tag belongs to: a word with all its pieces, or a piece of several characters.

    Attributes:
        token: Its offsets.
        places: Window and position of each of its pieces.
    """

    token: Token
    places: list[tuple[int, int]]


def _units(text: str, pieces: Sequence[Token], places: Sequence[tuple[int, int]]) -> list[_Unit]:
    """Pieces of one word together, so that no span ends inside a word; words that the tokenizer drops are in none."""
    parts: list[tuple[Token, tuple[int, int] | None]] = [(word, None) for word in word_tokens(text)]
    parts += zip(pieces, places, strict=True)
    units: list[_Unit] = []
    end = 0
    for (start, stop), place in sorted(parts, key=lambda part: part[0][0]):
        if start >= end:
            units.append(_Unit((start, stop), []))
        end = max(end, stop)
        first = units[-1].token[0]
        units[-1] = _Unit((first, end), [*units[-1].places, place] if place else units[-1].places)
    return [unit for unit in units if unit.places]


@dataclass(frozen=True, slots=True)
class _Goal:
    """Windows to learn from: ids, targets (positions, tags) and weights (positions,), one array each a window."""

    ids: list[list[int]]
    targets: list[npt.NDArray[np.float32]]
    weights: list[npt.NDArray[np.float32]]


class TokenStudent(Pretrained, SpanTagger):
    """A ``SpanStudent`` that fine-tunes an encoder; its folder is a plain Hugging Face model.

    Of a sentence encoder only the lower layers are used (``DEPTH``): those above are about the text as a whole. With
    all of them it learns the same with more work (400 news sentences, one seed: F1 of exact spans 41 with four layers,
    40 with six). ``freeze`` is dear here: with three of the six layers frozen it was 30.

    Words are tagged (pieces where a script has no blanks), each by its first piece; the other pieces learn to go on
    with it, for those who read the model piece by piece. Long texts are read in overlapping windows, every token in
    the one that shows most of its context. The loss is cross-entropy a token with soft targets, weighted by example
    and span; the learning rate reaches zero when the last step is done. With validation examples, the weights of the
    epoch with the lowest loss on them are kept. On one machine's CPU, the same seed and data give the same student.
    The caller's random state stays as it was. It reads ``Record.text`` alone, in which spans have their offsets.

    Args:
        labels: All labels, in the order of the columns of ``absence``.
        base: ``offline`` (MiniLM from its package), a folder, or a name on the hub; its tokenizer must be a fast one.
        seed: Decides the head's first weights, dropout and the order of the texts.
        epochs: Passes over the examples; may be a fraction.
        min_steps: Optimiser steps to make at least, with more passes if need be.
        batch_size: Windows (texts, but for long ones) per optimiser step.
        learning_rate: At its peak, after the warm-up.
        max_length: Tokens of a window.
        soft_targets: Learn from ``TaughtSpan.target`` instead of the hard tags.
        freeze: Lower layers that stay as they are, together with the embeddings; 0 trains everything.
        progress: Called after every step with the steps taken and the steps in all.
    """

    kind = "tokens"
    model_class = "AutoModelForTokenClassification"

    def __init__(
        self,
        labels: Sequence[str],
        *,
        base: str = "offline",
        seed: int = 42,
        epochs: float = 4,
        min_steps: int = 0,
        batch_size: int = 16,
        learning_rate: float = 5e-4,
        max_length: int = 256,
        soft_targets: bool = True,
        freeze: int = 0,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        super().__init__(labels)
        self._base, self._seed, self._max_length = base, seed, max_length
        self._epochs, self._batch_size, self._learning_rate = epochs, batch_size, learning_rate
        self._min_steps, self._soft_targets = min_steps, soft_targets
        self._freeze, self._progress = freeze, progress

    def fit(self, examples: Sequence[Example], validation: Sequence[Example] = ()) -> Self:
        """Fine-tune from the base; earlier training is forgotten.

        Args:
            examples: Those with a weight above 0 are learnt from.
            validation: Gold that decides which epoch's weights are kept; may be empty.

        Raises:
            StudentError: See ``SpanStudent.fit``; a span has an unknown label; or training diverged.
            ConfigError: The base cannot be loaded, has fewer layers than ``freeze``, or no fast tokenizer.
        """
        used = usable(examples)
        tags = tag_names(self.labels)
        torch, _ = import_torch()
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(self._seed)
            model, tokenizer = load_pretrained(
                self.model_class,
                self._base,
                max_length=self._max_length,
                id2label=dict(enumerate(tags)),
                label2id={tag: number for number, tag in enumerate(tags)},
            )
            note = ""
            if is_sentence_encoder(self._base):
                keep_lower_layers(model, DEPTH)
                note = " that serve for spans (those above are about the text as a whole)"
            freeze_lower_layers(model, self._freeze, self._base, note)
            goal = self._goal(tokenizer, used, count=True)
            held = self._goal(tokenizer, [example for example in validation if example.weight > 0])
            self._train(model, tokenizer, goal, held)
        self._loaded = model, tokenizer
        return self

    def _goal(self, tokenizer: Any, examples: Sequence[Example], *, count: bool = False) -> _Goal:
        texts = [example.record.text for example in examples]
        cut = cut_windows(tokenizer, texts)
        units = [_units(*one) for one in zip(texts, cut.tokens, cut.places, strict=True)]
        goals = self.goals(examples, [[unit.token for unit in its] for its in units], soft=self._soft_targets)
        if count:
            self.take_stock(goals)
        width = 1 + 2 * len(self.labels)
        targets = [np.zeros((len(ids), width), dtype=np.float32) for ids in cut.ids]
        weights = [np.zeros(len(ids), dtype=np.float32) for ids in cut.ids]
        for its, goal in zip(units, goals, strict=True):
            for unit, target, weight in zip(its, goal.targets, goal.weights, strict=True):
                going_on = target.copy()
                going_on[1::2], going_on[2::2] = 0, target[1::2] + target[2::2]
                for nth, (window, place) in enumerate(unit.places):
                    targets[window][place] = going_on if nth else target
                    weights[window][place] = weight
        taught = [number for number, its in enumerate(weights) if its.any()]
        return _Goal(
            [cut.ids[number] for number in taught],
            [targets[number] for number in taught],
            [weights[number] for number in taught],
        )

    def _train(self, model: Any, tokenizer: Any, goal: _Goal, held: _Goal) -> None:
        optimizer = make_optimizer(model)
        rng = np.random.default_rng(self._seed)
        lengths = [len(ids) for ids in goal.ids]
        by_epochs = round(math.ceil(len(lengths) / self._batch_size) * self._epochs)
        step, total = 0, max(1, self._min_steps, by_epochs)
        # Of the tokens that count at all the mean weight is 1, so that only the ratio of weights matters.
        mean = float(np.mean(np.concatenate([its[its > 0] for its in goal.weights])))
        best_loss, best_state = math.inf, None
        while step < total:
            model.train()
            for batch in islice(bucketed_batches(lengths, self._batch_size, rng), total - step):
                loss, counted = _losses(model, tokenizer, goal, batch)
                (loss / (mean * counted)).backward()
                update(model, optimizer, self._learning_rate * learning_rate_factor(step, total))
                step += 1
                if self._progress:
                    self._progress(step, total)
            if held.ids:
                mean_loss = _mean_loss(model, tokenizer, held)
                if mean_loss < best_loss:
                    best_loss = mean_loss
                    best_state = {name: value.clone() for name, value in model.state_dict().items()}
        if best_state is not None:
            model.load_state_dict(best_state)

    def tagged(self, records: Sequence[Record]) -> list[Tagged]:
        """See ``SpanTagger.tagged``."""
        model, tokenizer = self._trained()
        texts = [record.text for record in records]
        cut = cut_windows(tokenizer, texts)
        units = [_units(*one) for one in zip(texts, cut.tokens, cut.places, strict=True)]
        scores = _window_scores(model, tokenizer, cut)
        width = 1 + 2 * len(self.labels)
        return [
            Tagged(
                [unit.token for unit in its],
                np.stack([scores[unit.places[0][0]][unit.places[0][1]] for unit in its])
                if its
                else np.zeros((0, width)),
            )
            for its in units
        ]

    def _settings(self) -> dict[str, Any]:
        return {
            "spans": True,
            "labels": self.labels,
            "max_length": self._max_length,
            "seed": self._seed,
            "unexpressed": self.unexpressed,
        }

    @classmethod
    def _from_settings(cls, settings: dict[str, Any], base: str) -> Self:
        student = cls(settings["labels"], base=base, seed=settings["seed"], max_length=settings["max_length"])
        student.unexpressed = dict(settings["unexpressed"])
        return student


def _losses(model: Any, tokenizer: Any, goal: _Goal, batch: npt.NDArray[np.intp]) -> tuple[Any, int]:
    """Weighted cross-entropy summed over the tokens of some windows, and the number of tokens that count."""
    torch, _ = import_torch()
    padded = pad_windows(tokenizer, [goal.ids[row] for row in batch], model.device)
    shape = tuple(padded["input_ids"].shape)
    targets = np.zeros((*shape, goal.targets[0].shape[1]), dtype=np.float32)
    weights = np.zeros(shape, dtype=np.float32)
    for number, row in enumerate(batch):
        targets[number, : len(goal.ids[row])] = goal.targets[row]
        weights[number, : len(goal.ids[row])] = goal.weights[row]
    likely = model(**padded).logits.log_softmax(dim=-1)
    each = -(torch.tensor(targets, device=model.device) * likely).sum(dim=-1)
    return (each * torch.tensor(weights, device=model.device)).sum(), int((weights > 0).sum())


def _mean_loss(model: Any, tokenizer: Any, goal: _Goal) -> float:
    torch, _ = import_torch()
    model.train(False)
    with torch.inference_mode():
        total = sum(
            float(_losses(model, tokenizer, goal, np.array(batch))[0])
            for batch in batches_by_length(goal.ids, _PREDICT_BATCH)
        )
    return total / float(sum(its.sum() for its in goal.weights))


def _window_scores(model: Any, tokenizer: Any, cut: Windows) -> list[npt.NDArray[np.float64]]:
    """Log-probabilities of the tags at each position of each window."""
    torch, _ = import_torch()
    scores: list[npt.NDArray[np.float64]] = [np.zeros((0, 0))] * len(cut.ids)
    model.train(False)
    with torch.inference_mode():
        for batch in batches_by_length(cut.ids, _PREDICT_BATCH):
            padded = pad_windows(tokenizer, [cut.ids[number] for number in batch], model.device)
            likely = model(**padded).logits.double().log_softmax(dim=-1).cpu().numpy()
            for number, row in zip(batch, likely, strict=True):
                scores[number] = row[: len(cut.ids[number])]
    return scores
