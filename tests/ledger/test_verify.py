"""Whatever is changed in a ledger is found and named; what is sound is not accused."""

import contextlib
import random
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualchecker.errors import LedgerError
from dualchecker.ledger import Damage, Entry, Failure, Ledger, Verified, verify
from dualchecker.ledger.batches import BatchBook
from dualchecker.records import Reply
from ledgers import asked, batch, change, key, sample


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "ledger.sqlite"
    with Ledger.open(file) as ledger:
        sample(ledger)
    return file


def look(file: Path) -> Verified:
    with Ledger.open(file, read_only=True) as ledger:
        return verify(ledger)


def test_a_sound_ledger_is_sound(file: Path) -> None:
    found = look(file)
    assert found.sound and found.damages == ()
    assert found.rows == {"requests": 5, "replies": 3, "failures": 1, "batch_lines": 0, "attempts": 8}
    assert found.not_covered == {} and found.not_sent == 0


def test_while_it_is_written(file: Path) -> None:
    with Ledger.open(file) as writer:
        assert verify(writer).sound
        writer.write([asked("d", "more")])
        assert look(file).rows["replies"] == 4


def test_what_a_run_noted_and_did_not_ask_is_no_damage(file: Path) -> None:
    with Ledger.open(file) as ledger:
        ledger.record_uses([("z", "label", "brief", "not asked yet")])
    assert look(file).sound and look(file).not_sent == 1


OTHER_HASH = "its hash is another"
CHANGES = [
    ("replies", "reply = replace(reply, 'answer', 'Answer')", OTHER_HASH),
    ("replies", "prompt_tokens = prompt_tokens + 1", OTHER_HASH),
    ("replies", "completion_tokens = 0", OTHER_HASH),
    ("replies", "cached_tokens = 5", OTHER_HASH),
    ("replies", "cost = cost * 1.001", OTHER_HASH),
    ("replies", "cost = 'dear'", "it cannot be read"),
    ("replies", "hash = upper(hash)", OTHER_HASH),
    ("replies", "reply = CAST(x'7bff7d' AS TEXT)", OTHER_HASH),
    ("failures", "kind = 'too_long'", OTHER_HASH),
    ("failures", "message = message || '!'", OTHER_HASH),
    ("failures", "status = NULL", OTHER_HASH),
    ("failures", "prompt_tokens = 8", OTHER_HASH),
    ("failures", "cost = 0", OTHER_HASH),
    ("requests", "payload = replace(payload, 'About', 'about')", "its key is not the hash"),
    ("requests", "payload = substr(payload, 2)", "it cannot be read"),
    ("requests", "teacher = 'another'", "its key is not the hash"),
    ("requests", "payload = CAST(x'ff00fe' AS TEXT)", "it cannot be read"),
]


@pytest.mark.parametrize(("table", "change_to", "what"), CHANGES)
def test_a_changed_row_is_named(file: Path, table: str, change_to: str, what: str) -> None:
    name = key("bad" if table == "failures" else "b")
    change(file, f"UPDATE {table} SET {change_to} WHERE key = ?", name)
    (damage,) = look(file).damages
    assert (damage.table, damage.key) == (table, name)
    assert damage.what.startswith(what)


def test_a_reply_under_the_key_of_another_request_is_named(file: Path) -> None:
    """Not only that the row is whole: it has to be the answer to this question."""
    change(file, "DELETE FROM replies WHERE key = ?", key("a"))
    change(file, "UPDATE replies SET key = ? WHERE key = ?", key("a"), key("b"))
    assert set(look(file).damages) == {
        Damage("replies", key("a"), OTHER_HASH),
        Damage("replies", key("b"), "an attempt brought a reply, which is not there"),
    }


@pytest.mark.parametrize("table", ["replies", "failures", "attempts"])
def test_rows_without_their_request(file: Path, table: str) -> None:
    name = key("bad" if table == "failures" else "a")
    for other in {"replies", "failures", "attempts"} - {table}:
        with contextlib.closing(sqlite3.connect(file)) as db, db:
            db.execute(f"DELETE FROM {other} WHERE key = ?", (name,))
    change(file, "DELETE FROM requests WHERE key = ?", name)
    damages = [damage for damage in look(file).damages if "request with its key" in damage.what]
    assert damages == [Damage(table, name, "there is no request with its key")]


def test_a_reply_that_has_gone_is_missed(file: Path) -> None:
    change(file, "DELETE FROM replies WHERE key = ?", key("a"))
    assert look(file).damages == (Damage("replies", key("a"), "an attempt brought a reply, which is not there"),)


def test_a_result_of_a_batch_that_was_changed_before_it_was_read(file: Path) -> None:
    with Ledger.open(file) as ledger:
        batch(ledger, "a", "z").keep([(key("z"), '{"z": "\u7dd1"}'), (key("a"), '{"a": 1}')])
        assert verify(ledger).sound
    change(file, "UPDATE batch_lines SET line = '{}' WHERE key = ?", key("z"))
    assert look(file).damages == (Damage("batch_lines", key("z"), OTHER_HASH),)
    with Ledger.open(file) as ledger:
        BatchBook(ledger).used([key("z")])  # read: it is emptied
    assert look(file).sound


def test_rows_without_a_hash_are_not_covered_unless_they_cannot_be_read(file: Path) -> None:
    change(file, "UPDATE replies SET hash = ''")
    change(file, "UPDATE requests SET payload = '' WHERE key = ?", key("a"))
    found = look(file)
    assert found.sound and found.not_covered == {"replies": 3, "requests": 1}
    change(file, "UPDATE replies SET reply = '[' WHERE key = ?", key("a"))
    (damage,) = look(file).damages
    assert damage.key == key("a") and "cannot be read" in damage.what


def test_each_of_many_damaged_bytes_is_found(file: Path) -> None:
    """Somewhere in the text of a row, one bit at a time."""
    generator = random.Random(5)
    whole = file.read_bytes()
    places = [whole.index(f"answer to {name}".encode()) for name in "abc"] + [whole.index(b"About a")]
    for place in places:
        for _ in range(5):
            at, bit = place + generator.randrange(7), 1 << generator.randrange(8)
            file.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
            assert not look(file).sound, (at, bit)
    file.write_bytes(whole)
    assert look(file).sound


def test_a_page_of_noise_is_told_and_the_rest_is_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "large.sqlite"
    with Ledger.open(file) as ledger:
        ledger.write(asked(f"{number}", "x" * 300) for number in range(300))
    whole = file.read_bytes()
    size = 4096
    for page in range(3, len(whole) // size, 7):
        file.write_bytes(whole[: page * size] + b"\x5a" * size + whole[(page + 1) * size :])
        try:
            found = look(file)
        except LedgerError:  # the first page of a table: it cannot even be opened
            continue
        assert not found.sound, page
        assert all(damage.what for damage in found.damages)


texts = st.text(st.characters(), max_size=20) | st.text(st.characters(categories=["Cs", "Cc"]), max_size=3).filter(
    lambda text: text == text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")  # JSON joins halves
)


@given(
    st.lists(
        st.tuples(
            texts,
            st.none() | st.dictionaries(texts, st.floats(), max_size=2),
            st.integers(0, 2**62),
            st.floats(0, 1e6),
            st.booleans(),
        ),
        max_size=4,
    )
)
def test_whatever_is_written_verifies(tmp_path_factory: pytest.TempPathFactory, given_rows: list) -> None:
    file = tmp_path_factory.mktemp("any") / "ledger.sqlite"
    with Ledger.open(file) as ledger:
        for number, (text, shares, tokens, cost, failed) in enumerate(given_rows):
            one = asked(f"{number} {text}", cost=cost)
            reply = None if failed else Reply(text, shares, "stop", tokens, 1, text)
            failure = Failure(text, text, tokens % 600, tokens, 1) if failed else None
            ledger.write([Entry(one.request, one.attempt, reply, failure, cost)])
        assert verify(ledger).damages == ()
