"""Chains of thought apart from the answers that they state, and what makes two of them the same."""

import hashlib
import re

from dualchecker.tasks.answers import find_answer
from dualchecker.tasks.folding import fold_text
from dualchecker.tasks.numbers import canonical_number, find_numbers

_CLOSING = " \n\t*_`.\"'$)"


def split_answer(chain: str) -> tuple[str, str]:
    """A chain without the statement of its answer at its end, and the words of that answer (empty without one).

    A statement with more behind it is part of the chain.
    """
    rest, said = chain, ""
    while (found := find_answer(rest)) is not None and not rest[found.end :].strip(_CLOSING):
        before = rest[: found.start].rstrip(" \n\t*_,;#$(\\")
        # "The answer is 42. #### 42" says it twice; "Of these, the closest answer is ..." is a step of its own.
        if said and (found.said != said or before[-1:].isalnum()):
            break
        rest, said = before, found.said
    return rest.strip(), said


def strip_answer(chain: str) -> str:
    """A chain without the statement of its answer at its end."""
    return split_answer(chain)[0]


_TOKEN = re.compile(r"[^\W_]+|[+*/=^%<>]|-(?=\s*[\d(])")
_SIGNS = str.maketrans({"×": "*", "·": "*", "⋅": "*", "÷": "/", "−": "-"})


def chain_key(text: str) -> str:
    """The identity of a chain: two that differ only in case, white space, punctuation, the way that a number is written
    (``1,200`` and ``1200.0``) or the statement of the answer at the end have the same. Operators count."""
    chain = strip_answer(text)
    parts: list[str] = []
    behind = 0
    for number in find_numbers(chain):
        parts += [chain[behind : number.start], f" {canonical_number(number.value)} "]
        behind = number.end
    words = fold_text("".join([*parts, chain[behind:]]).translate(_SIGNS)).text
    # A point between digits is part of the number.
    same = " ".join(_TOKEN.findall(re.sub(r"(?<=\d)\.(?=\d)", "p", words)))
    return hashlib.sha256(same.encode("utf-8", "replace")).hexdigest()[:32]
