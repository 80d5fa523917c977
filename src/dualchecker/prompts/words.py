"""The words of a prompt: Jinja2 files, and delimiters that no text can close."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from dualchecker.prompts.prompt import Message, size_of
from dualchecker.prompts.rungs import Rung
from dualchecker.prompts.template import Template
from dualchecker.records import Answer, Chain, Demonstration
from dualchecker.tasks import Task
from dualchecker.tasks.choices import letter

OCCURS = {
    "at_most_one": " (at most one in a text)",
    "at_least_one": " (at least one in a text)",
    "exactly_one": " (exactly one in a text)",
}
"""How often a label may occur in a text, as prompts say it."""


@lru_cache(maxsize=1)
def prompt_files() -> ImmutableSandboxedEnvironment:
    # Prompts are plain text: nothing is HTML-escaped; texts are data because of their delimiters.
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(Path(__file__).parent / "files"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters["letter"] = letter
    return environment


def pick_tag(texts: Sequence[str]) -> str:
    """A delimiter that none of the texts contains: ``text``, or ``text-2``, ``text-3`` ... where one does.

    A common constant keeps prompts of a run alike at the front, which servers can cache.
    """
    taken = set()
    for text in texts:
        if "<" not in text:
            continue
        taken.update(re.findall(r"<[\s/]*(text(?:-\d+)?)\b", text, re.I))
    taken = {name.lower() for name in taken}
    number = 1
    while (name := "text" if number == 1 else f"text-{number}") in taken:
        number += 1
    return name


def first_sentence(text: str) -> str:
    # A small letter behind a full stop belongs to an abbreviation ("e.g. paint"), not to a new sentence.
    return re.split(r"(?<=[.!?])\s+(?![a-z])|(?<=[。！？])", text.strip(), maxsplit=1)[0]


@dataclass(frozen=True)
class View:
    """What a prompt says besides texts and demonstrations, which are fitted to the limit."""

    rung: Rung
    template: Template
    previous: tuple[Answer, ...]
    human_label: str | None
    focus: tuple[tuple[str, str], ...]
    choices: tuple[str, ...] = ()
    chain: Chain | None = None

    @property
    def bare(self) -> bool:
        """Whether nothing but the texts and demonstrations differs from prompt to prompt."""
        return not (self.previous or self.human_label or self.focus or self.choices or self.chain)


@dataclass(frozen=True)
class Words:
    """Renders the messages of a task's prompts.

    Most prompts of a run differ in nothing but their texts. So a prompt is rendered once with placeholders, and from
    then on put together from the pieces between them: the same characters, at a small part of the time.

    Args:
        task: Question, labels and reply schema.
    """

    task: Task
    _frames: dict[Any, "_Frame | None"] = field(default_factory=dict, repr=False, compare=False)
    _blocks: dict[Any, str] = field(default_factory=dict, repr=False, compare=False)
    _sizes: dict[Rung, int] = field(default_factory=dict, repr=False, compare=False)
    _descriptions: dict[bool, tuple[str, ...]] = field(default_factory=dict, repr=False, compare=False)

    def guide(self, rung: Rung) -> list[tuple[str, str]]:
        """Every label with what the rung shows of its description."""
        labels: Mapping[str, str] = self.task.labels
        return [(name, text if rung.full_guide else first_sentence(text)) for name, text in labels.items()]

    def descriptions(self, rung: Rung) -> tuple[str, ...]:
        """What the rung shows of each label's description."""
        found = self._descriptions.get(rung.full_guide)
        if found is None:
            found = self._descriptions[rung.full_guide] = tuple(text for _, text in self.guide(rung))
        return found

    def frame_size(self, view: View) -> int:
        """Estimated tokens of the prompt with neither texts nor demonstrations."""
        if not view.bare:
            return size_of(self.messages(view, (), "", ""))
        size = self._sizes.get(view.rung)
        if size is None:
            size = self._sizes[view.rung] = size_of(self.messages(view, (), "", ""))
        return size

    def messages(
        self, view: "View", demonstrations: Sequence[Demonstration], text: str, context: str
    ) -> tuple[Message, ...]:
        """The system and the user message."""
        long = view.rung.long and not self.task.spans
        bodies = [d.record.long_text if long else d.record.text for d in demonstrations]
        tag = self._tag(view, demonstrations, bodies, text, context)
        fixed_ids = {demo.record.id for demo in view.template.fixed}
        fixed: list[str] = []
        near: list[str] = []
        for demo, body in zip(demonstrations, bodies, strict=True):
            (fixed if demo.record.id in fixed_ids else near).append(self._block(demo, body, tag))
        if not view.bare:
            return self._render(view, tag, fixed, near, text, context)
        key = (view.rung, tag, tuple(fixed), len(near), bool(context))
        if key not in self._frames:
            if len(self._frames) >= _FRAMES:
                self._frames.clear()
            self._frames[key] = self._frame(view, tag, fixed, len(near), bool(context))
        frame = self._frames[key]
        if frame is None:
            return self._render(view, tag, fixed, near, text, context)
        return frame.filled([*near, *([context] if context else []), text])

    def _tag(
        self, view: "View", demonstrations: Sequence[Demonstration], bodies: Sequence[str], text: str, context: str
    ) -> str:
        """A delimiter that nothing in the prompt contains."""
        if view.bare and "<" not in text and "<" not in context and all(map(_harmless, demonstrations, bodies)):
            return pick_tag(())
        shown = [text, context, view.human_label or "", *bodies, *view.choices]
        shown += [d.rationale or "" for d in demonstrations]
        shown += [answer.rationale for answer in view.previous]
        if self.task.spans or self.task.reasons:  # an answer is then words of the teacher's own, not a name of ours
            shown += [answer.label or "" for answer in view.previous]
            shown += [d.label for d in demonstrations]
        shown += [choice for d in demonstrations for choice in d.record.choices or ()]
        if view.chain:
            shown += [view.chain.text, view.chain.answer]
        return pick_tag(shown)

    def _block(self, demo: Demonstration, body: str, tag: str) -> str:
        """A demonstration as prompts show it."""
        key = (body, demo.rationale, demo.label, demo.record.choices, tag)
        block = self._blocks.get(key)
        if block is None:
            if len(self._blocks) >= _BLOCKS:
                self._blocks.clear()
            block = self._blocks[key] = self._file("block").render(
                tag=tag,
                text=body,
                rationale=demo.rationale,
                label=demo.label,
                multiple=self.task.multiple,
                spans=self.task.spans,
                choices=demo.record.choices or (),
            )
        return block

    def _file(self, name: str) -> Any:
        return prompt_files().get_template(f"{'reasoning/' if self.task.reasons else ''}{name}.j2")

    def _render(
        self, view: "View", tag: str, fixed: Sequence[str], near: Sequence[str], text: str, context: str
    ) -> tuple[Message, ...]:
        rung, human_label = view.rung, view.human_label
        values = {
            "question": self.task.question,
            "labels": self.guide(rung),
            "names": json.dumps(list(self.task.labels), ensure_ascii=False),
            "multiple": self.task.multiple,
            "spans": self.task.spans,
            "occurs": {name: OCCURS.get(word, "") for name, word in self.task.occurrence.items()},
            "focus": view.focus,
            "context": context,
            "purpose": "evaluate" if view.chain else "label" if human_label is None else "explain",
            "choices": view.choices,
            "chain": view.chain,
            "answer": getattr(self.task, "answer", ""),
            "style": rung.style,
            "fixed": fixed,
            "near": near,
            "human_label": human_label,
            "previous": view.previous,
            "text": text,
            "tag": tag,
        }
        return tuple({"role": role, "content": self._file(role).render(values).strip()} for role in ("system", "user"))

    def _frame(self, view: "View", tag: str, fixed: Sequence[str], near: int, context: bool) -> "_Frame | None":
        """The pieces of such prompts; None where placeholders cannot tell them."""
        holes = [_hole(place) for place in range(near + context + 1)]
        rendered = self._render(view, tag, fixed, holes[:near], holes[-1], holes[near] if context else "")
        system, user = (message["content"] for message in rendered)
        pieces = []
        for hole in holes:
            before, found, user = user.partition(hole)
            if not found or hole in user:
                return None
            pieces.append(before)
        pieces.append(user)
        # Rendering strips the ends of a message: they must be words of ours, not of a text.
        ends = (pieces[0], pieces[-1])
        if any(not end or hole in system for end in ends for hole in holes):
            return None
        return _Frame({"role": "system", "content": system}, tuple(pieces))


_FRAMES, _BLOCKS = 256, 4096
"""So many are kept: a run has a handful of frames, and a block for each demonstration and delimiter."""


def _harmless(demo: Demonstration, body: str) -> bool:
    """Whether no delimiter can stand in a demonstration."""
    return "<" not in body and "<" not in (demo.rationale or "") and "<" not in demo.label and not demo.record.choices


def _hole(place: int) -> str:
    return f"\x00{place}\x00"


@dataclass(frozen=True, slots=True)
class _Frame:
    """A system message, and the pieces of a user message between its texts."""

    system: Message
    pieces: tuple[str, ...]

    def filled(self, texts: Sequence[str]) -> tuple[Message, ...]:
        parts = [self.pieces[0]]
        for text, piece in zip(texts, self.pieces[1:], strict=True):
            parts += (text, piece)
        return self.system, {"role": "user", "content": "".join(parts)}
