"""Where the money went, in a line."""

from collections.abc import Mapping
from typing import Any

from dualchecker.cli.display_words import percent
from dualchecker.evaluation.formats import each


def spent_words(cost: float, money: Mapping[str, Any]) -> str:
    """What a result cost, and what its folder has cost in all where that is more: limits count the latter."""
    folder = money.get("spent_in_folder")
    if folder is None or f"{folder:.4f}" == f"{cost:.4f}":
        return f"cost {cost:.4f}"
    return f"cost: this result {cost:.4f}; spent in this folder {folder:.4f}"


def money_line(money: Mapping[str, Any]) -> str:
    """What a label cost and what the server's cache did; empty where there is nothing to say."""
    parts = []
    if money.get("per_accepted"):
        parts.append(f"{each(money['per_accepted'])} an accepted label")
    elif money.get("per_label"):
        parts.append(f"{each(money['per_label'])} a label, none of them accepted")
    cached, prefix, hedged = (money.get(name) or {} for name in ("cached", "prefix", "hedged"))
    if cached.get("tokens"):
        saved = f", which saved {cached['saved']:.4f}" if cached.get("saved") else ""
        parts.append(f"{percent(cached['share'])} of prompt tokens from the server's cache{saved}")
    if prefix.get("share") is not None:
        parts.append(f"{percent(prefix['share'])} of prompts stand alike at the front of the one before")
    if hedged.get("lost"):
        worth = "" if hedged.get("cost") is None else f" ({hedged['cost']:.4f} counted for them)"
        parts.append(f"{hedged['lost']} {'request' if hedged['lost'] == 1 else 'requests'} sent twice{worth}")
    if assumed := (money.get("assumed") or {}).get("requests"):
        parts.append(f"the server counted no tokens of {assumed:,} replies: the most that they might cost was taken")
    line = "; ".join(parts)
    unpriced = ", ".join(money.get("unpriced") or ())
    if unpriced:
        line += f"{'. ' if line else ''}The price of {unpriced} is not known: its cost counts as 0"
    return f"{line[0].upper()}{line[1:]}." if line else ""
