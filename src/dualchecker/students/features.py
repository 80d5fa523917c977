"""What a linear student sees of a text: the embedder's vector, and beside it character n-grams."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dualchecker.confidence import best_exponent
from dualchecker.embedding import Embedder, NgramEmbedder
from dualchecker.records import Example, Record
from dualchecker.students.base import record_text, targets_and_weights
from dualchecker.students.solver import fit_sigmoid, fit_softmax, scores_of, sigmoid, softmax

SHARES = (0.0, 0.5, 1.0, 2.0)
"""How strongly n-grams may count beside the vector. Vectors carry what a text is about; n-grams carry wording, which
decides where all texts are about the same (measured: docs/benchmarks.md)."""

RIDGES = (0.3, 0.1, 0.03, 0.01)
L2 = 0.1
"""Ridge strengths (scikit-learn's ``1 / C``): those tried, and the one used before any is tried."""

_FOLDS = 3

_NAMES_GAIN = 0.01
"""Label names teach only where they lower the loss by more than this share, so that noise does not let them in."""


class Features:
    """Feature blocks of records.

    Args:
        embedder: Gives the first block.
        ngrams: Gives the second one.
        share: Its strength; 0 leaves it out.
        text: Which form of a record is read.
        named: Examples that every student of these features learns beside its own: the labels' own words.
    """

    def __init__(
        self, embedder: Embedder, ngrams: NgramEmbedder, share: float, text: str, named: Sequence[Example] = ()
    ) -> None:
        self.embedder, self.ngrams, self.share, self.text = embedder, ngrams, share, text
        self.named = tuple(named)

    def blocks(self, records: Sequence[Record]) -> list[Any]:
        """Shape (records, d) each."""
        texts = [record_text(record, self.text) for record in records]
        blocks = [self.embedder.embed(texts)]
        if self.share:
            blocks.append(self.ngrams.embed(texts) * np.float32(self.share))
        return blocks


def name_examples(labels: Mapping[str, str]) -> list[Example]:
    """Each label's name, with its description if there is one, as a text of that label."""
    examples = []
    for label, description in labels.items():
        words = " ".join(label.replace("_", " ").replace("-", " ").split())
        text = f"{words}: {description}" if description else words
        examples.append(Example(Record(f"label {label}", text), label))
    return examples


def choose_features(
    embedder: Embedder,
    gold: Sequence[Record],
    others: Sequence[Record],
    labels: Sequence[str] | Mapping[str, str],
    text: str,
) -> tuple[Features, float]:
    """The n-gram share, then the ridge, that do best on gold in cross-validation; the pool's labels play no part.

    With descriptions of the labels, their names become examples where that does better still: with a handful of texts
    a label, the name is one more of them.

    Candidates are compared by log-loss after each is made as sure as it should be, so that a ridge that is merely
    timid does not lose to one that is merely bold.

    Args:
        embedder: The run's embedder.
        gold: Human-labelled records.
        others: Unlabelled ones, for document frequencies.
        labels: Order of the columns; as a mapping, with descriptions, which may be empty.
        text: Which form of a record is read.

    Returns:
        Features and the ridge strength.
    """
    columns = tuple(labels)
    multiple = any(record.labels is not None for record in gold)
    if multiple:
        targets = np.array([[label in (record.labels or ()) for label in labels] for record in gold], dtype=float)
    else:
        targets, _ = targets_and_weights([Example(record, record.label or "") for record in gold], columns)
    loss = _multilabel_loss if multiple else _loss
    if isinstance(embedder, NgramEmbedder):
        features = Features(embedder, embedder, 0.0, text)
    else:
        # A weight a label and feature: with many labels fewer features keep it quick.
        ngrams = NgramEmbedder(features=2**15 if len(labels) <= 20 else 2**13)
        ngrams.fit([record_text(record, text) for record in (*gold, *others)])
        candidates = [Features(embedder, ngrams, share, text) for share in SHARES]
        features = min(candidates, key=lambda f: loss(f.blocks(gold), targets, L2))
    blocks = features.blocks(gold)
    losses = {l2: loss(blocks, targets, l2) for l2 in RIDGES}
    l2 = min(losses, key=losses.__getitem__)
    if isinstance(labels, Mapping) and not multiple:
        named = name_examples(labels)
        beside = features.blocks([example.record for example in named]), targets_and_weights(named, columns)[0]
        if _loss(blocks, targets, l2, beside) < (1 - _NAMES_GAIN) * losses[l2]:
            features = Features(features.embedder, features.ngrams, features.share, text, named)
    return features, l2


def _stacked(above: Any, below: Any) -> Any:
    if hasattr(above, "tocsr"):
        from scipy.sparse import vstack

        return vstack([above, below]).tocsr()
    return np.concatenate([above, below])


def _loss(
    blocks: Sequence[Any],
    targets: npt.NDArray[np.float64],
    l2: float,
    beside: tuple[Sequence[Any], npt.NDArray[np.float64]] | None = None,
) -> float:
    truth = targets.argmax(axis=1)
    fold = np.zeros(len(targets), dtype=int)
    for column in range(targets.shape[1]):  # every label in every fold, as far as it goes
        members = np.flatnonzero(truth == column)
        fold[members] = np.arange(len(members)) % _FOLDS
    out = np.zeros_like(targets)
    for number in np.unique(fold).tolist():
        train, held = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        if not len(train):
            return float("inf")
        known, wanted = [block[train] for block in blocks], targets[train]
        if beside is not None:
            known = [_stacked(block, more) for block, more in zip(known, beside[0], strict=True)]
            wanted = np.concatenate([wanted, beside[1]])
        weights = fit_softmax(known, wanted, np.ones(len(wanted)), l2=l2, max_iterations=60)
        out[held] = softmax(scores_of([block[held] for block in blocks], weights))
    return best_exponent(out, truth)[1]


def _multilabel_loss(blocks: Sequence[Any], targets: npt.NDArray[np.float64], l2: float) -> float:
    """The same where any number of labels may apply: over all decisions."""
    fold = np.arange(len(targets)) % _FOLDS
    out = np.zeros_like(targets)
    for number in np.unique(fold).tolist():
        train, held = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        if not len(train):
            return float("inf")
        weights = fit_sigmoid(
            [block[train] for block in blocks], targets[train], np.ones_like(targets[train]), l2=l2, max_iterations=60
        )
        out[held] = sigmoid(scores_of([block[held] for block in blocks], weights))
    chances = out.ravel()
    return best_exponent(np.stack([chances, 1 - chances], axis=1), (1 - targets.ravel()).astype(int))[1]
