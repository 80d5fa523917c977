"""One server: the session, the key, and what it means when nothing comes back."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from dualchecker.config import SeniorConfig
from dualchecker.errors import ConfigError, RequestFailed
from dualchecker.teachers.wire import plain

_MAX_BODY = 16 * 2**20

_SURELY_SECRET = 12
"""A shorter key (``EMPTY``, ``ollama``) is a word that a reply may well contain."""


class Connection:
    """POSTs JSON to one address, with the key from the environment.

    Args:
        config: Address, name of the key's environment variable, timeout.
        path: What the address ends in; it is added to ``base_url`` where it is not there.
        whole: Endings of a ``base_url`` that is already the whole address.
        concurrency: Connections to keep.
    """

    def __init__(self, config: SeniorConfig, path: str, *, whole: tuple[str, ...] = (), concurrency: int = 32) -> None:
        self._config = config
        self._concurrency = concurrency
        self._session: aiohttp.ClientSession | None = None
        base, mark, query = (config.base_url or "").strip().partition("?")
        bare = base.rstrip("/")
        self._url = (bare if bare.endswith((path, *whole)) else bare + path) + mark + query
        self.address = re.sub(r"//[^/@]*@", "//", base)
        """For messages: without a password."""

    async def post(self, body: Mapping[str, Any]) -> tuple[int, Mapping[str, str], str]:
        """Send one body; status, headers and text of whatever comes back.

        Raises:
            RequestFailed: Nothing came back.
            ConfigError: There is no usable key.
        """
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

    def _no_reply(self, error: Exception) -> RequestFailed:
        """What an exception of aiohttp means. The order matters: its classes are each other's parents."""
        config = self._config
        if isinstance(error, aiohttp.ClientSSLError):
            return RequestFailed(
                f"No secure connection to the teacher at {self.address} can be made.",
                kind="tls",
                why=f"{plain(error)}.",
                fatal=True,
                fix="If the server speaks plain http, say so in teacher.base_url; if its certificate is your own, name "
                "its authority in the environment variable SSL_CERT_FILE.",
            )
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            why = _reason(error.os_error) if isinstance(error, aiohttp.ClientConnectorError) else "Connecting timed out"
            return RequestFailed(
                f"The teacher at {self.address} cannot be reached.",
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
                f"teacher.base_url {self.address!r} is no valid address.",
                kind="bad_url",
                why="" if isinstance(error, aiohttp.ClientError) else f"{plain(error)}.",  # those repeat the address
                fatal=True,
                fix="Example: https://api.openai.com/v1",
            )
        return RequestFailed(
            "The connection to the teacher broke.", kind="connection_broken", why=f"{plain(error)}.", retryable=True
        )

    async def send(
        self, method: str, url: str, *, data: Any = None, body: Any = None, into: Path | None = None
    ) -> tuple[int, Mapping[str, str], str]:
        """Send to another address of the same server, with the same key and care; for files, which may take long.

        Args:
            method: HTTP method.
            url: The whole address.
            data: A form, if any; a file in it is streamed.
            body: A JSON value, if any.
            into: Where the body of a good reply is streamed to; the text is then empty.

        Raises:
            RequestFailed: Nothing came back, or not all of it.
            ConfigError: There is no usable key.
            OSError: The file cannot be written.
        """
        session, patience = self._open(), self._config.timeout
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=min(patience / 2, 15), sock_read=patience)
        try:
            async with session.request(
                method, url, data=data, json=body, allow_redirects=False, timeout=timeout
            ) as response:
                if into is not None and response.status == 200:
                    with into.open("wb") as file:
                        async for chunk in response.content.iter_any():
                            file.write(chunk)
                    return response.status, response.headers, ""
                held = bytearray()
                async for chunk in response.content.iter_any():
                    held += chunk
                    if len(held) > _MAX_BODY:
                        raise _too_large()
                text = held.decode("utf-8", "replace")
                return response.status, response.headers, _without_key(session, response.status, text)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise self._no_reply(error) from error

    def without_key(self, text: str) -> str:
        """What a server has written, without the key."""
        return text if self._session is None else _without_key(self._session, 0, text)


def _without_key(session: aiohttp.ClientSession, status: int, text: str) -> str:
    """Some servers repeat the key in what they say; the ledger and the screen must not."""
    key = session.headers.get("Authorization", "").removeprefix("Bearer ")
    return text.replace(key, "[key]") if key and (status != 200 or len(key) >= _SURELY_SECRET) else text


def _reason(error: OSError) -> str:
    """asyncio says "Connect call failed"; the system knows more."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)


def _too_large() -> RequestFailed:
    return RequestFailed(f"The teacher's reply is larger than {_MAX_BODY >> 20} MB.", kind="bad_body")
