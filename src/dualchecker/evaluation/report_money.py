"""What the report says about money: by purpose, by rung and label, and what the server's cache did."""

from collections.abc import Collection, Mapping
from typing import Any

from dualchecker.evaluation import wording
from dualchecker.evaluation.formats import each, money, percent, share, whole

View = dict[str, Any]


def money_view(metrics: Mapping[str, Any]) -> View | None:
    """Tables and sentences; None where the teacher's work had neither tokens nor a price."""
    told, tokens = metrics.get("money") or {}, metrics.get("tokens") or {}
    if not told or not (tokens.get("prompt") or tokens.get("completion") or metrics.get("cost")):
        return None
    return {
        "unpriced": ", ".join(told.get("unpriced") or ()),
        "purposes": [_purpose(name, row, metrics.get("cost")) for name, row in _by_purpose(told["by_purpose"])],
        "total": _sums(told["by_purpose"].values()),
        "rungs": [_rung(name, row) for name, row in _in_order(told.get("by_rung") or {})],
        "per_label": each(told.get("per_label")),
        "per_accepted": each(told.get("per_accepted")),
        "noun": "decision" if metrics.get("multiple") else "answer" if metrics.get("kind") == "reasoning" else "label",
        "sentences": [*_prefix(told), *_hedged(told.get("hedged") or {}), *_assumed(told.get("assumed") or {})],
    }


def _by_purpose(told: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """In the order in which the other tables have purposes and rungs."""
    purposes, rungs = list(wording.PURPOSES), list(wording.RUNGS)

    def place(name: str) -> tuple[int, int]:
        purpose, _, rung = name.partition("/")
        return (
            purposes.index(purpose) if purpose in purposes else len(purposes),
            rungs.index(rung) if rung in rungs else len(rungs),
        )

    return sorted(told.items(), key=lambda item: place(item[0]))


def _purpose(name: str, row: Mapping[str, Any], everything: Any) -> View:
    purpose, _, rung = name.partition("/")
    title, meaning = wording.PURPOSES.get(purpose, (purpose or "Not noted", ""))
    return {
        "title": title,
        "meaning": meaning,
        "rung": rung if rung != purpose else "",
        "requests": whole(row["requests"]),
        "prompt": whole(row["prompt"]),
        "cached": whole(row["cached"]),
        "completion": whole(row["completion"]),
        "cost": money(row["cost"]),
        "share": percent(share(row["cost"], everything)) if everything else "",
    }


def _sums(rows: Collection[Mapping[str, Any]]) -> View:
    """The last line of the table: each request counts in one row, so the rows add up."""
    tokens = ("requests", "prompt", "cached", "completion")
    return {name: whole(sum(row[name] for row in rows)) for name in tokens} | {
        "cost": money(sum(row["cost"] for row in rows))
    }


def _in_order(rungs: Mapping[str, Any]) -> list[tuple[str, Any]]:
    place = {name: number for number, name in enumerate(wording.RUNGS)}
    return sorted(rungs.items(), key=lambda item: place.get(item[0], len(place)))


def _rung(name: str, row: Mapping[str, Any]) -> View:
    return {
        "title": name,
        "records": whole(row["records"]),
        "accepted": whole(row["accepted"]),
        "cost": money(row["cost"]),
        "per_record": each(row["per_record"]),
        "per_accepted": each(row["per_accepted"]),
    }


def _prefix(told: Mapping[str, Any]) -> list[str]:
    """How much of the prompts is alike, and how much of that the server had in its cache."""
    prefix, cached = told.get("prefix") or {}, told.get("cached") or {}
    found = []
    if prefix.get("share") is not None:
        found.append(
            f"{percent(prefix['share'])} of prompt tokens stand in a part that begins the prompt as it began the one "
            f"before it (estimated on {whole(prefix['compared'])} requests): what a server that keeps prefixes can use."
        )
    if cached.get("tokens"):
        saved = cached.get("saved")
        worth = f", which saved {money(saved)}" if saved else ", at a price that is not known" if saved is None else ""
        found.append(f"The server says that it had {percent(cached['share'])} of prompt tokens in its cache{worth}.")
    elif prefix.get("share") is not None and cached.get("share") is not None:
        found.append("The server reports no cached tokens.")
    return found


def _assumed(assumed: Mapping[str, Any]) -> list[str]:
    if not assumed.get("requests"):
        return []
    return [
        f"The server counted no tokens of {whole(assumed['requests'])} replies: the most that they might cost was "
        f"taken, {money(assumed['cost'])} in all."
    ]


def _hedged(hedged: Mapping[str, Any]) -> list[str]:
    if not hedged.get("lost"):
        return []
    worth = "" if hedged.get("cost") is None else f": {money(hedged['cost'])} in all"
    return [
        f"{whole(hedged['lost'])} slow requests were sent twice, and one of the two was given up. What is charged for "
        f"that one is not told; the most that it may have cost is counted{worth}."
    ]
