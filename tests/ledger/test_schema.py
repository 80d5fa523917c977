"""Ledgers of version 1 are read as they are, and become ledgers of this version when they are written."""

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest

from dualchecker.errors import LedgerError
from dualchecker.ledger import SCHEMA_VERSION, Attempt, Entry, Failure, Ledger, Request, Totals, request_key, verify
from dualchecker.prompts import Prompt
from dualchecker.records import Reply
from dualchecker.teachers import LedgerTeacher

# The tables as version 1 made them.
VERSION_1 = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE requests (key TEXT PRIMARY KEY, prompt TEXT NOT NULL, teacher TEXT NOT NULL, payload TEXT NOT NULL,
    created REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX requests_by_prompt ON requests (prompt);
CREATE TABLE attempts (id INTEGER PRIMARY KEY, key TEXT NOT NULL REFERENCES requests (key), started REAL NOT NULL,
    seconds REAL NOT NULL, outcome TEXT NOT NULL, status INTEGER, message TEXT NOT NULL DEFAULT '');
CREATE TABLE replies (key TEXT PRIMARY KEY REFERENCES requests (key), reply TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cost REAL NOT NULL,
    created REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE uses (record TEXT NOT NULL, purpose TEXT NOT NULL, rung TEXT NOT NULL, key TEXT NOT NULL,
    PRIMARY KEY (record, purpose, rung, key)) WITHOUT ROWID;
INSERT INTO meta VALUES ('schema_version', '1');
"""


def write_version_1(file: Path, prompts: list[Prompt]) -> list[str]:
    """An old ledger in which the first two of the prompts are answered; the keys."""
    keys = []
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        db.executescript(VERSION_1)
        for number, prompt in enumerate(prompts):
            payload = {"messages": [dict(message) for message in prompt.messages], "model": "m"}
            key = request_key("old", payload)
            keys.append(key)
            text = json.dumps(payload, ensure_ascii=False)
            db.execute("INSERT INTO requests VALUES (?, ?, 'old', ?, 1000)", (key, prompt.hash, text))
            outcome = "ok" if number < 2 else "timeout"
            db.execute("INSERT INTO attempts VALUES (NULL, ?, 1000, 0.5, ?, 200, '')", (key, outcome))
            db.execute("INSERT INTO uses VALUES (?, 'label', 'brief', ?)", (prompt.record_id, key))
            if number < 2:
                reply = {"text": f"old {number}", "finish": "stop", "prompt_tokens": 9, "completion_tokens": 2}
                db.execute("INSERT INTO replies VALUES (?, ?, 9, 2, 0.25, 1000)", (key, json.dumps(reply)))
    return keys


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "old.sqlite"


def check(ledger: Ledger, keys: list[str]) -> None:
    expected = {key: Reply(f"old {number}", None, "stop", 9, 2) for number, key in enumerate(keys[:2])}
    assert ledger.replies(keys) == expected
    assert ledger.totals() == Totals(2, 3, 18, 4, 0.5, 0)
    assert ledger.outcomes(keys) == {"ok": 2, "timeout": 1}
    assert ledger.uses() == {("label", "brief"): 3}
    assert ledger.failures(keys) == {}


def test_an_old_ledger_is_read_without_being_changed(file: Path, make_prompts) -> None:
    keys = write_version_1(file, make_prompts(3))
    before = file.read_bytes()
    with Ledger.open(file, read_only=True) as ledger:
        check(ledger, keys)
        with pytest.raises(LedgerError, match="cannot be written"):
            ledger.record_uses([("r", "label", "brief", "k")])
    assert file.read_bytes() == before


def test_an_old_ledger_is_brought_up_to_date_when_it_is_written(file: Path, make_prompts) -> None:
    keys = write_version_1(file, make_prompts(3))
    with Ledger.open(file) as ledger:
        check(ledger, keys)
        request = Request("new", "p", "t", {})
        ledger.write([Entry(request, Attempt("new", 0, 1, "ok"), Reply("new", cached_tokens=7), cost=1.0)])
        ledger.write([Entry(request, Attempt("new", 0, 1, "refused"), failure=Failure("refused"))])
    for read_only in (True, False):  # opened again it is one of this version
        with Ledger.open(file, read_only=read_only) as ledger:
            assert ledger.replies(keys).keys() == set(keys[:2])
            assert ledger.totals() == Totals(3, 5, 18, 4, 1.5, 7)
            assert ledger.failures(["new"]) == {"new": Failure("refused")}
    with contextlib.closing(sqlite3.connect(file)) as db:
        assert db.execute("SELECT value FROM meta").fetchall() == [(str(SCHEMA_VERSION),)]
        hashed = dict(db.execute("SELECT key, hash <> '' FROM replies"))
    assert hashed == {keys[0]: 0, keys[1]: 0, "new": 1}


def test_an_old_ledger_that_cannot_be_brought_up_to_date_stays_as_it_was(file: Path, make_prompts) -> None:
    keys = write_version_1(file, make_prompts(3))
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        db.execute("CREATE VIEW failures AS SELECT 1")  # in the way of the last of the new tables
    with pytest.raises(LedgerError, match="cannot be opened"):
        Ledger.open(file)
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        db.execute("DROP VIEW failures")
        assert db.execute("SELECT value FROM meta").fetchall() == [("1",)]
    with Ledger.open(file) as ledger:
        check(ledger, keys)


def test_a_ledger_whose_maker_was_killed_is_empty(file: Path) -> None:
    file.touch()
    with Ledger.open(file, read_only=True) as ledger:
        assert ledger.totals() == Totals(0, 0, 0, 0, 0) and ledger.reply("k") is None and verify(ledger).sound
        with pytest.raises(LedgerError, match="cannot be written"):
            ledger.record_uses([("r", "label", "brief", "k")])
    assert file.stat().st_size == 0
    with Ledger.open(file) as ledger:
        ledger.record_uses([("r", "label", "brief", "k")])


@pytest.mark.parametrize("written", [False, True])
async def test_an_old_ledger_is_replayed(file: Path, make_prompts, written: bool) -> None:
    prompts = make_prompts(3)
    write_version_1(file, prompts)
    if written:
        Ledger.open(file).close()
    teacher = LedgerTeacher(file)
    for number, prompt in enumerate(prompts[:2]):
        assert (await teacher.ask(prompt, teacher.payload(prompt))).text == f"old {number}"
    with pytest.raises(Exception, match="holds no reply"):
        await teacher.ask(prompts[2], {})
    await teacher.aclose()
