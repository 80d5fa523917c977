"""The words between a reasoning student and its model: the three tasks, what they are asked, and what is replied."""

import re
from collections.abc import Callable

from dualchecker.records import Record
from dualchecker.students.base import record_text

Reader = Callable[[str, Record], str | None]
"""From a chain of thought about a record to the answer that it arrives at; None where it arrives at nothing."""

CHOICES = " choices: "
"""Between a question and what it offers."""

_ENDING = "The answer is "
_LAST = re.compile(r"\s*(?:\b(?:so|thus|hence|therefore),?\s+)?\bthe answer is\b(?:(?![.!?]\s).)*$", re.IGNORECASE)
_STATED = re.compile(r"\bthe answer is:?\s+(.+?)\s*[.!]?\s*$", re.IGNORECASE)


def question_text(record: Record, which: str) -> str:
    """What a student reads of a record, with the choices that it offers behind it."""
    text = record_text(record, which).strip()
    return f"{text}{CHOICES}{'; '.join(record.choices)}" if record.choices else text


def predict_input(question: str) -> str:
    """Asks for the answer alone (Mind's Mirror, section 3.3, after Hsieh et al. 2023)."""
    return f"predict: {question}"


def explain_input(question: str) -> str:
    """Asks for a chain of thought."""
    return f"explain: {question}"


def evaluate_input(question: str, chain: str) -> str:
    """Asks for a verdict on a chain of thought, and its reason."""
    return f"evaluate: {question} [{chain}]"


def chain_ending(answer: str) -> str:
    """The sentence by which every chain says what it arrives at."""
    return f"{_ENDING}{answer}."


def chain_body(text: str) -> str:
    """A chain on one line, without a last sentence that says what the answer is: it gets one of its own."""
    return _LAST.sub("", " ".join(text.split()))


def whole_chain(text: str, answer: str) -> str:
    """A chain that ends in what it arrives at."""
    body = chain_body(text)
    return f"{body} {chain_ending(answer)}" if body else chain_ending(answer)


def stated_answer(chain: str, _record: Record) -> str | None:
    """The reader that knows no task: the words behind the last "the answer is"."""
    last = chain.lower().rfind(_ENDING.lower())
    found = _STATED.search(chain[last:]) if last >= 0 else None
    return found[1] if found else None
