"""What must hold of whatever was read out of a reply: nothing in it is invented.

"Literally in the reply" is meant as the parsers document it. Escapes of JSON stand for their characters. Names of
labels are compared without case, width, encoding of accents and kind of separator (``tasks.names.fold``); quotes
without case, width, white space, kinds of quotes and dashes and characters that cannot be seen
(``tasks.folding.fold_text``).
"""

import json
import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from dualchecker.records import Found, Reply
from dualchecker.tasks import Classification, Extraction, MultiLabel
from dualchecker.tasks.base import Parsed, Task
from dualchecker.tasks.choices import letter
from dualchecker.tasks.folding import fold_text
from dualchecker.tasks.names import fold
from dualchecker.tasks.quotes import STRIPPED
from dualchecker.tasks.reasoning import Reasoning
from dualchecker.teachers.decision_wires import Decisions, Question

_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
_SIMPLE = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.S)
_ALIKE = 0.75
"""Likeness, by difflib, of a span to a quote; the parser placed it by a likeness of 0.85, measured otherwise."""


def decoded(reply: str) -> str:
    """A reply with its escapes as characters; halves of characters as a mark, as parsers keep them."""

    def meant(found: re.Match[str]) -> str:
        return chr(int(found[1], 16)) if found[1] else _SIMPLE.get(found[2], found[2])

    text = _ESCAPE.sub(meant, reply)
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")  # halves that belong together
    return text.encode("utf-8", "replace").decode()


def said(reply: str) -> str:
    """All that a reply says, with and without escapes read, one after the other."""
    whole = reply.encode("utf-8", "replace").decode()
    return whole + "\n" + decoded(reply) if "\\" in reply else whole


def check(task: Task, parsed: Parsed, reply: str, text: str, choices: Sequence[str]) -> str:
    """What is wrong with a reading; empty if nothing is."""
    if not _is_chance(parsed.stated):
        return f"stated confidence {parsed.stated}"
    for words in (parsed.label or "", parsed.rationale, *parsed.hallucinated):
        try:
            words.encode()
        except UnicodeEncodeError:
            return "text that no file takes"
    if parsed.label is None:
        return "spans without an answer" if parsed.spans else "no answer, and ok" if parsed.outcome == "ok" else ""
    if parsed.outcome != "ok":
        return f"an answer, and {parsed.outcome}"
    if isinstance(task, Extraction):
        return next((wrong for one in parsed.spans if (wrong := check_span(task, one, reply, text))), "")
    if isinstance(task, MultiLabel):
        verdicts = (parsed.verdicts or {}).values()
        if not all(_is_chance(verdict.stated) for verdict in verdicts):
            return "a confidence that is none"
        return next((wrong for name in json.loads(parsed.label) if (wrong := check_label(task, name, reply))), "")
    if isinstance(task, Classification):
        return check_label(task, parsed.label, reply)
    if isinstance(task, Reasoning):
        return check_answer(task, parsed.label, reply, choices)
    return "a task without a check"


def check_label(task: Classification | Extraction, name: str, reply: str) -> str:
    if name not in task.labels:
        return f"a label outside the set: {name!r}"
    return "" if fold(name) in fold(said(reply)) else f"an invented label: {name!r}"


def check_span(task: Extraction, one: Found, reply: str, text: str) -> str:
    start, end = one.span.start, one.span.end
    if not (0 <= start < end <= len(text)):
        return f"a span outside the text: {one.span}"
    if not (_is_chance(one.stated) and _is_chance(one.fit)):
        return f"a confidence that is none: {one}"
    if wrong := check_label(task, one.span.label, reply):
        return wrong
    words = fold_text(text[start:end]).text
    if one.fit == 1.0 and text[start:end] in said(reply):
        return ""
    whole = fold_text(said(reply)).text
    if one.fit < 1.0 and (words in whole or (one.fit <= STRIPPED and _is_alike(words, reply))):
        return ""
    return f"words that the reply does not quote: {text[start:end]!r} (fit {one.fit})"


def check_answer(task: Reasoning, answer: str, reply: str, choices: Sequence[str]) -> str:
    told = fold(said(reply))
    if task.answer == "choice":
        offered = task.choices_of(choices)
        if answer not in offered:
            return f"none of the choices: {answer!r}"
        letters = [letter(at) for at, choice in enumerate(offered) if choice == answer]
        named = any(re.search(rf"(?<![^\W_]){name}(?![^\W_])", told) for name in letters)
        bare = re.sub(r"\W+", "", told)
        return (
            "" if named or fold(answer) in told or re.sub(r"\W+", "", fold(answer)) in bare else f"invented: {answer!r}"
        )
    if task.answer == "text":
        return (
            ""
            if fold(answer) in told or answer.strip(" .") in " ".join(said(reply).split())
            else f"invented: {answer!r}"
        )
    return "" if _states_number(answer, told) else f"a number from nowhere: {answer!r}"


def _states_number(answer: str, told: str) -> bool:
    """Whether a reply has the digits of a number; or something that numbers are made of: words, signs, fractions."""
    digits = re.sub(r"\D", "", answer.partition("/")[0]).strip("0") or "0"
    there = "".join(str(unicodedata.digit(char)) for char in told if char.isdigit())
    return digits in there or re.search(r"[+*/×÷=^%⁄\-−–]|[^\W\d_]", told) is not None


def check_reply(reply: Reply, body: str, labels: Sequence[str]) -> str:
    """What is wrong with a completion that was read; empty if nothing is."""
    try:
        f"{reply.text}{reply.model}{reply.finish}".encode()
    except UnicodeEncodeError:
        return "text that no file takes"
    if not all(isinstance(number, int) and 0 <= number <= 10**9 for number in _counts(reply)):
        return f"tokens that are none: {_counts(reply)}"
    if not _is_chance(reply.outside_mass):
        return f"outside mass {reply.outside_mass}"
    shares = reply.label_probabilities
    if shares is not None and not (
        set(shares) <= set(labels)
        and all(map(_is_chance, shares.values()))
        and math.isclose(math.fsum(shares.values()), 1, abs_tol=1e-6)
    ):
        return f"label probabilities that are none: {shares}"
    return ""


def check_decisions(read: Decisions, questions: Sequence[Question]) -> str:
    """What is wrong with decisions that were read; empty if nothing is."""
    if len(read.decisions) != len(questions) or not all(
        0 <= n <= 10**9 for n in (read.prompt_tokens, read.completion_tokens)
    ):
        return "decisions that nobody asked for, or tokens that are none"
    for one, question in zip(read.decisions, questions, strict=True):
        shares = one.probabilities
        if one.verdict != "ok":
            if shares:
                return f"probabilities, and {one.verdict}"
        elif set(shares) != set(question.names) or not math.isclose(math.fsum(shares.values()), 1, abs_tol=1e-6):
            return f"probabilities that are none: {shares}"
        if not all(map(_is_chance, (*shares.values(), one.outside_mass, one.confidence))):
            return f"numbers that are no chances: {one}"
    return ""


def _counts(reply: Reply) -> tuple[int, ...]:
    return reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens


def _is_chance(value: float | None) -> bool:
    return value is None or (math.isfinite(value) and 0 <= value <= 1)


def _is_alike(words: str, reply: str) -> bool:
    """Whether a string of the reply is like the words; or, where it has an ellipsis, their beginning and their end."""
    for quote in _strings(reply):
        folded = fold_text(quote).text
        parts = [
            part.strip(" \"'*_.,;:[]()")
            for part in re.split(r"\[ ?(?:\. ?)+\]|\( ?(?:\. ?)+\)|\.{3,}|(?:\. ){3}", folded)
        ]
        parts = [part for part in parts if part]
        if not parts:
            continue
        if _like(parts[0], words) or _like(folded, words) or _like(_sorted(folded), _sorted(words)):
            return True
        first, last = words[: len(parts[0])], words[-len(parts[-1]) :]
        if len(parts) > 1 and _like(parts[0], first) and _like(parts[-1], last):
            return True
    return False


def _strings(reply: str) -> Iterator[str]:
    """All strings that could be read out of a reply, wherever its quotation marks begin them."""
    seen = set()
    for start in (found.start() for found in re.finditer('"', reply)):
        if (string := _STRING.match(reply, start)) and string[1] not in seen:
            seen.add(string[1])
            yield decoded(string[1])


def _like(one: str, other: str) -> bool:
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= _ALIKE


def _sorted(words: str) -> str:
    return " ".join(sorted(words.split()))
