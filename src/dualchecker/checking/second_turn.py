"""Answers of a teacher, with a second turn where the first could not be sent or could not be read."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from dualchecker.asking import Asker, Outcome
from dualchecker.prompts import Prompt, PromptWriter, Series
from dualchecker.prompts.correction import CORRECTABLE, correction
from dualchecker.records import Answer
from dualchecker.teachers import Teacher

_SHRINK = 0.7
"""A prompt that is too long is written again for so much of its size. Not for what the server says it takes: servers
count in tokens of their own, and a run that is repeated from its ledger must come to the same prompts."""

_SHRINKS = 5
"""The last of them has a sixth of the first size."""

Write = Callable[[int, PromptWriter], Prompt]
Read = Callable[[int, Outcome], list[Answer]]


class SecondTurn:
    """Asks a series of prompts until each is answered, refused, or past help.

    A prompt that is too long for the teacher is written again for less room, so that the least similar demonstrations
    give way first, then the middle of the text. A reply that cannot be read is shown to its author once.

    Args:
        asker: Asks.
        writer: Writes prompts as long as the run allows.
    """

    def __init__(self, asker: Asker, writer: PromptWriter) -> None:
        self._asker, self._writer = asker, writer

    def answers(self, teacher: Teacher, count: int, write: Write, read: Read, purpose: str) -> list[list[Answer]]:
        """What is said at each place of the series.

        Args:
            teacher: Whom to ask.
            count: Length of the series.
            write: Writes the prompt at a place with a writer.
            read: Reads the outcome at a place: one answer or several, all of one request.
            purpose: For the ledger's trail.
        """
        unread: dict[int, Outcome] = {}

        def reader(places: Sequence[int]) -> Callable[[Outcome], list[Answer]]:
            def inner(outcome: Outcome) -> list[Answer]:
                place = places[outcome.place]
                found = read(place, outcome)
                if _has_hope(outcome, found):
                    unread[place] = outcome
                return found

            return inner

        prompts = Series(count, lambda place: write(place, self._writer))
        said = self._asker.ask(teacher, prompts, purpose, read=reader(range(count)))
        for _ in range(_SHRINKS):
            places = [place for place, outcome in unread.items() if outcome.reply is None]
            shorter = [(p, self._shorter(unread.pop(p).prompt, p, write)) for p in sorted(places)]
            fitted = [(place, prompt) for place, prompt in shorter if prompt is not None]
            if not fitted:
                break
            places = [place for place, _ in fitted]
            again = self._asker.ask(teacher, [prompt for _, prompt in fitted], purpose, read=reader(places))
            for place, found in zip(places, again, strict=True):
                said[place] = found
        if "correct" in teacher.rungs:
            self._correct(teacher, said, {p: o for p, o in unread.items() if o.reply is not None}, read, purpose)
        return said

    def _shorter(self, prompt: Prompt, place: int, write: Write) -> Prompt | None:
        """The same question in less room; None if there is nothing left to leave out."""
        fitted = write(place, self._writer.within(round(prompt.size * _SHRINK)))
        if fitted.size >= prompt.size:
            return None
        return replace(fitted, notes=tuple(dict.fromkeys((*fitted.notes, "context_overflow"))))

    def _correct(
        self, teacher: Teacher, said: list[list[Answer]], unread: dict[int, Outcome], read: Read, purpose: str
    ) -> None:
        places = sorted(unread)
        prompts = [
            correction(unread[place].prompt, reply.text, said[place][0].outcome)
            for place in places
            if (reply := unread[place].reply) is not None
        ]
        found = self._asker.ask(teacher, prompts, purpose, read=lambda outcome: read(places[outcome.place], outcome))
        for place, answers in zip(places, found, strict=True):
            if any(answer.ok for answer in answers):
                said[place] = answers
            else:  # what was wrong at first is what is wrong
                said[place] = [replace(a, notes=(*a.notes, "correction_failed")) for a in said[place]]


def _has_hope(outcome: Outcome, found: Sequence[Answer]) -> bool:
    if outcome.failure is not None:
        return outcome.failure.kind == "too_long"
    return bool(found) and all(answer.outcome in CORRECTABLE for answer in found)
