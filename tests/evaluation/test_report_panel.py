"""The report's section on a panel: plain values, missing ones as a dash."""

from typing import Any

import pytest

from dualchecker.config import SeniorConfig
from dualchecker.evaluation.formats import DASH
from dualchecker.evaluation.report_panel import LABEL_LIMIT, panel_view
from dualchecker.runs import answer_price


def panel(labels: int, weights: dict[str, float] | None) -> dict[str, Any]:
    members = [
        {
            "name": name, "price": 0.5, "rung": "brief", "gold": 30, "pool": 1200, "spent": 615.0, "accuracy": 0.75,
            "precision": {f"label {i}": 0.5 for i in range(labels)},
        }
        for name in ("one", "two")
    ]  # fmt: skip
    cells = [{"share": 1.0, "records": 1200}, {"share": None, "records": 0}]
    return {"vote": "weighted", "members": members, "weights": weights, "agreement": [cells, cells[::-1]]}


def test_members_weights_and_agreement_are_shown() -> None:
    view = panel_view(panel(2, {"one": 0.25, "two": 1.0}))
    assert view is not None
    assert [row["weight"] for row in view["members"]] == ["0.25", "1.00"]
    assert [row["pool"] for row in view["members"]] == ["1,200", "1,200"]
    assert view["labels"] == ["label 0", "label 1"]
    assert [row["cells"][1] for row in view["agreement"]] == [DASH, view["agreement"][0]["cells"][0]]


def test_a_majority_has_no_weights_and_many_labels_no_columns() -> None:
    view = panel_view(panel(LABEL_LIMIT + 1, None))
    assert view is not None
    assert {row["weight"] for row in view["members"]} == {DASH}
    assert view["labels"] == [] and all(row["precision"] == [] for row in view["members"])


def test_one_teacher_has_no_section() -> None:
    assert panel_view(None) is None


def test_the_price_of_an_answer_is_given_or_follows_from_those_of_tokens() -> None:
    tokens = {"kind": "openai", "model": "m", "base_url": "http://x/v1", "price_input": 2.0, "price_output": 10.0}
    assert answer_price(SeniorConfig(**tokens)) == pytest.approx((2000 + 800) / 1e6)
    assert answer_price(SeniorConfig(**tokens, price=0.5)) == 0.5
    assert answer_price(SeniorConfig()) == 0
