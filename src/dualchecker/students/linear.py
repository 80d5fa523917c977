"""The linear student: logistic regression on frozen vectors, in files that hold no code."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from dualchecker.embedding import Embedder, NgramEmbedder, make_embedder
from dualchecker.errors import StudentError
from dualchecker.records import Example, Record
from dualchecker.students.base import Probabilities, check_examples, record_text, targets_and_weights
from dualchecker.students.files import write_folder
from dualchecker.students.solver import fit_softmax, softmax


class LinearStudent:
    """Multinomial logistic regression on an embedder's vectors.

    Args:
        labels: In the order of the probability columns.
        embedder: Gives the vectors; shared with the aligner, so that texts are embedded once.
        base: The embedder's name in the run file, for loading.
        l2: Ridge strength, scikit-learn's ``1 / C``.
        soft_targets: Learn from the examples' distributions instead of their hard labels.
        text: Which form of a record is read.
        seed: Kept for the record: the problem is convex and its solution does not depend on one.
    """

    kind = "linear"

    def __init__(
        self,
        labels: Sequence[str],
        embedder: Embedder,
        *,
        base: str = "offline",
        l2: float = 0.1,
        soft_targets: bool = True,
        text: str = "text",
        seed: int = 42,
    ) -> None:
        self.labels = tuple(labels)
        self._embedder, self._base, self._l2 = embedder, base, l2
        self._soft, self._text, self._seed = soft_targets, text, seed
        self._coefficients: npt.NDArray[np.float64] | None = None
        self._intercepts: npt.NDArray[np.float64] = np.zeros(len(self.labels))

    def _vectors(self, records: Sequence[Record]) -> Any:
        return self._embedder.embed([record_text(record, self._text) for record in records])

    def fit(self, examples: Sequence[Example], validation: Sequence[Example] = ()) -> Self:
        check_examples(examples, self.labels)
        targets, weights = targets_and_weights(examples, self.labels, soft=self._soft)
        start = None if self._coefficients is None else (self._coefficients, self._intercepts)
        self._coefficients, self._intercepts = fit_softmax(
            self._vectors([example.record for example in examples]),
            targets,
            weights,
            l2=self._l2,
            start=start,
        )
        return self

    def predict(self, records: Sequence[Record]) -> Probabilities:
        if self._coefficients is None:
            raise StudentError("This student has not been trained.", fix="Call fit, or load a saved one.")
        if not records:
            return np.zeros((0, len(self.labels)))
        return softmax(np.asarray(self._vectors(records) @ self._coefficients.T, dtype=float) + self._intercepts)

    def save(self, folder: Path, card: str = "", extra: dict[str, Any] | None = None) -> None:
        if self._coefficients is None:
            raise StudentError("This student has not been trained.", fix="Call fit before save.")
        arrays = {"coefficients": self._coefficients, "intercepts": self._intercepts}
        inner = getattr(self._embedder, "inner", self._embedder)
        if isinstance(inner, NgramEmbedder) and inner.idf is not None:
            arrays["idf"] = inner.idf
        description = {
            "kind": self.kind,
            "labels": list(self.labels),
            "base": self._base,
            "text": self._text,
            "seed": self._seed,
            **(extra or {}),
        }
        with write_folder(folder) as temporary:
            np.savez_compressed(temporary / "model.npz", allow_pickle=False, **arrays)
            (temporary / "README.md").write_text(card, encoding="utf-8")
            (temporary / "dualchecker.json").write_text(
                json.dumps(description, ensure_ascii=False, indent=2), encoding="utf-8"
            )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load a saved student; its embedder is made anew from the base's name."""
        try:
            description = json.loads((folder / "dualchecker.json").read_text(encoding="utf-8"))
            with np.load(folder / "model.npz", allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            base = description["base"]
            embedder = NgramEmbedder(arrays.get("idf")) if base == "ngrams" else make_embedder(base)
            student = cls(
                description["labels"], embedder, base=base, text=description["text"], seed=description["seed"]
            )
            student._coefficients, student._intercepts = arrays["coefficients"], arrays["intercepts"]
        except (OSError, ValueError, KeyError) as error:
            raise StudentError(f"{folder} holds no usable linear student.", why=str(error)) from error
        return student
