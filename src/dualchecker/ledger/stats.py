"""What a ledger holds, in numbers."""

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dualchecker.ledger.batches import BatchBook
from dualchecker.ledger.rows import Totals
from dualchecker.ledger.store import Ledger

_SPENT = """WITH spent AS (
    SELECT key, sum(answered) AS answered, sum(read) AS read, sum(written) AS written, sum(paid) AS paid FROM (
        SELECT key, 1 AS answered, prompt_tokens AS read, completion_tokens AS written, cost AS paid FROM replies
        UNION ALL SELECT key, 0, prompt_tokens, completion_tokens, cost FROM failures
    ) GROUP BY key
)"""
_SUMS = "ifnull(sum(answered), 0), ifnull(sum(read), 0), ifnull(sum(written), 0), ifnull(sum(paid), 0.0)"


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the requests: those of one teacher, or those with one purpose at one rung.

    Attributes:
        name: The teacher, or the purpose and the rung.
        requests: Distinct ones.
        answers: Those that were answered.
        prompt_tokens: Of answers, and of failures that were charged for.
        completion_tokens: Likewise.
        cost: Likewise, whichever run paid.
    """

    name: tuple[str, ...]
    requests: int
    answers: int
    prompt_tokens: int
    completion_tokens: int
    cost: float


@dataclass(frozen=True, slots=True)
class Stats:
    """What a ledger holds.

    Attributes:
        totals: Answers, attempts, tokens and cost, those of failures included.
        requests: Distinct ones, answered or not.
        failures: How requests ended for good without an answer, by kind.
        forgotten: Failures that may be asked again.
        attempts: How tries ended, by outcome.
        teachers: By teacher.
        purposes: By purpose and rung. What several purposes needed is in each of them, and counted once in the totals.
        seconds: Of tries that were answered: the longest of the quickest 50, 90 and 99 % (``p50``, ``p90``, ``p99``),
            and of all (``max``); empty where nothing was answered.
        batches: How many batches there were, and how many of them are still with a provider.
        unread: Results of batches that no run has read yet.
        first: When the first request was entered, in seconds since 1970; None in an empty ledger.
        last: When the last try ended.
        size: Bytes on disk.
    """

    totals: Totals
    requests: int
    failures: Mapping[str, int]
    forgotten: int
    attempts: Mapping[str, int]
    teachers: Sequence[Part]
    purposes: Sequence[Part]
    seconds: Mapping[str, float]
    batches: tuple[int, int]
    unread: int
    first: float | None
    last: float | None
    size: int


def stats(ledger: Ledger) -> Stats:
    """Sum up a ledger as it is at this moment."""
    with ledger.snapshot(), ledger.sound():
        ((requests, first),) = ledger.read("SELECT count(*), min(created) FROM requests")
        ((last,),) = ledger.read("SELECT max(started + seconds) FROM attempts")
        kinds = "SELECT kind, count(*) FROM failures WHERE NOT forgotten GROUP BY kind ORDER BY 2 DESC, 1"
        ((forgotten,),) = ledger.read("SELECT count(*) FROM failures WHERE forgotten")
        book, unread = BatchBook(ledger), 0
        if ledger.has("batch_lines"):
            ((unread,),) = ledger.read("SELECT count(*) FROM batch_lines WHERE NOT used")
        return Stats(
            ledger.totals(),
            requests,
            {str(kind): count for kind, count in ledger.read(kinds)},
            forgotten,
            ledger.outcomes(),
            _parts(ledger, "teacher", "requests"),
            _parts(ledger, "purpose, rung", "(SELECT DISTINCT purpose, rung, key FROM uses)"),
            _seconds(ledger),
            (len(book.all()), len(book.open())),
            unread,
            first,
            last,
            ledger.size(),
        )


def _parts(ledger: Ledger, names: str, keys: str) -> list[Part]:
    rows: list[Sequence[Any]] = list(
        ledger.read(
            f"{_SPENT} SELECT count(*), {_SUMS}, {names} FROM {keys} LEFT JOIN spent USING (key)"  # noqa: S608
            f" GROUP BY {names} ORDER BY {names}"
        )
    )
    return [Part(tuple(map(str, row[5:])), *row[:5]) for row in rows]


def _seconds(ledger: Ledger) -> dict[str, float]:
    found = array("d", sorted(value for (value,) in ledger.read("SELECT seconds FROM attempts WHERE outcome = 'ok'")))
    if not found:
        return {}
    ranks = {f"p{share}": found[math.ceil(len(found) * share / 100) - 1] for share in (50, 90, 99)}
    return ranks | {"max": found[-1]}
