"""From prompts that wait together to replies: batches that fit, by the quick way where the model takes it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from dualchecker.embedding.transformer import import_torch
from dualchecker.errors import ConfigError, RequestFailed
from dualchecker.prompts.prompt import Message
from dualchecker.records import Reply
from dualchecker.teachers.local_model import LocalModel, as_json
from dualchecker.teachers.local_passes import NotThisWay, Passes, out_of_memory
from dualchecker.teachers.local_replies import Wanted, choice_reply, text_reply, unescaped
from dualchecker.teachers.local_scoring import Question, Questions, Scorer, Scores
from dualchecker.teachers.local_writing import Draft, Stopped, Writer, Written

_MOST_LOGITS = 2**27
"""Numbers that the logits of a batch may have: half a gigabyte."""

_LEAST_ROOM = 16
"""Tokens that a reply must have room for."""


class _Sized(Protocol):
    @property
    def size(self) -> int: ...


T = TypeVar("T", bound=_Sized)
R = TypeVar("R")
Settle = Callable[[int, "Reply | BaseException"], None]


class Engine:
    """Answers what is wanted, in the thread that calls it.

    Args:
        model: The model.
        tokens: Size of a batch, padding included. Halved, and halved again, when the memory does not suffice.
        remarks: What should be known is added here.
    """

    def __init__(self, model: LocalModel, tokens: int, remarks: list[str] | None = None) -> None:
        self.model, self._tokens = model, tokens
        self._torch, _ = import_torch()
        self._passes = Passes(model)
        self._questions = Questions(model)
        self._scorer, self._writer = Scorer(model, self._passes), Writer(model, self._passes)
        self.remarks = [] if remarks is None else remarks
        for remark in model.remarks:
            self._remark(remark)
        self.quick = True
        if self._passes.obstacle:
            self._slow(self._passes.obstacle)

    def answer(self, wanted: Sequence[Wanted], settle: Settle, stopped: Callable[[], bool]) -> None:
        """Settle every one of ``wanted`` by its index, as soon as its batch is through.

        Args:
            wanted: What is asked.
            settle: Called once for each with its reply, or with why there is none.
            stopped: Whether nobody waits any more; what is left then stays unsettled.
        """
        written: dict[int, Written] = {}
        drafts: dict[int, Draft] = {}
        texts: dict[int, str] = {}
        for number, one in enumerate(wanted):
            try:
                texts[number] = self._text(one.messages)
                if one.mode != "score":
                    drafts[number] = self._draft(one, texts[number])
            except RequestFailed as failure:
                settle(number, failure)
                texts.pop(number, None)
        for number, draft in self._each(drafts, lambda _: None, self._write, settle, stopped):
            if wanted[number].mode == "text":
                settle(number, text_reply(wanted[number], drafts[number], draft))
            else:
                written[number] = draft
        questions: dict[int, Question] = {}
        for number, text in texts.items():
            one = wanted[number]
            if one.mode == "score" or number in written:
                try:
                    questions[number] = self._question(one, text, written.get(number))
                except RequestFailed as failure:
                    settle(number, failure)
        for number, scores in self._each(questions, lambda one: one.tree, self._score, settle, stopped):
            settle(number, choice_reply(wanted[number], questions[number], scores, written.get(number)))

    def _text(self, messages: Sequence[Message]) -> str:
        from jinja2 import TemplateError

        try:
            return self.model.written(messages)
        except TemplateError as error:
            raise RequestFailed(
                "The model's chat template does not take these messages.",
                kind="bad_request",
                why=f"It says: {error}.",
                fix="Use a model with a template for a system and a user turn.",
            ) from error

    def _draft(self, one: Wanted, text: str) -> Draft:
        opening = f'{{{as_json(one.first)}: "' if one.first else ""
        [row] = self.model.tokens([text + opening])
        most = self._room(len(row), one.most)
        inside = one.mode == "reasons" or one.only
        return Draft(tuple(row), opening, most, "quote" if inside else "object", one.temperature, seed=one.seed)

    def _question(self, one: Wanted, text: str, reason: Written | None) -> Question:
        opening = f"{as_json(one.field)}: "
        if reason is None:
            opening = "{" + opening
        else:
            text += f"{{{as_json(one.first)}: {as_json(unescaped(reason.text))}, "
        question = self._questions.question(text, opening, one.names)
        self._room(len(question.row) + question.tree.depth, 0)
        return question

    def _room(self, length: int, most: int) -> int:
        """Tokens that may still be written behind so many, at most those wanted."""
        limit = self.model.context
        if limit is None:
            return most
        if length + min(most, _LEAST_ROOM) > limit:
            raise RequestFailed(
                "The prompt is too long for the model.",
                kind="too_long",
                why=f"It has {length} tokens, and the model takes {limit} with the reply.",
                fix="Lower limits.max_prompt_tokens.",
            )
        return min(most, limit - length)

    def _write(self, drafts: Sequence[Draft], stopped: Callable[[], bool]) -> list[Written]:
        if self.quick:
            try:
                return self._writer.together(drafts, stopped)
            except NotThisWay as error:
                self._slow(str(error))
        return [self._writer.alone(draft, stopped) for draft in drafts]

    def _score(self, questions: Sequence[Question], stopped: Callable[[], bool]) -> list[Scores]:
        if self.quick:
            try:
                return self._scorer.together(questions)
            except NotThisWay as error:
                self._slow(str(error))
        found = []
        for scores in self._scorer.alone(questions, self._tokens):
            if stopped():
                raise Stopped
            found.append(scores)
        return found

    def _slow(self, why: str) -> None:
        self.quick = False
        self._passes.forget()
        self._remark(f"Nothing can be shared between the prompts of this model, which makes it slower ({why}).")

    def _remark(self, words: str) -> None:
        if words not in self.remarks:
            self.remarks.append(words)

    def _each(
        self,
        items: dict[int, T],
        kind: Callable[[T], object],
        work: Callable[[Sequence[T], Callable[[], bool]], list[R]],
        settle: Settle,
        stopped: Callable[[], bool],
    ) -> Iterator[tuple[int, R]]:
        """Work through items in batches of one kind and of like length; failures are settled here."""
        waiting = self._batches(items, kind)
        while waiting:
            batch = waiting.pop()
            if stopped():
                return
            try:
                found = work([items[number] for number in batch], stopped)
            except Stopped:
                return
            except Exception as error:  # whatever a model may raise
                if out_of_memory(error) and len(batch) > 1:
                    self._make_room(max(items[n].size for n in batch) * len(batch) // 2)
                    waiting += [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
                    continue
                failure = self._failure(error)
                for number in batch:
                    settle(number, failure)
                continue
            yield from zip(batch, found, strict=True)

    def _batches(self, items: dict[int, T], kind: Callable[[T], object]) -> list[list[int]]:
        """Indices in batches; the last one, which is taken first, has the longest: if memory is short, it shows."""
        order = sorted(items, key=lambda number: items[number].size)
        groups: dict[object, list[list[int]]] = {}
        for number in order:
            of_kind = groups.setdefault(kind(items[number]), [[]])
            if of_kind[-1] and items[number].size * (len(of_kind[-1]) + 1) > self._most(items[number]):
                of_kind.append([])
            of_kind[-1].append(number)
        return [batch for of_kind in groups.values() for batch in of_kind]

    def _most(self, item: _Sized) -> int:
        """Tokens of a batch of items like this one."""
        places = 1 + len(item.tree.tokens) if isinstance(item, Question) else 1
        return min(self._tokens, item.size * max(_MOST_LOGITS // (places * self.model.vocabulary), 1))

    def _make_room(self, tokens: int) -> None:
        self._tokens = max(min(self._tokens, tokens), 1)
        self._passes.forget()
        if self._torch.cuda.is_available():
            self._torch.cuda.empty_cache()
        self._remark("Memory did not suffice for a whole batch; smaller ones are used (teacher.batch_tokens).")

    def _failure(self, error: Exception) -> BaseException:
        if isinstance(error, RequestFailed | ConfigError):
            return error
        if out_of_memory(error):
            self._make_room(self._tokens)
            return RequestFailed(
                "There is not enough memory for this prompt alone.",
                kind="out_of_memory",
                why=str(error).strip().split("\n")[0][:300],
                fix="Lower limits.max_prompt_tokens, set teacher.dtype: bfloat16, or choose a smaller model.",
            )
        if isinstance(error, ArithmeticError):
            return RequestFailed(
                "The model's output is no number.",
                kind="not_finite",
                why=f"Its arithmetic has overflown in {str(self.model.model.dtype).removeprefix('torch.')}.",
                fix="Set teacher.dtype: float32.",
            )
        return RequestFailed(
            "The model failed.",
            kind="model_failed",
            why=f"{type(error).__name__}: {error}"[:500],
            fix="Check that the model writes text when transformers runs it by itself.",
        )
