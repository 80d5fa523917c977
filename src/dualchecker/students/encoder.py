"""The fine-tuned student: a Hugging Face encoder with a classification head, trained on soft labels."""

import math
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Self

import numpy as np

from dualchecker.embedding.transformer import (
    batches_by_length,
    encode,
    import_torch,
    load_pretrained,
    token_lengths,
)
from dualchecker.records import Example, Record
from dualchecker.students.base import Probabilities, check_examples, record_text, targets_and_weights
from dualchecker.students.multilabel import Grid, grid_of
from dualchecker.students.pretrained import Pretrained
from dualchecker.students.training import (
    bucketed_batches,
    freeze_lower_layers,
    learning_rate_factor,
    make_optimizer,
    update,
)
from dualchecker.tasks.multilabel import YES

_PREDICT_BATCH = 64


class EncoderStudent(Pretrained):
    """A ``Student`` that fine-tunes an encoder; its folder is a plain Hugging Face model.

    The loss is cross-entropy with soft targets, weighted by example; examples of weight 0 are left out. The
    learning rate reaches zero when the last step is done. With validation examples, the weights of the epoch
    with the lowest log-loss on them are kept. On one machine's CPU, the same seed and data give the same
    student. The caller's random state stays as it was.

    Args:
        labels: All labels, in the order of the columns of ``predict``.
        base: ``offline`` (MiniLM from its package), a folder, or a name on the hub.
        seed: Decides the head's first weights, dropout and the order of the texts.
        text: What it reads of a record: ``text``, ``detail`` or ``both``.
        epochs: Passes over the examples; may be a fraction.
        min_steps: Optimiser steps to make at least, with more passes if need be: a few dozen examples are not learnt
            in a few passes.
        batch_size: Texts per optimiser step.
        learning_rate: At its peak, after the warm-up.
        max_length: Tokens after which a text is cut.
        soft_targets: Learn from ``Example.target`` where there is one; otherwise from the hard label alone.
        freeze: Lower layers that stay as they are, together with the embeddings; 0 trains everything.
        progress: Called after every step with the steps taken and the steps in all.
        multiple: One sigmoid output a label, for examples that are decisions; any number of labels may apply.
    """

    kind = "encoder"
    model_class = "AutoModelForSequenceClassification"

    def __init__(
        self,
        labels: Sequence[str],
        *,
        base: str = "offline",
        seed: int = 42,
        text: str = "text",
        epochs: float = 4,
        min_steps: int = 0,
        batch_size: int = 16,
        learning_rate: float = 1e-4,
        max_length: int = 256,
        soft_targets: bool = True,
        freeze: int = 0,
        progress: Callable[[int, int], None] | None = None,
        multiple: bool = False,
    ) -> None:
        self.labels, self.multiple = tuple(labels), multiple
        self._base, self._seed, self._text, self._max_length = base, seed, text, max_length
        self._epochs, self._batch_size, self._learning_rate = epochs, batch_size, learning_rate
        self._min_steps = min_steps
        self._soft_targets, self._freeze, self._progress = soft_targets, freeze, progress

    def fit(self, examples: Sequence[Example], validation: Sequence[Example] = ()) -> Self:
        """Fine-tune from the base; earlier training is forgotten.

        Args:
            examples: Those with a weight above 0 are learnt from.
            validation: Gold that decides which epoch's weights are kept; may be empty.

        Raises:
            StudentError: There is nothing to learn from (see ``check_examples``), or training diverged.
            ConfigError: The base cannot be loaded, or has fewer layers than ``freeze``.
        """
        used = [example for example in examples if example.weight > 0]
        goal = self._goal(used)
        torch, _ = import_torch()
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(self._seed)
            model, tokenizer = load_pretrained(
                self.model_class,
                self._base,
                max_length=self._max_length,
                id2label=dict(enumerate(self.labels)),
                label2id={label: number for number, label in enumerate(self.labels)},
                problem_type="multi_label_classification" if self.multiple else "single_label_classification",
            )
            freeze_lower_layers(model, self._freeze, self._base)
            self._train(model, tokenizer, goal, validation)
        self._loaded = model, tokenizer
        return self

    def _goal(self, examples: Sequence[Example]) -> Grid:
        """Texts, targets of shape (texts, labels), and weights: of texts, or of each (text, label)."""
        if self.multiple:
            return grid_of(examples, self.labels, soft=self._soft_targets)
        check_examples(examples, self.labels)
        targets, weights = targets_and_weights(examples, self.labels, soft=self._soft_targets)
        return Grid([example.record for example in examples], targets, weights[:, None])

    def _losses(self, logits: Any, targets: Any, weights: Any) -> Any:
        """Weighted cross-entropy of each text; with several labels that of each (text, label) in the mean."""
        torch, _ = import_torch()
        if self.multiple:
            each = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
            return (each * weights).mean(dim=1)
        return -(targets * logits.log_softmax(dim=1)).sum(dim=1) * weights[:, 0]

    def _train(self, model: Any, tokenizer: Any, goal: Grid, validation: Sequence[Example]) -> None:
        torch, _ = import_torch()
        texts = [record_text(record, self._text) for record in goal.records]
        lengths = token_lengths(tokenizer, texts)
        targets = torch.tensor(goal.targets, dtype=torch.float32, device=model.device)
        weights = torch.tensor(goal.weights / goal.weights.mean(), dtype=torch.float32, device=model.device)

        optimizer = make_optimizer(model)
        rng = np.random.default_rng(self._seed)
        by_epochs = round(math.ceil(len(texts) / self._batch_size) * self._epochs)
        step, total = 0, max(1, self._min_steps, by_epochs)
        best_loss, best_state = math.inf, None
        while step < total:
            model.train()
            for batch in islice(bucketed_batches(lengths, self._batch_size, rng), total - step):
                logits = model(**encode(tokenizer, [texts[row] for row in batch], model.device)).logits
                self._losses(logits, targets[batch], weights[batch]).mean().backward()
                update(model, optimizer, self._learning_rate * learning_rate_factor(step, total))
                step += 1
                if self._progress:
                    self._progress(step, total)
            if validation:
                loss = self._log_loss(model, tokenizer, validation)
                if loss < best_loss:
                    best_loss = loss
                    best_state = {name: value.clone() for name, value in model.state_dict().items()}
        if best_state is not None:
            model.load_state_dict(best_state)

    def _log_loss(self, model: Any, tokenizer: Any, examples: Sequence[Example]) -> float:
        # Decisions about one text are read once; without several labels each text is one of its own.
        texts = [record_text(example.record.whole, self._text) for example in examples]
        columns = [self.labels.index(example.record.about or example.label) for example in examples]
        place = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        chances = _probabilities(model, tokenizer, list(place))
        right = chances[[place[text] for text in texts], columns]
        if self.multiple:
            right = np.where([example.label == YES for example in examples], right, 1 - right)
        return float(-np.log(np.maximum(right, 1e-12)).mean())

    def predict(self, records: Sequence[Record]) -> Probabilities:
        """Probabilities, float64 of shape (len(records), len(labels)); rows sum to 1.

        Raises:
            StudentError: The student has not been trained.
        """
        model, tokenizer = self._trained()
        return _probabilities(model, tokenizer, [record_text(record, self._text) for record in records])

    def _settings(self) -> dict[str, Any]:
        return {
            "labels": self.labels,
            **({"multiple": True} if self.multiple else {}),
            "text": self._text,
            "max_length": self._max_length,
            "seed": self._seed,
        }

    @classmethod
    def _from_settings(cls, settings: dict[str, Any], base: str) -> Self:
        return cls(
            settings["labels"],
            base=base,
            seed=settings["seed"],
            text=settings["text"],
            max_length=settings["max_length"],
            multiple=settings.get("multiple", False),
        )


def _probabilities(model: Any, tokenizer: Any, texts: Sequence[str]) -> Probabilities:
    torch, _ = import_torch()
    result = np.empty((len(texts), model.config.num_labels))
    several = model.config.problem_type == "multi_label_classification"
    model.train(False)
    with torch.inference_mode():
        for batch in batches_by_length(texts, _PREDICT_BATCH):
            logits = model(**encode(tokenizer, [texts[row] for row in batch], model.device)).logits
            logits = logits.cpu().double()
            result[batch] = (logits.sigmoid() if several else logits.softmax(dim=1)).numpy()
    return result
