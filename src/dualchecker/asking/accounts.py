"""What one teacher's requests cost, and what of each goes into the ledger."""

from collections.abc import Callable

from dualchecker.asking.budget import Budget
from dualchecker.asking.commits import GroupCommit
from dualchecker.errors import RequestFailed
from dualchecker.ledger import Attempt, Entry, Failure, Request
from dualchecker.prompts import Prompt
from dualchecker.records import Reply
from dualchecker.teachers import Teacher

_FOR_GOOD = frozenset({"refused", "too_long"})
"""Failures that lie in the request itself: asked again, it would end the same way."""


class Accounts:
    """Prices before, costs after.

    Args:
        teacher: Who charges.
        budget: What may be spent.
        commits: Where tries are entered.
    """

    def __init__(self, teacher: Teacher, budget: Budget, commits: GroupCommit) -> None:
        self._teacher, self._budget, self._commits = teacher, budget, commits
        self._longer = 1.0

    def price(self, prompt: Prompt) -> float:
        """The most that a request may cost, where money is limited.

        Tokens are estimated by a rule; where the server has counted more of them for others, by that much more.
        """
        return self._teacher.estimate(prompt) * self._longer if self._budget.counts_money else 0.0

    def cost(self, prompt: Prompt, reply: Reply) -> float:
        """What a reply cost. A server that does not count tokens is taken to have used all it might."""
        if not (reply.prompt_tokens or reply.completion_tokens):
            return self._teacher.estimate(prompt)
        cost = self._teacher.cost(reply)
        by_batch = getattr(self._teacher, "batch", None) is not None  # estimates are then for batches
        if self._budget.counts_money and by_batch == reply.batch:
            counted = reply.prompt_tokens / max(prompt.size, 1)
            # Of replies too: some servers heed no max_tokens.
            expected = self._teacher.estimate(prompt)
            self._longer = max(self._longer, counted, cost / expected if expected else 1.0)
        return cost

    def answered(
        self,
        request: Request,
        started: float,
        seconds: float,
        reply: Reply,
        cost: float,
        then: Callable[[], None],
    ) -> None:
        """Enter a reply; ``then`` is called when it is on disk."""
        self._commits.add(Entry(request, Attempt(request.key, started, seconds, "ok"), reply, cost=cost), then)

    def left_behind(self, request: Request, started: float, seconds: float, prompt: Prompt) -> float:
        """Enter a request for which nobody waits any more, as the other of two was quicker; what it costs."""
        message = "Sent twice; the other answer was taken, or came when this one had failed."
        self._commits.add(Entry(request, Attempt(request.key, started, seconds, "hedge_lost", None, message)))
        return self._teacher.estimate(prompt)

    def failed(
        self, request: Request, started: float, seconds: float, failure: RequestFailed, *, batch: bool = False
    ) -> None:
        """Enter a failure, and pay for what it took all the same: at the price of batches if it came in one."""
        prompt, completion = failure.tokens
        cost = self._teacher.cost(Reply("", prompt_tokens=prompt, completion_tokens=completion, batch=batch))
        self._budget.pay(cost)
        ended = None
        again = failure.kind not in _FOR_GOOD
        if not again or cost:
            ended = Failure(failure.kind, str(failure), failure.status, prompt, completion, again)
        attempt = Attempt(request.key, started, seconds, failure.kind, failure.status, str(failure))
        self._commits.add(Entry(request, attempt, failure=ended, cost=cost))
