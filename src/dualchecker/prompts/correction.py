"""One more turn for a reply that could not be read: the teacher sees it again, with what is wrong."""

from dataclasses import replace
from typing import Final

from dualchecker.prompts.prompt import Prompt
from dualchecker.prompts.render import shorten

_WHY: Final = {
    "empty": "it is empty",
    "unparsed": "it holds no JSON object of the form that was asked for",
    "label_missing": "it names no label",
    "label_outside_set": "its label is none of those allowed",
    "label_ambiguous": "it names more than one label",
    "spans_missing": "it holds no list of spans",
    "answer_missing": "it states no answer",
}

CORRECTABLE: Final = frozenset(_WHY)
"""Outcomes of a reply that lie in its form: told so, a teacher can put them right."""

_SHOWN = 600
"""Tokens of the unreadable reply that are shown to its author."""


def correction(prompt: Prompt, said: str, outcome: str) -> Prompt:
    """The same prompt with the unreadable reply and a request to put it right.

    Args:
        prompt: As it was asked.
        said: What came back.
        outcome: What is wrong with it, one of ``CORRECTABLE``.
    """
    turn = (
        f"Your reply cannot be used: {_WHY[outcome]}. Reply once more, with one JSON object of the form that was "
        "asked for and nothing else."
    )
    again = ({"role": "assistant", "content": shorten(said, _SHOWN) or "(empty)"}, {"role": "user", "content": turn})
    return replace(prompt, messages=(*prompt.messages, *again), notes=(*prompt.notes, "corrected"))
