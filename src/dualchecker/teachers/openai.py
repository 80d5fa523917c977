"""Any server with the OpenAI chat-completions interface: one POST, over aiohttp."""

import asyncio
import json
import math
import os
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

import aiohttp

from dualchecker.config import RUNGS, SeniorConfig
from dualchecker.errors import ConfigError, RequestFailed
from dualchecker.prompts import Prompt
from dualchecker.prompts.render import estimate_tokens
from dualchecker.records import Reply
from dualchecker.teachers.logprobs import label_distribution

_DROPPABLE = ("response_format", "logprobs", "top_logprobs", "temperature", "seed")
"""Parameters a server may refuse; without them the answer still comes, only with fewer signals."""

_MAX_BODY = 16 * 2**20


class OpenAITeacher:
    """A chat model behind ``base_url`` (OpenAI, vLLM, Ollama, llama.cpp, ``transformers serve``, ...).

    Structured output and log-probabilities are asked for, never relied on: a server may refuse them (they are then
    left out) or silently ignore them (replies are parsed tolerantly, signals that are not there are missing).

    Args:
        config: Model, address, name of the key's environment variable, sampling, prices.
        concurrency: Connections to keep.
    """

    rungs = frozenset(RUNGS) | {"explain"}

    def __init__(self, config: SeniorConfig, *, concurrency: int = 32) -> None:
        self._config = config
        self._concurrency = concurrency
        self._session: aiohttp.ClientSession | None = None
        self._dropped: set[str] = set()
        self._renamed: dict[str, str] = {}

    @property
    def name(self) -> str:
        return self._config.model or "openai"

    @property
    def _url(self) -> str:
        return f"{(self._config.base_url or '').rstrip('/')}/chat/completions"

    def payload(self, prompt: Prompt) -> dict[str, Any]:
        config = self._config
        body: dict[str, Any] = {
            "model": config.model,
            "messages": [dict(message) for message in prompt.messages],
            "max_tokens": config.max_tokens,
            "stream": False,
        }
        if config.temperature is not None:
            body["temperature"] = config.temperature
        if config.structured:
            schema = {"name": prompt.purpose, "strict": True, "schema": prompt.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        if config.logprobs and prompt.purpose == "label":
            body |= {"logprobs": True, "top_logprobs": 10}
        return body | config.extra

    def estimate(self, prompt: Prompt) -> float:
        tokens = sum(estimate_tokens(message["content"]) for message in prompt.messages)
        return (tokens * self._config.price_input + self._config.max_tokens * self._config.price_output) / 1e6

    def cost(self, reply: Reply) -> float:
        config = self._config
        return (reply.prompt_tokens * config.price_input + reply.completion_tokens * config.price_output) / 1e6

    async def ask(self, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        for _ in range(len(_DROPPABLE) + 2):  # each refusal of a parameter costs one more try, within one request
            body = {self._renamed.get(k, k): v for k, v in payload.items() if k not in self._dropped}
            status, headers, text = await self._post(body)
            if status == 200:
                return _read_reply(text, prompt)
            if not (status in (400, 422) and self._adapt(text, body)):
                raise _failure(status, headers, text, self._config)
        raise _failure(status, headers, text, self._config)

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _headers(self) -> dict[str, str]:
        name = self._config.key_env
        if not name:
            return {}
        key = os.environ.get(name, "").strip()
        if not key:
            raise ConfigError(
                f"The environment variable {name} (teacher.key_env) is not set.",
                why="The teacher needs a key, and keys are never read from files.",
                fix=f"Set it in the shell (export {name}=...), then run the same command again.",
            )
        return {"Authorization": f"Bearer {key}"}

    async def _post(self, body: Mapping[str, Any]) -> tuple[int, Mapping[str, str], str]:
        config = self._config
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._headers(),
                connector=aiohttp.TCPConnector(limit=self._concurrency, keepalive_timeout=60),
                timeout=aiohttp.ClientTimeout(total=config.timeout, sock_connect=min(config.timeout, 15)),
            )
        try:
            # No redirects: a key must never follow one to another host.
            async with self._session.post(self._url, json=body, allow_redirects=False) as response:
                data = await response.content.read(_MAX_BODY)
                while chunk := await response.content.read(_MAX_BODY - len(data)):
                    data += chunk
                return response.status, response.headers, data.decode("utf-8", "replace")
        except aiohttp.InvalidURL as error:
            raise RequestFailed(
                f"teacher.base_url {config.base_url!r} is no valid address.",
                kind="bad_url",
                fatal=True,
                fix="Example: https://api.openai.com/v1",
            ) from error
        except aiohttp.ClientConnectorError as error:
            raise RequestFailed(
                f"The teacher at {config.base_url} cannot be reached.",
                kind="unreachable",
                why=str(error.os_error or error),
                fix="Check teacher.base_url and that the server runs; then run the same command again.",
                retryable=True,
            ) from error
        except TimeoutError as error:
            raise RequestFailed(
                f"The teacher did not answer within {config.timeout:g} s.",
                kind="timeout",
                fix="Raise teacher.timeout or lower limits.concurrency.",
                retryable=True,
            ) from error
        except (aiohttp.ClientError, asyncio.IncompleteReadError) as error:
            raise RequestFailed(
                "The connection to the teacher broke.",
                kind="connection_broken",
                why=str(error),
                retryable=True,
            ) from error

    def _adapt(self, text: str, body: Mapping[str, Any]) -> bool:
        """Leave out (or rename) a parameter that the server says it does not take; False if it names none."""
        message = _error_message(text).lower()
        if "max_tokens" in body and "max_completion_tokens" in message:
            self._renamed["max_tokens"] = "max_completion_tokens"
            return True
        named = [name for name in _DROPPABLE if name in body and name in message]
        if "json_schema" in message and "response_format" in body:
            named.append("response_format")
        if "logprobs" in named:
            named.append("top_logprobs")
        fresh = set(named) - self._dropped
        self._dropped |= fresh
        return bool(fresh)


def _error_message(text: str) -> str:
    try:
        body = json.loads(text)
    except ValueError:
        return text[:300]
    error = body.get("error", body) if isinstance(body, dict) else body
    message = error.get("message") or error.get("detail") or error if isinstance(error, dict) else error
    return str(message)[:500]


def _failure(status: int, headers: Mapping[str, str], text: str, config: SeniorConfig) -> RequestFailed:
    why = f"HTTP {status}: {_error_message(text)}"
    key = config.key_env or "(teacher.key_env is not set)"
    if status in (401, 403):
        return RequestFailed(
            "The teacher refused the key.",
            kind="unauthorized",
            why=why,
            status=status,
            fatal=True,
            fix=f"Check the key in the environment variable {key}.",
        )
    if status == 404:
        return RequestFailed(
            f"The teacher at {config.base_url} knows no model {config.model!r} (or no chat completions).",
            kind="not_found",
            why=why,
            status=status,
            fatal=True,
            fix="Check teacher.model and teacher.base_url (it usually ends in /v1).",
        )
    if 300 <= status < 400:
        return RequestFailed(
            f"The teacher at {config.base_url} redirects elsewhere, which is not followed.",
            kind="redirect",
            why=f"to {headers.get('Location', '?')}",
            status=status,
            fatal=True,
            fix="Set teacher.base_url to the final address.",
        )
    if status == 429:
        spent = "insufficient_quota" in text
        return RequestFailed(
            "The teacher's quota is spent." if spent else "The teacher asks to slow down.",
            kind="quota_spent" if spent else "rate_limited",
            why=why,
            status=status,
            fix="Top up the account." if spent else "Lower limits.concurrency or limits.requests_per_minute.",
            retryable=not spent,
            fatal=spent,
            retry_after=retry_after(headers),
        )
    if status >= 500 or status in (408, 409, 425):
        return RequestFailed(
            "The teacher's server failed.",
            kind="server_error",
            why=why,
            status=status,
            retryable=True,
            retry_after=retry_after(headers),
        )
    return RequestFailed("The teacher rejected the request.", kind="bad_request", why=why, status=status)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait from ``retry-after-ms`` or ``Retry-After`` (seconds or an HTTP date); None if unreadable."""
    try:
        if "retry-after-ms" in headers:
            seconds = float(headers["retry-after-ms"]) / 1000
        else:
            value = headers.get("Retry-After", "")
            if value.replace(".", "", 1).isdigit():
                seconds = float(value)
            elif value:
                seconds = parsedate_to_datetime(value).timestamp() - time()
            else:
                return None
    except (ValueError, TypeError, OverflowError):
        return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _count(value: object) -> int:
    return int(value) if isinstance(value, int | float) and math.isfinite(value) and value > 0 else 0


def _read_reply(text: str, prompt: Prompt) -> Reply:
    try:
        body = json.loads(text)
        choice = body["choices"][0]
        message = choice["message"]
        content = message.get("content") or ""
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise RequestFailed(
            "The teacher's reply is no complete chat completion.",
            kind="bad_body",
            why=f"{type(error).__name__} in {text[:120]!r}",
            retryable=True,
        ) from error
    if isinstance(content, list):  # some servers send content parts
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    content = str(content)
    finish = str(choice.get("finish_reason") or "stop")
    if message.get("refusal") or finish == "content_filter":
        finish = "refusal"
    usage = body.get("usage") if isinstance(body.get("usage"), dict) else {}
    tokens = (choice.get("logprobs") or {}).get("content") if isinstance(choice.get("logprobs"), dict) else None
    distribution = None
    if isinstance(tokens, list) and prompt.purpose == "label":
        entries = [entry for entry in tokens if isinstance(entry, dict)]
        distribution = label_distribution(content, entries, prompt.shown.labels)
    return Reply(
        text=content,
        label_probabilities=distribution,
        finish=finish,
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        model=str(body.get("model") or ""),
    )
