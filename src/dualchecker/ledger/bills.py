"""Reading the ledger for money: what each request cost, what it was for, and what was sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    lost: int


def bills(ledger: Ledger) -> list[Bill]:
    """One for every request that was answered or failed for good, in the order in which they were first sent."""
    rows = list(
        ledger.read(
            "SELECT key, prompt_tokens, cached_tokens, completion_tokens, cost, 1 FROM replies"
            " UNION ALL SELECT key, prompt_tokens, 0, completion_tokens, cost, 0 FROM failures"
        )
    )
    teachers = dict(ledger.read("SELECT key, teacher FROM requests"))
    tries = {
        key: (started, lost)
        for key, started, lost in ledger.read(
            "SELECT key, min(started), sum(outcome = 'hedge_lost') FROM attempts GROUP BY key"
        )
    }
    jobs = _jobs(ledger)
    rows.sort(key=lambda row: (tries.get(row[0], (0.0, 0))[0], row[0], row[5]))
    seen, found = set[str](), list[Bill]()
    for key, prompt, cached, completion, cost, answered in rows:
        lost = 0 if key in seen else tries.get(key, (0.0, 0))[1]  # a request that failed before it was answered
        seen.add(key)
        job = jobs.get(key, ("", ""))
        found.append(Bill(key, teachers.get(key, ""), job, prompt, cached, completion, cost, bool(answered), lost))
    return found


def _jobs(ledger: Ledger) -> dict[str, Job]:
    found: dict[str, Job] = {}
    for purpose, rung, key in ledger.read("SELECT DISTINCT purpose, rung, key FROM uses ORDER BY purpose, rung"):
        found.setdefault(key, (purpose, rung))
    return found


def asked_about(ledger: Ledger, purpose: str) -> list[tuple[str, str, str]]:
    """(record, rung, key) of every use of a request for this purpose."""
    return [tuple(row) for row in ledger.read("SELECT record, rung, key FROM uses WHERE purpose = ?", (purpose,))]


def payloads(ledger: Ledger, keys: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """What was sent with these requests; a few at a time, since all of a large ledger would not fit into memory."""
    found: dict[str, Mapping[str, Any]] = {}
    for start in range(0, len(keys), 500):
        part = keys[start : start + 500]
        marks = ",".join("?" * len(part))
        sql = f"SELECT key, payload FROM requests WHERE key IN ({marks})"  # noqa: S608
        found.update({key: from_json(text) for key, text in ledger.read(sql, part)})
    return found
