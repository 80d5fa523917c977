"""What the report says about a panel of teachers: whom to believe, who agrees with whom, what each was asked."""

from collections.abc import Mapping
from typing import Any

from dualchecker.evaluation.formats import decimal, money, percent, whole

View = dict[str, Any]

LABEL_LIMIT = 12
"""With more labels than this, reliabilities by label stand in ``metrics.json`` alone."""


def panel_view(panel: Mapping[str, Any] | None) -> View | None:
    """Members and their agreement; None where one teacher labels."""
    if not panel:
        return None
    members, weights = panel["members"], panel.get("weights") or {}
    labels = list(members[0]["precision"]) if members else []
    shown = labels if len(labels) <= LABEL_LIMIT else []
    return {
        "vote": panel["vote"],
        "labels": shown,
        "members": [
            {
                "name": member["name"],
                "rung": member["rung"],
                "price": money(member["price"]),
                "gold": whole(member["gold"]),
                "pool": whole(member["pool"]),
                "spent": money(member["spent"]),
                "accuracy": percent(member["accuracy"]),
                "precision": [percent(member["precision"][label]) for label in shown],
                "weight": decimal(weights.get(member["name"]), 2),
            }
            for member in members
        ],
        "agreement": [
            {"name": member["name"], "cells": [percent(cell["share"]) for cell in row]}
            for member, row in zip(members, panel["agreement"], strict=True)
        ],
    }
