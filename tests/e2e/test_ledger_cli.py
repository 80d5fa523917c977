"""The ledger verbs, as a user calls them."""

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from dualchecker.ledger import Entry, Ledger, verify
from dualchecker.records import Reply
from ledgers import asked, change, key, rows, sample


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run file whose run has a ledger."""
    data = {"gold": "gold.jsonl", "pool": "pool.jsonl"}
    for name in data.values():
        (tmp_path / name).write_text('{"id": "1", "text": "x", "label": "yes"}\n')
    task = {"question": "Is it?", "labels": {"yes": "It is.", "no": "It is not."}}
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump({"task": task, "data": data, "output": "runs/first"}))
    with Ledger.open(tmp_path / "runs/first/ledger.sqlite") as ledger:
        sample(ledger)
    return path


def file_of(run: Path) -> Path:
    return run.parent / "runs/first/ledger.sqlite"


# --- which ledger is meant


@pytest.mark.parametrize("place", ["run.yaml", "runs/first", "runs/first/ledger.sqlite", "odd name"])
def test_a_run_file_a_folder_or_a_ledger_may_be_named(cli, run: Path, place: str) -> None:
    (run.parent / "odd name").write_bytes(file_of(run).read_bytes())
    code, out, _ = cli("ledger", "stats", run.parent / place, "--json")
    assert code == 0 and json.loads(out)["totals"]["requests"] == 3


@pytest.mark.parametrize("verb", ["stats", "verify", "export"])
@pytest.mark.parametrize(("place", "code"), [("nothing.yaml", 2), ("nothing.sqlite", 4), (".", 4), ("gold.jsonl", 2)])
def test_where_there_is_no_ledger(cli, run: Path, verb: str, place: str, code: int) -> None:
    ended, out, err = cli("ledger", verb, run.parent / place)
    assert ended == code and "error:" in err and out == ""


def test_a_place_that_is_not_there_is_told_as_what_it_might_be(cli, run: Path) -> None:
    for verb in (("status",), ("ledger", "stats"), ("ledger", "verify")):
        code, _, err = cli(*verb, run.parent / "nosuch")
        assert code == 2 and "There is no run file, run's folder or ledger" in err
        code, _, err = cli(*verb, run.parent / "nosuch.yaml")
        assert code == 2 and "There is no run file" in err and "init" not in err
    code, _, err = cli("ledger", "merge", run.parent / "newdir", run)
    assert code == 2 and "must be named *.sqlite" in err and "newdir.sqlite" in err
    assert not list(run.parent.glob("newdir*"))
    file_of(run).unlink()
    for verb in (("status",), ("ledger", "stats"), ("ledger", "prune", "--unused", "--yes")):
        code, _, err = cli(*verb, run)
        assert code == 4 and "Nothing was run yet" in err and not file_of(run).exists()


# --- stats


def test_stats(cli, run: Path) -> None:
    code, out, _ = cli("ledger", "stats", run)
    assert code == 0
    assert "2 without an answer" in out and "refused 1" in out and "rate_limited 3" in out
    assert "p50 2.000, p90 3.000, p99 3.000, max 3.000" in out
    assert "label" in out and "wide" in out and "40% from the server's cache" not in out
    assert "31%" in out  # 12 of 39 prompt tokens


def test_stats_fit_into_80_columns(cli, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger.open(file_of(run)) as ledger:
        for number in range(3):
            one, use = asked(f"{number}"), ("r", "calibrate", "reconsider", key(f"{number}"))
            reply = Reply("x", None, "stop", 100_000_000, 20_000_000, "m")
            ledger.write([Entry(one.request, one.attempt, reply, None, 123.4567)], [use])
    monkeypatch.setattr("dualchecker.cli.ledger_display.console", Console(highlight=False, width=80))
    code, out, _ = cli("ledger", "stats", run)
    lines = out.splitlines()[1:]  # the path may be longer
    assert code == 0 and "\u2026" not in out and max(map(len, lines)) <= 80
    (row,) = (line.split() for line in lines if "calibrate" in line)
    assert row == ["calibrate", "reconsider", "3", "3", "300,000,000", "60,000,000", "370.3701"]


def test_stats_of_an_empty_ledger(cli, tmp_path: Path) -> None:
    Ledger.open(tmp_path / "ledger.sqlite").close()
    code, out, _ = cli("ledger", "stats", tmp_path)
    assert code == 0 and "empty" in out and "none yet" in out


# --- verify


def test_verify_a_sound_ledger(cli, run: Path) -> None:
    code, out, err = cli("ledger", "verify", run)
    assert code == 0 and "All is as it was written." in out and err == ""
    code, out, _ = cli("ledger", "verify", run, "--json")
    assert code == 0 and json.loads(out)["sound"] is True


def test_verify_a_damaged_ledger(cli, run: Path) -> None:
    change(file_of(run), "UPDATE replies SET cost = 0 WHERE key = ?", key("b"))
    code, out, err = cli("ledger", "verify", run)
    assert code == 4
    assert key("b") in out and "replies" in out and "its hash is another" in out
    assert "is damaged in 1 place." in err
    code, out, _ = cli("ledger", "verify", run, "--json")
    assert code == 4
    assert json.loads(out)["damages"] == [{"table": "replies", "key": key("b"), "what": "its hash is another"}]


def test_advice_fits_the_damage(cli, run: Path) -> None:
    """Of damaged rows ``merge`` leaves out some; of a damaged file it takes nothing, and ``verify`` says so too."""
    sound = file_of(run).read_bytes()
    change(file_of(run), "UPDATE replies SET cost = 0 WHERE key = ?", key("b"))
    _, _, err = cli("ledger", "verify", run)
    assert "ledger merge" in err and ".recover" not in err
    file_of(run).write_bytes(sound)
    with contextlib.closing(sqlite3.connect(file_of(run))) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'failures_by_key'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    data = bytearray(file_of(run).read_bytes())
    data[(page - 1) * size : page * size] = b"\x5a" * size
    file_of(run).write_bytes(bytes(data))
    code, _, err = cli("ledger", "verify", run)
    assert code == 4 and ".recover" in err and "ledger merge" not in err
    code, _, err = cli("ledger", "merge", run.parent / "new.sqlite", run)
    assert code == 4 and "damaged as a file" in err and ".recover" in err


def test_verify_lists_ten_damaged_rows_or_all(cli, run: Path) -> None:
    with Ledger.open(file_of(run)) as ledger:
        ledger.write(asked(f"{number}", "x") for number in range(14))
    change(file_of(run), "UPDATE replies SET cost = cost + 1 WHERE key NOT IN (?, ?, ?)", *map(key, "abc"))
    code, out, _ = cli("ledger", "verify", run)
    assert code == 4 and out.count("its hash is another") == 10 and "and 4 more" in out
    code, out, _ = cli("ledger", "verify", run, "--all")
    assert code == 4 and out.count("its hash is another") == 14 and "more" not in out
    code, out, _ = cli("ledger", "verify", run, "--json")
    assert len(json.loads(out)["damages"]) == 14


def test_an_empty_file_is_no_sound_ledger(cli, run: Path) -> None:
    """A run fills it; but who verifies it wants to know that what was paid for is there."""
    file_of(run).write_bytes(b"")
    code, out, err = cli("ledger", "verify", run)
    assert code == 4 and "There is no ledger in" in err and "sound" not in out
    assert cli("ledger", "stats", run)[0] == 0
    with Ledger.open(file_of(run)) as ledger:
        sample(ledger)
    assert cli("ledger", "verify", run)[0] == 0


def test_verify_while_another_process_writes(cli, run: Path) -> None:
    with Ledger.open(file_of(run)) as writer:
        writer.write([asked("new", "answer")])
        assert cli("ledger", "verify", run)[0] == 0


# --- export


def test_export_to_a_file_and_to_standard_output(cli, run: Path) -> None:
    target = run.parent / "all.jsonl"
    code, out, err = cli("ledger", "export", run, target)
    assert (code, out) == (0, "") and "5 requests written" in err
    lines = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert {line["key"] for line in lines} == {key(name) for name in ("a", "b", "c", "bad", "later")}
    assert list(run.parent.glob(".all*")) == []
    code, out, err = cli("ledger", "export", run)
    assert code == 0 and out == target.read_text(encoding="utf-8") and "standard output" in err


def test_an_export_overwrites_a_file_only_where_that_is_asked_for(cli, run: Path) -> None:
    target = run.parent / "all.jsonl"
    target.write_text("mine")
    code, _, err = cli("ledger", "export", run, target)
    assert code == 3 and "exists" in err and "--force" in err and target.read_text() == "mine"
    assert cli("ledger", "export", run, target, "--force")[0] == 0
    assert len(target.read_text(encoding="utf-8").splitlines()) == 5
    code, _, err = cli("ledger", "export", run, run.parent / "runs", "--force")
    assert code == 3 and "exists" in err and (run.parent / "runs").is_dir()


def test_an_export_makes_no_folders(cli, run: Path) -> None:
    code, _, err = cli("ledger", "export", run, run.parent / "typo" / "all.jsonl")
    assert code == 3 and "there is no folder" in err and not (run.parent / "typo").exists()


def test_an_export_that_cannot_be_written(cli, run: Path) -> None:
    code, _, err = cli("ledger", "export", run, run / "all.jsonl")
    assert code == 3 and "cannot be written" in err


def test_half_an_export_is_none(cli, run: Path) -> None:
    change(file_of(run), "UPDATE requests SET payload = '{' WHERE key = ?", max(key(name) for name in "abc"))
    target = run.parent / "all.jsonl"
    code, _, err = cli("ledger", "export", run, target)
    assert code == 4 and "cannot be read" in err and not target.exists()


# --- merge


def test_merge_into_a_new_ledger(cli, run: Path) -> None:
    other, new = run.parent / "other.sqlite", run.parent / "new.sqlite"
    with Ledger.open(other) as ledger:
        ledger.write([asked("a", "another answer", cost=0.25), asked("d", "more")])
    code, out, _ = cli("ledger", "merge", new, run, other)
    assert code == 0
    assert "cost 0.2500, which is no longer counted" in out and "holds 4 answers, cost 2.5000" in out
    with Ledger.open(new, read_only=True) as ledger:
        assert verify(ledger).sound
        reply = ledger.reply(key("a"))
        assert reply is not None and reply.text == "answer to a"


def test_merge_names_what_it_leaves_out(cli, run: Path) -> None:
    change(file_of(run), "UPDATE replies SET cost = 0 WHERE key = ?", key("b"))
    code, out, err = cli("ledger", "merge", run.parent / "new.sqlite", run)
    assert code == 4 and key("b") in out and "1 request with damaged rows was left out" in err
    assert len(rows(run.parent / "new.sqlite")["replies"]) == 2


def test_merge_into_a_ledger_that_is_being_written(cli, run: Path) -> None:
    source = run.parent / "other.sqlite"
    Ledger.open(source).close()
    with Ledger.open(file_of(run)):
        code, _, err = cli("ledger", "merge", run, source)
    assert code == 4 and "Another process is writing" in err


# --- prune


def test_prune_says_what_would_go_and_does_it_with_yes(cli, run: Path) -> None:
    before = rows(file_of(run))
    code, out, _ = cli("ledger", "prune", run, "--failures")
    assert code == 0 and "Would remove 2 requests, 1 failure, 2 tries, 2 uses." in out and "--yes" in out
    assert rows(file_of(run)) == before
    code, out, _ = cli("ledger", "prune", run, "--failures", "--yes")
    assert code == 0 and "Removed 2 requests" in out
    assert len(rows(file_of(run))["requests"]) == 3


def test_prune_warns_of_what_is_paid_again(cli, run: Path) -> None:
    code, out, _ = cli("ledger", "prune", run, "--before", "2999-01-01")
    assert code == 0 and "those answers cost 2.0000" in out and "pays, again" in out


def test_prune_of_nothing(cli, run: Path) -> None:
    code, _, err = cli("ledger", "prune", run)
    assert code == 2 and "Nothing is chosen" in err
    code, out, _ = cli("ledger", "prune", run, "--before", "1999-01-01", "--yes")
    assert code == 0 and "nothing of that kind" in out
    assert cli("ledger", "prune", run, "--before", "yesterday")[0] == 2


def test_prune_payloads(cli, run: Path) -> None:
    code, out, _ = cli("ledger", "prune", run, "--payloads", "--yes")
    assert code == 0 and "Emptied 5 payloads" in out
    code, out, _ = cli("ledger", "verify", run)
    assert code == 0 and "have lost their payload" in out
