"""Where the money went: by purpose, by rung, by label; what the server's cache saved, and what it could have."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from dualchecker.ledger import Ledger
from dualchecker.ledger.bills import Bill, Job, asked_about, bills, payloads
from dualchecker.prompts.prompt import estimate_tokens
from dualchecker.records import Labelled
from dualchecker.teachers import Price

_SAMPLE = 500
"""Requests that are compared with the one before them."""

_APART = "\x1e"


def spending(
    ledger: Ledger,
    prices: Mapping[str, Price],
    keys: Collection[str] | None = None,
    *,
    prefixes: bool = True,
    at_home: Collection[str] = (),
) -> dict[str, Any]:
    """Money and tokens of the requests in a ledger, or of some of them.

    Args:
        ledger: Of a run; may be read while the run writes it.
        prices: Of the teachers, by name; says what the server's cache saved.
        keys: Of the requests that count; by default all.
        prefixes: Whether to look how much of the prompts is alike, which reads some of them.
        at_home: Names of teachers in this process: no server keeps a cache for them.

    Raises:
        LedgerError: The ledger is damaged.
    """
    wanted = None if keys is None else set(keys)
    mine = [bill for bill in bills(ledger) if wanted is None or bill.key in wanted]
    served = [bill for bill in mine if bill.teacher not in at_home]
    prompt, cached = sum(bill.prompt_tokens for bill in served), sum(bill.cached_tokens for bill in served)
    assumed = [bill.cost for bill in mine if bill.assumed]
    found: dict[str, Any] = {
        "unpriced": sorted({bill.teacher for bill in mine if not prices.get(bill.teacher, Price()).known}),
        "by_purpose": _by_purpose(mine),
        "cached": {"tokens": cached, "share": cached / prompt if prompt else None, "saved": _saved(served, prices)},
        "assumed": {"requests": len(assumed), "cost": sum(assumed)},
        "hedged": {"lost": sum(bill.lost for bill in mine), "cost": _for_copies(mine, prices)},
    }
    return {**found, "prefix": shared_prefix(ledger, mine)} if prefixes else found


def _by_purpose(mine: Iterable[Bill]) -> dict[str, dict[str, float]]:
    groups: dict[Job, list[Bill]] = defaultdict(list)
    for bill in mine:
        groups[bill.job].append(bill)
    return {
        "/".join(job): {
            "requests": sum(bill.answered for bill in some),
            "prompt": sum(bill.prompt_tokens for bill in some),
            "cached": sum(bill.cached_tokens for bill in some),
            "completion": sum(bill.completion_tokens for bill in some),
            "cost": sum(bill.cost for bill in some),
        }
        for job, some in sorted(groups.items())
    }


def _saved(mine: Iterable[Bill], prices: Mapping[str, Price]) -> float | None:
    """What cached tokens cost less than fresh ones; None where the price of any of them is not known."""
    reused = [bill for bill in mine if bill.cached_tokens]
    if any(bill.teacher not in prices or not prices[bill.teacher].known for bill in reused):
        return None
    return sum(prices[bill.teacher].saved(bill.cached_tokens, bill.batch) for bill in reused)


def _for_copies(mine: Iterable[Bill], prices: Mapping[str, Price]) -> float | None:
    """What was counted for copies that lost, beyond the replies; None where the price of any of them is not known.

    No server tells what it charges for a request that was cut off: the most that it may have cost was counted.
    """
    total = 0.0
    for bill in mine:
        price = prices.get(bill.teacher)
        if bill.lost and (price is None or not price.known):
            return None
        if bill.lost and price is not None:
            total += max(bill.cost - price.cost(bill.prompt_tokens, bill.cached_tokens, bill.completion_tokens), 0.0)
    return total


def shared_prefix(ledger: Ledger, mine: Sequence[Bill]) -> dict[str, Any]:
    """How much of the prompts a server with a cache could have known: what each begins with as the one before it did.

    The one before is that which was sent before it for the same purpose at the same rung. Tokens are estimated; at most
    500 requests are compared, evenly spread over all, so that a ledger has one answer.
    """
    before: dict[tuple[str, Job], str] = {}
    pairs = list[tuple[str, str]]()
    for bill in mine:
        if bill.answered:
            place = (bill.teacher, bill.job)
            if place in before:
                pairs.append((before[place], bill.key))
            before[place] = bill.key
    count = min(_SAMPLE, len(pairs))
    sample = [pairs[i * len(pairs) // count] for i in range(count)]
    told = payloads(ledger, list(dict.fromkeys(key for pair in sample for key in pair)))
    alike = whole = compared = 0
    for first, second in sample:
        texts = (_words(told.get(first, {})), _words(told.get(second, {})))
        if all(texts):
            compared += 1
            tokens = estimate_tokens(texts[1])
            alike += min(estimate_tokens(texts[1][: _alike(*texts)]), tokens)
            whole += tokens
    return {"compared": compared, "share": alike / whole if whole else None}


def _alike(one: str, other: str) -> int:
    """Number of characters with which both begin."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _words(payload: Mapping[str, Any]) -> str:
    """The messages of a request in one text; nothing for requests that hold none."""
    messages = payload.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, Mapping) for message in messages):
        return ""
    return _APART.join(f"{message.get('role')}\n{message.get('content')}" for message in messages)


def per_label(
    ledger: Ledger, labels: Sequence[Labelled], keys: Collection[str], by_purpose: Mapping[str, Any], cost: float
) -> dict[str, Any]:
    """What a label costs: of all, of those accepted, and by the rung that was asked.

    Args:
        ledger: Of the run.
        labels: Of the pool, one for each record or decision.
        keys: Of the requests that the run used.
        by_purpose: Of ``spending``.
        cost: Of all of them, whatever for.
    """
    accepted = Counter(item.answer.rung for item in labels if item.answer and item.status == "accepted")
    mine, asked = set(keys), defaultdict[str, set[str]](set)
    for record, rung, key in asked_about(ledger, "label"):
        if key in mine:
            asked[rung].add(record)
    kept = sum(accepted.values())
    return {
        "per_label": cost / len(labels) if labels else None,
        "per_accepted": cost / kept if kept else None,
        "by_rung": {
            rung: {
                "records": len(records),
                "accepted": accepted[rung],
                "cost": (spent := by_purpose.get(f"label/{rung}", {}).get("cost", 0.0)),
                "per_record": spent / len(records),
                "per_accepted": spent / accepted[rung] if accepted[rung] else None,
            }
            for rung, records in sorted(asked.items())
        },
    }
