"""Money on the command line: plan, its probe and its JSON; the limit; status."""

import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dualchecker.ledger import BatchBook, Ledger
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
    assert next(line for line in out.splitlines() if line.strip().startswith("all")).rstrip().endswith("?")
    plain = json.loads(cli("plan", file, "--json")[1])
    assert plain["total"]["cost"] is None and all(
        step["cost"] is None for step in plain["steps"] if step["requests"][1]
    )
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


def test_a_result_and_its_folder_are_two_costs(cli: Run, made: Any, tmp_path: Path) -> None:
    file, _ = made(method="zero_shot")
    code, out, _ = cli("run", file)
    assert code == 0 and ", cost 0." in out and "this result" not in out
    first = json.loads((tmp_path / "out/metrics.json").read_text(encoding="utf-8"))
    code, out, _ = cli("run", file, "--set", "task.question=Is it hot?")
    second = json.loads((tmp_path / "out/metrics.json").read_text(encoding="utf-8"))
    assert second["money"]["spent_in_folder"] == pytest.approx(first["cost"] + second["cost"])
    assert f"this result {second['cost']:.4f}; spent in this folder {second['money']['spent_in_folder']:.4f}" in out
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert "spent in this folder" in page and 'href="#money"' in page and 'id="money"' in page
    assert '<tfoot><tr><th scope="row">All' in page


def test_a_plan_tells_what_is_paid_for_and_how_long_the_rest_takes(cli: Run, made: Any) -> None:
    file, _ = made(method="zero_shot", limits={"requests_per_minute": 6000})
    out = " ".join(cli("plan", file)[1].split())
    assert "This folder" not in out and "a model that thinks before it answers writes more" in out
    assert "Under limits.requests_per_minute = 6000 this takes at least 1 s." in out
    assert "at least 24 min" in " ".join(cli("plan", file, "--set", "limits.requests_per_minute=1")[1].split())
    assert json.loads(cli("plan", file, "--json")[1])["ledger"] is None
    assert cli("run", file)[0] == 0
    assert "This folder's ledger already holds 24 answers (cost 0.00" in cli("plan", file)[1]
    assert json.loads(cli("plan", file, "--json")[1])["ledger"]["answers"] == 24


def test_a_pruned_ledger_is_run_and_summed_up_as_before(cli: Run, made: Any, tmp_path: Path) -> None:
    file, server = made()
    assert cli("run", file)[0] == 0
    calls = len(server.calls)
    assert cli("ledger", "prune", tmp_path / "out", "--payloads", "--yes")[0] == 0
    assert cli("run", file)[0] == 0 and len(server.calls) == calls, "nothing is asked again"
    code, out, _ = cli("status", file)
    assert code == 0 and "The run is complete" in out and "stand alike" not in out


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE replies SET cost = 'abc'",
        "UPDATE replies SET cost = 'abc' WHERE key = (SELECT max(key) FROM replies)",
        "UPDATE attempts SET seconds = 'abc'",
        "UPDATE replies SET prompt_tokens = 'abc'",
    ],
)
def test_a_damaged_ledger_is_named_and_never_a_traceback(cli: Run, made: Any, tmp_path: Path, damage: str) -> None:
    file, _ = made(method="zero_shot")
    assert cli("run", file)[0] == 0
    with sqlite3.connect(tmp_path / "out/ledger.sqlite") as db:
        db.execute(damage)
    db.close()
    for words in (("status", file), ("ledger", "stats", tmp_path / "out"), ("run", file), ("plan", file)):
        code, out, err = cli(*words)
        assert code in (0, 4) and "Traceback" not in out + err
        assert code == 0 or "dualchecker ledger verify" in err
    code, out, _ = cli("plan", file)
    assert code == 0 and ("cost" not in damage or "dualchecker ledger verify" in out)
    if "cost" in damage:
        assert {cli(*words)[0] for words in (("status", file), ("run", file))} == {4}


def test_overwritten_pages_are_named_and_never_a_traceback(cli: Run, made: Any, tmp_path: Path) -> None:
    file, _ = made(method="zero_shot")
    assert cli("run", file)[0] == 0
    whole = (tmp_path / "out/ledger.sqlite").read_bytes()
    codes = set()
    for start in range(4096, len(whole), 4096):
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        broken = whole[: start + 200] + b"\xff{" * 1800 + whole[start + 3800 :]
        (copy / "ledger.sqlite").write_bytes(broken)
        code, out, err = cli("status", copy)
        codes.add(code)
        assert code == 0 or (code == 4 and "ledger" in err), (start, out, err)
    assert 4 in codes


def test_status_counts_what_its_headings_say(cli: Run, made: Any, tmp_path: Path) -> None:
    file, _ = made(method="zero_shot")
    assert cli("run", file)[0] == 0
    with Ledger.open(tmp_path / "out/ledger.sqlite") as ledger:
        key = ledger.rows("SELECT min(key) FROM requests")[0][0]
        ledger.record_uses([("another", "zero_shot", "brief", key)])
        BatchBook(ledger).add("m", "", "f", "d", "prepared", ["x", "y"])
        with ledger.transaction() as db:
            db.execute("INSERT INTO attempts (key, started, seconds, outcome) VALUES (?, 0, 0, 'hedge_lost')", (key,))
    out = cli("status", file)[1]
    cells = [cell.strip() for cell in next(row for row in out.splitlines() if "zero_shot" in row).split("│")]
    assert cells[3:5] == ["25", "24"]
    assert "1 batch under way, 2 requests." in out and "failures: none" in out


def test_an_empty_ledger_is_not_complete_whatever_lies_beside_it(cli: Run, made: Any, tmp_path: Path) -> None:
    file, _ = made(method="zero_shot")
    assert cli("run", file)[0] == 0
    assert "The run is complete" in cli("status", file)[1]
    (tmp_path / "out/ledger.sqlite").unlink()
    Ledger.open(tmp_path / "out/ledger.sqlite").close()
    assert "The run is not complete" in cli("status", file)[1]


@pytest.mark.parametrize("seed", range(4))
def test_bytes_that_rot_are_named_and_never_a_traceback(cli: Run, made: Any, tmp_path: Path, seed: int) -> None:
    file, _ = made(method="zero_shot")
    assert cli("run", file)[0] == 0
    whole, chance, codes = (tmp_path / "out/ledger.sqlite").read_bytes(), random.Random(seed), set()
    for number in range(8):
        rotten = bytearray(whole)
        start = chance.randrange(4096, len(whole) - 600) if number else whole.index(b"CREATE TABLE")
        rotten[start : start + 500] = chance.randbytes(500)
        for words in (("status", file), ("ledger", "stats", tmp_path / "out"), ("plan", file)):
            (tmp_path / "out/ledger.sqlite").write_bytes(rotten)
            code, out, err = cli(*words)
            codes.add(code)
            assert code == 0 or (code == 4 and "ledger" in err), (words, out, err)
    assert codes == {0, 4}
