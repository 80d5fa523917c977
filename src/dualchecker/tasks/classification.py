"""One label out of a set: binary and multiclass, in any language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from dualchecker.config import Form, Occurrence
from dualchecker.errors import ConfigError
from dualchecker.tasks.base import Parsed
from dualchecker.tasks.names import NamedLabels
from dualchecker.tasks.replies import read_confidence, read_object


@dataclass(frozen=True)
class Classification(NamedLabels):
    """Choose one label for a text.

    Args:
        question: What is asked of each text.
        labels: Label names with descriptions; at least two. Their order is the order of every probability vector.

    Raises:
        ConfigError: Fewer than two labels, an empty name, or two names that differ only in case or separators.
    """

    question: str
    labels: Mapping[str, str] = field(default_factory=dict)

    form: ClassVar[Form] = "labels"
    multiple: ClassVar[bool] = False
    spans: ClassVar[bool] = False
    reasons: ClassVar[bool] = False
    occurrence: ClassVar[Mapping[str, Occurrence]] = {}

    def __post_init__(self) -> None:
        if len(self.labels) < 2:
            raise ConfigError("A classification task needs at least two labels.", fix="List them under task.labels.")
        self._check_names()

    def schema(self) -> dict[str, Any]:
        """Reason first, so that the label follows from it; then label and confidence."""
        return {
            "type": "object",
            "properties": {
                "rationale": {"type": "string"},
                "label": {"type": "string", "enum": list(self.names)},
                "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            },
            "required": ["rationale", "label", "confidence"],
            "additionalProperties": False,
        }

    def parse(self, reply: str, text: str = "", choices: Sequence[str] = ()) -> Parsed:
        """Understand a reply: a JSON object, one inside prose, or ``label: ...`` lines.

        Outcomes: ``ok``, ``empty``, ``unparsed``, ``label_missing``, ``label_outside_set``, ``label_ambiguous``.
        """
        if not reply.strip():
            return Parsed(None, "empty")
        fields, notes = read_object(reply, ("rationale", "label", "confidence"))
        if fields is None:
            bare = self.find(reply) if len(reply) < 200 else None
            return Parsed(bare, "ok", notes=("bare_label",)) if bare else Parsed(None, "unparsed")
        # JSON can spell half a surrogate pair, which no file and no database takes.
        rationale = str(fields.get("rationale") or "").encode("utf-8", "replace").decode()
        stated, remark = read_confidence(fields.get("confidence"))
        notes += (remark,) if remark else ()
        value = fields.get("label")
        if isinstance(value, list):
            if len(value) != 1:
                return Parsed(None, "label_ambiguous" if value else "label_missing", rationale, None, notes)
            value = value[0]
        if value is None or value == "":
            return Parsed(None, "label_missing", rationale, None, notes)
        label = self.find(value)
        if label is None:
            return Parsed(None, "label_outside_set", rationale, None, notes)
        return Parsed(label, "ok", rationale, stated, notes)

    def equal(self, left: str | None, right: str | None) -> bool:
        return left is not None and left == right

    def score(self, predicted: Sequence[str | None], truth: Sequence[str]) -> dict[str, float]:
        """Accuracy and macro-F1 (over the labels that occur in truth or prediction)."""
        if len(predicted) != len(truth):
            raise ValueError(f"{len(predicted)} predictions for {len(truth)} true labels")
        if not truth:
            return {"accuracy": float("nan"), "macro_f1": float("nan")}
        hits: dict[str, int] = {}
        said: dict[str, int] = {}
        there: dict[str, int] = {}
        for guess, true in zip(predicted, truth, strict=True):
            there[true] = there.get(true, 0) + 1
            if guess is not None:
                said[guess] = said.get(guess, 0) + 1
            if guess == true:
                hits[true] = hits.get(true, 0) + 1
        names = there.keys() | said.keys()
        f1 = [2 * hits.get(n, 0) / (said.get(n, 0) + there.get(n, 0)) for n in names]
        return {"accuracy": sum(hits.values()) / len(truth), "macro_f1": sum(f1) / len(f1)}
