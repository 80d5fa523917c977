"""Any server with the OpenAI chat-completions interface: one POST, over aiohttp."""

import json
import logging
import os
import re
from collections.abc import Mapping
from typing import Any

import aiohttp

from dualchecker.config import RUNGS, SeniorConfig
from dualchecker.errors import ConfigError, RequestFailed
from dualchecker.prompts import Prompt
from dualchecker.prompts.render import estimate_tokens
from dualchecker.records import Reply
from dualchecker.teachers.wire import plain, read_error, read_failure, read_reply

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

_MAX_BODY = 16 * 2**20

_SURELY_SECRET = 12
"""A shorter key (``EMPTY``, ``ollama``) is a word that a reply may well contain."""


class OpenAITeacher:
    """A chat model behind ``base_url`` (OpenAI, vLLM, Ollama, llama.cpp, ``transformers serve``, ...).

    Structured output and log-probabilities are asked for, never relied on: a server may refuse them (they are then
    left out) or silently ignore them (replies are parsed tolerantly, signals that are not there are missing).

    Args:
        config: Model, address, name of the key's environment variable, sampling, prices.
        concurrency: Connections to keep.
    """

    rungs = frozenset(RUNGS) | {"explain", "generate"}

    def __init__(self, config: SeniorConfig, *, concurrency: int = 32) -> None:
        self._config = config
        self._concurrency = concurrency
        self._session: aiohttp.ClientSession | None = None
        self._dropped: set[str] = set()
        self._renamed: dict[str, str] = {}
        base, mark, query = (config.base_url or "").strip().partition("?")
        self._url = base.rstrip("/").removesuffix("/chat/completions") + "/chat/completions" + mark + query
        self._address = re.sub(r"//[^/@]*@", "//", base)  # for messages

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
        if config.logprobs and prompt.purpose == "label":
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
        return (tokens * config.price_input + config.max_tokens * config.price_output) / 1e6

    def cost(self, reply: Reply) -> float:
        config = self._config
        return (reply.prompt_tokens * config.price_input + reply.completion_tokens * config.price_output) / 1e6

    async def ask(self, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        for _ in range(len(_DROPPABLE) + 2):  # each refusal of a parameter costs one more try, within one request
            body = {self._renamed.get(k, k): v for k, v in payload.items() if k not in self._dropped}
            status, headers, text = await self._post(body)
            if status == 200:
                return read_reply(text, prompt)
            if not (status in (400, 422) and self._adapt(text, body)):
                break
        config = self._config
        raise read_failure(status, headers, text, address=self._address, model=config.model, key_env=config.key_env)

    async def aclose(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _key(self) -> str:
        name = self._config.key_env
        if not name:
            return ""
        key = os.environ.get(name, "").strip()
        if not key:
            raise ConfigError(
                f"The environment variable {name} (teacher.key_env) is not set.",
                why="The teacher needs a key, and keys are never read from files.",
                fix=f"Set it in the shell (export {name}=...), then run the same command again.",
            )
        if not key.isprintable() or " " in key:
            raise ConfigError(
                f"The environment variable {name} (teacher.key_env) does not hold a key.",
                why="It contains a space, a line break or another character that no key has.",
                fix="Set it to the bare key, without 'Bearer' before it.",
            )
        return key

    def _open(self) -> aiohttp.ClientSession:
        """The session, made inside the running loop, at the first request: only then is the key read."""
        if self._session is None:
            timeout, key = self._config.timeout, self._key()
            self._session = aiohttp.ClientSession(
                headers={"Authorization": f"Bearer {key}"} if key else None,
                connector=aiohttp.TCPConnector(limit=self._concurrency, keepalive_timeout=60),
                timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=min(timeout / 2, 15)),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def _post(self, body: Mapping[str, Any]) -> tuple[int, Mapping[str, str], str]:
        session = self._open()
        try:
            # No redirects: a key must never follow one to another host.
            async with session.post(self._url, json=body, allow_redirects=False) as response:
                data = bytearray()
                async for chunk in response.content.iter_any():
                    data += chunk
                    if len(data) > _MAX_BODY:
                        raise _too_large()
                text = data.decode("utf-8", "replace")
                return response.status, response.headers, _without_key(session, response.status, text)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise self._no_reply(error) from error

    def _no_reply(self, error: Exception) -> RequestFailed:
        """What an exception of aiohttp means. The order matters: its classes are each other's parents."""
        config = self._config
        if isinstance(error, aiohttp.ClientSSLError):
            return RequestFailed(
                f"No secure connection to the teacher at {self._address} can be made.",
                kind="tls",
                why=f"{plain(error)}.",
                fatal=True,
                fix="If the server speaks plain http, say so in teacher.base_url; if its certificate is your own, name "
                "its authority in the environment variable SSL_CERT_FILE.",
            )
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            why = _reason(error.os_error) if isinstance(error, aiohttp.ClientConnectorError) else "Connecting timed out"
            return RequestFailed(
                f"The teacher at {self._address} cannot be reached.",
                kind="unreachable",
                why=f"{plain(why)}.",
                fix="Check teacher.base_url and that the server runs; then run the same command again.",
                retryable=True,
            )
        if isinstance(error, TimeoutError):
            return RequestFailed(
                f"The teacher did not answer within {config.timeout:g} s.",
                kind="timeout",
                fix="Raise teacher.timeout or lower limits.concurrency.",
                retryable=True,
            )
        if isinstance(error, ValueError | aiohttp.NonHttpUrlClientError):  # aiohttp.InvalidURL is a ValueError
            return RequestFailed(
                f"teacher.base_url {self._address!r} is no valid address.",
                kind="bad_url",
                why="" if isinstance(error, aiohttp.ClientError) else f"{plain(error)}.",  # those repeat the address
                fatal=True,
                fix="Example: https://api.openai.com/v1",
            )
        return RequestFailed(
            "The connection to the teacher broke.", kind="connection_broken", why=f"{plain(error)}.", retryable=True
        )

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


def _without_key(session: aiohttp.ClientSession, status: int, text: str) -> str:
    """Some servers repeat the key in what they say; the ledger and the screen must not."""
    key = session.headers.get("Authorization", "").removeprefix("Bearer ")
    return text.replace(key, "[key]") if key and (status != 200 or len(key) >= _SURELY_SECRET) else text


def _reason(error: OSError) -> str:
    """asyncio says "Connect call failed"; the system knows more."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)


def _too_large() -> RequestFailed:
    return RequestFailed(f"The teacher's reply is larger than {_MAX_BODY >> 20} MB.", kind="bad_body")
