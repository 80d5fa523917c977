"""Any server with the OpenAI chat-completions interface: one POST, over aiohttp."""

import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from dualchecker.config import RUNGS, SeniorConfig
from dualchecker.errors import RequestFailed
from dualchecker.prompts import Prompt
from dualchecker.prompts.prompt import estimate_tokens
from dualchecker.records import Reply
from dualchecker.teachers.batch_files import BatchFiles
from dualchecker.teachers.endpoints import Endpoint, Endpoints
from dualchecker.teachers.failures import ServerError, html_title, read_error, read_failure
from dualchecker.teachers.parameters import MOST_REFUSALS, Parameters
from dualchecker.teachers.prices import Price, Prices
from dualchecker.teachers.wire import read_reply

_log = logging.getLogger(__name__)


class OpenAITeacher:
    """A chat model behind ``base_url`` (OpenAI, vLLM, Ollama, llama.cpp, ``transformers serve``, ...).

    Structured output and log-probabilities are asked for, never relied on: a server may refuse them (they are then
    left out) or silently ignore them (replies are parsed tolerantly, signals that are not there are missing).

    Args:
        config: Model, address, name of the key's environment variable, sampling, prices.
        concurrency: Connections to keep.
        price: What the model costs; by default as its section or the packaged table says.
    """

    rungs = frozenset(RUNGS) | {"explain", "evaluate", "generate", "correct"}

    def __init__(self, config: SeniorConfig, *, concurrency: int = 32, price: Price | None = None) -> None:
        self._config, self._price = config, price or Prices.packaged().of(config)
        self._endpoints = Endpoints(config, "/chat/completions", concurrency=concurrency)
        self._parameters = [Parameters() for _ in self._endpoints.all]

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
        return self._price.cost(tokens, 0, config.max_tokens, batch=config.batch != "off")

    def cost(self, reply: Reply) -> float:
        return self._price.cost(reply.prompt_tokens, reply.cached_tokens, reply.completion_tokens, batch=reply.batch)

    @property
    def remarks(self) -> list[str]:
        """What the servers do not take or heed, and which addresses were left out: each once, as it was found."""
        return self._endpoints.remarks

    @property
    def endpoints(self) -> Endpoints:
        """The addresses, and how they have been doing."""
        return self._endpoints

    async def ask(self, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        return await self._endpoints.use(lambda endpoint: self._ask_at(endpoint, prompt, payload))

    async def _ask_at(self, endpoint: Endpoint, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        parameters = self._parameters[endpoint.number]
        for _ in range(MOST_REFUSALS + 1):  # each refusal of a parameter costs one more try, within one request
            body = parameters.fit(payload)
            status, headers, text = await endpoint.connection.post(body)
            if 200 <= status < 300:
                return self._read(endpoint, prompt, body, text)
            news = parameters.adapt(text, body) if status in (400, 422) else None
            if news is None:
                break
            self._remark(endpoint, news)
        raise self._failure(endpoint, status, headers, text, body)

    @property
    def batch(self) -> BatchFiles | None:
        """The way to ask by batch files, where the run file wants it: at the first address, whose account it is."""
        if self._config.batch == "off":
            return None
        endpoint, parameters = self._endpoints.all[0], self._parameters[0]

        def adapt(text: str, payload: Mapping[str, Any]) -> bool:
            news = parameters.adapt(text, payload)
            self._remark(endpoint, news or ())
            return news is not None

        share, server = self._price.batch or 1.0, endpoint.connection
        return BatchFiles(self._config, server, self.name, share=share, fit=parameters.fit, adapt=adapt)

    async def aclose(self) -> None:
        await self._endpoints.aclose()

    def _read(self, endpoint: Endpoint, prompt: Prompt, body: Mapping[str, Any], text: str) -> Reply:
        try:
            reply = read_reply(text, prompt)
        except RequestFailed as failure:
            if failure.kind == "bad_body" and not endpoint.answered and html_title(text) is not None:
                failure.fatal = True  # a page, and never anything else: the address is that of a page
            raise
        parameters = self._parameters[endpoint.number]
        if parameters.watching:
            self._remark(endpoint, parameters.watch(body, text, reply))
        return reply

    def _failure(
        self, endpoint: Endpoint, status: int, headers: Mapping[str, str], text: str, body: Mapping[str, Any]
    ) -> RequestFailed:
        failure = read_failure(
            status,
            headers,
            text,
            address=endpoint.connection.address,
            model=self._config.model,
            key_env=endpoint.key_env,
            answered=bool(endpoint.answered),
        )
        if failure.kind == "bad_request" and (name := self._unknown(read_error(text), body)):
            return RequestFailed(
                failure.what,
                kind=failure.kind,
                why=failure.why,
                status=status,
                fatal=not endpoint.answered,  # each request has it
                fix=f"Change or leave out {name} in the run file: the server does not take it as it is.",
            )
        return failure

    def _unknown(self, error: ServerError, body: Mapping[str, Any]) -> str:
        """Where the run file sets the parameter that a server rejects; empty if it names none of them."""
        names = [name for name in body if name == error.param and name != "messages"]
        # In quotes, or after the place where FastAPI found it: a name may be a word of the language as well.
        quoted = r"['\"`]{0}['\"`]|\bbody\.{0}\b"
        names += [name for name in self._config.extra if re.search(quoted.format(re.escape(name)), error.message)]
        if not names:
            return ""
        return f"teacher.extra.{names[0]}" if names[0] in self._config.extra else f"teacher.{names[0]}"

    def _remark(self, endpoint: Endpoint, news: Sequence[str]) -> None:
        who = self.name if len(self._endpoints.all) == 1 else f"{self.name} at {endpoint.name}"
        for text in (f"{who} {one}" for one in news):
            if text not in self.remarks:
                _log.info("%s", text)  # the asker tells whoever watches
                self.remarks.append(text)
