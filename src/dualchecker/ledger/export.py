"""A whole ledger as rows that any tool reads."""

from collections.abc import Iterator, Sequence
from typing import Any

from dualchecker.errors import LedgerError
from dualchecker.jsontext import from_json
from dualchecker.ledger.store import Ledger


def export_rows(ledger: Ledger) -> Iterator[dict[str, Any]]:
    """Each request with its payload, reply, attempts, failures and uses, in the order of their keys.

    However large the ledger is, one request at a time is in memory. Payloads hold neither API keys nor addresses.

    Raises:
        LedgerError: A row cannot be read.
    """
    with ledger.snapshot():
        replies = _Followed(ledger, "replies", ("reply", "cost", "created"), "key")
        attempts = _Followed(ledger, "attempts", ("started", "seconds", "outcome", "status", "message"), "key, id")
        spent = ("prompt_tokens", "completion_tokens", "cost")
        failures = _Followed(
            ledger, "failures", ("kind", "message", "status", *spent, "created", "forgotten"), "key, id"
        )
        uses = _Followed(ledger, "uses", ("record", "purpose", "rung"), "key, record, purpose, rung")
        requests = ledger.read("SELECT key, teacher, prompt, created, payload FROM requests ORDER BY key")
        for key, teacher, prompt, created, payload in requests:
            reply = next(iter(replies.take(key)), None)
            yield {
                "key": key,
                "teacher": teacher,
                "prompt": prompt,
                "created": created,
                "payload": _value(ledger, key, payload) if payload else None,
                "reply": _value(ledger, key, reply["reply"]) if reply else None,
                "answered": reply["created"] if reply else None,
                "cost": reply["cost"] if reply else None,
                "attempts": attempts.take(key),
                "failures": [row | {"forgotten": bool(row["forgotten"])} for row in failures.take(key)],
                "uses": uses.take(key),
            }


class _Followed:
    """The rows of a table in the order of their keys, read along with the requests."""

    def __init__(self, ledger: Ledger, table: str, columns: Sequence[str], order: str) -> None:
        self._columns = columns
        self._rows = ledger.read(f"SELECT key, {', '.join(columns)} FROM {table} ORDER BY {order}")  # noqa: S608
        self._next = next(self._rows, None)

    def take(self, key: str) -> list[dict[str, Any]]:
        """Those of the key; what lies before it has no request."""
        found = []
        while self._next is not None and self._next[0] <= key:
            if self._next[0] == key:
                found.append(dict(zip(self._columns, self._next[1:], strict=True)))
            self._next = next(self._rows, None)
        return found


def _value(ledger: Ledger, key: str, text: str) -> Any:
    try:
        return from_json(text)
    except (ValueError, RecursionError) as error:
        raise LedgerError(
            f"The ledger {ledger.path} holds a row that cannot be read: that of the request {key}.",
            why=str(error),
            fix="`dualchecker ledger verify` names all that is damaged.",
        ) from error
