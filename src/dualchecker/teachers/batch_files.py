"""Requests in files: the batch interface of OpenAI-compatible providers, slower and at half the price.

A file of requests is uploaded (``POST /files``), a batch made of it (``POST /batches``), looked at from time to time
(``GET /batches/{id}``) and its results are downloaded (``GET /files/{id}/content``): one file of answers and one of
errors, whose lines come in any order and are told apart by the name that each request was given.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

from dualchecker.config import SeniorConfig
from dualchecker.errors import RequestFailed
from dualchecker.jsontext import from_json, json_bytes, json_text
from dualchecker.prompts import Prompt
from dualchecker.records import Reply
from dualchecker.teachers.connection import Connection
from dualchecker.teachers.failures import plain, read_failure
from dualchecker.teachers.wire import read_reply

ENDPOINT = "/v1/chat/completions"
WINDOW = "24h"
_MARK = "dualchecker"
"""Under this name the batch's metadata hold our own name for it."""

_ENDED = frozenset({"failed", "completed", "expired", "cancelled"})
_PATH = "/chat/completions"
_PAGE = 100
_MOST_PAGES = 200
_CLOCKS_DIFFER = 86_400
"""Seconds by which the provider's clock may be behind ours."""

_NOT_DONE = {
    "batch_expired": ("expired", "The batch ended before this request was done."),
    "batch_cancelled": ("cancelled", "The batch was cancelled before this request was done."),
}


@dataclass(frozen=True, slots=True)
class RemoteBatch:
    """A batch as the provider tells it.

    Attributes:
        id: The provider's name for it.
        status: ``validating``, ``in_progress``, ``finalizing``, ``cancelling``, or how it ended: ``completed``,
            ``expired``, ``cancelled``, ``failed`` (none of it was done).
        total: Number of requests; 0 while it is not known.
        done: Those answered.
        failed: Those that ended in an error.
        files: Ids of the files of results: answers, errors, or both.
        codes: Short names of what is wrong with a failed batch.
        message: The same for people.
    """

    id: str
    status: str
    total: int = 0
    done: int = 0
    failed: int = 0
    files: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    message: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more will be done."""
        return self.status in _ENDED


class BatchFiles:
    """Asks one model by batch files.

    Args:
        config: Address, key's name, model, and whether files go over the wire or by hand.
        server: The connection of the teacher, which closes it.
        name: The teacher's.
        share: What a request by batch costs, in parts of its price one by one.
        fit: Makes the body that is sent from a payload.
        adapt: Told of a refused parameter (text of the refusal, payload); whether it will be left out from now on.
    """

    def __init__(
        self,
        config: SeniorConfig,
        server: Connection,
        name: str,
        *,
        share: float,
        fit: Callable[[Mapping[str, Any]], Mapping[str, Any]],
        adapt: Callable[[str, Mapping[str, Any]], bool],
    ) -> None:
        self._config, self._server, self.name = config, server, name
        self._fit, self._adapt, self.share = fit, adapt, share
        base, mark, query = (config.addresses[0].base_url or "").strip().partition("?")
        self._base, self._query = base.rstrip("/").removesuffix(_PATH), mark + query
        self.by_hand = config.batch == "file"
        self.address = "" if self.by_hand else server.address

    def line(self, key: str, payload: Mapping[str, Any]) -> bytes:
        """One line of a file of requests, with its end."""
        return json_bytes({"custom_id": key, "method": "POST", "url": ENDPOINT, "body": self._fit(payload)}) + b"\n"

    def read(self, line: str, prompt: Prompt, payload: Mapping[str, Any]) -> Reply:
        """The reply in a line of results.

        Raises:
            RequestFailed: It holds none; ``retryable`` where a further batch may bring one.
        """
        value = from_json(line)
        response, error = value.get("response"), value.get("error")
        if not isinstance(response, dict):
            raise _not_done(error if isinstance(error, dict) else {})
        status, body = response.get("status_code"), response.get("body")
        if status == 200:
            return replace(read_reply(json_text(body), prompt), batch=True)
        text = self._server.without_key(body if isinstance(body, str) else json_text(body))
        status = status if isinstance(status, int) else 500
        failure = self._failure(status, {}, text, answered=True)
        if status in (400, 422) and failure.kind == "bad_request" and self._adapt(text, payload):
            failure.retryable = True  # the next file leaves the parameter out
        raise failure

    async def upload(self, file: Path) -> str:
        """Send a file of requests; the provider's id for it.

        Raises:
            RequestFailed: It was not taken.
        """
        with file.open("rb") as opened:
            form = aiohttp.FormData()
            form.add_field("purpose", "batch")
            form.add_field("file", opened, filename=file.name, content_type="application/jsonl")
            writer = form()
            assert isinstance(writer, aiohttp.MultipartWriter)
            given = await self._call("POST", "/files", form=writer)
        return _id(given, "file")

    async def create(self, input_file: str, token: str) -> RemoteBatch:
        """Make a batch of an uploaded file. It then runs, and will be charged for.

        Raises:
            RequestFailed: Nobody knows whether it was made if ``retryable``; else it was not.
        """
        body = {"input_file_id": input_file, "endpoint": ENDPOINT, "completion_window": WINDOW}
        return _batch(await self._call("POST", "/batches", body=body | {"metadata": {_MARK: token}}))

    async def find(self, input_file: str, token: str, since: float) -> RemoteBatch | None:
        """The batch that was made of a file, if one was: by its mark, or by its file where a server keeps no marks.

        Args:
            input_file: The provider's id of the file.
            token: Our own name for the batch.
            since: When it was prepared, in seconds since 1970: no older one is looked at.
        """
        after = ""
        for _ in range(_MOST_PAGES):
            page = await self._call("GET", f"/batches?limit={_PAGE}" + (f"&after={after}" if after else ""))
            given = page.get("data")
            rows = [row for row in given if isinstance(row, dict)] if isinstance(given, list) else []
            for row in rows:
                marks = row.get("metadata")
                marked = isinstance(marks, dict) and marks.get(_MARK) == token
                if marked or row.get("input_file_id") == input_file:
                    return _batch(row)
            made = rows[-1].get("created_at") if rows else None
            old = isinstance(made, int | float) and made < since - _CLOCKS_DIFFER
            if not rows or old or not page.get("has_more"):
                return None
            after = str(rows[-1].get("id"))
        return None

    async def get(self, remote: str) -> RemoteBatch:
        """How a batch is doing."""
        return _batch(await self._call("GET", f"/batches/{remote}"))

    async def cancel(self, remote: str) -> RemoteBatch:
        """Ask the provider to do no more of a batch; what is done is kept, and charged for."""
        return _batch(await self._call("POST", f"/batches/{remote}/cancel"))

    async def download(self, remote: str, to: Path) -> None:
        """Fetch a file of results; ``to`` is there only when it is whole.

        Raises:
            RequestFailed: It could not be fetched, or not all of it.
            OSError: There is no room for it.
        """
        part = to.with_name(to.name + ".part")
        await self._call("GET", f"/files/{remote}/content", into=part)
        part.replace(to)

    async def _call(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        path, _, query = path.partition("?")
        joined = "&".join(part for part in (self._query.removeprefix("?"), query) if part)
        url = self._base + path + (f"?{joined}" if joined else "")
        status, headers, text = await self._server.send(method, url, **more)
        if 200 <= status < 300:
            return _json(text) if more.get("into") is None else {}
        if status in (404, 405, 501):
            raise _unknown(path, status, text, self._server.address)
        raise self._failure(status, headers, text)

    def _failure(self, status: int, headers: Mapping[str, str], text: str, *, answered: bool = False) -> RequestFailed:
        return read_failure(
            status,
            headers,
            text,
            address=self._server.address,
            model=self._config.model,
            key_env=self._config.addresses[0].key_env,
            answered=answered,
        )


def _not_done(error: Mapping[str, Any]) -> RequestFailed:
    code, message = plain(error.get("code") or ""), plain(error.get("message") or "")[:500]
    kind, what = _NOT_DONE.get(code, ("server_error", "The provider could not do this request of a batch."))
    return RequestFailed(what, kind=kind, why=": ".join(part for part in (code, message) if part), retryable=True)


def _unknown(path: str, status: int, text: str, address: str) -> RequestFailed:
    if path in ("/files", "/batches"):
        what, fix = f"The server at {address} takes no batch files.", "Set teacher.batch to off, or to file."
    else:
        what = f"The provider at {address} knows no {path.strip('/')}."
        fix = (
            "Use the key and the address that it was sent with. If it is gone for good, `dualchecker batch forget` "
            "lets its requests be sent, and paid for, again."
        )
    return RequestFailed(what, kind="not_found", why=f"HTTP {status}: {plain(text)[:200]}", fix=fix, status=status)


def _json(text: str) -> dict[str, Any]:
    try:
        value = from_json(text)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return value
    raise RequestFailed(
        "The provider's reply is no JSON object.",
        kind="bad_body",
        why=f"It begins {plain(text[:120])!r}.",
        retryable=True,
    )


def _id(given: Mapping[str, Any], noun: str) -> str:
    name = given.get("id")
    if isinstance(name, str) and name and name.replace("-", "").replace("_", "").isalnum():
        return name  # it becomes part of an address and of a file's name
    raise RequestFailed(f"The provider gives its {noun} no usable id.", kind="bad_body", why=plain(given)[:200])


def _batch(given: Mapping[str, Any]) -> RemoteBatch:
    counts, errors = given.get("request_counts"), given.get("errors")
    numbers = counts if isinstance(counts, dict) else {}
    rows = errors.get("data") if isinstance(errors, dict) else None
    wrong = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    files = (given.get("output_file_id"), given.get("error_file_id"))
    said = [f"{_where(row)}{plain(row.get('message') or row.get('code') or '?')}" for row in wrong]
    return RemoteBatch(
        _id(given, "batch"),
        plain(given.get("status") or "?"),
        total=_number(numbers.get("total")),
        done=_number(numbers.get("completed")),
        failed=_number(numbers.get("failed")),
        files=tuple(_id({"id": name}, "file") for name in files if name),
        codes=tuple(plain(row.get("code") or "") for row in wrong),
        message="; ".join(said[:3])[:600] + (f" (and {len(said) - 3} more)" if len(said) > 3 else ""),
    )


def _where(row: Mapping[str, Any]) -> str:
    return f"line {row['line']}: " if isinstance(row.get("line"), int) else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) and 0 < value < 2**40 else 0
