"""What may still be spent: the answer is no *before* the request that could cross a limit."""

import asyncio

from dualchecker.errors import BudgetError


class Budget:
    """Money and requests, those spent and those set aside for what is under way.

    Args:
        max_cost: In the currency of the teacher's prices; None for no limit.
        max_requests: Likewise, of answered requests.
        spent: By earlier runs on the same ledger.
        answered: Likewise.
    """

    def __init__(self, max_cost: float | None, max_requests: int | None, spent: float, answered: int) -> None:
        self._max_cost, self._max_requests = max_cost, max_requests
        self.spent, self._answered = spent, answered
        self._reserved, self._under_way = 0.0, 0
        self._settled = asyncio.Event()
        self._broken: BaseException | None = None

    @property
    def counts_money(self) -> bool:
        """Whether requests must say what they may cost."""
        return self._max_cost is not None

    def enter(self, price: float) -> bool:
        """Set a price aside if there is room for it; who is refused must ``wait``."""
        if self._refusal(price) is not None:
            return False
        self._under_way += 1
        self._reserved += price
        return True

    async def wait(self, price: float) -> None:
        """Set a price aside, or refuse.

        Prices are cautious, so near a limit first wait for what the requests under way really cost.

        Raises:
            BudgetError: The request could cross a limit.
        """
        while (refusal := self._refusal(price)) is not None:
            if self._broken is not None:
                raise self._broken
            if not self._under_way:
                raise refusal
            self._settled.clear()
            await self._settled.wait()
        self._under_way += 1
        self._reserved += price

    def set_aside(self, price: float) -> bool:
        """Set more aside for a request under way, if there is room; a negative price gives it back."""
        if price > 0 and self._refusal(price) is not None:
            return False
        self._reserved += price
        return True

    def known(self, price: float, cost: float) -> None:
        """Set aside what a request really cost, in place of its price, until it is settled."""
        self._reserved += cost - price
        self._settled.set()

    def check(self) -> None:
        """Before a request that was set aside for is sent once more.

        Raises:
            BudgetError: Tries that brought nothing have used up the room for it.
        """
        if self._max_cost is not None and self.spent + self._reserved > self._max_cost + 1e-9:
            raise self._over(self._reserved)

    def settle(self, price: float, cost: float | None) -> None:
        """A request has ended: with an answer at a cost, or (None) with none."""
        self._under_way -= 1
        self._reserved = self._reserved - price if self._under_way else 0.0
        if cost is not None:
            self.spent += cost
            self._answered += 1
        self._settled.set()

    def give_up(self, error: BaseException) -> None:
        """What is under way will never be settled: who waits for it gets the error."""
        self._broken = error
        self._settled.set()

    def pay(self, cost: float) -> None:
        """Count what was paid for no answer."""
        self.spent += cost

    def hold(self, price: float, *, anyway: bool = False) -> None:
        """Set a price aside without waiting; ``anyway`` for a request that is under way already.

        Raises:
            BudgetError: The request could cross a limit.
        """
        if not anyway and (refusal := self._refusal(price)) is not None:
            raise refusal
        self._under_way += 1
        self._reserved += price

    def _refusal(self, price: float) -> BudgetError | None:
        limit, most = self._max_cost, self._max_requests
        if limit is not None and self.spent + self._reserved + price > limit + 1e-9:
            return self._over(price)
        if most is not None and self._answered + self._under_way >= most:
            return BudgetError(
                f"limits.max_requests = {most} is reached.",
                fix="Raise it and run the same command again: what is answered is kept.",
            )
        return None

    def _over(self, price: float) -> BudgetError:
        return BudgetError(
            f"The next request could take the cost over limits.max_cost = {self._max_cost:g}.",
            why=f"Spent so far: {self.spent:.4f}; the next request may cost up to {price:.4f}.",
            fix="Raise limits.max_cost and run the same command again: what is paid for is kept.",
        )
