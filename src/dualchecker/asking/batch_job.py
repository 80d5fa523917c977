"""One call of ``ask`` by batch files: what the workers do one by one, done in files."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from dualchecker.asking.batch_calls import Patience
from dualchecker.asking.batches import ask_in_batches
from dualchecker.asking.budget import Budget
from dualchecker.asking.commits import GroupCommit
from dualchecker.asking.job import Item, Job
from dualchecker.asking.sender import Sender
from dualchecker.errors import RequestFailed
from dualchecker.ledger import BatchBook, Request
from dualchecker.records import Reply
from dualchecker.teachers.batch_files import BatchFiles


async def work_in_batches(
    job: Job[Any],
    sender: Sender,
    files: BatchFiles,
    budget: Budget,
    commits: GroupCommit,
    *,
    patience: Patience,
    least: int,
    poll: float,
    retries: int,
    seed: int,
) -> None:
    """Settle everything that a job has to ask, by batch files; or one by one where that is too little for a file.

    The prompts that have to be asked are all kept until they are settled: a batch needs them for its results.

    Args:
        job: What is asked.
        sender: Asks the first request of all one by one: what is wrong with a key, a model or a schema shows at once,
            and not after a day; a refused parameter is left out of the files. Not where files go by hand.
        files: The teacher's way to ask by batch.
        budget: What may still be spent.
        commits: Puts on disk what came back.
        patience: How long to wait for batches.
        least: Fewer requests than this are asked one by one, at the whole price, and not waited for for a day. Not
            where files go by hand. No batch is made of fewer where the money does not do for more, but for the last.
        poll: Seconds between looks at the batches.
        retries: In how many further batches a request is sent.
        seed: For the jitter of pauses.

    Raises:
        BatchPending: Batches are under way, or wait to be sent by hand.
        TeacherError: The provider takes no such batches, refuses the key, ...; nothing is lost.
        BudgetError: The rest could cross a limit.
        LedgerError: The ledger cannot be written.
    """
    ledger, name = job.ledger, job.teacher.name
    # What a batch holds, or has brought already, must not be asked again.
    online = not files.by_hand and BatchBook(ledger).is_idle(name)
    if online and not sender.tried:
        item = await job.next()
        if item is None:
            return
        await _one_by_one(job, sender, [item], budget, files.share)
    items: dict[str, tuple[Any, dict[str, Any]]] = {}
    while (item := await job.next()) is not None:
        items[item.key] = (item.prompt, item.payload)
    if online and len(items) < least:
        await _one_by_one(job, sender, [Item(key, *item) for key, item in items.items()], budget, files.share)
        return
    await commits.drain()
    prices: dict[str, float] = {}
    accounts = sender.accounts

    def admit(key: str, sent: bool) -> None:
        price = accounts.price(items[key][0])
        budget.hold(price, anyway=sent)
        prices[key] = price

    async def settle(key: str, result: Reply | RequestFailed, seconds: float, last: bool) -> None:
        prompt, payload = items[key]
        request, started = Request(key, prompt.hash, name, payload), time.time() - seconds
        cost = None
        if isinstance(result, RequestFailed):
            accounts.failed(request, started, seconds, result, batch=True)
        else:
            cost = accounts.cost(prompt, result)
            accounts.answered(request, started, seconds, result, cost, lambda: None)
        await commits.drain()
        if not last:  # what it may cost stays set aside
            return
        if key in prices:
            budget.settle(prices.pop(key), cost)
        elif cost is not None:  # brought in by hand, or by another part of the run
            budget.hold(0.0, anyway=True)
            budget.settle(0.0, cost)
        job.settle(key, result, budget.spent)
        del items[key]  # its prompt is not needed any more

    try:
        await ask_in_batches(
            files, items, ledger, settle, job.progress,
            patience=patience, poll=poll, retries=retries, admit=admit, seed=seed,
            least=least if budget.counts_money else 0,
        )  # fmt: skip
    finally:
        for price in prices.values():
            budget.settle(price, None)


async def _one_by_one(job: Job[Any], sender: Sender, items: Sequence[Item], budget: Budget, share: float) -> None:
    """Ask at the whole price, if there is money for all of it: what is set aside for each is its share by batch."""
    if budget.counts_money:
        whole = sum(job.teacher.estimate(item.prompt) for item in items) / share
        budget.hold(whole)
        budget.settle(whole, None)

    async def send(item: Item) -> None:
        try:
            if not job.stopping:
                await sender.send(job, item)
        except BaseException:
            job.stopping = True  # at once, so that none of the others sends anything more
            raise

    ended = await asyncio.gather(*map(send, items), return_exceptions=True)
    # What ended the work, before what was merely stopped by it.
    for error in sorted(filter(None, ended), key=lambda one: isinstance(one, asyncio.CancelledError)):
        raise error
