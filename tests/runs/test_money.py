"""A run that costs: it stops before its limit, goes on when that is raised, and says where the money went."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dualchecker.errors import BudgetError, ConfigError
from dualchecker.ledger import Ledger
from dualchecker.runs import distill
from money_fakes import MODEL, charging, make_run, write_data
from servers import Call, LoopbackServer, Step

Serve = Callable[..., LoopbackServer]
EACH = (200 * 0.25 + 20 * 2.0) / 1e6
"""What each reply costs."""


@pytest.fixture(autouse=True)
def data(tmp_path: Path) -> None:
    write_data(tmp_path, gold=20, pool=24, test=10)


def mixed(call: Call) -> Step:
    """Some answers right, some wrong, some unsure; always the same to the same prompt."""
    digit = int(call.key[:2], 16)
    return charging(call, confidence=(digit % 10) / 10, wrong=digit % 4 == 0)


def labels(folder: Path) -> list[tuple[str, Any, Any, Any]]:
    rows = (folder / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    return [(r["id"], r["label"], r["confidence"], r["status"]) for r in map(json.loads, rows)]


class Notes:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def stage(self, name: str, detail: str = "") -> None: ...
    def asking(self, done: int, total: int, *, fresh: int, failed: int, cost: float) -> None: ...
    def training(self, step: int, total: int) -> None: ...
    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_run_stops_before_its_limit_and_ends_as_if_it_never_had(
    serve: Serve, tmp_path: Path, concurrency: int
) -> None:
    whole = make_run(tmp_path, serve(mixed), output="whole", limits={"concurrency": concurrency})
    distill(whole)
    total = json.loads((tmp_path / "whole/metrics.json").read_text(encoding="utf-8"))["cost"]
    assert total > 20 * EACH

    server, stops = serve(mixed), 0
    for part in (0.3, 0.7, 1.5):
        limits = {"max_cost": part * total, "concurrency": concurrency}
        config = make_run(tmp_path, server, output="parts", limits=limits)
        try:
            distill(config)
        except BudgetError as error:
            stops += 1
            assert error.exit_code == 6 and "Raise limits.max_cost" in error.fix
        with Ledger.open(tmp_path / "parts/ledger.sqlite", read_only=True) as ledger:
            spent = ledger.totals()
        assert spent.cost <= part * total
        assert spent.cost == pytest.approx(len(server.calls) * EACH), "nothing was sent that was not counted"
    assert stops == 2
    assert set(server.by_content.values()) == {1}, "nothing was paid twice"
    assert labels(tmp_path / "parts") == labels(tmp_path / "whole")


def test_the_metrics_say_where_the_money_went(serve: Serve, tmp_path: Path) -> None:
    server = serve(lambda call: charging(call, cached=100))
    run = distill(make_run(tmp_path, server))
    metrics, money = run.metrics, run.metrics["money"]
    each = (100 * 0.25 + 100 * 0.025 + 20 * 2.0) / 1e6
    assert metrics["cost"] == pytest.approx(len(server.calls) * each)
    assert sum(row["cost"] for row in money["by_purpose"].values()) == pytest.approx(metrics["cost"])
    assert metrics["tokens"]["cached"] == 100 * len(server.calls) == money["cached"]["tokens"]
    assert money["cached"]["share"] == 0.5
    assert money["cached"]["saved"] == pytest.approx(len(server.calls) * 100 * (0.25 - 0.025) / 1e6)
    accepted = sum(item.status == "accepted" for item in run.labels)
    assert accepted and money["per_accepted"] == pytest.approx(metrics["cost"] / accepted)
    assert money["by_rung"]["brief"]["records"] == 24
    assert sum(row["accepted"] for row in money["by_rung"].values()) == accepted
    assert money["prefix"]["compared"] > 20 and 0 < money["prefix"]["share"] < 1
    assert money["unpriced"] == [] and money["hedged"]["lost"] == 0
    page = run.report.read_text(encoding="utf-8")
    assert "What it cost" in page and "in its cache, which saved" in page


def test_an_unknown_price_is_told_before_the_run_and_in_its_report(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The loopback server stands for one that is far away.
    monkeypatch.setattr("dualchecker.teachers.prices.is_own_network", lambda host: False)
    server, notes = serve(charging), Notes()
    with pytest.raises(ConfigError, match="could not be kept"):
        distill(make_run(tmp_path, server, teacher={"model": "mine"}, limits={"max_cost": 1}))
    assert not server.calls
    run = distill(make_run(tmp_path, server, teacher={"model": "mine"}), progress=notes)
    assert "price of mine is not known" in notes.notes[0]
    assert run.metrics["cost"] == 0 and run.metrics["money"]["unpriced"] == ["mine"]
    assert "The price of mine is not known" in run.report.read_text(encoding="utf-8")


def test_a_price_file_of_ones_own_counts(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(f"{MODEL}: {{input: 1000, output: 0}}\n", encoding="utf-8")
    server = serve(charging)
    run = distill(make_run(tmp_path, server, limits={"prices": "mine.yaml"}, method="zero_shot"))
    assert run.metrics["cost"] == pytest.approx(len(server.calls) * 200 * 1000 / 1e6)
