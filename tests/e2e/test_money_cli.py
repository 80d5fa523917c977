"""Money on the command line: plan, its probe and its JSON; the limit; status."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from money_fakes import charging, run_file, write_data
from servers import LoopbackServer

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def made(tmp_path: Path, serve: Callable[..., LoopbackServer]) -> Callable[..., tuple[Path, LoopbackServer]]:
    """``made(check={...})``: a run file beside its data, and the server of its teacher."""
    write_data(tmp_path, gold=20, pool=24)

    def make(**more: Any) -> tuple[Path, LoopbackServer]:
        server = serve(charging)
        file = tmp_path / "run.yaml"
        file.write_text(yaml.safe_dump(run_file(tmp_path, server, **more)), encoding="utf-8")
        return file, server

    return make


def test_plan_shows_prices_with_source_and_day_and_asks_nobody(cli: Run, made: Any) -> None:
    file, server = made(limits={"max_cost": 0.0001})
    code, out, _ = cli("plan", file)
    assert code == 0 and not server.calls
    assert "gpt-5-mini: 0.25 in, 0.025 cached, 2 out per million tokens" in out and "known to 2026" in out
    assert "rung wide" in out and "the run stops before limits.max_cost" in out


@pytest.mark.parametrize("width", ["80", "120"])
def test_a_probed_plan_fits_the_terminal(cli: Run, made: Any, monkeypatch: pytest.MonkeyPatch, width: str) -> None:
    from rich.console import Console

    monkeypatch.setattr("dualchecker.cli.display.console", Console(highlight=False, width=int(width)))
    file, server = made()
    code, out, _ = cli("plan", file, "--probe")
    assert code == 0 and server.calls
    table = out[out.index("step") : out.index("From and to")]
    assert all(len(line) <= int(width) for line in table.splitlines()) and "…" not in table
    assert "expected" in table
    assert f"{len(server.calls)} requests answered now" in out and "not paid again" in out
    assert "not measured: disputed records" in out.replace("\n", " ")


def test_plan_as_json_is_one_document(cli: Run, made: Any) -> None:
    file, server = made()
    code, out, _ = cli("plan", file, "--json")
    plain = json.loads(out)
    assert code == 0 and plain["probe"] is None and plain["total"]["expected"] is None
    assert plain["prices"]["gpt-5-mini"]["source"].startswith("https://")
    code, out, _ = cli("plan", file, "--json", "--probe")
    probed = json.loads(out)
    assert code == 0 and probed["probe"]["records"] == 20 and probed["probe"]["requests"] == len(server.calls)
    assert probed["total"]["expected"]["cost"] == pytest.approx(
        sum(step["expected"]["cost"] for step in probed["steps"])
    )
    low, high = probed["total"]["cost"]
    assert low <= probed["total"]["expected"]["cost"] <= high


def test_a_limit_that_could_not_be_kept_ends_plan_and_run_with_the_remedy(
    cli: Run, made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dualchecker.teachers.prices.is_own_network", lambda host: False)
    file, server = made(teacher={"model": "mine"})
    code, out, _ = cli("plan", file)
    assert code == 0 and "the price of mine is not known" in out
    for verb in ("plan", "run"):
        code, _, err = cli(verb, file, "--set", "limits.max_cost=1")
        assert code == 2 and "could not be kept" in err and "price_input" in err
    assert not server.calls


def test_a_run_that_is_stopped_exits_with_6_and_goes_on(cli: Run, made: Any, tmp_path: Path) -> None:
    file, server = made()
    code, _, err = cli("run", file, "--set", "limits.max_cost=0.002", "--set", "limits.concurrency=2")
    assert code == 6 and "Raise limits.max_cost" in err
    assert 0 < len(server.calls) * (200 * 0.25 + 20 * 2.0) / 1e6 <= 0.002
    code, out, _ = cli("status", file)
    assert code == 0 and "cost" in out and "The run is not complete" in out
    code, out, _ = cli("run", file, "--set", "limits.max_cost=1")
    assert code == 0 and "an accepted label" in out and "stand alike at the front" in out
    assert set(server.by_content.values()) == {1}
    for place in (file, tmp_path / "out"):
        code, out, _ = cli("status", place)
        assert code == 0 and "The run is complete" in out and "requests" in out


def test_a_mistake_in_a_price_file_names_its_line(cli: Run, made: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("mine:\n  input: 1\n  outptu: 2\n", encoding="utf-8")
    file, _ = made(limits={"prices": "mine.yaml"})
    code, _, err = cli("plan", file)
    assert code == 2 and "line 3: mine.outptu: unknown key" in err and "line 1: mine.output: is missing" in err
