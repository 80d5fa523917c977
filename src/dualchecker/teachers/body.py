"""The body of a response: never more of it than a reply can be, however it is packed."""

import zlib
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from dualchecker.errors import RequestFailed

MAX_BODY = 16 * 2**20
"""Bytes of a body, packed or unpacked, that are read at most."""

ENCODINGS = "gzip, deflate"
"""What servers may pack bodies with. Both unpack in steps of a size that we choose."""

_ZLIB = 8
"""The low half of the first byte of a zlib stream. Some servers send ``deflate`` without that wrapper."""


async def read_body(response: aiohttp.ClientResponse) -> str:
    """The text of a response that aiohttp was told not to unpack.

    Raises:
        RequestFailed: It is larger than ``MAX_BODY``, packed in a way that was not asked for, or broken
            (``bad_body``).
        aiohttp.ClientError: The connection broke.
    """
    headers = response.headers
    packed = headers.get("Content-Encoding")
    length = headers.get("Content-Length", "")
    if packed is None and length.isdecimal() and len(length) < 9 and int(length) <= MAX_BODY:
        data: bytes | bytearray = await response.read()
    else:
        data = await _bounded(response, _unpacker(packed))
    try:
        return data.decode()
    except UnicodeDecodeError:
        return _decoded(data, headers)


async def save_body(response: aiohttp.ClientResponse, into: Path) -> None:
    """Write a response that was asked for unpacked to a file, piece by piece.

    Raises:
        RequestFailed: It is packed all the same.
        aiohttp.ClientError: The connection broke.
        OSError: There is no room for it.
    """
    packed = response.headers.get("Content-Encoding", "identity").strip().lower()
    if packed != "identity":
        raise _unreadable(f"It is packed as {packed[:40]!r}, which was not asked for.")
    with into.open("wb") as file:
        async for chunk in response.content.iter_any():
            file.write(chunk)


class _Plain:
    """What is not packed, in the manner of an unpacker."""

    eof = True

    def take(self, chunk: bytes, room: int) -> bytes:
        return chunk


class _Inflater:
    """Unpacks in bounded steps. A gzip stream may hold several members, one after the other."""

    def __init__(self, wbits: int | None) -> None:
        self._wbits = wbits
        self._stream: zlib._Decompress | None = None

    @property
    def eof(self) -> bool:
        return self._stream is not None and self._stream.eof

    def take(self, chunk: bytes, room: int) -> bytes:
        """What the next piece unpacks to, and at most ``room`` + 1 bytes of it.

        Raises:
            zlib.error: It is not packed like that.
        """
        found = bytearray()
        while chunk and len(found) <= room:
            if self._stream is None or self._stream.eof:
                self._stream = zlib.decompressobj(self._mode(chunk))
            found += self._stream.decompress(chunk, room + 1 - len(found))
            chunk = self._stream.unconsumed_tail or self._stream.unused_data
        return bytes(found)

    def _mode(self, chunk: bytes) -> int:
        if self._wbits is not None:
            return self._wbits
        return zlib.MAX_WBITS if chunk[0] & 0x0F == _ZLIB else -zlib.MAX_WBITS


def _unpacker(packed: str | None) -> _Plain | _Inflater:
    name = (packed or "identity").strip().lower()
    if name == "identity":
        return _Plain()
    if name in ("gzip", "x-gzip"):
        return _Inflater(zlib.MAX_WBITS | 16)
    if name == "deflate":
        return _Inflater(None)
    raise _unreadable(f"It is packed as {name[:40]!r}, and only {ENCODINGS} were asked for.")


async def _bounded(response: aiohttp.ClientResponse, unpacker: _Plain | _Inflater) -> bytearray:
    data, arrived = bytearray(), 0
    try:
        async for chunk in response.content.iter_any():
            arrived += len(chunk)
            data += unpacker.take(chunk, MAX_BODY - len(data))
            if max(arrived, len(data)) > MAX_BODY:
                raise RequestFailed(f"The teacher's reply is larger than {MAX_BODY >> 20} MB.", kind="bad_body")
    except zlib.error as error:
        raise _unreadable(f"It cannot be unpacked: {error}.") from error
    if arrived and not unpacker.eof:
        raise _unreadable("It is packed, and its end is missing.")
    return data


def _decoded(data: bytes | bytearray, headers: Mapping[str, str]) -> str:
    """Text that is not UTF-8: as the server names it, else with a mark for each byte that cannot be read."""
    charset = headers.get("Content-Type", "").lower().partition("charset=")[2].partition(";")[0].strip("\"' ")
    try:
        text = data.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):  # no such charset, or one that is no text
        text = data.decode("utf-8", "replace")
    return text


def _unreadable(why: str) -> RequestFailed:
    return RequestFailed("The teacher's reply cannot be read.", kind="bad_body", why=why, retryable=True)
