"""One server: the session, the key, and what it means when nothing comes back."""

import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from dualchecker.config import SeniorConfig
from dualchecker.errors import ConfigError, RequestFailed
from dualchecker.jsontext import json_bytes
from dualchecker.teachers.body import ENCODINGS, read_body, save_body
from dualchecker.teachers.failures import plain
from dualchecker.teachers.watchdog import Watchdog

_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Accept-Encoding": ENCODINGS,
    "User-Agent": "dualchecker",
}

_DNS_SECONDS = 60
"""How long a host's addresses are kept: long enough for speed, short enough to follow a server that moves."""

_LARGE = 2**20
"""aiohttp sends more bytes than this without a warning only from a file."""

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
        self._url = URL()
        self._watchdog = Watchdog(config.timeout)
        self._sent_key = ""
        self._secrets: tuple[str, ...] = ()
        self._text = (bare if bare.endswith((path, *whole)) else bare + path) + mark + query
        self.address = re.sub(r"//[^/]*@", "//", base)
        """For messages: without a password."""

    async def post(self, body: Mapping[str, Any]) -> tuple[int, Mapping[str, str], str]:
        """Send one body; status, headers and text of whatever comes back.

        Raises:
            RequestFailed: Nothing came back, or nothing that can be read.
            ConfigError: There is no usable key.
        """
        data = json_bytes(body)
        try:
            session, url = self._session or self._open(), self._url
            with self._watchdog:
                # No redirects: a key must never follow one to another host.
                response = await session.post(
                    url, data=data if len(data) < _LARGE else io.BytesIO(data), allow_redirects=False
                )
                try:
                    text = await read_body(response)
                finally:
                    response.release()  # a connection that holds an unread rest is closed
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise self._no_reply(error) from error
        # Some servers repeat the key in what they say; the ledger and the screen must not.
        return response.status, response.headers, self.without_key(text, failed=response.status != 200)

    async def aclose(self) -> None:
        self._watchdog.close()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def key(self) -> str:
        """The key from the environment; empty where none is named.

        Raises:
            ConfigError: It is named and not there, or is none.
        """
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
        """The session, made inside the running loop, at the first request: only then is the key read.

        Whatever is the same for all requests is made here.
        """
        timeout, key = self._config.timeout, self.key()
        self._url = URL(self._text)
        self._sent_key = key
        hidden = (key, self._url.password or "", *(value for value in self._url.query.values() if len(value) > 5))
        self._secrets = tuple(filter(None, hidden))
        self._session = aiohttp.ClientSession(
            headers=_HEADERS | ({"Authorization": f"Bearer {key}"} if key else {}),
            connector=aiohttp.TCPConnector(limit=self._concurrency, keepalive_timeout=60, ttl_dns_cache=_DNS_SECONDS),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=min(timeout / 2, 15)),  # beyond: the watchdog
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # read_body does, in bounded memory
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
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            return RequestFailed(
                f"The teacher at {self.address} cannot be reached.",
                kind="unreachable",
                why=f"The name {self._url.host!r} cannot be resolved ({plain(_reason(error.os_error))}).",
                fix="Check how it is spelled in teacher.base_url, and the network; then run the same command again.",
                retryable=True,
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
        if isinstance(error, aiohttp.ClientResponseError):
            return RequestFailed(
                "The teacher's reply is no valid HTTP.",
                kind="bad_body",
                why=f"{' '.join(plain(error.message).split())[:200]}.",
                fix="Check teacher.base_url, and whether it wants https.",
                retryable=True,
            )
        # Never sent again by ourselves: a server that closed the connection may have done, and charged for, the work.
        closed = isinstance(error, aiohttp.ServerDisconnectedError)
        return RequestFailed(
            "The connection to the teacher broke.",
            kind="connection_broken",
            why="The server closed it before it answered." if closed else f"{plain(error)[:300]}.",
            retryable=True,
        )

    async def send(
        self, method: str, url: str, *, body: Any = None, form: aiohttp.MultipartWriter | None = None,
        into: Path | None = None,
    ) -> tuple[int, Mapping[str, str], str]:  # fmt: skip
        """Send to another address of the same server, with the same key and care; for files, which may take long.

        Args:
            method: HTTP method.
            url: The whole address.
            body: A JSON value, if any.
            form: In place of it; a file in it is streamed.
            into: Where the body of a good reply is streamed to; the text is then empty.

        Raises:
            RequestFailed: Nothing came back, or not all of it.
            ConfigError: There is no usable key.
            OSError: The file cannot be written.
        """
        seconds = self._config.timeout
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=min(seconds / 2, 15), sock_read=seconds)
        headers = {"Accept-Encoding": "identity"} if into else {}
        if form is not None:
            headers["Content-Type"] = form.content_type
        data = form if form is not None else json_bytes(body) if body is not None else None
        try:
            session = self._session or self._open()
            async with session.request(
                method, URL(url), data=data, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                if into is not None and response.status == 200:
                    await save_body(response, into)
                    return response.status, response.headers, ""
                return response.status, response.headers, self.without_key(await read_body(response))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise self._no_reply(error) from error

    def without_key(self, text: str, *, failed: bool = True) -> str:
        """What a server has said without the key, or what else in its address is nobody's business.

        Args:
            text: What it said.
            failed: Of a failure, or of files; in a reply only what is surely a secret is left out.
        """
        for secret in self._secrets:
            if secret in text and (failed or len(secret) >= _SURELY_SECRET):
                text = text.replace(secret, "[key]")
        return text


def _reason(error: OSError) -> str:
    """asyncio says "Connect call failed"; the system knows more."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
