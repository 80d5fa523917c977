"""The linear student of spans: a softmax for each token on frozen features, in files that hold no code."""

import json
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from dualchecker.embedding import make_embedder
from dualchecker.errors import StudentError
from dualchecker.records import Example, Record
from dualchecker.students.bio import tag_names
from dualchecker.students.files import read_description, write_folder
from dualchecker.students.solver import fit_softmax, scores_of
from dualchecker.students.tagging import SpanTagger, Tagged, usable
from dualchecker.students.token_features import TokenFeatures

L2 = 0.3
_ITERATIONS = 60


class LinearTagger(SpanTagger):
    """A ``SpanStudent``: multinomial logistic regression on each token's features, decoded as one sequence.

    Args:
        labels: The labels.
        features: Gives tokens and their feature blocks; shared, so that texts are read once.
        base: The embedder's name in the run file, for loading.
        l2: Ridge strength, scikit-learn's ``1 / C``, at examples of weight 1.
        soft_targets: Learn from ``TaughtSpan.target`` instead of the hard tags.
        seed: Kept for the record: the problem is convex and its solution does not depend on one.
    """

    kind = "linear"

    def __init__(
        self,
        labels: Sequence[str],
        features: TokenFeatures,
        *,
        base: str = "offline",
        l2: float = L2,
        soft_targets: bool = False,
        seed: int = 42,
    ) -> None:
        super().__init__(labels)
        self._features, self._base, self._l2 = features, base, l2
        self._soft, self._seed = soft_targets, seed
        self._weights: npt.NDArray[np.float32] | None = None

    def fit(self, examples: Sequence[Example], validation: Sequence[Example] = ()) -> Self:
        """Learn from ``examples``; ``validation`` is not needed.

        Raises:
            StudentError: See ``SpanStudent.fit``; or a span has an unknown label.
        """
        used = usable(examples)
        tokens, blocks = self._features.blocks([example.record.text for example in used])
        goals = self.goals(used, tokens, soft=self._soft)
        self.take_stock(goals)
        targets = np.concatenate([goal.targets for goal in goals])
        weights = np.concatenate([goal.weights for goal in goals])
        seen = np.flatnonzero(weights > 0)
        lexical, *vectors = (block[seen] for block in blocks)
        # A feature of one token alone says nothing about any other; without them it is as good, and quicker.
        often = np.flatnonzero(np.bincount(lexical.indices, minlength=lexical.shape[1]) > 1)
        found = fit_softmax(
            [lexical[:, often], *vectors],
            targets[seen],
            weights[seen],
            l2=self._l2,
            max_iterations=_ITERATIONS,
        )
        self._weights = np.zeros((len(found) - len(often) + lexical.shape[1], found.shape[1]), dtype=np.float32)
        self._weights[often] = found[: len(often)]
        self._weights[lexical.shape[1] :] = found[len(often) :]
        return self

    def tagged(self, records: Sequence[Record]) -> list[Tagged]:
        """See ``SpanTagger.tagged``."""
        if self._weights is None:
            raise StudentError("This student has not been trained.", fix="Call fit, or load a saved one.")
        tokens, blocks = self._features.blocks([record.text for record in records])
        ends = np.cumsum([len(its) for its in tokens], dtype=int)
        if not len(ends) or not ends[-1]:
            return [Tagged(its, np.zeros((0, 1 + 2 * len(self.labels)))) for its in tokens]
        scores = scores_of(blocks, self._weights).astype(np.float64)
        scores -= scores.max(axis=1, keepdims=True)
        scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
        return [Tagged(*one) for one in zip(tokens, np.split(scores, ends[:-1]), strict=True)]

    def sharpen(self, exponent: float) -> None:
        """See ``SpanStudent.sharpen``."""
        if self._weights is None:
            raise StudentError("This student has not been trained.", fix="Call fit, or load a saved one.")
        self._weights = np.asarray(self._weights * np.float32(exponent))

    def save(self, folder: Path, card: str = "", extra: dict[str, Any] | None = None) -> None:
        """See ``SpanStudent.save``.

        Raises:
            StudentError: The student has not been trained.
        """
        if self._weights is None:
            raise StudentError("This student has not been trained.", fix="Call fit before save.")
        # Most buckets were never used: only the rows that say something are kept.
        rows = np.flatnonzero(np.any(self._weights != 0, axis=1))
        description = {
            **(extra or {}),
            "kind": self.kind,
            "spans": True,
            "labels": list(self.labels),
            "tags": list(tag_names(self.labels)),
            "base": self._base,
            "share": self._features.share,
            "depth": self._features.depth,
            "seed": self._seed,
            "unexpressed": self.unexpressed,
        }
        with write_folder(folder) as temporary:
            np.savez_compressed(
                temporary / "model.npz",
                allow_pickle=False,
                rows=rows,
                weights=self._weights[rows],
                height=np.array(len(self._weights)),
            )
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
            labels = [str(label) for label in about["labels"]]
            weights = np.zeros((int(arrays["height"]), 1 + 2 * len(labels)), dtype=np.float32)
            weights[arrays["rows"]] = arrays["weights"]
            embedder = make_embedder(about["base"]) if about["share"] else None
            student = cls(
                labels,
                TokenFeatures(embedder, about["share"], about["depth"]),
                base=about["base"],
                seed=about["seed"],
            )
            student.unexpressed = dict(about["unexpressed"])
            student._weights = weights
        except (OSError, ValueError, KeyError, IndexError, TypeError, zipfile.BadZipFile, zlib.error) as error:
            raise StudentError(f"{folder} holds no usable linear student of spans.", why=repr(error)) from error
        return student
