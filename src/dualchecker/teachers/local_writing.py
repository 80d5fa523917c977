"""A model goes on writing: many replies at once, each the same whatever is written beside it."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from dualchecker.embedding.transformer import import_torch
from dualchecker.teachers.local_beginnings import Tokens
from dualchecker.teachers.local_model import LocalModel
from dualchecker.teachers.local_passes import Passes


class Stopped(Exception):
    """Nobody waits for the replies any more."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A reply to be written.

    Attributes:
        row: The prompt, and the beginning of the reply that it has to have, as tokens.
        opening: That beginning, as text.
        most: Tokens to write at most.
        until: Where it ends, if the model does not end it before: at the mark that closes the string in which it
            begins, or where the JSON object that it is closes.
        temperature: 0 takes the likeliest token each time.
        seed: Of the draws.
    """

    row: Tokens
    opening: str
    most: int
    until: Literal["quote", "object"]
    temperature: float = 0.0
    seed: str = ""

    @property
    def size(self) -> int:
        return len(self.row) + self.most


@dataclass(frozen=True, slots=True)
class Written:
    """What was written behind a draft's opening.

    Attributes:
        text: Up to where it ends, the closing quote of ``until: quote`` not included.
        tokens: How many.
        finish: ``stop``; ``length`` where there was no more room.
        cached: Tokens of the prompt that were not computed again.
    """

    text: str
    tokens: int
    finish: str
    cached: int = 0


def quote_at(text: str) -> int | None:
    """Where the string closes in whose inside ``text`` begins."""
    escaped = False
    for place, sign in enumerate(text):
        if sign == '"' and not escaped:
            return place
        escaped = sign == "\\" and not escaped
    return None


def object_end(text: str) -> int | None:
    """Where the first JSON object in ``text`` is over; None before that."""
    depth, place = 0, 0
    while place < len(text):
        sign = text[place]
        if sign == '"' and depth:
            closing = quote_at(text[place + 1 :])
            if closing is None:
                return None
            place += closing + 1
        elif sign in "{[":
            depth += 1
        elif sign in "}]" and depth:
            depth -= 1
            if not depth:
                return place + 1
        place += 1
    return None


class _Reply:
    """One reply while it is written."""

    def __init__(self, draft: Draft, model: LocalModel, marks: frozenset[int]) -> None:
        self._draft, self._model, self._marks = draft, model, marks
        self._random = random.Random(draft.seed)
        self._ids: list[int] = []
        self.finish = ""

    def choose(self, logits: Any, likeliest: int) -> int:
        """The next token, from logits (vocabulary) and the token with the largest."""
        if self._draft.temperature <= 0:
            return likeliest
        # One uniform number a token, from the reply's own stream: what else is in the batch cannot move it.
        values = logits.cpu().double().numpy()
        steps = np.cumsum(np.exp((values - values.max()) / self._draft.temperature))
        return int(min(np.searchsorted(steps, self._random.random() * steps[-1], side="right"), len(steps) - 1))

    def add(self, token: int) -> None:
        if token in self._model.ends:
            self.finish = "stop"
            return
        self._ids.append(token)
        if token in self._marks and self._end(self._model.text(self._ids)) is not None:
            self.finish = "stop"
        elif len(self._ids) >= self._draft.most:
            self.finish = "length"

    def _end(self, text: str) -> int | None:
        if self._draft.until == "quote":
            return quote_at(text)
        whole = object_end(self._draft.opening + text)
        return None if whole is None else whole - len(self._draft.opening)

    def written(self, cached: int) -> Written:
        text = self._model.text(self._ids)
        return Written(text[: self._end(text)], len(self._ids), self.finish, cached)


class Writer:
    """Writes drafts.

    Args:
        model: The model.
        passes: Runs it.
    """

    def __init__(self, model: LocalModel, passes: Passes) -> None:
        self._model, self._passes = model, passes
        self._torch, self._transformers = import_torch()

    @cached_property
    def _marks(self) -> frozenset[int]:
        """Tokens at which a reply may end."""
        words = self._model.tokenizer.convert_ids_to_tokens(list(range(len(self._model.tokenizer))))
        return frozenset(number for number, word in enumerate(words) if word and set(word) & set('"}]'))

    def together(self, drafts: Sequence[Draft], stopped: Callable[[], bool]) -> list[Written]:
        """All drafts, token by token, in one batch.

        Raises:
            NotThisWay: The model cannot be read like this; ``alone`` can.
            Stopped: ``stopped`` has said so.
            ArithmeticError: The model's arithmetic has overflown.
        """
        rows = [draft.row for draft in drafts]
        replies = [_Reply(draft, self._model, self._marks) for draft in drafts]
        logits, batch = self._passes.read(rows, beginning=self._passes.beginning(rows), go_on=True)
        logits, going = logits[:, 0], list(replies)
        while True:
            if stopped():
                raise Stopped
            if logits.isnan().any():
                raise ArithmeticError("logits are no numbers")
            best = logits.argmax(-1).tolist()
            tokens = [reply.choose(one, token) for reply, one, token in zip(going, logits, best, strict=True)]
            for reply, token in zip(going, tokens, strict=True):
                reply.add(token)
            left = [number for number, reply in enumerate(going) if not reply.finish]
            if not left:
                return [reply.written(batch.shared) for reply in replies]
            if len(left) < len(going):
                batch.keep(self._torch.tensor(left, device=self._model.device))
                going, tokens = [going[number] for number in left], [tokens[number] for number in left]
            logits = self._passes.step(batch, tokens)

    def alone(self, draft: Draft, stopped: Callable[[], bool]) -> Written:
        """The same by the model's own ``generate``, one draft at a time."""
        reply = _Reply(draft, self._model, self._marks)
        row = self._torch.tensor([draft.row], device=self._model.device)

        def pick(ids: Any, scores: Any) -> Any:
            """All but the token of our own choice is ruled out."""
            token = reply.choose(scores[0].float(), int(scores[0].argmax()))
            reply.add(token)
            ruled = self._torch.full_like(scores, -float("inf"))
            ruled[0, token] = 0
            return ruled

        def over(ids: Any, scores: Any, **more: Any) -> Any:
            if stopped():
                raise Stopped
            return self._torch.tensor([bool(reply.finish)], device=ids.device)

        settings = self._transformers.GenerationConfig(
            max_new_tokens=draft.most, do_sample=False, pad_token_id=0, eos_token_id=None
        )
        with self._torch.inference_mode():
            self._model.model.generate(
                row,
                attention_mask=self._torch.ones_like(row),
                generation_config=settings,
                logits_processor=self._transformers.LogitsProcessorList([pick]),
                stopping_criteria=self._transformers.StoppingCriteriaList([over]),
            )
        return reply.written(0)
