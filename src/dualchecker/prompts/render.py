"""Prompts for a task: what each shows, fitted to a token limit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from dualchecker.prompts.prompt import Prompt, Shown, estimate_tokens, size_of
from dualchecker.prompts.rungs import Rung
from dualchecker.prompts.template import Template
from dualchecker.prompts.words import View, Words
from dualchecker.records import Answer, Chain, Demonstration, Record
from dualchecker.tasks import Task
from dualchecker.tasks.verdicts import verdict_schema

_CUT = "\n[... the text was cut here to fit ...]\n"
_REASON = 300
"""Tokens of an earlier answer's reason that are shown again."""
_ANSWER = 1000
"""Tokens of the spans of an earlier answer that are shown again."""


def shorten(text: str, tokens: int) -> str:
    """Keep the head and a little of the tail: what something is stands first, what became of it often last."""
    if estimate_tokens(text) <= tokens:
        return text
    keep = len(text)
    cut = text
    while keep > 20 and (size := estimate_tokens(cut)) > tokens:
        # Characters a token, as this very text has them; again where head and tail have fewer.
        keep = max(int(keep * max(tokens - 12, 8) / size), 20)
        head = keep * 3 // 4
        cut = text[:head].rstrip() + _CUT + text[len(text) - (keep - head) :].lstrip()
    return cut


def left_out(text: str, shown: str) -> tuple[int, int] | None:
    """The stretch of ``text`` that is not in ``shown``, what ``shorten`` made of it; None if nothing was cut."""
    if text == shown:
        return None
    place = shown.find(_CUT)
    while place >= 0:  # the text may hold these very words
        tail = shown[place + len(_CUT) :]
        if text.startswith(shown[:place]) and text.endswith(tail):
            return place, len(text) - len(tail)
        place = shown.find(_CUT, place + 1)
    return None


@dataclass(frozen=True)
class PromptWriter:
    """Writes prompts for a task.

    Args:
        task: Question, labels and reply schema.
        max_tokens: Estimated size that a prompt may have. A text may take three quarters of what the question
            leaves and is cut in the middle beyond that; then demonstrations give way, the least similar neighbours
            first. Both are noted.
    """

    task: Task
    max_tokens: int = 8000

    @cached_property
    def _words(self) -> Words:
        return Words(self.task)

    def within(self, max_tokens: int) -> "PromptWriter":
        """A writer of shorter (or longer) prompts, in the same words."""
        other = replace(self, max_tokens=max_tokens)
        other.__dict__["_words"] = self._words  # with what it has rendered so far
        return other

    @cached_property
    def _schema(self) -> dict[str, Any]:
        return self.task.schema()

    def label(
        self,
        record: Record,
        rung: Rung,
        template: Template,
        neighbours: Sequence[Demonstration],
        previous: Sequence[Answer] = (),
        focus: Sequence[tuple[str, str]] = (),
    ) -> Prompt:
        """Ask for a label, or for spans.

        Args:
            record: What to ask about.
            rung: How to ask.
            template: The demonstrations that all prompts show.
            neighbours: Nearest first, as many as the rung wants.
            previous: The teacher's earlier answers, for the rung that decides between them.
            focus: Labels to look at again, each with the reason in our own words (never words of the text).
        """
        extra = max(len(neighbours) - max(template.size - len(template.fixed), 0), 0)
        demonstrations = template.demonstrations(record.text, neighbours, extra if rung.name != "brief" else 0)
        own_answers = tuple(previous) if rung.decide else ()
        return self._write(record, rung, template, demonstrations, own_answers, focus=tuple(focus))

    def explain(self, record: Record, label: str) -> Prompt:
        """Ask why people gave ``label`` (ContextAligner: the reason *for the label the human gave*)."""
        return self._write(record, Rung("brief", long=True, full_guide=True), Template(), (), (), label)

    def evaluate(self, record: Record, chain: Chain, *, sample: int = 0, temperature: float = 1.0) -> Prompt:
        """Ask for a verdict on a chain of thought (Mind's Mirror, section 3.2); the question always stands beside it.

        Args:
            record: The question.
            chain: What to judge.
            sample: As in ``Prompt``: several verdicts on one chain are independent draws.
            temperature: Of such draws.
        """
        view = View(Rung("brief"), Template(), (), None, (), record.choices or (), chain)
        text, notes = record.long_text, []
        room = self.max_tokens - self._words.frame_size(view)
        if estimate_tokens(text) > room:
            text = shorten(text, max(room, 50))
            notes.append("truncated")
        return Prompt(
            record_id=record.id,
            rung="evaluate",
            messages=self._words.messages(view, (), text, ""),
            shown=replace(self._shown(view, (), text, ""), long=True),
            schema=verdict_schema(),
            purpose="evaluate",
            notes=tuple(notes),
            sample=sample,
            temperature=temperature,
        )

    def _write(
        self,
        record: Record,
        rung: Rung,
        template: Template,
        demonstrations: tuple[Demonstration, ...],
        previous: tuple[Answer, ...],
        human_label: str | None = None,
        focus: tuple[tuple[str, str], ...] = (),
    ) -> Prompt:
        # Spans are marked in the short form; the long one then helps to understand it.
        text = record.long_text if rung.long and not self.task.spans else record.text
        context = (record.detail or "") if rung.long and self.task.spans else ""
        notes: list[str] = []
        previous = tuple(
            replace(
                answer,
                rationale=shorten(answer.rationale, _REASON),
                label=shorten(answer.label, _ANSWER) if self.task.spans and answer.label else answer.label,
            )
            for answer in previous
        )
        view = View(rung, template, previous, human_label, focus, record.choices or ())
        room = self.max_tokens - self._words.frame_size(view)
        if estimate_tokens(text) > room * 3 // 4:
            text = shorten(text, max(room * 3 // 4, 50))
            notes.append("truncated")
        if context and estimate_tokens(context) > (left := (room - estimate_tokens(text)) // 2):
            context = shorten(context, left) if left > 50 else ""
            notes.append("context_truncated")
        messages = self._words.messages(view, demonstrations, text, context)
        dropped = 0
        while demonstrations and size_of(messages) > self.max_tokens:
            fixed_ids = {demo.record.id for demo in template.fixed}
            # Neighbours stand least similar first, behind the fixed ones.
            worst = next(
                (i for i, d in enumerate(demonstrations) if d.record.id not in fixed_ids),
                len(demonstrations) - 1,
            )
            demonstrations = demonstrations[:worst] + demonstrations[worst + 1 :]
            dropped += 1
            messages = self._words.messages(view, demonstrations, text, context)
        if dropped:
            notes.append("demonstrations_dropped")
        schema = self._schema
        if human_label is not None:
            schema = {**schema, "properties": {"rationale": {"type": "string"}}, "required": ["rationale"]}
        return Prompt(
            record_id=record.id,
            rung="explain" if human_label is not None else rung.name,
            messages=messages,
            shown=self._shown(view, demonstrations, text, context),
            schema=schema,
            purpose="label" if human_label is None else "explain",
            notes=tuple(notes),
        )

    def _shown(self, view: View, demonstrations: tuple[Demonstration, ...], text: str, context: str) -> Shown:
        rung = view.rung
        return Shown(
            text,
            tuple(self.task.labels),
            demonstrations,
            view.human_label,
            view.previous,
            rung.long,
            by_guide=rung.style in ("guide", "drafts"),
            multiple=self.task.multiple,
            question=self.task.question,
            descriptions=self._words.descriptions(rung),
            spans=self.task.spans,
            context=context,
            focus=view.focus,
            reasons=self.task.reasons,
            choices=view.choices,
            chain=view.chain,
        )
