"""What is pruned is what was said, and no more; what stays is found as before."""

from pathlib import Path

import pytest

from dualchecker.ledger import Ledger, Selection, prune, verify, would_prune
from ledgers import asked, batch, change, key, rows, sample


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """``old`` was asked long ago; nothing uses ``orphan``; ``bad`` and ``later`` have no answer."""
    file = tmp_path / "ledger.sqlite"
    with Ledger.open(file) as ledger:
        sample(ledger, ["a", "old"])
        ledger.write([asked("orphan", "x" * 500)])
    change(file, "UPDATE requests SET created = 1000 WHERE key IN (?, ?)", key("old"), key("later"))
    return file


def left(file: Path) -> set[str]:
    names = {key(name): name for name in ("a", "old", "orphan", "bad", "later")}
    return {names[row[0]] for row in rows(file)["requests"]}


CASES = [
    (Selection(unused=True), {"orphan"}),
    (Selection(failures=True), {"bad", "later"}),
    (Selection(before=2000.0), {"old", "later"}),
    (Selection(before=500.0), set()),
    (Selection(failures=True, before=2000.0), {"later"}),
    (Selection(unused=True, before=2000.0), set()),
    (Selection(unused=True, failures=True), {"orphan", "bad", "later"}),
]


@pytest.mark.parametrize(("selection", "gone"), CASES)
def test_what_goes(file: Path, selection: Selection, gone: set[str]) -> None:
    before = rows(file)
    with Ledger.open(file, read_only=True) as ledger:
        said = would_prune(ledger, selection)
    assert rows(file) == before, "a dry run changes nothing"
    with Ledger.open(file) as ledger:
        assert prune(ledger, selection) == said
        assert verify(ledger).sound
    keys = {key(name) for name in gone}
    place = {"uses": 3}
    assert rows(file) == {
        table: [row for row in some if row[place.get(table, 0)] not in keys] for table, some in before.items()
    }
    assert said.rows["requests"] == len(gone) and said.payloads == 0
    assert {table: len(some) for table, some in rows(file).items()} == {
        table: len(some) - said.rows[table] for table, some in before.items()
    }


def test_what_answers_and_failures_have_cost_is_told(file: Path) -> None:
    with Ledger.open(file) as ledger:
        total = ledger.totals().cost
        pruned = prune(ledger, Selection(unused=True, failures=True))
        assert pruned.cost == 1.0 and ledger.totals().cost == total - 1.0


def test_without_payloads_answers_are_found_as_before(file: Path) -> None:
    with Ledger.open(file) as ledger:
        names = ("a", "old", "orphan")
        replies = ledger.replies([key(name) for name in names])
        first = ledger.reply_to_prompt("prompt of a")
        pruned = prune(ledger, Selection(payloads=True))
        assert pruned.payloads == 5 and set(pruned.rows.values()) == {0}
        assert ledger.replies([key(name) for name in names]) == replies
        assert ledger.reply_to_prompt("prompt of a") == first is not None
        found = verify(ledger)
        assert found.sound and found.not_covered == {"requests": 5}
        assert would_prune(ledger, Selection(payloads=True)).payloads == 0


def test_payloads_of_old_requests_only(file: Path) -> None:
    with Ledger.open(file) as ledger:
        assert prune(ledger, Selection(payloads=True, before=2000.0)).payloads == 2


def test_payloads_and_whole_requests_at_once(file: Path) -> None:
    with Ledger.open(file) as ledger:
        pruned = prune(ledger, Selection(payloads=True, failures=True))
    assert (pruned.rows["requests"], pruned.payloads) == (2, 3)
    assert left(file) == {"a", "old", "orphan"} and {row[3] for row in rows(file)["requests"]} == {""}


def test_what_is_with_a_provider_stays(file: Path) -> None:
    with Ledger.open(file) as ledger:
        batch(ledger, "later")
        assert would_prune(ledger, Selection(failures=True)).rows["requests"] == 1
        prune(ledger, Selection(failures=True, before=5e9))
    assert left(file) == {"a", "old", "orphan", "later"}


def test_the_file_becomes_smaller(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "large.sqlite") as ledger:
        ledger.write(asked(f"{number}", "x" * 1000) for number in range(500))
        size = ledger.size()
        pruned = prune(ledger, Selection(unused=True))
        assert pruned.freed > 500_000 and ledger.size() < size / 10
        ledger.write([asked("next", "y")])
    with Ledger.open(tmp_path / "large.sqlite", read_only=True) as ledger:
        assert ledger.totals().requests == 1
