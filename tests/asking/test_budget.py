"""The budget: the answer is no before a limit is crossed, and only when nothing under way could make room."""

import asyncio

import pytest

from dualchecker.asking.budget import Budget
from dualchecker.errors import BudgetError


def test_without_limits_everything_goes() -> None:
    budget = Budget(None, None, 10.0, 5)
    assert not budget.counts_money
    assert all(budget.enter(1e9) for _ in range(100))


def test_what_is_set_aside_counts_until_it_is_known_what_was_spent() -> None:
    budget = Budget(1.0, None, 0.0, 0)
    assert budget.enter(0.6)
    assert not budget.enter(0.6)
    budget.settle(0.6, 0.1)
    assert budget.spent == pytest.approx(0.1)
    assert budget.enter(0.6)


def test_what_earlier_runs_spent_counts() -> None:
    budget = Budget(1.0, 3, 0.9, 2)
    assert not budget.enter(0.2)
    assert budget.enter(0.1)
    assert not budget.enter(0.0), "one more answer would be the fourth"


async def test_near_the_limit_it_waits_for_what_is_under_way_and_then_refuses() -> None:
    budget = Budget(1.0, None, 0.0, 0)
    assert budget.enter(0.7)
    second = asyncio.create_task(budget.wait(0.7))
    await asyncio.sleep(0)
    assert not second.done()
    budget.settle(0.7, 0.2)
    await second
    third = asyncio.create_task(budget.wait(0.7))
    await asyncio.sleep(0)
    budget.settle(0.7, 0.65)
    with pytest.raises(BudgetError, match=r"limits.max_cost = 1") as caught:
        await third
    assert caught.value.exit_code == 6
    assert budget.spent == pytest.approx(0.85)


def test_a_second_request_for_the_same_answer_needs_room_of_its_own() -> None:
    budget = Budget(1.0, None, 0.0, 0)
    assert budget.enter(0.4)
    assert budget.set_aside(0.4)
    assert not budget.set_aside(0.4)
    budget.set_aside(-0.4)
    assert budget.set_aside(0.5)


def test_what_a_refused_request_cost_is_spent() -> None:
    budget = Budget(1.0, None, 0.0, 0)
    budget.pay(0.8)
    assert not budget.enter(0.3)
