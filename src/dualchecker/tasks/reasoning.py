"""Questions that are answered by reasoning: a number, one of some choices, or a few words, with the chain to it."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Any, ClassVar

from dualchecker.config import AnswerKind, Form, Occurrence
from dualchecker.errors import ConfigError
from dualchecker.tasks.answers import Stated, find_answers
from dualchecker.tasks.base import Parsed
from dualchecker.tasks.chains import split_answer, strip_answer
from dualchecker.tasks.choices import match_choice
from dualchecker.tasks.names import NamedLabels, fold
from dualchecker.tasks.numbers import canonical_number
from dualchecker.tasks.quantities import read_quantity
from dualchecker.tasks.replies import read_confidence, read_object

MOST_CHARACTERS = 1000
"""A longer answer is ``answer_unreadable``."""

Reading = tuple[str | None, str, tuple[str, ...]]
"""Canonical answer, outcome and notes."""

_ANSWERS = ("answer", "label", "equation")
_CHAINS = ("rationale", "reasoning", "chain", "explanation", "steps")
_CONFIDENCE = re.compile(r"^[ \t>*_-]{0,8}confidence[*_ \t]{0,4}[:=：](.{1,60})$", re.I | re.M)
_HEADING = re.compile(
    r"\A\s*[*_#]{0,4}(?:reasoning|rationale|chain of thought|explanation)[*_]{0,4}[:：][*_]{0,4}", re.I
)
_THOUGHT = re.compile(r"</?think(?:ing)?>")
_LAST = re.compile(r"[=≈]\s*([^=≈\n]{1,80}?)\s*\Z")
_EVEN_BARE = frozenset({"division_by_zero", "equation_unparsable", "answers_several", "answer_too_large"})
"""What can be wrong with a reply that is nothing but an answer, beside not being one at all."""
_OUTCOMES = {"choice_missing": "answer_outside_choices"}


@dataclass(frozen=True)
class Reasoning(NamedLabels):
    """Answer a question by a chain of thought.

    Canonical answers: a number as ``canonical_number`` writes it; a choice in its very own words; a text with single
    blanks.

    Args:
        question: What is asked of each text, which is itself a question.
        answer: What an answer is.
        labels: The choices, where all questions have the same; empty where each brings its own, or has none.
        tolerance: Numbers are equal whose difference is at most this part of the larger one.

    Raises:
        ConfigError: Choices where the answer is none, fewer than two, or two that differ only in case or separators.
    """

    question: str
    answer: AnswerKind = "number"
    labels: Mapping[str, str] = field(default_factory=dict)
    tolerance: float = 1e-6

    form: ClassVar[Form] = "reasoning"
    multiple: ClassVar[bool] = False
    spans: ClassVar[bool] = False
    reasons: ClassVar[bool] = True
    occurrence: ClassVar[Mapping[str, Occurrence]] = {}

    def __post_init__(self) -> None:
        if self.labels and self.answer != "choice":
            raise ConfigError("This task has choices, but its answer is none.", fix="Set task.answer: choice.")
        if len(self.labels) == 1:
            raise ConfigError("A question with fixed choices needs at least two.", fix="List them under task.labels.")
        self._check_names()

    @property
    def offers_choices(self) -> bool:
        """Whether an answer is one of some choices."""
        return self.answer == "choice"

    def choices_of(self, given: Sequence[str] | None) -> tuple[str, ...]:
        """The choices of a question: those of the task, or else those that it brings (``Record.choices``)."""
        return (self.names or tuple(given or ())) if self.offers_choices else ()

    def schema(self) -> dict[str, Any]:
        """The chain first, so that the answer follows from it; then answer and confidence."""
        return {
            "type": "object",
            "properties": {
                "rationale": {"type": "string"},
                "answer": {"type": "string"},
                "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            },
            "required": ["rationale", "answer", "confidence"],
            "additionalProperties": False,
        }

    def read_answer(self, said: object, choices: Sequence[str] = ()) -> Reading:
        """An answer in canonical form: of people, of recorded answers, or as a reply gives it.

        Args:
            said: ``42``, ``42.0``, ``"(84 / 2)"``, ``"(d) math problem"``, ...
            choices: ``Record.choices``.

        Returns:
            The answer, or None; the outcome (see ``parse``); notes.
        """
        if isinstance(said, list) and len(said) == 1:
            said = said[0]
        if said is None or (isinstance(said, str) and not said.strip()):
            return None, "answer_missing", ()
        if isinstance(said, list | dict):
            return None, "answers_several" if said else "answer_missing", ()
        if self.answer == "number":
            value, outcome, notes = read_quantity(said)
            return (None if value is None else canonical_number(value)), outcome, notes
        if isinstance(said, float) and not _is_as_written(said):
            return None, "answer_unreadable", ()
        text = _plain(said)
        if self.offers_choices:
            return self._choose(said if text == said or isinstance(said, bool) else text, choices)
        return (text, "ok", ()) if len(text) <= MOST_CHARACTERS else (None, "answer_unreadable", ())

    def _choose(self, said: object, choices: Sequence[str]) -> Reading:
        offered = self.choices_of(choices)
        if not offered:
            return None, "choices_missing", ()
        choice, remark = match_choice(said, offered)
        if choice is not None:
            return choice, "ok", (remark,) if remark else ()
        notes = (remark,) if remark == "choice_contradictory" else ()
        return None, _OUTCOMES.get(remark, "answers_several"), notes

    def parse(self, reply: str, text: str = "", choices: Sequence[str] = ()) -> Parsed:
        """Understand a reply: a JSON object, or prose that states its answer.

        ``Parsed.rationale`` is the chain without the statement of the answer at its end; an answer without any chain is
        noted ``chain_empty``.

        Outcomes: ``ok``, ``empty``, ``answer_missing``, ``answer_unreadable``, ``answer_too_large``,
        ``answers_several`` (different ones, and nothing says which), ``answer_outside_choices``, ``choices_missing``
        (the question offers none), ``equation_unparsable``, ``division_by_zero``.
        """
        if not reply.strip():
            return Parsed(None, "empty")
        reply = reply.encode("utf-8", "replace").decode()
        fields, notes = read_object(reply, (*_ANSWERS, *_CHAINS, "confidence"))
        if fields is None or "read_from_lines" in notes:
            return self._prose(reply, choices)
        chain = _words(next((fields[name] for name in _CHAINS if fields.get(name)), ""))
        said = next((fields[name] for name in _ANSWERS if fields.get(name) not in (None, "", [])), None)
        chain, concluded = split_answer(chain)
        if said is None and concluded:
            said, notes = concluded, (*notes, "answer_in_chain")
        elif said is None and "json_in_prose" in notes and (found := find_answers(reply.rpartition("}")[2])):
            said = found[-1].said
        elif concluded and self._differ(concluded, said, choices):
            notes += ("chain_says_other",)
        label, outcome, remarks = self._read_field(said, choices)
        stated, remark = read_confidence(fields.get("confidence"))
        return _parsed(label, outcome, chain, stated, (*notes, *remarks, remark))

    def _read_field(self, said: object, choices: Sequence[str]) -> Reading:
        """The value of an answer field, which may be a whole sentence."""
        reading = self.read_answer(said, choices)
        if isinstance(said, str) and (found := find_answers(said)):
            sentence = self.read_answer(found[-1].said, choices)
            if reading[0] is None or self.answer == "text":
                return sentence
        return reading

    def _differ(self, concluded: str, said: object, choices: Sequence[str]) -> bool:
        one, other = self.read_answer(concluded, choices)[0], self.read_answer(said, choices)[0]
        return one is not None and other is not None and not self.equal(one, other)

    def _prose(self, reply: str, choices: Sequence[str]) -> Parsed:
        stated, remark = None, "confidence_absent"
        if confidences := _CONFIDENCE.findall(reply):
            stated, remark = read_confidence(confidences[-1].strip(" *_`."))
            reply = _CONFIDENCE.sub("", reply)
        body = _HEADING.sub("", _THOUGHT.sub("\n", reply)).strip()
        if re.match(r"(?:```\w*\s*)?[{\[]\s*\"", body):
            # An object cut before anything was finished: its half sentences state nothing.
            return _parsed(None, "answer_missing", "", None, ("json_truncated",))
        found = find_answers(body)
        if not found:
            label, outcome, chain, notes = self._without_statement(body, choices)
            return _parsed(label, outcome, chain, stated, (*notes, remark))
        label, outcome, notes = self.read_answer(found[-1].said, choices)
        chain, _ = split_answer(body)
        if found[-1].start == 0 or chain == body:
            chain = f"{body[: found[-1].start].rstrip()} {body[found[-1].end :].lstrip(' ,;')}".strip()
        if len(found) > 1 and label is not None:
            several, restated = self._compare(found, label, choices)
            if several:
                label, outcome, notes = None, "answers_several", ()
            notes += ("answer_restated",) if restated and not several else ()
        return _parsed(label, outcome, chain, stated, (*notes, remark))

    def _compare(self, found: Sequence[Stated], last: str, choices: Sequence[str]) -> tuple[bool, bool]:
        """Whether the last answer is offered beside another one, and whether an earlier one was another."""
        earlier = [self.read_answer(one.said, choices)[0] for one in found[-6:-1]]
        others = [one is not None and not self.equal(one, last) for one in earlier]
        return found[-1].alternative and others[-1], any(others)

    def _without_statement(self, body: str, choices: Sequence[str]) -> tuple[str | None, str, str, tuple[str, ...]]:
        """Label, outcome, chain and notes of a reply that nowhere says what its answer is."""
        bare = len(body) < 100 and "\n" not in body
        label, outcome, notes = self.read_answer(body, choices) if bare else (None, "answer_missing", ())
        if label is not None and "choice_in_words" not in notes and (self.answer != "number" or _is_short(body)):
            return label, outcome, "", (*notes, "bare_answer")
        if self.answer == "number" and (last := _LAST.search(body.rstrip(" .!\n"))):
            result, read, remarks = self.read_answer(last[1], choices)
            if result is not None:
                return result, read, body, (*remarks, "answer_from_last_statement")
        if outcome in _EVEN_BARE and (self.offers_choices or _is_short(body)):
            return None, outcome, body, notes
        return None, "answer_missing", body, ()

    def equal(self, left: str | None, right: str | None) -> bool:
        """Whether two canonical answers mean the same: numbers by value, words but for case, width and separators."""
        if left is None or right is None:
            return False
        if left == right:
            return True
        if self.answer != "number":
            return bool(fold(left)) and fold(left) == fold(right)
        one, other = _value(left), _value(right)
        if one is None or other is None:
            return False
        return abs(one - other) <= Fraction(self.tolerance) * max(abs(one), abs(other))

    def score(self, predicted: Sequence[str | None], truth: Sequence[str]) -> dict[str, float]:
        """Accuracy."""
        if len(predicted) != len(truth):
            raise ValueError(f"{len(predicted)} predictions for {len(truth)} true answers")
        if not truth:
            return {"accuracy": float("nan")}
        return {"accuracy": sum(self.equal(p, t) for p, t in zip(predicted, truth, strict=True)) / len(truth)}


def _parsed(label: str | None, outcome: str, chain: str, stated: float | None, notes: Sequence[str]) -> Parsed:
    chain = strip_answer(chain) if label is None else chain.strip()
    if label is not None and not chain:
        notes = (*notes, "chain_empty")
    kept = tuple(dict.fromkeys(note for note in notes if note))
    return Parsed(label, outcome, chain, stated if label is not None else None, kept)


@lru_cache(maxsize=1 << 16)
def _value(answer: str) -> Fraction | None:
    return read_quantity(answer)[0]


def _is_short(body: str) -> bool:
    """Whether a reply is an answer alone rather than a sentence that has a number in it."""
    return len(body.split()) <= 4 or not re.search(r"[^\W\d_]{2}", body)


def _is_as_written(number: float) -> bool:
    """Whether a number of a JSON reply can be told from its value: not one that is rounded to nothing, or endless."""
    return "e" not in str(number) and math.isfinite(number) and not (number == 0 and math.copysign(1, number) < 0)


def _plain(said: object) -> str:
    """Words in single blanks that files and databases take: JSON can spell half a surrogate pair."""
    words = ("true" if said else "false") if isinstance(said, bool) else str(said)
    return " ".join(words.encode("utf-8", "replace").decode().split())


def _words(value: object) -> str:
    """A chain as text; it may come as a list of steps."""
    if isinstance(value, list):
        value = "\n".join(one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in value)
    return str(value).encode("utf-8", "replace").decode().strip()
