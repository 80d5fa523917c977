"""The linear student: logistic regression on frozen features, in files that hold no code."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from dualchecker.embedding import NgramEmbedder, make_embedder
from dualchecker.errors import StudentError
from dualchecker.records import Example, Record
from dualchecker.students.base import Probabilities, check_examples, targets_and_weights
from dualchecker.students.features import L2, Features
from dualchecker.students.files import read_description, write_folder
from dualchecker.students.multilabel import grid_of
from dualchecker.students.solver import fit_sigmoid, fit_softmax, scores_of, sigmoid, softmax


class LinearStudent:
    """Multinomial logistic regression on an embedder's vectors and character n-grams.

    Args:
        labels: In the order of the probability columns.
        features: Gives the feature blocks; shared, so that texts are embedded once.
        base: The embedder's name in the run file, for loading.
        l2: Ridge strength, scikit-learn's ``1 / C``.
        soft_targets: Learn from the examples' distributions instead of their hard labels.
        seed: Kept for the record: the problem is convex and its solution does not depend on one.
        multiple: One logistic regression a label, for examples that are decisions; any number of labels may apply.
    """

    kind = "linear"

    def __init__(
        self,
        labels: Sequence[str],
        features: Features,
        *,
        base: str = "offline",
        l2: float = L2,
        soft_targets: bool = False,
        seed: int = 42,
        multiple: bool = False,
    ) -> None:
        self.labels, self.multiple = tuple(labels), multiple
        self._features, self._base, self._l2 = features, base, l2
        self._soft, self._seed = soft_targets, seed
        self._weights: npt.NDArray[np.float32] | None = None

    def fit(self, examples: Sequence[Example], validation: Sequence[Example] = ()) -> Self:
        if self.multiple:
            grid = grid_of(examples, self.labels, soft=self._soft)
            blocks = self._features.blocks(grid.records)
            self._weights = fit_sigmoid(blocks, grid.targets, grid.weights, l2=self._l2)
            return self
        examples = [example for example in examples if example.weight > 0]
        check_examples(examples, self.labels)
        examples += self._features.named
        targets, weights = targets_and_weights(examples, self.labels, soft=self._soft)
        blocks = self._features.blocks([example.record for example in examples])
        self._weights = fit_softmax(blocks, targets, weights, l2=self._l2)
        return self

    def predict(self, records: Sequence[Record]) -> Probabilities:
        if self._weights is None:
            raise StudentError("This student has not been trained.", fix="Call fit, or load a saved one.")
        if not records:
            return np.zeros((0, len(self.labels)))
        scores = scores_of(self._features.blocks(records), self._weights)
        return sigmoid(scores) if self.multiple else softmax(scores)

    def sharpen(self, exponent: float) -> None:
        if self._weights is None:
            raise StudentError("This student has not been trained.", fix="Call fit, or load a saved one.")
        self._weights = np.asarray(self._weights * np.float32(exponent))

    def save(self, folder: Path, card: str = "", extra: dict[str, Any] | None = None) -> None:
        if self._weights is None:
            raise StudentError("This student has not been trained.", fix="Call fit before save.")
        arrays: dict[str, npt.NDArray[Any]] = {"weights": self._weights}
        if self._features.ngrams.idf is not None:
            arrays["idf"] = self._features.ngrams.idf.astype(np.float32)
        description = {
            **(extra or {}),
            "kind": self.kind,
            "labels": list(self.labels),
            **({"multiple": True} if self.multiple else {}),
            "base": self._base,
            "text": self._features.text,
            "ngram_share": self._features.share,
            "ngram_features": self._features.ngrams.features,
            "seed": self._seed,
        }
        with write_folder(folder) as temporary:
            np.savez_compressed(temporary / "model.npz", allow_pickle=False, **arrays)
            (temporary / "README.md").write_text(card, encoding="utf-8")
            (temporary / "dualchecker.json").write_text(
                json.dumps(description, ensure_ascii=False, indent=2), encoding="utf-8"
            )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load a saved student; its embedder is made anew from the base's name.

        Raises:
            StudentError: The folder holds none, or a damaged one.
        """
        about = read_description(folder)
        try:
            with np.load(folder / "model.npz", allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            ngrams = NgramEmbedder(arrays.get("idf"), about["ngram_features"])
            embedder = ngrams if about["base"] == "ngrams" else make_embedder(about["base"])
            features = Features(embedder, ngrams, about["ngram_share"], about["text"])
            student = cls(
                about["labels"],
                features,
                base=about["base"],
                seed=about["seed"],
                multiple=about.get("multiple", False),
            )
            student._weights = arrays["weights"]
        except (OSError, ValueError, KeyError) as error:
            raise StudentError(f"{folder} holds no usable linear student.", why=str(error)) from error
        return student
