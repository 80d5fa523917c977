"""Labelled spans of a text, such as causes and effects (DualChecker's third task), in any language.

A teacher quotes; it never counts characters. Its quotes are found in the text (``quotes``); one that is not there is
hallucinated: it is counted, and never becomes a span.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from dualchecker.config import Form, Occurrence
from dualchecker.errors import ConfigError
from dualchecker.records import Found, Span
from dualchecker.tasks.base import Parsed
from dualchecker.tasks.names import NamedLabels
from dualchecker.tasks.quotes import Quote, find_quotes
from dualchecker.tasks.replies import read_confidence, read_object, read_objects

MOST_SPANS = 200
"""Spans read from one reply; a reply with more is broken, and the rest is left out (``too_many_spans``)."""

_FIELDS = ("rationale", "spans", "entities")
_QUOTE_NAMES = ("quote", "text", "span", "words")
_LABEL_NAMES = ("label", "type", "entity", "entity_type")


@dataclass(frozen=True)
class Extraction(NamedLabels):
    """Find the spans of each label in a text.

    An answer as a whole is what a teacher replies: a JSON list of its spans in the order of the text, each with label
    and quote.

    Args:
        question: What is asked of each text.
        labels: Label names with descriptions; at least one.
        occurrence: How many spans of a label a text may have; ``any`` where a label is not named.
        least_fit: How alike a quote and the text must be for the quote to be found there, 0..1; see ``find_quotes``.

    Raises:
        ConfigError: No label, an empty name, or two names that differ only in case or separators.
    """

    question: str
    labels: Mapping[str, str]
    occurrence: Mapping[str, Occurrence] = field(default_factory=dict)
    least_fit: float = 0.85

    form: ClassVar[Form] = "spans"
    multiple: ClassVar[bool] = False
    spans: ClassVar[bool] = True
    reasons: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not self.labels:
            raise ConfigError("An extraction task needs at least one label.", fix="List them under task.labels.")
        self._check_names()

    def needs(self, label: str) -> bool:
        """Whether every text has at least one span of the label."""
        return self.occurrence.get(label, "any") in ("at_least_one", "exactly_one")

    def single(self, label: str) -> bool:
        """Whether no text has two spans of the label."""
        return self.occurrence.get(label, "any") in ("at_most_one", "exactly_one")

    def schema(self) -> dict[str, Any]:
        """Reason first, so that the spans follow from it; a quote and a confidence for each."""
        span = {
            "type": "object",
            "properties": {
                "label": {"type": "string", "enum": list(self.names)},
                "quote": {"type": "string"},
                "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            },
            "required": ["label", "quote", "confidence"],
            "additionalProperties": False,
        }
        return {
            "type": "object",
            "properties": {"rationale": {"type": "string"}, "spans": {"type": "array", "items": span}},
            "required": ["rationale", "spans"],
            "additionalProperties": False,
        }

    def write(self, text: str, spans: Iterable[Span]) -> str:
        """Spans of a text as an answer: what a teacher would reply."""
        said = [{"label": span.label, "quote": text[span.start : span.end]} for span in sorted(spans)]
        return _plain(json.dumps(said, ensure_ascii=False))

    def parse(self, reply: str, text: str = "", choices: Sequence[str] = ()) -> Parsed:
        """Understand a reply: a JSON object with a list of quotes, or with a list or map of them by label.

        What is wrong with one span does not spoil the others: it is left out and noted (``hallucinated_span``,
        ``label_outside_set``, ``label_missing``, ``offsets_only``, ``quote_missing``, ``span_twice``,
        ``too_many_spans``, ``occurs_too_often``). An empty list is an answer: the text has no span.

        Outcomes: ``ok``, ``empty``, ``unparsed``, ``spans_missing``; and where no span of a reply could be used, the
        name of what is wrong with them.
        """
        if not reply.strip():
            return Parsed(None, "empty")
        given, rationale, notes = self._given(reply)
        if given is None:
            return Parsed(None, "spans_missing" if rationale is not None else "unparsed", rationale or "", None, notes)
        found, hallucinated, remarks = self._locate(given, text)
        notes += tuple(dict.fromkeys(remarks))
        if given and not found:
            wrong = next((remark for remark in remarks if remark in LOSES_A_SPAN), "unparsed")
            rest = tuple(note for note in notes if note != wrong)
            return Parsed(None, wrong, rationale or "", None, rest, hallucinated=hallucinated)
        label = self.write(text, (one.span for one in found))
        return Parsed(label, "ok", rationale or "", None, notes, spans=found, hallucinated=hallucinated)

    def _given(self, reply: str) -> tuple[list[Any] | None, str | None, tuple[str, ...]]:
        """What a reply lists, unread; its rationale, None where it has no field that we know; and notes."""
        listed = _bare_list(reply)
        if listed is not None:
            return self._spread(listed), "", ("bare_list",)
        by_label = {name.strip().lower(): name for name in self.names if name.strip().lower() not in _FIELDS}
        fields, notes = read_object(reply, (*_FIELDS, *by_label))
        rationale = None if fields is None else _plain(fields.get("rationale"))
        fields = fields or {}
        given = fields.get("spans", fields.get("entities"))
        if isinstance(given, list):
            return self._spread(given), rationale, notes
        if isinstance(given, Mapping):
            return _from_map(given), rationale, notes
        if _says_none(given):
            return [], rationale, notes
        # One object a line, or a list cut at the token limit: the spans that were finished.
        if spans := [fields for fields in read_objects(reply) if _is_span(fields)]:
            return list(spans), rationale, ("json_truncated" if _LIST_BEGINS.search(reply) else "bare_list",)
        named = {name: fields[key] for key, name in by_label.items() if key in fields} if given is None else {}
        if given is None and notes in (("json_truncated",), ("read_from_lines",)):
            # A line that begins a list is no quote; the strings that were finished in it are.
            named = {name: value for name, value in named.items() if not _opens_json(value)}
            if cut := _cut_lists(reply, by_label.values()):
                named, notes = named | cut, ("json_truncated",)
        if named:
            return _from_map(named), rationale, notes
        return None, rationale, notes

    def _spread(self, given: Sequence[Any]) -> list[Any]:
        """Items such as ``{"cause": "...", "effect": "..."}`` as one span for each label."""
        spans: list[Any] = []
        for item in given:
            by_label = isinstance(item, Mapping) and not any(str(key).strip().lower() in _LABEL_NAMES for key in item)
            named = {key: value for key, value in item.items() if self.find(key)} if by_label else {}
            spans += _from_map(named) if named else [item]
        return spans

    def _locate(self, given: Sequence[Any], text: str) -> tuple[tuple[Found, ...], tuple[str, ...], list[str]]:
        """Spans of a reply, quotes that are not in the text, and what was wrong."""
        remarks: list[str] = []
        if len(given) > MOST_SPANS:
            given, remarks = given[:MOST_SPANS], ["too_many_spans"]
        asked: list[tuple[str, Quote, float | None]] = []
        for item in given:
            read = self._read(item)
            if isinstance(read, str):
                remarks.append(read)
                continue
            label, quote, confidence = read
            stated, unread = read_confidence(confidence)
            remarks += [unread] if unread not in ("", "confidence_absent") else []
            asked.append((label, quote, stated))
        places = find_quotes(text, [quote for _, quote, _ in asked], self.least_fit)
        found: dict[Span, Found] = {}
        hallucinated = []
        for (label, quote, stated), place in zip(asked, places, strict=True):
            if place is None:
                hallucinated.append(quote.text[:500])
                remarks.append("hallucinated_span")
                continue
            one = Found(Span(place.start, place.end, label), stated, place.fit)
            if one.span in found:
                remarks.append("span_twice")
            if one.span not in found or one.fit > found[one.span].fit:
                found[one.span] = one
        counts = {label: sum(span.label == label for span in found) for label in self.names}
        if any(self.single(label) and count > 1 for label, count in counts.items()):
            remarks.append("occurs_too_often")
        return tuple(found[span] for span in sorted(found)), tuple(hallucinated), remarks

    def _read(self, item: Any) -> tuple[str, Quote, Any] | str:
        """Label, quote and confidence of one item of a reply, or the name of what is wrong with it."""
        if not isinstance(item, Mapping):
            return "label_missing" if isinstance(item, str) else "quote_missing"
        fields = {str(key).strip().lower(): value for key, value in item.items()}
        name = next((fields[key] for key in _LABEL_NAMES if fields.get(key)), None)
        if name is None:
            return "label_missing"
        label = self.find(name) if isinstance(name, str) else None
        if label is None:
            return "label_outside_set"
        words = next((fields[key] for key in _QUOTE_NAMES if _plain(fields.get(key)).strip()), None)
        if words is None:
            # Models cannot count characters: where nothing is quoted, nothing can be checked.
            return "offsets_only" if "start" in fields or "end" in fields else "quote_missing"
        near = fields.get("start")
        quote = Quote(
            # Blanks around a quote are no part of a span.
            _plain(words).strip(),
            _plain(fields.get("before")),
            _plain(fields.get("after")),
            near if isinstance(near, int) and not isinstance(near, bool) else None,
        )
        return label, quote, fields.get("confidence")

    def equal(self, left: str | None, right: str | None) -> bool:
        """Whether two answers quote the same under the same labels."""
        return left is not None and left == right

    def score(self, predicted: Sequence[str | None], truth: Sequence[str]) -> dict[str, float]:
        """Strict micro-F1 over labelled quotes, and exact match of whole answers.

        The report counts by offsets (``evaluation.span_metrics``); here two occurrences of the same words are one.
        """
        if len(predicted) != len(truth):
            raise ValueError(f"{len(predicted)} predictions for {len(truth)} true answers")
        if not truth:
            return {"strict_f1": float("nan"), "exact_match": float("nan")}
        hits = said = there = 0
        for guess, true in zip(predicted, truth, strict=True):
            mine = {(span["label"], span["quote"]) for span in json.loads(guess or "[]")}
            theirs = {(span["label"], span["quote"]) for span in json.loads(true)}
            hits, said, there = hits + len(mine & theirs), said + len(mine), there + len(theirs)
        exact = sum(self.equal(p, t) for p, t in zip(predicted, truth, strict=True)) / len(truth)
        return {"strict_f1": 2 * hits / (said + there) if said + there else 1.0, "exact_match": exact}


LOSES_A_SPAN = frozenset({"hallucinated_span", "label_outside_set", "label_missing", "offsets_only", "quote_missing"})
"""Notes on a span of a reply that is left out; where nothing else is left, the outcome."""

_NO_SPANS = frozenset({"[]", "none", "no", "no spans", "no span", "nothing", "n/a", "null"})
_LIST_BEGINS = re.compile(r'"(?:spans|entities)"\s*:\s*\[')
_FENCED = re.compile(r"\A\s*```\w*\s*\n(.*?)\n?\s*```\s*\Z", re.S)


def _plain(value: Any) -> str:
    """A string that files and databases take: JSON can spell half a surrogate pair. Empty for what is no string."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _says_none(value: Any) -> bool:
    return isinstance(value, str) and value.strip().rstrip(".").casefold() in _NO_SPANS


def _bare_list(reply: str) -> list[Any] | None:
    """A reply that is nothing but the list."""
    fenced = _FENCED.match(reply)
    try:
        value = json.loads((fenced[1] if fenced else reply).strip(), strict=False)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else None


def _opens_json(value: Any) -> bool:
    return isinstance(value, str) and re.match(r"[\[{]\s*[\"\[{]", value) is not None


def _cut_lists(reply: str, names: Iterable[str]) -> dict[str, list[Any]]:
    """What was finished of the lists by label, in an object that broke off."""
    decoder = json.JSONDecoder(strict=False)
    found: dict[str, list[Any]] = {}
    for name in names:
        for begins in re.finditer(rf'"{re.escape(name)}"\s*:\s*\[', reply, re.I):
            items: list[Any] = []
            position = begins.end()
            while len(items) <= MOST_SPANS and (separated := re.compile(r"\s*,?\s*").match(reply, position)):
                try:
                    value, position = decoder.raw_decode(reply, separated.end())
                except (ValueError, RecursionError):
                    break
                items.append(value)
            if items:
                found[name] = items
    return found


def _is_span(fields: Mapping[str, Any]) -> bool:
    given = {str(key).strip().lower(): value for key, value in fields.items()}
    return all(any(isinstance(given.get(name), str) for name in names) for names in (_LABEL_NAMES, _QUOTE_NAMES))


def _from_map(given: Mapping[Any, Any]) -> list[Any]:
    """``{"cause": ["...", ...], "effect": "..."}`` as a list of spans."""
    spans: list[Any] = []
    for label, value in given.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Mapping):
                spans.append({"label": label, **item})
            elif item and not _says_none(item):
                spans.append({"label": label, "quote": item})
    return spans
