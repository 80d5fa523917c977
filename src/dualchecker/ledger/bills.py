"""Reading the ledger for money: what each request cost, what it was for, and what was sent."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from sys import intern
from typing import Any

from dualchecker.jsontext import from_json
from dualchecker.ledger.store import Ledger

Job = tuple[str, str]
"""(purpose, rung): what a request was for."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What one request took, answered or failed for good.

    Attributes:
        key: Of the request.
        teacher: Who was asked.
        job: What it was for; of several uses the first by name, so that no request counts twice.
        prompt_tokens: As the server counts them.
        cached_tokens: Of these, those that it says it had in its cache.
        completion_tokens: Of the reply.
        cost: In the currency of the prices.
        answered: Whether a reply came.
        batch: Whether it was part of a batch, as far as its cached tokens are concerned.
        lost: Copies of the request that were given up because another came first (``hedge_lost``).
    """

    key: str
    teacher: str
    job: Job
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost: float
    answered: bool
    batch: bool
    lost: int

    @property
    def assumed(self) -> bool:
        """Whether the server counted no tokens, so that the most that the request might cost was taken."""
        return self.answered and self.cost > 0 and not (self.prompt_tokens or self.completion_tokens)


_BILLS = """
SELECT paid.key, teacher, job, prompt_tokens, cached_tokens, completion_tokens, cost, answered, batch, lost FROM (
    SELECT key, prompt_tokens, cached_tokens, completion_tokens, cost, 1 AS answered,
        cached_tokens > 0 AND ifnull(json_extract(reply, '$.batch'), 0) AS batch FROM replies
    UNION ALL SELECT key, prompt_tokens, 0, completion_tokens, cost, 0, 0 FROM failures
) AS paid
LEFT JOIN requests ON requests.key = paid.key
LEFT JOIN (SELECT key, min(started) AS sent, sum(outcome = 'hedge_lost') AS lost FROM attempts GROUP BY key) AS tries
    ON tries.key = paid.key
LEFT JOIN (SELECT key, min(purpose || char(31) || rung) AS job FROM uses GROUP BY key) AS jobs ON jobs.key = paid.key
ORDER BY sent, paid.key, answered
"""


def bills(ledger: Ledger) -> list[Bill]:
    """One for every request that was answered or failed for good, in the order in which they were first sent.

    Raises:
        LedgerError: The ledger is damaged.
    """
    with ledger.sound():
        return _bills(ledger)


def _bills(ledger: Ledger) -> list[Bill]:
    jobs: dict[str | None, Job] = {None: ("", "")}  # few; each is kept once
    found, before = list[Bill](), ""
    for key, teacher, job, prompt, cached, completion, cost, answered, batch, lost in ledger.read(_BILLS):
        if job not in jobs:
            purpose, _, rung = job.partition("\x1f")
            jobs[job] = (purpose, rung)
        _check(prompt, cached, completion, cost)
        copies = 0 if key == before else lost or 0  # a request may have failed before it was answered
        before = key
        name = intern(teacher or "")
        found.append(Bill(key, name, jobs[job], prompt, cached, completion, cost, bool(answered), bool(batch), copies))
    return found


def _check(*numbers: object) -> None:
    """A column of SQLite takes any value, whatever its declared type."""
    for value in numbers:
        if type(value) is not int and type(value) is not float:
            raise TypeError(f"{value!r} stands where a number must")


def used(ledger: Ledger) -> dict[Job, tuple[int, int]]:
    """Distinct records and distinct requests by what they were for."""
    rows = ledger.rows("SELECT purpose, rung, count(DISTINCT record), count(DISTINCT key) FROM uses GROUP BY 1, 2")
    return {(str(purpose), str(rung)): (records, requests) for purpose, rung, records, requests in rows}


def asked_about(ledger: Ledger, purpose: str) -> list[tuple[str, str, str]]:
    """(record, rung, key) of every use of a request for this purpose."""
    return [tuple(row) for row in ledger.read("SELECT record, rung, key FROM uses WHERE purpose = ?", (purpose,))]


def payloads(ledger: Ledger, keys: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """What was sent with these requests, as far as the ledger still holds it and it can be read.

    Payloads may have been pruned. A few are read at a time, since all of a large ledger would not fit into memory.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for start in range(0, len(keys), 500):
        part = keys[start : start + 500]
        marks = ",".join("?" * len(part))
        sql = f"SELECT key, payload FROM requests WHERE key IN ({marks})"  # noqa: S608
        for key, text in ledger.read(sql, part):
            with suppress(ValueError, TypeError, RecursionError):
                payload = from_json(text)
                if isinstance(payload, dict):
                    found[key] = payload
    return found
