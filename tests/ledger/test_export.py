"""A ledger as lines: all of it, and one request in memory at a time."""

import json
import tracemalloc
from pathlib import Path

import pytest

from dualchecker.errors import LedgerError
from dualchecker.jsontext import json_bytes
from dualchecker.ledger import Ledger, export_rows
from dualchecker.ledger.rows import reply_from_json
from ledgers import asked, change, key, payload, sample


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "ledger.sqlite"
    with Ledger.open(file) as ledger:
        sample(ledger)
    return file


def export(file: Path) -> dict[str, dict]:
    with Ledger.open(file, read_only=True) as ledger:
        rows = list(export_rows(ledger))
    assert [row["key"] for row in rows] == sorted(row["key"] for row in rows)
    return {row["key"]: row for row in map(json.loads, map(json_bytes, rows))}


def test_every_request_with_all_that_belongs_to_it(file: Path) -> None:
    found = export(file)
    assert found.keys() == {key(name) for name in ("a", "b", "c", "bad", "later")}
    one = found[key("b")]
    assert (one["teacher"], one["prompt"], one["payload"]) == ("t", "prompt of b", payload("b"))
    with Ledger.open(file, read_only=True) as ledger:
        assert reply_from_json(json.dumps(one["reply"])) == ledger.reply(key("b"))
    assert one["cost"] == 0.5 and one["answered"] > one["created"] - 1
    assert [attempt["outcome"] for attempt in one["attempts"]] == ["rate_limited", "ok"]
    assert one["attempts"][1] == {"started": 201, "seconds": 2, "outcome": "ok", "status": 200, "message": ""}
    assert one["uses"] == [{"record": "b", "purpose": "label", "rung": "brief"}] and one["failures"] == []


def test_requests_without_an_answer_are_there_too(file: Path) -> None:
    found = export(file)
    later, bad = found[key("later")], found[key("bad")]
    assert later["reply"] is later["cost"] is later["answered"] is None and len(later["attempts"]) == 1
    (failure,) = bad["failures"]
    assert (failure["kind"], failure["status"], failure["cost"], failure["forgotten"]) == ("refused", 400, 0.5, False)


def test_rows_of_no_request_do_not_get_into_another(file: Path) -> None:
    with Ledger.open(file) as ledger:
        ledger.record_uses([("z", "label", "brief", "0" * 64), ("z", "label", "brief", "f" * 64)])
    change(file, "DELETE FROM requests WHERE key = ?", key("a"))
    found = export(file)
    assert len(found) == 4 and all(len(row["uses"]) == 1 for row in found.values())


def test_a_pruned_payload_is_null_and_a_damaged_one_is_told(file: Path) -> None:
    change(file, "UPDATE requests SET payload = '' WHERE key = ?", key("a"))
    assert export(file)[key("a")]["payload"] is None
    change(file, "UPDATE requests SET payload = '{' WHERE key = ?", key("b"))
    with pytest.raises(LedgerError, match=key("b")):
        export(file)


def test_memory_does_not_grow_with_the_ledger(tmp_path: Path) -> None:
    file = tmp_path / "large.sqlite"
    with Ledger.open(file) as ledger:
        ledger.write(asked(f"{number} " + "long " * 400, "x" * 2000) for number in range(3000))  # more than 10 MB
    with Ledger.open(file, read_only=True) as ledger:
        tracemalloc.start()
        assert sum(1 for _ in export_rows(ledger)) == 3000
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert file.stat().st_size > 10_000_000 and peak < 500_000
