"""A causal language model of transformers in this very process, on a CPU or a GPU: no server, no key, no price."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from dualchecker.config import RUNGS, SeniorConfig
from dualchecker.ledger import content_hash
from dualchecker.prompts import Prompt
from dualchecker.records import Reply
from dualchecker.teachers.base import FreeTeacher
from dualchecker.teachers.local_engine import Engine
from dualchecker.teachers.local_model import LocalModel, identify, pick_device, pick_dtype
from dualchecker.teachers.local_queue import Together
from dualchecker.teachers.local_replies import Mode, Wanted

VERSION = 1
"""Enters the request key: raise it whenever answers change."""


class LocalTeacher(FreeTeacher):
    """A chat model (or any causal model) from a folder or the hub.

    Labels are scored: the log-likelihood of every label, as the reply would have it, gives a probability for each, and
    nothing is written. Reasons, verdicts, spans and sets of labels are written, as JSON whose beginning is imposed;
    where a reason comes before a label (``answer: reasons``), the label is scored behind it.

    Prompts that are asked at the same time are answered in batches, which share what they begin with; an answer hangs
    on its own prompt alone, up to rounding. Weights come from safetensors only, and no code from the model's folder
    is run.

    Args:
        config: Model, kind of answer, device, number format, batch size, sampling.
        model: Where the model is, if not at ``config.model`` (which is its name for people).
    """

    rungs = frozenset(RUNGS) | {"explain", "evaluate", "generate", "correct"}

    def __init__(self, config: SeniorConfig, *, model: str | None = None) -> None:
        self._config = config
        self._base = model or config.model or ""
        self._engine: Engine | None = None
        self._queue: Together[Wanted, Reply] = Together(self._work)
        self.remarks: list[str] = []

    @property
    def name(self) -> str:
        return self._config.label

    def payload(self, prompt: Prompt) -> dict[str, Any]:
        wanted = self._wanted(prompt)
        payload: dict[str, Any] = {
            "teacher": "transformers",
            "version": VERSION,
            "model": self._identity[0],
            "dtype": self._dtype,
            "messages": [dict(message) for message in prompt.messages],
            "answer": wanted.mode,
            "reply": [wanted.first, wanted.field, list(wanted.names), wanted.only],
        }
        if wanted.mode != "score":
            payload["max_tokens"] = wanted.most
        if wanted.temperature:
            payload |= {"temperature": wanted.temperature, "sample": prompt.sample}
        return payload

    async def ask(self, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        return await self._queue.ask(self._wanted(prompt, content_hash(payload)))

    async def aclose(self) -> None:
        await self._queue.aclose()
        self._engine = None

    @cached_property
    def _identity(self) -> tuple[str, str | None]:
        return identify(self._base)

    @cached_property
    def _device(self) -> str:
        return pick_device(self._config.device)

    @cached_property
    def _dtype(self) -> str:
        return pick_dtype(self._config.dtype, self._device)

    def _wanted(self, prompt: Prompt, seed: str = "") -> Wanted:
        """How a prompt is answered: by its reply's schema, whose properties stand in the order of the reply."""
        config = self._config
        properties = prompt.schema.get("properties", {})
        texts = [name for name, value in properties.items() if value == {"type": "string"}]
        fields = [name for name, value in properties.items() if value.get("enum")]
        first = texts[0] if config.structured and texts and next(iter(properties)) == texts[0] else ""
        mode = self._mode(prompt, bool(fields), bool(first))
        return Wanted(
            messages=prompt.messages,
            mode=mode,
            first="" if mode == "score" else first,
            only=mode == "text" and bool(first) and len(properties) == 1,
            field="" if mode == "text" else fields[0],
            names=() if mode == "text" else tuple(properties[fields[0]]["enum"]),
            is_label=prompt.purpose == "label",
            most=config.max_tokens,
            # Where labels are scored, the usual answer is the likeliest: there is nothing to draw.
            temperature=prompt.temperature if prompt.sample else 0.0 if mode == "score" else config.temperature or 0.0,
            seed=seed,
        )

    def _mode(self, prompt: Prompt, choice: bool, string: bool) -> Mode:
        if not choice or self._config.answer == "generate":
            return "text"
        if prompt.purpose == "evaluate":
            return "reasons" if string else "text"
        if prompt.purpose != "label":
            return "text"
        return "reasons" if self._config.answer == "reasons" and string else "score"

    def _work(
        self,
        wanted: Sequence[Wanted],
        settle: "Callable[[int, Reply | BaseException], None]",
        stopped: Callable[[], bool],
    ) -> None:
        if self._engine is None:
            base, (_, revision) = self._base, self._identity
            loaded = LocalModel.load(base, device=self._device, dtype=self._dtype, revision=revision)
            self._engine = Engine(loaded, self._config.batch_tokens, self.remarks)
        self._engine.answer(wanted, settle, stopped)
