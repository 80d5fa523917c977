"""Asking a teacher to write labelled texts for a student, and reading what it wrote (EvoKD, arXiv 2403.06414)."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dualchecker.data import fingerprint
from dualchecker.prompts.prompt import Prompt, Shown, estimate_tokens
from dualchecker.prompts.render import shorten
from dualchecker.prompts.words import OCCURS, pick_tag, prompt_files
from dualchecker.records import Demonstration, Record, Span
from dualchecker.tasks import Extraction, Task
from dualchecker.tasks.extraction import LOSES_A_SPAN
from dualchecker.tasks.replies import read_object

Level = Literal["harder", "easier"]
LEVELS: tuple[Level, ...] = ("harder", "easier")

_LEAST_ROOM = 40
_SPOILS = ("too_many_spans", "occurs_too_often")


@dataclass(frozen=True, slots=True)
class Case:
    """A human-labelled text and what the student said of it.

    Attributes:
        record: With its human label.
        said: The student's label, or what it would reply where spans are asked for.
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
            Where spans are asked for: an outcome of ``Extraction.parse``, the name of why one of its spans cannot be
            used (the text would then teach that it has none), or ``span_required`` (of a label that must occur).
        text: The text, if there is one.
        label: Its label, if the outcome is ``ok``; its spans as a reply, where they are asked for.
        spans: Its spans, if the outcome is ``ok`` and they are asked for.
    """

    level: Level
    outcome: str
    text: str = ""
    label: str | None = None
    spans: tuple[Span, ...] = ()


def ask_for_texts(task: Task, cases: Sequence[Case], name: str, max_tokens: int = 8000) -> Prompt:
    """Ask for a summary of the student's weakness, a harder and an easier labelled text.

    Args:
        task: Question and labels.
        cases: Gold that may be shown; long texts are cut to fit.
        name: Stands for the record in the ledger's trail.
        max_tokens: Estimated size that the prompt may have.
    """
    said = [words for case in cases for words in (case.record.label or "", case.said)] if task.spans else []
    bare = sum(map(estimate_tokens, [task.question, *task.labels, *task.labels.values(), *said])) + 400
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
        "tag": pick_tag([*texts, *said]),
        "spans": task.spans,
        "occurs": {name: OCCURS.get(word, "") for name, word in task.occurrence.items()},
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
            spans=task.spans,
        ),
        schema=_schema(task),
        purpose="generate",
        notes=("truncated",) if any(t != case.record.text for t, case in zip(texts, cases, strict=True)) else (),
    )


def _schema(task: Task) -> dict[str, Any]:
    label = {"type": "string", "enum": list(task.labels)}
    text: dict[str, Any] = {
        "type": "object",
        "properties": {"text": {"type": "string"}, "label": label},
        "required": ["text", "label"],
        "additionalProperties": False,
    }
    if task.spans:
        span = {
            "type": "object",
            "properties": {"label": label, "quote": {"type": "string"}},
            "required": ["label", "quote"],
            "additionalProperties": False,
        }
        spans = {"text": {"type": "string"}, "spans": {"type": "array", "items": span}}
        text |= {"properties": spans, "required": ["text", "spans"]}
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
    if isinstance(task, Extraction):
        one = _read_spans(task, level, text, value.get("spans"))
    else:
        parsed = task.parse(json.dumps({"label": value.get("label")}))
        one = Written(level, parsed.outcome, text, parsed.label)
    if one.label is not None and fingerprint(text) in known:
        return Written(level, "copy", text)
    return one


def _read_spans(task: Extraction, level: Level, text: str, given: object) -> Written:
    parsed = task.parse(json.dumps({"rationale": "", "spans": given}), text)
    if parsed.label is None:
        return Written(level, parsed.outcome, text)
    wrong = next((note for note in parsed.notes if note in LOSES_A_SPAN or note in _SPOILS), None)
    spans = tuple(found.span for found in parsed.spans)
    if wrong is None and any(task.needs(label) and all(s.label != label for s in spans) for label in task.names):
        wrong = "span_required"
    return Written(level, wrong, text) if wrong else Written(level, "ok", text, parsed.label, spans)
