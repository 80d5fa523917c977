"""Asking a teacher to write labelled texts for a student, and reading what it wrote (EvoKD, arXiv 2403.06414)."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dualchecker.data import fingerprint
from dualchecker.prompts.prompt import Prompt, Shown
from dualchecker.prompts.render import estimate_tokens, pick_tag, prompt_files, shorten
from dualchecker.records import Demonstration, Record
from dualchecker.tasks import Task
from dualchecker.tasks.replies import read_object

Level = Literal["harder", "easier"]
LEVELS: tuple[Level, ...] = ("harder", "easier")

_LEAST_ROOM = 40


@dataclass(frozen=True, slots=True)
class Case:
    """A human-labelled text and what the student said of it.

    Attributes:
        record: With its human label.
        said: The student's label.
        hard: Whether the student gets it wrong, or is least sure of it.
    """

    record: Record
    said: str
    hard: bool


@dataclass(frozen=True, slots=True)
class Written:
    """One text of a reply.

    Attributes:
        level: Harder or easier for the student.
        outcome: ``ok``, or the name of why it cannot be used: ``empty`` or ``unparsed`` (the reply), ``text_missing``,
            ``label_missing``, ``label_outside_set``, ``label_ambiguous``, ``copy`` (of a text that is there already).
        text: The text, if there is one.
        label: Its label, if the outcome is ``ok``.
    """

    level: Level
    outcome: str
    text: str = ""
    label: str | None = None


def ask_for_texts(task: Task, cases: Sequence[Case], name: str, max_tokens: int = 8000) -> Prompt:
    """Ask for a summary of the student's weakness, a harder and an easier labelled text.

    Args:
        task: Question and labels.
        cases: Gold that may be shown; long texts are cut to fit.
        name: Stands for the record in the ledger's trail.
        max_tokens: Estimated size that the prompt may have.
    """
    bare = sum(map(estimate_tokens, [task.question, *task.labels, *task.labels.values()])) + 400
    room = max((max_tokens - bare) // max(len(cases), 1), _LEAST_ROOM)
    texts = [shorten(case.record.text, room) for case in cases]
    views = [
        {"text": text, "label": case.record.label, "said": case.said, "hard": case.hard}
        for case, text in zip(cases, texts, strict=True)
    ]
    values = {
        "question": task.question,
        "labels": list(task.labels.items()),
        "names": json.dumps(list(task.labels), ensure_ascii=False),
        "hard": [view for view in views if view["hard"]],
        "easy": [view for view in views if not view["hard"]],
        "tag": pick_tag(texts),
    }
    files = prompt_files()
    return Prompt(
        record_id=name,
        rung="generate",
        messages=tuple(
            {"role": role, "content": files.get_template(f"generate_{role}.j2").render(values).strip()}
            for role in ("system", "user")
        ),
        shown=Shown(
            "",
            tuple(task.labels),
            tuple(Demonstration(case.record, case.record.label or "") for case in cases),
            hard=frozenset(case.record.id for case in cases if case.hard),
        ),
        schema=_schema(task),
        purpose="generate",
        notes=("truncated",) if any(t != case.record.text for t, case in zip(texts, cases, strict=True)) else (),
    )


def _schema(task: Task) -> dict[str, Any]:
    text = {
        "type": "object",
        "properties": {"text": {"type": "string"}, "label": {"type": "string", "enum": list(task.labels)}},
        "required": ["text", "label"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"weakness": {"type": "string"}, **dict.fromkeys(LEVELS, text)},
        "required": ["weakness", *LEVELS],
        "additionalProperties": False,
    }


def read_texts(task: Task, reply: str, known: Collection[str]) -> list[Written]:
    """The two texts of a reply, each with a named outcome. Never raises.

    Args:
        task: Understands the labels.
        reply: What the teacher sent.
        known: Fingerprints of texts that are no news: gold, pool, and what was written before.
    """
    if not reply.strip():
        return [Written(level, "empty") for level in LEVELS]
    fields, _ = read_object(reply, LEVELS)
    seen = set(known)
    found = []
    for level in LEVELS:
        one = _read(task, level, (fields or {}).get(level), seen)
        seen.add(fingerprint(one.text))
        found.append(one)
    return found


def _read(task: Task, level: Level, value: object, known: Collection[str]) -> Written:
    if not isinstance(value, dict):
        return Written(level, "unparsed")
    given = value.get("text")
    # JSON can spell half a surrogate pair, which no file and no database takes.
    text = given.encode("utf-8", "replace").decode().strip() if isinstance(given, str) else ""
    if not text:
        return Written(level, "text_missing")
    parsed = task.parse(json.dumps({"label": value.get("label")}))
    if parsed.label is None:
        return Written(level, parsed.outcome, text)
    if fingerprint(text) in known:
        return Written(level, "copy", text)
    return Written(level, "ok", text, parsed.label)
