"""What is wanted of a model, and the reply that its scores and words make."""

import json
import random
from dataclasses import dataclass
from typing import Any, Literal

from dualchecker.prompts.prompt import Message
from dualchecker.records import Reply
from dualchecker.teachers.local_scoring import Question, Scores
from dualchecker.teachers.local_writing import Draft, Written

Mode = Literal["score", "reasons", "text"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of the model.

    Attributes:
        messages: The prompt.
        mode: ``score``: the likeliest of ``names`` at once. ``reasons``: a reason first, then the likeliest behind it.
            ``text``: whatever it writes.
        first: The property that the reply begins with, whose value is a string; empty where nothing is imposed.
        only: Whether that is all of the reply.
        field: The property that holds one of the names.
        names: What may stand there.
        is_label: Whether the names are the task's labels.
        most: Tokens to write at most.
        temperature: Of draws; 0 for the likeliest.
        seed: Of draws.
    """

    messages: tuple[Message, ...]
    mode: Mode
    first: str = ""
    only: bool = False
    field: str = ""
    names: tuple[str, ...] = ()
    is_label: bool = True
    most: int = 400
    temperature: float = 0.0
    seed: str = ""


def unescaped(text: str) -> str:
    """What the inside of a JSON string means; the text itself where it is none."""
    try:
        return str(json.loads(f'"{text}"', strict=False)).encode("utf-8", "replace").decode()
    except ValueError:
        return text


def text_reply(wanted: Wanted, draft: Draft, written: Written) -> Reply:
    """What was written, or the one string that was asked for."""
    if wanted.only:
        text = json.dumps({wanted.first: unescaped(written.text).strip()}, ensure_ascii=False)
    else:
        text = draft.opening + written.text
    return Reply(
        text,
        finish=written.finish,
        prompt_tokens=len(draft.row),
        completion_tokens=written.tokens,
        cached_tokens=written.cached,
    )


def choice_reply(wanted: Wanted, question: Question, scores: Scores, reason: Written | None) -> Reply:
    """The likeliest name, or a drawn one, behind the reason if there is one."""
    shares = scores.shares
    chosen = max(range(len(shares)), key=shares.__getitem__)
    if wanted.mode == "score" and wanted.temperature > 0:
        # A draw; where a reason was drawn, that is it, and the label follows from it.
        weights = [share ** (1 / wanted.temperature) for share in shares]
        [chosen] = random.Random(wanted.seed).choices(range(len(shares)), weights)
    body: dict[str, Any] = {wanted.first: unescaped(reason.text).strip()} if reason else {}
    body[wanted.field] = wanted.names[chosen]
    rounded = {name: round(share, 6) for name, share in zip(wanted.names, shares, strict=True)}
    return Reply(
        json.dumps(body, ensure_ascii=False),
        label_probabilities=rounded if wanted.is_label else None,
        prompt_tokens=len(question.row) - (reason.tokens if reason else 0),
        completion_tokens=len(question.tree.paths[chosen]) + 1 + (reason.tokens if reason else 0),
        outside_mass=round(scores.outside, 6) if wanted.is_label else None,
        notes=("cut_short",) if reason and reason.finish == "length" else (),
        cached_tokens=scores.cached,
    )
