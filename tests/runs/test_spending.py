"""Where the money went, read from a ledger: by purpose, by rung, by label; prefixes, caches and copies."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dualchecker.errors import LedgerError
from dualchecker.ledger import Attempt, Entry, Failure, Ledger, Request
from dualchecker.ledger.bills import bills, payloads, used
from dualchecker.prompts.prompt import estimate_tokens
from dualchecker.records import Answer, Confidence, Labelled, Record, Reply
from dualchecker.runs.spending import per_label, shared_prefix, spending
from dualchecker.teachers import Price

PRICES = {"m": Price(2.0, 10.0, cached_input=0.5)}


def entry(
    key: str,
    *,
    at: float = 0.0,
    outcome: str = "ok",
    tokens: tuple[int, int, int] = (100, 0, 10),
    cost: float = 0.1,
    text: str = "Hello.",
    payload: dict[str, Any] | None = None,
) -> Entry:
    """One try; an outcome other than ``ok`` brings no reply, and ``refused`` ends for good."""
    body = payload or {"messages": [{"role": "system", "content": "Judge."}, {"role": "user", "content": text}]}
    prompt, cached, completion = tokens
    reply = Reply("{}", prompt_tokens=prompt, cached_tokens=cached, completion_tokens=completion)
    return Entry(
        Request(key, f"hash {key}", "m", body),
        Attempt(key, at, 0.1, outcome),
        reply if outcome == "ok" else None,
        Failure("refused", "no", prompt_tokens=prompt, completion_tokens=completion) if outcome == "refused" else None,
        cost if outcome in ("ok", "refused") else 0.0,
    )


def test_each_request_counts_once_and_for_its_first_purpose(ledger: Ledger) -> None:
    ledger.write(
        [entry("a"), entry("b", tokens=(200, 150, 20), cost=0.3), entry("c", outcome="refused", cost=0.05)],
        [
            ("r1", "label", "brief", "a"),
            ("r1", "judge", "brief", "a"),
            ("r2", "label", "brief", "b"),
            ("r3", "label", "brief", "c"),
        ],
    )
    found = spending(ledger, PRICES)
    assert set(found["by_purpose"]) == {"judge/brief", "label/brief"}
    label = found["by_purpose"]["label/brief"]
    assert (label["requests"], label["prompt"], label["cached"], label["completion"]) == (1, 300, 150, 30)
    assert label["cost"] == pytest.approx(0.35), "what a refusal took is paid as well"
    assert sum(row["cost"] for row in found["by_purpose"].values()) == pytest.approx(ledger.totals().cost)
    assert found["cached"] == {"tokens": 150, "share": 150 / 400, "saved": pytest.approx(150 * 1.5 / 1e6)}
    only = spending(ledger, PRICES, {"a"})
    assert list(only["by_purpose"]) == ["judge/brief"]


def test_what_is_not_priced_saves_nobody_knows_what(ledger: Ledger) -> None:
    ledger.write([entry("a", tokens=(100, 50, 1))], [("r", "label", "brief", "a")])
    for prices in ({}, {"m": Price(known=False)}):
        assert spending(ledger, prices)["cached"]["saved"] is None
    assert spending(ledger, {"m": Price(known=False)})["unpriced"] == ["m"]
    assert spending(ledger, PRICES)["unpriced"] == []


def test_the_cache_saves_less_where_a_batch_was_cheap_already(ledger: Ledger) -> None:
    batched = entry("b", tokens=(1000, 1000, 1))
    assert batched.reply is not None
    batched = replace(batched, reply=replace(batched.reply, batch=True))
    ledger.write([entry("a", tokens=(1000, 1000, 1)), batched])
    prices = {"m": Price(2.0, 10.0, cached_input=0.5, batch=0.5)}
    assert spending(ledger, prices)["cached"]["saved"] == pytest.approx(1000 * 1.5 / 1e6 * 1.5)


def test_copies_that_lost_are_counted_with_what_was_set_aside_for_them(ledger: Ledger) -> None:
    own = PRICES["m"].cost(100, 0, 10)
    ledger.write([entry("a", outcome="hedge_lost"), entry("a", at=1.0, cost=own + 0.4), entry("b", cost=own)])
    assert spending(ledger, PRICES)["hedged"] == {"lost": 1, "cost": pytest.approx(0.4)}
    assert {bill.key: bill.lost for bill in bills(ledger)} == {"a": 1, "b": 0}
    assert spending(ledger, {})["hedged"] == {"lost": 1, "cost": None}


def test_a_request_that_failed_and_was_answered_later_has_its_copies_counted_once(ledger: Ledger) -> None:
    ledger.write([entry("a", outcome="refused"), entry("a", at=1.0, outcome="hedge_lost")])
    ledger.forget_failures()
    ledger.write([entry("a", at=2.0, cost=0.4)])
    assert [bill.answered for bill in bills(ledger)] == [False, True]
    assert spending(ledger, PRICES)["hedged"]["lost"] == 1


# Prefixes

FRONT = "Always the same words before the text. " * 20


def test_the_shared_front_of_prompts_is_measured(ledger: Ledger) -> None:
    texts = ["one text", "another text", "a third text"]
    ledger.write(
        [entry(f"k{n}", at=float(n), text=FRONT + text) for n, text in enumerate(texts)],
        [(f"r{n}", "label", "brief", f"k{n}") for n in range(3)],
    )
    found = shared_prefix(ledger, bills(ledger))
    assert found["compared"] == 2
    # The last two share "a" after the front, the first two nothing.
    heads = estimate_tokens(f"system\nJudge.\x1euser\n{FRONT}") + estimate_tokens(f"system\nJudge.\x1euser\n{FRONT}a")
    wholes = sum(estimate_tokens(f"system\nJudge.\x1euser\n{FRONT}{text}") for text in texts[1:])
    assert found["share"] == pytest.approx(heads / wholes)


def test_only_the_one_before_of_the_same_purpose_and_rung_is_compared(ledger: Ledger) -> None:
    order = [("label", "brief", FRONT + "x"), ("explain", "explain", "Quite other."), ("label", "brief", FRONT + "y")]
    ledger.write(
        [entry(f"k{n}", at=float(n), text=text) for n, (*_, text) in enumerate(order)],
        [(f"r{n}", purpose, rung, f"k{n}") for n, (purpose, rung, _) in enumerate(order)],
    )
    found = shared_prefix(ledger, bills(ledger))
    assert found["compared"] == 1 and found["share"] > 0.95
    alone = shared_prefix(ledger, [bill for bill in bills(ledger) if bill.job[0] == "explain"])
    assert alone == {"compared": 0, "share": None}


def test_the_order_is_that_of_sending_and_not_of_writing(ledger: Ledger) -> None:
    ledger.write([entry("late", at=9.0), entry("early", at=1.0), entry("mid", at=5.0)])
    assert [bill.key for bill in bills(ledger)] == ["early", "mid", "late"]


def test_a_large_ledger_is_sampled_and_always_alike(ledger: Ledger) -> None:
    count = 1300
    ledger.write(
        [entry(f"k{n:05}", at=float(n), text=f"{FRONT[: n % 700]} {n}") for n in range(count)],
        [(f"r{n}", "label", "brief", f"k{n:05}") for n in range(count)],
    )
    first, again = (shared_prefix(ledger, bills(ledger)) for _ in range(2))
    assert first == again and first["compared"] == 500
    assert len(payloads(ledger, [f"k{n:05}" for n in range(count)])) == count


def test_requests_without_messages_have_no_prefix(ledger: Ledger) -> None:
    ledger.write([entry(f"k{n}", at=float(n), payload={"state": "x", "questions": []}) for n in range(3)])
    assert shared_prefix(ledger, bills(ledger)) == {"compared": 0, "share": None}
    assert spending(ledger, PRICES)["by_purpose"]["/"]["requests"] == 3, "a use that was never noted has no name"


def test_payloads_that_are_gone_or_unreadable_are_passed_over(ledger: Ledger) -> None:
    ledger.write([entry(f"k{n}", at=float(n), text=FRONT) for n in range(5)])
    with ledger.transaction() as db:
        for key, text in (("k0", ""), ("k1", "{"), ("k2", "[1]"), ("k3", '{"messages": [1]}')):
            db.execute("UPDATE requests SET payload = ? WHERE key = ?", (text, key))
    assert list(payloads(ledger, [f"k{n}" for n in range(5)])) == ["k3", "k4"]
    assert shared_prefix(ledger, bills(ledger)) == {"compared": 0, "share": None}


@pytest.mark.parametrize("column", ["cost", "prompt_tokens", "completion_tokens", "cached_tokens"])
def test_a_damaged_row_is_named_as_such(ledger: Ledger, column: str) -> None:
    ledger.write([entry("a")])
    with ledger.transaction() as db:
        db.execute(f"UPDATE replies SET {column} = 'abc'")
    with pytest.raises(LedgerError, match="dualchecker ledger verify"):
        spending(ledger, PRICES)


def test_a_model_in_this_process_has_no_server_with_a_cache(ledger: Ledger) -> None:
    ledger.write([entry("a", tokens=(100, 50, 1))])
    assert spending(ledger, PRICES, at_home=["m"])["cached"] == {"tokens": 0, "share": None, "saved": 0}


def test_replies_without_a_count_of_tokens_are_counted(ledger: Ledger) -> None:
    ledger.write([entry("a", tokens=(0, 0, 0), cost=0.3), entry("b"), entry("c", tokens=(0, 0, 0), cost=0.0)])
    assert spending(ledger, PRICES)["assumed"] == {"requests": 1, "cost": 0.3}


def test_uses_are_counted_by_distinct_records_and_requests(ledger: Ledger) -> None:
    ledger.write(
        [entry("a"), entry("b")],
        [("r1", "label", "brief", "a"), ("r1", "label", "brief", "b"), ("r2", "label", "brief", "b")],
    )
    ledger.write([], [("r3", "label", "brief", "b")])
    assert used(ledger) == {("label", "brief"): (3, 2)}


def test_an_empty_ledger_cost_nothing(ledger: Ledger) -> None:
    found = spending(ledger, {})
    assert found["by_purpose"] == {} and found["cached"]["share"] is None and found["prefix"]["share"] is None


# Labels


def labelled(name: str, rung: str, status: Any) -> Labelled:
    return Labelled(Record(name, "t"), Answer(name, "warm", "ok", rung), Confidence(0.9), status)


def test_labels_have_a_price_by_rung(ledger: Ledger) -> None:
    ledger.write(
        [entry("a", cost=0.1), entry("b", cost=0.2), entry("c", cost=0.7), entry("g", cost=1.0)],
        [
            ("r1", "label", "brief", "a"),
            ("r2", "label", "brief", "b"),
            ("r2", "label", "wide", "c"),
            ("g", "calibrate", "brief", "g"),
        ],
    )
    keys = {"a", "b", "c", "g"}
    labels = [labelled("r1", "brief", "accepted"), labelled("r2", "wide", "abstained")]
    found = per_label(ledger, labels, keys, spending(ledger, PRICES, keys)["by_purpose"], 2.0)
    assert found["per_label"] == 1.0 and found["per_accepted"] == 2.0
    brief, wide = found["by_rung"]["brief"], found["by_rung"]["wide"]
    assert (brief["records"], brief["accepted"], brief["cost"]) == (2, 1, pytest.approx(0.3))
    assert brief["per_record"] == pytest.approx(0.15) and brief["per_accepted"] == pytest.approx(0.3)
    assert wide["per_accepted"] is None and wide["cost"] == 0.7
    nothing = per_label(ledger, [], set(), {}, 0.0)
    assert nothing == {"per_label": None, "per_accepted": None, "by_rung": {}}


def test_a_ledger_may_be_read_while_it_is_written(ledger: Ledger, tmp_path: Path) -> None:
    ledger.write([entry("a")], [("r", "label", "brief", "a")])
    with Ledger.open(ledger.path, read_only=True) as reader:
        assert spending(reader, PRICES)["by_purpose"]["label/brief"]["requests"] == 1
