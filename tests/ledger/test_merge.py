"""Two ledgers become one: nothing is lost, nothing is there twice, and a kill leaves all of it or none."""

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dualchecker.errors import LedgerError
from dualchecker.ledger import Ledger, merge, verify
from dualchecker.ledger.batches import BatchBook
from ledgers import asked, batch, change, key, rows, sample


def make(path: Path, *names: str, text: str = "") -> Path:
    with Ledger.open(path) as ledger:
        for name in names:
            ledger.write(
                [asked(name, text or f"answer to {name}", started=len(text))], [(name, "label", "brief", key(name))]
            )
    return path


def join(target: Path, *sources: Path):
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(Ledger.open(source, read_only=True)) for source in sources]
        return merge(stack.enter_context(Ledger.open(target)), opened)


def test_what_either_has_is_in_both_together(tmp_path: Path) -> None:
    one, two = make(tmp_path / "1.sqlite", "a", "b"), tmp_path / "2.sqlite"
    with Ledger.open(two) as ledger:
        sample(ledger, ["c"])
        ledger.forget_failures()
    before = rows(one), rows(two)
    (found,) = join(one, two)
    assert found.rows == {"requests": 3, "replies": 1, "failures": 1, "attempts": 4, "uses": 3, "batch_lines": 0}
    assert (found.twice, found.given_up, found.refused) == (0, 0.0, ())
    assert rows(two) == before[1]
    assert rows(one) == {table: sorted([*before[0][table], *before[1][table]], key=repr) for table in before[0]}
    with Ledger.open(one) as ledger:
        assert verify(ledger).sound and ledger.totals().requests == 3
        ledger.write([asked("d", "more")])  # and it goes on


def test_merging_again_changes_nothing(tmp_path: Path) -> None:
    one, two = make(tmp_path / "1.sqlite", "a", "b"), tmp_path / "2.sqlite"
    with Ledger.open(two) as ledger:
        sample(ledger, ["b", "c"])
    join(one, two)
    once = rows(one)
    (again,) = join(one, two)
    assert rows(one) == once and set(again.rows.values()) == {0}


@pytest.mark.parametrize("first", [0, 1])
def test_of_two_answers_the_earlier_one_stays(tmp_path: Path, first: int) -> None:
    files = [make(tmp_path / "1.sqlite", "a", "x"), make(tmp_path / "2.sqlite", "a", text="another")]
    change(files[first], "UPDATE replies SET created = 5 WHERE key = ?", key("a"))
    (found,) = join(*files)
    assert (found.twice, found.given_up) == (1, 0.5)
    with Ledger.open(files[0]) as ledger:
        reply = ledger.reply(key("a"))
        assert reply is not None and reply.text == ("answer to a", "another")[first]
        assert ledger.totals().requests == 2 and ledger.totals().cost == 1.0
        assert ledger.outcomes([key("a")]) == {"ok": 2}  # both tries were made
        assert verify(ledger).sound


def test_the_order_of_merging_does_not_matter(tmp_path: Path) -> None:
    names = ["ab", "bc", "ca", "d"]
    files = [make(tmp_path / f"{place}.sqlite", *some, text=f"{place}") for place, some in enumerate(names)]
    found = []
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]):
        target = tmp_path / f"all-{order}.sqlite"
        join(target, *(files[place] for place in order))
        found.append(rows(target)["replies"])
    assert found[0] == found[1] == found[2] and len(found[0]) == 4


def test_an_answer_in_one_and_none_in_the_other(tmp_path: Path) -> None:
    one, two = tmp_path / "1.sqlite", make(tmp_path / "2.sqlite", "a")
    with Ledger.open(one) as ledger:
        ledger.write([asked("a", outcome="timeout")])
    join(one, two)
    with Ledger.open(one) as ledger:
        assert ledger.reply(key("a")) is not None and ledger.outcomes() == {"ok": 1, "timeout": 1}


def test_a_payload_that_was_pruned_comes_back(tmp_path: Path) -> None:
    one, two = make(tmp_path / "1.sqlite", "a"), make(tmp_path / "2.sqlite", "a")
    change(one, "UPDATE requests SET payload = ''")
    join(one, two)
    assert rows(one)["requests"][0][3] == rows(two)["requests"][0][3] != ""
    change(two, "UPDATE requests SET payload = ''")
    join(one, two)
    assert rows(one)["requests"][0][3] != ""


@pytest.mark.parametrize("table", ["requests", "replies"])
def test_a_request_with_damage_is_left_out_whole_and_named(tmp_path: Path, table: str) -> None:
    one, two = make(tmp_path / "1.sqlite", "a"), make(tmp_path / "2.sqlite", "b", "c")
    column = "payload" if table == "requests" else "reply"
    change(two, f"UPDATE {table} SET {column} = replace({column}, 'b', 'B') WHERE key = ?", key("b"))
    (found,) = join(one, two)
    assert [(damage.table, damage.key) for damage in found.refused] == [(table, key("b"))]
    assert found.rows == {"requests": 1, "replies": 1, "failures": 0, "attempts": 1, "uses": 2, "batch_lines": 0}
    with Ledger.open(one) as ledger:
        assert verify(ledger).sound and ledger.reply(key("b")) is None and ledger.reply(key("c")) is not None


def test_a_source_that_is_damaged_as_a_file_is_refused(tmp_path: Path) -> None:
    one, two, three = make(tmp_path / "1.sqlite", "a"), make(tmp_path / "2.sqlite", "b"), tmp_path / "3.sqlite"
    with Ledger.open(three) as ledger:
        ledger.write(asked(f"{number}", "x" * 300) for number in range(300))
    data = three.read_bytes()
    middle = len(data) // 2 // 4096 * 4096
    three.write_bytes(data[:middle] + b"\x5a" * 4096 + data[middle + 4096 :])
    before = rows(one)
    with pytest.raises(LedgerError, match=r"3.sqlite is damaged as a file; nothing was merged"):
        join(one, two, three)
    assert rows(one) == before


def test_an_old_ledger_is_merged_and_its_rows_stay_uncovered(tmp_path: Path) -> None:
    one, two = make(tmp_path / "1.sqlite", "a"), make(tmp_path / "2.sqlite", "b")
    with contextlib.closing(sqlite3.connect(two)) as db, db:  # as version 1 had it
        db.execute("ALTER TABLE replies DROP COLUMN hash")
        db.execute("ALTER TABLE replies DROP COLUMN cached_tokens")
        db.execute("DROP TABLE failures")
        db.execute("UPDATE meta SET value = '1'")
    join(one, two)
    with Ledger.open(one, read_only=True) as ledger:
        found = verify(ledger)
        assert found.sound and found.not_covered == {"replies": 1} and ledger.reply(key("b")) is not None


def test_results_of_batches_that_no_run_has_read_come_along(tmp_path: Path) -> None:
    one, two = make(tmp_path / "1.sqlite", "a"), make(tmp_path / "2.sqlite", "b")
    with Ledger.open(two) as ledger:
        batch(ledger, "y", "z").keep([(key("z"), "result of z")])
    (found,) = join(one, two)
    assert found.rows["batch_lines"] == 1 and found.under_way == 1
    with Ledger.open(one) as ledger:
        book = BatchBook(ledger)
        assert list(book.kept()) == [{key("z"): ["result of z"]}] and not book.all() and verify(ledger).sound
    (again,) = join(one, two)
    assert set(again.rows.values()) == {0}


MERGE = """
import sys
from dualchecker.ledger import Ledger, merge
with Ledger.open(sys.argv[2], read_only=True) as source, Ledger.open(sys.argv[1]) as target:
    print("go", flush=True)
    merge(target, [source])
"""


def test_killed_half_way_the_target_has_all_of_it_or_nothing(tmp_path: Path) -> None:
    one, two = make(tmp_path / "1.sqlite", "a"), tmp_path / "2.sqlite"
    with Ledger.open(two) as ledger:
        ledger.write(asked(f"{number}", "x" * 2000) for number in range(3000))
    nothing = rows(one)
    began = time.monotonic()
    join(shutil.copy(one, tmp_path / "whole.sqlite"), two)
    took = time.monotonic() - began
    generator, ends = random.Random(3), []
    for number in range(6):
        target = Path(shutil.copy(one, tmp_path / f"killed-{number}.sqlite"))
        process = subprocess.Popen([sys.executable, "-c", MERGE, target, two], stdout=subprocess.PIPE, env=os.environ)
        assert process.stdout is not None and process.stdout.readline() == b"go\n"
        time.sleep(generator.uniform(0, took))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        with Ledger.open(target) as ledger:
            assert verify(ledger).sound
            ends.append(ledger.totals().requests)
        assert rows(target) == nothing or ends[-1] == 3001
        join(target, two)
        assert rows(target) == rows(tmp_path / "whole.sqlite")
    assert set(ends) <= {1, 3001} and 1 in ends
