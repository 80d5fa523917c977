"""Any server with the OpenAI chat-completions interface: one POST, over aiohttp."""

import json
import logging
import re
from collections.abc import Mapping
from typing import Any

from dualchecker.config import RUNGS, SeniorConfig
from dualchecker.prompts import Prompt
from dualchecker.prompts.render import estimate_tokens
from dualchecker.records import Reply
from dualchecker.teachers.batch_files import BATCH_PRICE, BatchFiles
from dualchecker.teachers.connection import Connection
from dualchecker.teachers.wire import read_error, read_failure, read_reply

_log = logging.getLogger(__name__)

_DROPPABLE: Mapping[str, str] = {
    "response_format": r"\bresponse_format\b|json.?schema|grammar",
    "logprobs": r"\b(top_)?logprobs\b",
    "temperature": r"\btemperature\b",
    "seed": r"\bseed\b",
}
"""Parameters a server may refuse, and how its message names them. Without them the answer still comes, only with
fewer signals."""

_TOGETHER = {"logprobs": ("logprobs", "top_logprobs")}


class OpenAITeacher:
    """A chat model behind ``base_url`` (OpenAI, vLLM, Ollama, llama.cpp, ``transformers serve``, ...).

    Structured output and log-probabilities are asked for, never relied on: a server may refuse them (they are then
    left out) or silently ignore them (replies are parsed tolerantly, signals that are not there are missing).

    Args:
        config: Model, address, name of the key's environment variable, sampling, prices.
        concurrency: Connections to keep.
    """

    rungs = frozenset(RUNGS) | {"explain", "evaluate", "generate", "correct"}

    def __init__(self, config: SeniorConfig, *, concurrency: int = 32) -> None:
        self._config = config
        self._dropped: set[str] = set()
        self._renamed: dict[str, str] = {}
        self.remarks: list[str] = []
        self._server = Connection(config, "/chat/completions", concurrency=concurrency)

    @property
    def name(self) -> str:
        return self._config.model or "openai"

    def payload(self, prompt: Prompt) -> dict[str, Any]:
        config = self._config
        body: dict[str, Any] = {
            "model": config.model,
            "messages": [dict(message) for message in prompt.messages],
            "max_tokens": config.max_tokens,
        }
        if config.temperature is not None:
            body["temperature"] = config.temperature
        if config.structured:
            schema = {"name": prompt.purpose, "strict": True, "schema": prompt.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        if config.logprobs and prompt.purpose == "label" and not prompt.shown.reasons:  # no label to find there
            body |= {"logprobs": True, "top_logprobs": 10}
        body |= config.extra
        if prompt.sample:  # a draw of its own: no option may make it the same request as another
            body["seed"] = prompt.sample
            if config.temperature is not None:
                body["temperature"] = prompt.temperature
        return body | {"stream": False}

    def estimate(self, prompt: Prompt) -> float:
        config = self._config
        tokens = sum(estimate_tokens(message["content"]) + 8 for message in prompt.messages)
        if config.structured:
            tokens += estimate_tokens(json.dumps(prompt.schema))
        share = 1.0 if config.batch == "off" else BATCH_PRICE
        return share * (tokens * config.price_input + config.max_tokens * config.price_output) / 1e6

    def cost(self, reply: Reply) -> float:
        config = self._config
        share = BATCH_PRICE if reply.batch else 1.0
        return share * (reply.prompt_tokens * config.price_input + reply.completion_tokens * config.price_output) / 1e6

    async def ask(self, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        for _ in range(len(_DROPPABLE) + 2):  # each refusal of a parameter costs one more try, within one request
            body = self._fitted(payload)
            status, headers, text = await self._server.post(body)
            if status == 200:
                return read_reply(text, prompt)
            if not (status in (400, 422) and self._adapt(text, body)):
                break
        config = self._config
        address = self._server.address
        raise read_failure(status, headers, text, address=address, model=config.model, key_env=config.key_env)

    @property
    def batch(self) -> BatchFiles | None:
        """The way to ask by batch files, where the run file wants it."""
        if self._config.batch == "off":
            return None
        return BatchFiles(self._config, self._server, self.name, fit=self._fitted, adapt=self._adapt)

    async def aclose(self) -> None:
        await self._server.aclose()

    def _fitted(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """A payload without what the server does not take."""
        return {self._renamed.get(k, k): v for k, v in payload.items() if k not in self._dropped}

    def _adapt(self, text: str, body: Mapping[str, Any]) -> bool:
        """Leave out (or rename) parameters that the server says it does not take; False if it names none.

        Many requests may be under way when the first refusal comes back: those that were sent with the parameter are
        refused as well, and have to be sent again just like the first.
        """
        error = read_error(text)
        # The message may quote the prompt; where the server names the parameter itself, only that counts.
        named = (error.param or error.message).lower()
        if "max_tokens" in body and "max_completion_tokens" in error.message:
            self._renamed["max_tokens"] = "max_completion_tokens"
            return True
        refused = [
            name
            for parameter, pattern in _DROPPABLE.items()
            if re.search(pattern, named)
            for name in _TOGETHER.get(parameter, (parameter,))
            if name in body
        ]
        if fresh := sorted(set(refused) - self._dropped):
            _log.warning("%s does not take %s; asking goes on without", self.name, ", ".join(fresh))
            self._dropped.update(fresh)
        return bool(refused)
