"""The two wires of decision endpoints, which give a probability for every allowed answer and write no text.

System One (``POST /v1/systemone``) names its questions in a map; the OpenAI shape (``POST /v1/decisions``) lists them
in an array. Either takes several questions about one state. A question that comes back without a usable answer has a
named outcome and leaves the others as they are.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from dualchecker.errors import RequestFailed
from dualchecker.jsontext import from_json
from dualchecker.teachers.failures import count, plain

Option = tuple[str, str]
"""A name and its description, which may be empty."""

Verdict = Literal["ok", "refused", "unanswered", "unreadable"]

_ROUNDING = 0.005
"""Servers round probabilities to two decimals: so much may each of them be off."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question about the state.

    Attributes:
        kind: ``choice`` between the options; or ``yes_no``, where yes means the first option and no the second.
        instructions: What to decide.
        options: In the order in which the model reads them.
    """

    kind: Literal["choice", "yes_no"]
    instructions: str
    options: tuple[Option, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.options)


@dataclass(frozen=True, slots=True)
class Decision:
    """What came back to one question.

    Attributes:
        verdict: ``ok``; or why there is nothing to use.
        probabilities: By option name, in the question's order; they sum to 1. Empty unless ``ok``.
        outside_mass: Probability, 0..1, that lay on nothing that was offered.
        chosen: The option that the server names, if it names one of those offered.
        confidence: The server's own number beside the probabilities. What it means differs between servers.
    """

    verdict: Verdict
    probabilities: Mapping[str, float]
    outside_mass: float = 0.0
    chosen: str | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Decisions:
    """A whole reply: one decision a question, in their order, and what the server counted (0 where it did not)."""

    decisions: tuple[Decision, ...]
    prompt_tokens: int
    completion_tokens: int
    model: str

    @property
    def readable(self) -> bool:
        return all(decision.verdict != "unreadable" for decision in self.decisions)


class Wire(Protocol):
    """How questions are put and answers are read."""

    path: str
    other: str
    """The ``teacher.wire`` that a server may speak instead."""

    def body(self, model: str, state: Mapping[str, Any], questions: Sequence[Question]) -> dict[str, Any]:
        """The request."""
        ...

    def read(self, text: str, questions: Sequence[Question]) -> Decisions:
        """The reply to these questions.

        Raises:
            RequestFailed: It is none (``bad_body``), or the other wire's (``wrong_wire``).
        """
        ...


class SystemOne:
    """``questions`` is a map; ``choice`` has its options as an ordered map, ``noul`` is yes or no."""

    path, other = "/systemone", "decisions"

    def body(self, model: str, state: Mapping[str, Any], questions: Sequence[Question]) -> dict[str, Any]:
        asked = {}
        for number, question in enumerate(questions, 1):
            names = ("true", "false") if question.kind == "yes_no" else question.names
            told = _labelled(question) if question.kind == "yes_no" else [text or None for _, text in question.options]
            asked[f"q{number}"] = {
                "type": "noul" if question.kind == "yes_no" else "choice",
                "instructions": question.instructions,
                "criteria": dict(zip(names, told, strict=True)),
            }
        return {"model": model, "state": dict(state), "questions": asked}

    def read(self, text: str, questions: Sequence[Question]) -> Decisions:
        body = _object(text)
        answers = body.get("answers")
        if isinstance(answers, list):
            raise _wrong_wire(self.other)
        if not isinstance(answers, dict):
            raise _no_answers(body, text)
        decided = [self._decision(answers.get(f"q{n}"), question) for n, question in enumerate(questions, 1)]
        return _whole(body, decided)

    @staticmethod
    def _decision(answer: object, question: Question) -> Decision:
        if not isinstance(answer, dict):
            return Decision("unanswered", {})
        if answer.get("type") == "refusal":
            return Decision("refused", {})
        if question.kind == "yes_no" and answer.get("type") == "noul":
            return _yes_no(answer.get("noul"), question)
        if question.kind == "choice" and answer.get("type") == "choice":
            given = answer.get("probabilities")
            return _choice(answer, given.items() if isinstance(given, dict) else (), question)
        return Decision("unanswered", {})


class OpenAIDecisions:
    """``questions`` is an array; ``choice`` has typed values, ``predicate`` is yes or no; the input is a string."""

    path, other = "/decisions", "systemone"

    def body(self, model: str, state: Mapping[str, Any], questions: Sequence[Question]) -> dict[str, Any]:
        asked: list[dict[str, Any]] = []
        for number, question in enumerate(questions, 1):
            entry: dict[str, Any] = {"name": f"q{number}", "instructions": question.instructions}
            if question.kind == "yes_no":  # a predicate has no criteria of its own
                told = [f"{word}: {text}" for word, text in zip(("Yes", "No"), _labelled(question), strict=True)]
                entry |= {"type": "predicate", "instructions": "\n".join([question.instructions, *told])}
            else:
                choices = [{"value": n} | ({"description": text} if text else {}) for n, text in question.options]
                entry |= {"type": "choice", "choices": choices}
            asked.append(entry)
        # Its messages have no role for data, and other servers of this wire take none of them. JSON delimits the texts.
        return {"model": model, "input": json.dumps(state, ensure_ascii=False, indent=1), "questions": asked}

    def read(self, text: str, questions: Sequence[Question]) -> Decisions:
        body = _object(text)
        answers = body.get("answers")
        if isinstance(answers, dict):
            raise _wrong_wire(self.other)
        if not isinstance(answers, list):
            raise _no_answers(body, text)
        named = {a["name"]: a for a in answers if isinstance(a, dict) and isinstance(a.get("name"), str)}
        decided = []
        for place, question in enumerate(questions):
            there = answers[place] if place < len(answers) else None
            unnamed = there if isinstance(there, dict) and there.get("name") is None else None
            decided.append(self._decision(named.get(f"q{place + 1}", unnamed), question))
        return _whole(body, decided)

    @staticmethod
    def _decision(answer: object, question: Question) -> Decision:
        if not isinstance(answer, dict):
            return Decision("unanswered", {})
        if answer.get("type") == "refusal":
            return Decision("refused", {})
        if question.kind == "yes_no" and answer.get("type") == "predicate":
            return _yes_no(answer.get("probability"), question)
        if question.kind == "choice" and answer.get("type") == "choice":
            given = answer.get("probabilities")
            entries = [e for e in given if isinstance(e, dict)] if isinstance(given, list) else []
            return _choice(answer, [(e.get("value"), e.get("probability")) for e in entries], question)
        return Decision("unanswered", {})


WIRES: Mapping[str, Wire] = {"systemone": SystemOne(), "decisions": OpenAIDecisions()}


def _labelled(question: Question) -> list[str]:
    return [f"{name}: {text}" if text else name for name, text in question.options]


def _number(value: object) -> float | None:
    """A probability, or None for what is none. True is no number here."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1 + _ROUNDING:
        return None
    return min(float(value), 1.0)


def _yes_no(value: object, question: Question) -> Decision:
    yes = _number(value)
    if yes is None:
        return Decision("unreadable", {})
    return Decision("ok", dict(zip(question.names, (yes, 1 - yes), strict=True)))


def _choice(answer: Mapping[str, Any], given: Iterable[tuple[object, object]], question: Question) -> Decision:
    """Probabilities over the options, as far as they can be told apart from what is not an option.

    An option that is not there has none; so has what the sum lacks to 1, beyond rounding, which counts as outside.
    """
    shares: dict[str, float] = {}
    for value, probability in given:
        number = _number(probability)
        # A value that is no string (true, say) is another one than the string that looks like it.
        name = value if isinstance(value, str) else f"\N{NULL}{plain(value)}"
        if number is None or name in shares:
            return Decision("unreadable", {})
        shares[name] = number
    found = {option: there for option in question.names if (there := _find(option, shares, question)) is not None}
    inside = math.fsum(shares[name] for name in found.values())
    total = math.fsum(shares.values())
    if inside <= 0:
        return Decision("unreadable", {})
    lacking = 1 - total if total < 1 - _ROUNDING * len(shares) - 1e-9 else 0.0
    outside = (total - inside + lacking) / max(total + lacking, inside)
    mass = _number(answer.get("label_mass"))  # some servers tell how much of the model's mass the options had at all
    if mass is not None:
        outside = max(outside, 1 - mass)
    chosen = answer.get("choice")
    by_name = {name: option for option, name in found.items()}
    return Decision(
        "ok",
        {option: shares[found[option]] / inside if option in found else 0.0 for option in question.names},
        outside,
        by_name.get(chosen) if isinstance(chosen, str) else None,
        _number(answer.get("confidence")),
    )


def _find(option: str, shares: Mapping[str, float], question: Question) -> str | None:
    """The name that a server gave the option: the same, or the only one that differs in case and blanks at the ends."""
    if option in shares:
        return option
    alike = [name for name in shares if name not in question.names and _fold(name) == _fold(option)]
    return alike[0] if len(alike) == 1 else None


def _fold(name: str) -> str:
    return name.strip().casefold()


def _object(text: str) -> dict[str, Any]:
    try:
        body = from_json(text)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise bad_body(f"It begins {plain(text[:120])!r}.")
    return body


def _whole(body: Mapping[str, Any], decisions: Iterable[Decision]) -> Decisions:
    given = body.get("usage")
    usage: Mapping[str, Any] = given if isinstance(given, dict) else {}
    tokens = [count(usage.get(f"{way}_tokens")) or count(usage.get(f"{way}Tokens")) for way in ("input", "output")]
    return Decisions(tuple(decisions), tokens[0], tokens[1], plain(body.get("model") or ""))


def _no_answers(body: Mapping[str, Any], text: str) -> RequestFailed:
    if "choices" in body:
        return RequestFailed(
            "The teacher's server answers with a chat completion, not with decisions.",
            kind="wrong_wire",
            fatal=True,
            fix="Set teacher.kind: openai, or put the address of a decision endpoint into teacher.base_url.",
        )
    return bad_body(f"It has no answers: {plain(text[:120])!r}.")


def _wrong_wire(other: str) -> RequestFailed:
    return RequestFailed(
        "The teacher's server answers in the shape of the other decision wire.",
        kind="wrong_wire",
        fatal=True,
        fix=f"Set teacher.wire: {other}.",
    )


def bad_body(why: str) -> RequestFailed:
    """A reply that is no decision; worth another try."""
    return RequestFailed(
        "The teacher's reply is no complete decision.",
        kind="bad_body",
        why=why,
        fix="Check that teacher.base_url is a decision endpoint, and teacher.wire.",
        retryable=True,
    )
