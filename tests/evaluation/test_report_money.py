"""What the report and the terminal say about money."""

from typing import Any

import pytest

from dualchecker.cli.display_money import money_line, spent_words
from dualchecker.evaluation.report_money import money_view

ROW = {"requests": 2, "prompt": 1000, "cached": 250, "completion": 40, "cost": 0.5}


def metrics(**money: Any) -> dict[str, Any]:
    told = {
        "unpriced": [],
        "by_purpose": {"calibrate/wide": ROW, "label/wide": ROW, "label/brief": ROW, "explain/explain": ROW},
        "by_rung": {
            "wide": {"records": 4, "accepted": 0, "cost": 0.5, "per_record": 0.125, "per_accepted": None},
            "brief": {"records": 9, "accepted": 5, "cost": 0.0021, "per_record": 0.000233, "per_accepted": 0.00042},
        },
        "per_label": 0.222222,
        "per_accepted": 0.00004321,
        "cached": {"tokens": 1000, "share": 0.25, "saved": 0.125},
        "prefix": {"compared": 500, "share": 0.6},
        "hedged": {"lost": 0, "cost": 0.0},
        **money,
    }
    return {"cost": 2.0, "tokens": {"prompt": 4000, "cached": 1000, "completion": 160}, "money": told}


def test_purposes_and_rungs_stand_in_their_order() -> None:
    view = money_view(metrics())
    assert view is not None
    assert [(row["title"], row["rung"]) for row in view["purposes"]] == [
        ("Label", "brief"),
        ("Label", "wide"),
        ("Calibrate", "wide"),
        ("Explain", ""),
    ]
    assert [row["title"] for row in view["rungs"]] == ["brief", "wide"]
    assert view["purposes"][0]["share"].startswith("25.0")


def test_the_last_line_of_the_table_sums_it_up() -> None:
    view = money_view(metrics())
    assert view is not None
    total = {"requests": "8", "prompt": "4,000", "cached": "1,000", "completion": "160", "cost": "2.00"}
    assert {name: value.replace("\N{NO-BREAK SPACE}", " ") for name, value in view["total"].items()} == total


def test_a_model_in_this_process_has_no_server_whose_cache_could_save() -> None:
    view = money_view(metrics(cached={"tokens": 0, "share": None, "saved": 0}))
    assert view is not None and not any("The server" in sentence for sentence in view["sentences"])
    assert "saved" not in money_line({"cached": {"tokens": 5, "share": 0.5, "saved": 0.0}}), "free tokens save nothing"


def test_what_the_folder_cost_stands_beside_what_the_result_cost() -> None:
    from dualchecker.evaluation.report import _spent

    assert spent_words(0.0431, {"spent_in_folder": 0.074}) == "cost: this result 0.0431; spent in this folder 0.0740"
    assert spent_words(0.0431, {"spent_in_folder": 0.0431}) == spent_words(0.0431, {}) == "cost 0.0431"
    assert "cost 2.00 for this result; spent in this folder 3.00" in _spent(metrics(spent_in_folder=3.0))["notes"]
    assert "cost 2.00" in _spent(metrics(spent_in_folder=2.0))["notes"] and "cost 2.00" in _spent(metrics())["notes"]


def test_costs_that_no_server_counted_are_told() -> None:
    assumed = {"requests": 3, "cost": 0.5}
    view = money_view(metrics(assumed=assumed))
    assert view is not None and "no tokens of 3 replies" in view["sentences"][-1]
    assert "no tokens of 3 replies" in money_line({"assumed": assumed})


def test_small_prices_keep_two_digits_that_tell() -> None:
    view = money_view(metrics())
    assert view is not None
    assert view["per_accepted"] == "0.000043" and view["per_label"] == "0.2222"
    brief, wide = view["rungs"]
    assert (brief["per_record"], brief["per_accepted"]) == ("0.00023", "0.00042")
    assert wide["per_accepted"] == "–"


def test_prefixes_caches_and_copies_are_told_in_words() -> None:
    def said(**money: Any) -> str:
        view = money_view(metrics(**money))
        assert view is not None
        return " ".join(view["sentences"]).replace("\N{NO-BREAK SPACE}", " ")

    assert "60.0 % of prompt tokens" in said() and "500 requests" in said()
    assert "had 25.0 % of prompt tokens in its cache, which saved 0.1250" in said()
    assert "at a price that is not known" in said(cached={"tokens": 5, "share": 0.1, "saved": None})
    assert "reports no cached tokens" in said(cached={"tokens": 0, "share": 0.0, "saved": 0.0})
    assert "3 slow requests were sent twice" in said(hedged={"lost": 3, "cost": 0.25})
    assert "twice" not in said()


@pytest.mark.parametrize("older", [{}, {"money": {}, "cost": 1.0}, {**metrics(), "tokens": {}, "cost": 0}])
def test_where_nothing_was_counted_there_is_nothing_to_say(older: dict[str, Any]) -> None:
    assert money_view(older) is None


def test_the_terminal_says_it_in_a_line() -> None:
    line = money_line(metrics()["money"]).replace("\N{NO-BREAK SPACE}", " ")
    assert "0.000043 an accepted label" in line and "which saved 0.1250" in line and "60.0 %" in line
    assert "\n" not in line and line.endswith(".")
    assert money_line({}) == ""
    none = money_line({"per_label": 0.5, "per_accepted": None, "unpriced": ["mine"]})
    assert none == "0.5000 a label, none of them accepted. The price of mine is not known: its cost counts as 0."
    assert "2 requests sent twice (0.3000 counted for them)" in money_line({"hedged": {"lost": 2, "cost": 0.3}})
