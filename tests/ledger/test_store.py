"""The ledger: one writer, nothing lost, nothing read wrongly."""

import contextlib
import math
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualchecker.errors import LedgerBusyError, LedgerError
from dualchecker.ledger import SCHEMA_VERSION, Attempt, Entry, Failure, Ledger, Request, Totals, content_hash
from dualchecker.records import Reply

HOLDER = """
import sys
from dualchecker.ledger import Attempt, Entry, Ledger, Request
from dualchecker.records import Reply
ledger = Ledger.open(sys.argv[1])
ledger.write([Entry(Request("held", "p", "t", {}), Attempt("held", 0, 0, "ok"), Reply("from the holder"))])
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@contextlib.contextmanager
def holder(file: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the ledger open for writing."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def answer(ledger: Ledger, key: str, reply: Reply | None = None, cost: float = 0.0, prompt: str = "p") -> None:
    ledger.write([entry(key, "ok", reply or Reply(f"reply to {key}"), cost, prompt)])


def entry(key: str, outcome: str, reply: Reply | None = None, cost: float = 0.0, prompt: str = "p") -> Entry:
    attempt = Attempt(key, 1.0, 0.5, outcome, 200 if outcome == "ok" else None, "too slow \ud800")
    return Entry(Request(key, prompt, "teacher", {"n": 1}), attempt, reply, cost=cost)


# --- what goes in comes out


def test_a_reply_comes_back_as_it_was(file: Path) -> None:
    reply = Reply("緑 \ud800 \x00", {"b": 0.25, "a": 0.75}, "length", 11, 7, "model", 0.1, None, ("order_decides",))
    with Ledger.open(file) as ledger:
        assert ledger.reply("k") is None
        answer(ledger, "k", reply)
        found = ledger.reply("k")
        assert found == reply
        assert found is not None and found.label_probabilities is not None
        assert list(found.label_probabilities) == ["b", "a"]


def test_a_reply_of_an_earlier_version_is_read(file: Path) -> None:
    with Ledger.open(file) as ledger:
        answer(ledger, "k")
        old = '{"text": "t", "label_probabilities": null, "finish": "stop", "prompt_tokens": 1}'
        with contextlib.closing(sqlite3.connect(file)) as other, other:
            other.execute("UPDATE replies SET reply = ?", (old,))
        assert ledger.reply("k") == Reply("t", prompt_tokens=1)


def test_thousands_of_keys_are_looked_up_at_once(file: Path) -> None:
    keys = [f"key {i}" for i in range(2345)]
    with Ledger.open(file) as ledger:
        answered = set(keys[::500])
        ledger.write(
            entry(key, "ok" if key in answered else "timeout", Reply(key) if key in answered else None) for key in keys
        )
        found = ledger.replies([*keys, *keys, "unknown"])
        assert {key: reply.text for key, reply in found.items()} == {key: key for key in keys[::500]}
        assert ledger.replies([]) == {}


def test_totals_count_answered_requests_and_all_tries(file: Path) -> None:
    with Ledger.open(file) as ledger:
        assert ledger.totals() == Totals(0, 0, 0, 0, 0)
        answer(ledger, "a", Reply("x", prompt_tokens=10, completion_tokens=3), 0.25)
        answer(ledger, "b", Reply("y", prompt_tokens=20, completion_tokens=4), 0.5)
        ledger.write([entry("c", "timeout")])
        ledger.write([entry("c", "timeout")])
        assert ledger.totals() == Totals(2, 4, 30, 7, 0.75)
        assert ledger.outcomes() == {"ok": 2, "timeout": 2}


def test_totals_of_some_requests_leave_out_the_others(file: Path) -> None:
    with Ledger.open(file) as ledger:
        reply = Reply("x", prompt_tokens=2, completion_tokens=1, cached_tokens=1)
        ledger.write(entry(f"k{number}", "ok", reply, 0.5) for number in range(1201))
        ledger.write([entry("k1", "timeout"), entry("k1200", "timeout")])
        mine = {f"k{number}" for number in range(1200)} | {"never asked"}
        assert ledger.totals(mine) == Totals(1200, 1201, 2400, 1200, 600.0, 1200)
        assert ledger.outcomes(mine) == {"ok": 1200, "timeout": 1}
        assert ledger.totals([]) == Totals(0, 0, 0, 0, 0) and ledger.outcomes([]) == {}


def test_the_first_reply_stays(file: Path) -> None:
    with Ledger.open(file) as ledger:
        answer(ledger, "a", Reply("first"), 1.0)
        answer(ledger, "a", Reply("second"), 1.0)
        assert ledger.reply("a") == Reply("first")
        assert ledger.totals() == Totals(1, 2, 0, 0, 1.0)


def test_uses_are_counted_once_each(file: Path) -> None:
    with Ledger.open(file) as ledger:
        ledger.record_uses(
            [("r1", "label", "brief", "k1"), ("r2", "label", "brief", "k1"), ("r1", "label", "wide", "k2")]
        )
        ledger.record_uses([("r1", "label", "brief", "k1"), ("r1", "explain", "explain", "k3")])
        assert ledger.uses() == {("label", "brief"): 2, ("label", "wide"): 1, ("explain", "explain"): 1}


def test_a_reply_is_found_by_its_prompt_whatever_teacher_was_asked(file: Path) -> None:
    with Ledger.open(file) as ledger:
        ledger.write([entry("never answered", "timeout", prompt="same")])
        answer(ledger, "z", Reply("first"), prompt="same")
        answer(ledger, "a", Reply("second"), prompt="same")
        assert ledger.reply_to_prompt("same") == Reply("first")
        assert ledger.reply_to_prompt("other") is None


def test_opened_again_it_holds_the_same(file: Path) -> None:
    with Ledger.open(file) as ledger:
        answer(ledger, "a", Reply("x", prompt_tokens=1), 0.5)
        ledger.record_uses([("r", "label", "brief", "a")])
        before = (ledger.totals(), ledger.uses(), ledger.outcomes(), ledger.reply("a"))
    for read_only in (False, True):
        with Ledger.open(file, read_only=read_only) as ledger:
            assert (ledger.totals(), ledger.uses(), ledger.outcomes(), ledger.reply("a")) == before


def test_a_failed_entry_leaves_nothing_behind(file: Path) -> None:
    with Ledger.open(file) as ledger:
        with pytest.raises(TypeError):
            answer(ledger, "k", Reply("x", {"a": object()}))  # type: ignore[dict-item]
        with pytest.raises(LedgerError, match="cannot be written"):  # and not merely a row less
            ledger.write([entry("j", "timeout"), entry("k", "ok", Reply("x"), math.nan)])
        with pytest.raises(ZeroDivisionError):
            ledger.write([entry("k", "timeout")], (("r", "p", "b", str(1 // (2 - i))) for i in range(4)))
        assert ledger.totals() == Totals(0, 0, 0, 0, 0)
        assert ledger.uses() == {}
        answer(ledger, "k")
        assert ledger.totals().requests == 1


@pytest.mark.parametrize("moment", ["COMMIT", "INSERT"])
def test_after_an_error_at_any_moment_the_next_entry_is_written(file: Path, moment: str) -> None:
    class Failing:
        """The connection, which fails once."""

        def __init__(self, db: sqlite3.Connection) -> None:
            self.db, self.failed = db, False

        def __getattr__(self, name: str) -> object:
            return getattr(self.db, name)

        def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
            if sql.startswith(moment) and not self.failed:
                self.failed = True
                raise sqlite3.OperationalError("disk I/O error")
            return self.db.execute(sql, *values)  # type: ignore[arg-type]

    with Ledger.open(file) as ledger:
        ledger._db = Failing(ledger._db)  # type: ignore[assignment]
        with pytest.raises(LedgerError, match="disk I/O error"):
            answer(ledger, "a")
        assert ledger.reply("a") is None
        answer(ledger, "b")
        assert ledger.totals().requests == 1


def test_threads_write_one_after_the_other(file: Path) -> None:
    with Ledger.open(file) as ledger:
        keys = [[f"{i} {j}" for j in range(50)] for i in range(4)]
        threads = [threading.Thread(target=lambda some: [answer(ledger, key) for key in some], args=(k,)) for k in keys]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ledger.totals().requests == 200


def test_how_a_request_ended_for_good_is_kept_until_it_is_forgotten(file: Path) -> None:
    failure = Failure("refused", "I will not \ud800\0", 400, 90, 4)
    request = Request("k", "p", "t", {})
    with Ledger.open(file) as ledger:
        ledger.write([Entry(request, Attempt("k", 0, 0, "refused", 400), failure=failure, cost=0.25)])
        found = ledger.failures(["k", "other"])
        assert found == {"k": Failure("refused", "I will not ?\ufffd", 400, 90, 4)}
        assert found["k"].error().kind == "refused" and found["k"].error().status == 400
        assert ledger.totals() == Totals(0, 1, 90, 4, 0.25)
        assert ledger.forget_failures() == 1 and ledger.forget_failures() == 0
        assert ledger.failures(["k"]) == {}
        assert ledger.totals(["k"]).cost == 0.25  # it was paid all the same
        ledger.write([Entry(request, Attempt("k", 0, 0, "too_long"), failure=Failure("too_long"))])
        assert ledger.failures(["k"]) == {"k": Failure("too_long")}


def test_a_reply_whose_text_is_damaged_is_told(file: Path) -> None:
    with Ledger.open(file) as ledger:
        for text in ("{", "[1]", '{"no": "text"}', "null"):
            answer(ledger, text)
            with contextlib.closing(sqlite3.connect(file)) as other, other:
                other.execute("UPDATE replies SET reply = ? WHERE key = ?", (text, text))
            with pytest.raises(LedgerError, match=r"reply that cannot be read.*ledger verify"):
                ledger.reply(text)


def test_what_is_read_within_a_snapshot_is_of_one_moment(file: Path) -> None:
    with Ledger.open(file) as writer, Ledger.open(file, read_only=True) as reader:
        answer(writer, "a")
        with reader.snapshot():
            assert reader.totals().requests == 1
            answer(writer, "b")
            assert reader.totals().requests == 1
        assert reader.totals().requests == 2


def test_a_thread_may_write_while_another_waits(file: Path) -> None:
    with Ledger.open(file) as ledger:
        thread = threading.Thread(target=answer, args=(ledger, "k"))
        thread.start()
        thread.join()
        assert ledger.reply("k") == Reply("reply to k")


def test_a_full_disk_is_told_and_loses_nothing(file: Path) -> None:
    with Ledger.open(file) as ledger:
        answer(ledger, "a")
        ledger._db.execute(f"PRAGMA max_page_count={ledger._db.execute('PRAGMA page_count').fetchone()[0]}")
        with pytest.raises(LedgerError, match=r"cannot be written.*full.*Free some room"):
            answer(ledger, "b", Reply("x" * 100_000))
        assert ledger.reply("a") == Reply("reply to a")
        ledger._db.execute("PRAGMA max_page_count=100000")
        answer(ledger, "b", Reply("x" * 100_000))
        assert ledger.totals().requests == 2


# --- one writer


def test_a_second_writer_is_told_who_holds_it(file: Path) -> None:
    with holder(file) as process:
        with pytest.raises(LedgerBusyError, match=f"process {process.pid}") as caught:
            Ledger.open(file)
        assert caught.value.retryable
    assert process.returncode is not None


def test_a_second_writer_in_the_same_process_is_busy_too(file: Path) -> None:
    with Ledger.open(file), pytest.raises(LedgerBusyError, match=f"process {os.getpid()}"):
        Ledger.open(file)
    Ledger.open(file).close()


def test_a_killed_writer_frees_the_lock_and_leaves_its_replies(file: Path) -> None:
    with holder(file) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        with Ledger.open(file) as ledger:
            assert ledger.reply("held") == Reply("from the holder")
            answer(ledger, "next")


def test_reading_goes_on_while_another_process_writes(file: Path) -> None:
    with holder(file), Ledger.open(file, read_only=True) as ledger:
        assert ledger.reply("held") == Reply("from the holder")
        with pytest.raises(LedgerError, match="cannot be written"):
            answer(ledger, "mine")


def test_a_failed_open_keeps_no_lock(file: Path) -> None:
    file.write_bytes(b"this is no database, and it is long enough to be sure of that " * 20)
    for _ in range(2):
        with pytest.raises(LedgerError) as caught:
            Ledger.open(file)
        assert not isinstance(caught.value, LedgerBusyError)


# --- what cannot be opened or read


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 4096])
def test_what_is_no_ledger(file: Path, read_only: bool, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(LedgerError, match=r"cannot be opened.*no ledger.*(not a database|malformed).*\.recover"):
        Ledger.open(file, read_only=read_only)


def test_another_database_is_no_ledger(file: Path) -> None:
    """And is left as it is."""
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE notes (x)")
        db.execute("CREATE TABLE meta (x)")
    before = file.read_bytes()
    for read_only in (False, True):
        with pytest.raises(LedgerError, match=r"is no ledger.*other tables.*backup"):
            Ledger.open(file, read_only=read_only)
    assert file.read_bytes() == before


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("left", [50, 2000, 5000])
def test_a_truncated_ledger_is_told_with_a_way_out(file: Path, read_only: bool, left: int) -> None:
    Ledger.open(file).close()
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(LedgerError, match=r"damaged, or no ledger.*\.recover.*backup"):
        Ledger.open(file, read_only=read_only)


def test_damage_behind_the_first_pages_is_told_when_it_is_met(file: Path) -> None:
    with Ledger.open(file) as ledger:
        for i in range(400):
            answer(ledger, str(i), Reply("x" * 200))
    data = file.read_bytes()
    intact = 32 * 4096  # the tables themselves stand there
    file.write_bytes(data[:intact] + b"\x5a" * (len(data) - intact))
    with Ledger.open(file) as ledger:
        with pytest.raises(LedgerError, match=r"cannot be read.*malformed"):
            ledger.totals()
        with pytest.raises(LedgerError, match=r"cannot be read.*malformed"):
            ledger.replies(["7"])
        with pytest.raises(LedgerError, match=r"cannot be written.*malformed"):
            answer(ledger, "new")


@pytest.mark.parametrize("version", [str(SCHEMA_VERSION + 1), "99", "two", ""])
@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_or_unknown_format(file: Path, version: str, read_only: bool) -> None:
    Ledger.open(file).close()
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        db.execute("UPDATE meta SET value = ?", (version,))
    with pytest.raises(LedgerError, match=f"has the format {version}; this version reads up to {SCHEMA_VERSION}"):
        Ledger.open(file, read_only=read_only)


def test_a_missing_ledger_is_not_made_by_reading(file: Path) -> None:
    with pytest.raises(LedgerError, match="There is no ledger"):
        Ledger.open(file, read_only=True)
    assert not file.exists()


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "dir").mkdir()
    (tmp_path / "plain").write_text("")
    for path in (tmp_path / "dir", tmp_path / "plain/ledger.sqlite"):
        with pytest.raises(LedgerError, match="cannot be opened"):
            Ledger.open(path)


def test_any_name_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "ä b?c#d%20e" / "ledger.sqlite"
    with Ledger.open(file) as ledger:
        answer(ledger, "k")
    with Ledger.open(file, read_only=True) as ledger:
        assert ledger.totals().requests == 1


@pytest.fixture
def read_only_folder() -> Iterator[Path]:
    """A folder with a finished ledger in which this process may read only, even where the tests run as root."""
    folder = Path(tempfile.mkdtemp())
    with Ledger.open(folder / "ledger.sqlite") as ledger:
        answer(ledger, "k")
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)
    root = os.getuid() == 0
    if root:
        os.setresuid(65534, 65534, 0)
    try:
        yield folder
    finally:
        if root:
            os.setresuid(0, 0, 0)
        folder.chmod(0o755)
        shutil.rmtree(folder)


@pytest.mark.skipif(not hasattr(os, "setresuid"), reason="needs to drop privileges")
def test_a_read_only_folder_can_be_read_and_not_written(read_only_folder: Path) -> None:
    with Ledger.open(read_only_folder / "ledger.sqlite", read_only=True) as ledger:
        assert ledger.reply("k") == Reply("reply to k")
    for name in ("ledger.sqlite", "other.sqlite", "sub/other.sqlite"):
        with pytest.raises(LedgerError, match=r"cannot be opened.*Permission denied"):
            Ledger.open(read_only_folder / name)


# --- keys


def test_the_content_hash_is_canonical() -> None:
    assert content_hash({"a": 1, "b": [1, {"d": None, "c": "é"}]}) == content_hash(
        {"b": [1, {"c": "é", "d": None}], "a": 1}
    )
    # SHA-256 of {"a":"é"} in UTF-8: must never change, or ledgers lose what was paid for.
    assert content_hash({"a": "é"}) == "b3a092a6af48807fa9482b2ee140105575daa26d5b24b3c0e60a7e2dee6683b1"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(_JSON, _JSON)
def test_equal_content_and_only_equal_content_has_one_hash(left: object, right: object) -> None:
    assert len(content_hash(left)) == 64
    assert (content_hash(left) == content_hash(right)) == (repr(_sorted(left)) == repr(_sorted(right)))


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def test_hashes_take_what_json_hardly_takes() -> None:
    assert content_hash("\ud800") != content_hash("\ud801")
    assert content_hash(math.nan) == content_hash(math.nan)
