"""Any number of labels out of a set: one yes-or-no decision a label, all asked in one request."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from dualchecker.config import Form
from dualchecker.tasks.base import Parsed, Verdict
from dualchecker.tasks.classification import Classification
from dualchecker.tasks.replies import read_confidence, read_object

YES, NO = "yes", "no"
SEPARATORS = "|;,"
"""In text, labels are separated by the first of these that occurs."""

_WORDS = {"yes": True, "true": True, "applies": True, "no": False, "false": False, "does not apply": False}
_NONE = frozenset({"none", "nothing", "none of them", "none apply", "none applies", "-"})


class MultiLabel(Classification):
    """Choose all labels that apply to a text, which may be none.

    An answer as a whole is the list of its labels as JSON text, in the task's order: ``["politics", "sport"]``.
    """

    form: ClassVar[Form] = "label_sets"
    multiple: ClassVar[bool] = True

    @cached_property
    def decision(self) -> Classification:
        """The task of a single decision: whether one label applies."""
        return Classification(self.question, {YES: "The label applies.", NO: "It does not."})

    def schema(self) -> dict[str, Any]:
        """Reason first; then for every label the chance that it applies."""
        chance = {"type": "number", "minimum": 0, "maximum": 1}
        return {
            "type": "object",
            "properties": {
                "rationale": {"type": "string"},
                "labels": {
                    "type": "object",
                    "properties": dict.fromkeys(self.names, chance),
                    "required": list(self.names),
                    "additionalProperties": False,
                },
            },
            "required": ["rationale", "labels"],
            "additionalProperties": False,
        }

    def write(self, labels: Sequence[str]) -> str:
        """A set of labels as one answer, whatever the order they come in."""
        return json.dumps([name for name in self.names if name in labels], ensure_ascii=False)

    def separator_of(self, text: str) -> str | None:
        """The character at which a text is divided into labels, if it is."""
        return None if text.startswith("[") else next((mark for mark in SEPARATORS if mark in text), None)

    def pieces(self, text: str) -> list[str]:
        """The label names in a text: a JSON list, one name, or names with a separator (see ``SEPARATORS``)."""
        text = text.strip()
        if text.startswith("["):
            try:
                return [str(item).lower() if isinstance(item, bool) else str(item) for item in json.loads(text)]
            except (ValueError, RecursionError):
                return [text]
        if self.find(text) is not None:
            return [text]
        separator = self.separator_of(text)
        return [piece.strip() for piece in text.split(separator) if piece.strip()] if separator else [text]

    def parse(self, reply: str, text: str = "", choices: Sequence[str] = ()) -> Parsed:
        """Understand a reply: for every label a chance, a word or both; or the list of labels that apply.

        What is not named does not apply. A name that is no label is noted (``label_outside_set``) and the others are
        used; where a label's own word cannot be read, it has a verdict without ``applies``.

        Outcomes: ``ok``, ``empty``, ``unparsed``, ``label_missing``, ``label_outside_set``.
        """
        if not reply.strip():
            return Parsed(None, "empty")
        fields, notes = read_object(reply, ("rationale", "labels", "label", "confidence"))
        if fields is None:
            bare = reply.strip()
            known = [self.find(piece) for piece in self.pieces(bare)] if len(bare) < 500 else []
            if bare == "[]" or (known and None not in known):
                return self._understood(self._from_list(self.pieces(bare), None), "", ("bare_label",))
            return Parsed(None, "unparsed")
        rationale = str(fields.get("rationale") or "").encode("utf-8", "replace").decode()
        given = fields.get("labels", fields.get("label"))
        if given is None or given == "":
            return Parsed(None, "label_missing", rationale, None, notes)
        if isinstance(given, str):
            given = [] if given.strip().casefold() in _NONE and self.find(given) is None else self.pieces(given)
        if isinstance(given, Mapping):
            return self._understood(self._from_map(given), rationale, notes)
        if isinstance(given, list):
            return self._understood(self._from_list(given, fields.get("confidence")), rationale, notes)
        return Parsed(None, "unparsed", rationale, None, notes)

    def equal(self, left: str | None, right: str | None) -> bool:
        return left is not None and left == right

    def score(self, predicted: Sequence[str | None], truth: Sequence[str]) -> dict[str, float]:
        """Micro-F1, macro-F1 (over the labels that occur in truth or prediction) and exact match."""
        if len(predicted) != len(truth):
            raise ValueError(f"{len(predicted)} predictions for {len(truth)} true label sets")
        if not truth:
            return dict.fromkeys(("micro_f1", "macro_f1", "exact_match"), float("nan"))
        hits, said, there = (dict.fromkeys(self.names, 0) for _ in range(3))
        for guess, true in zip(predicted, truth, strict=True):
            wanted, found = set(json.loads(true)), set(json.loads(guess) if guess is not None else ())
            for counts, names in ((hits, wanted & found), (said, found), (there, wanted)):
                for name in names:
                    counts[name] += 1
        total = sum(said.values()) + sum(there.values())
        f1 = [2 * hits[n] / (said[n] + there[n]) for n in self.names if said[n] + there[n]]
        exact = sum(self.equal(p, t) for p, t in zip(predicted, truth, strict=True)) / len(truth)
        # Where nothing applies and nothing was said to, there is nothing that could have been missed.
        nothing = 1.0 if all(guess is not None for guess in predicted) else 0.0
        return {
            "micro_f1": 2 * sum(hits.values()) / total if total else nothing,
            "macro_f1": sum(f1) / len(f1) if f1 else nothing,
            "exact_match": exact,
        }

    def _understood(
        self, read: tuple[dict[str, Verdict], tuple[str, ...]], rationale: str, more: Sequence[str]
    ) -> Parsed:
        said, found = read
        notes = (*more, *dict.fromkeys(found))
        if not said and "label_outside_set" in notes:
            rest = tuple(note for note in notes if note != "label_outside_set")
            return Parsed(None, "label_outside_set", rationale, None, rest)
        if said and all(verdict.applies is None for verdict in said.values()):
            return Parsed(None, "unparsed", rationale, None, notes)
        verdicts = {name: said.get(name, Verdict(False)) for name in self.names}
        label = self.write([name for name, verdict in verdicts.items() if verdict.applies])
        return Parsed(label, "ok", rationale, None, notes, verdicts)

    def _from_map(self, given: Mapping[Any, Any]) -> tuple[dict[str, Verdict], tuple[str, ...]]:
        verdicts: dict[str, Verdict] = {}
        notes: list[str] = []
        for name, value in given.items():
            label = self.find(name)
            if label is None:
                notes.append("label_outside_set")
                continue
            verdicts[label], remark = _verdict(value)
            notes += [remark] if remark else []
        if len(verdicts) < len(self.names):
            notes.append("labels_left_out")
        return verdicts, tuple(notes)

    def _from_list(self, given: Sequence[Any], confidence: Any) -> tuple[dict[str, Verdict], tuple[str, ...]]:
        """Labels that apply, by name or as objects with a name; ``confidence`` may be a map or one for all."""
        verdicts: dict[str, Verdict] = {}
        notes: list[str] = []
        by_name = {self.find(k): v for k, v in confidence.items()} if isinstance(confidence, Mapping) else {}
        for item in given:
            fields = item if isinstance(item, Mapping) else {"label": item}
            label = self.find(fields.get("label", fields.get("name", "")))
            if label is None:
                notes.append("label_outside_set")
                continue
            stated = fields.get("confidence", by_name.get(label))
            verdicts[label], remark = _verdict({"applies": fields.get("applies", True), "confidence": stated})
            notes += [remark] if remark else []
        return verdicts, tuple(notes)


def _verdict(value: Any) -> tuple[Verdict, str]:
    """What stands behind a label's name: a chance, a word, or an object with a word and the confidence in it."""
    if isinstance(value, Mapping):
        applies = _word(value.get("applies", value.get("label", value.get("value"))))
        chance, remark = read_confidence(value.get("confidence"))
        if applies is None:
            return (Verdict(None), remark or "verdict_unreadable") if chance is None else _by_chance(chance)
        return Verdict(applies, chance), "" if remark == "confidence_absent" else remark
    if (applies := _word(value)) is not None:
        return Verdict(applies), ""
    chance, remark = read_confidence(value)
    return _by_chance(chance) if chance is not None else (Verdict(None), remark)


def _by_chance(chance: float) -> tuple[Verdict, str]:
    return Verdict(chance >= 0.5, max(chance, 1 - chance)), ""


def _word(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return _WORDS.get(value.strip().casefold()) if isinstance(value, str) else None
