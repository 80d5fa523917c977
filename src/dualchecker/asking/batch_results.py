"""What batches bring: each result is settled once, and what may pass is told apart from what lasts."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from dualchecker.asking.request_files import is_answer, read_results
from dualchecker.errors import RequestFailed
from dualchecker.ledger import BatchBook, Ledger
from dualchecker.prompts import Prompt
from dualchecker.records import Reply
from dualchecker.teachers.batch_files import BatchFiles

T = TypeVar("T")
Settle = Callable[[str, Reply | RequestFailed, float, bool], Awaitable[None]]
"""Enters a request's reply or failure, with the seconds that it took, and whether that is the last of it."""

_AT_ONCE = 256
"""Results that are settled together, so that they share a transaction."""


class Results:
    """Reads results and settles them.

    Args:
        files: Reads a line.
        items: Prompt and payload by the request's key.
        ledger: Keeps results that are not of these items.
        settle: Enters what is settled, and tries that are not the last.
        retries: In how many further batches a request may be sent.

    Attributes:
        settled: Keys of the items that are done with.
        fatal: A failure after which no other request can succeed.
    """

    def __init__(
        self,
        files: BatchFiles,
        items: Mapping[str, tuple[Prompt, dict[str, Any]]],
        ledger: Ledger,
        settle: Settle,
        retries: int,
    ) -> None:
        self._files, self._items, self._ledger = files, items, ledger
        self._settle, self._retries, self._book = settle, retries, BatchBook(ledger)
        self.settled: set[str] = set()
        self.fatal: RequestFailed | None = None

    async def take_kept(self) -> None:
        """Settle results that were brought in by hand, or by a part of a run that asked for others."""
        self._book.settle_known()
        for portion in self._book.kept():
            mine = {key: lines for key, lines in portion.items() if key in self._items}
            await self._take({key: _best(lines) for key, lines in mine.items()}, time.time())
            self._book.used(mine)

    async def take_files(self, paths: Sequence[Path], keys: Collection[str], sent: float) -> int:
        """Settle the results of a batch; how many lines are of no request.

        Args:
            paths: Files of results.
            keys: Of the items that are in the batch. Those that no line mentions have failed, too.
            sent: When the batch was prepared, in seconds since 1970.
        """
        missing, strangers = set(keys), 0
        for path in paths:
            for group in _groups(read_results(path)):
                lines = {key: line for key, line in group if key in missing}
                await self._take({str(key): line for key, line in lines.items()}, sent)
                missing.difference_update(str(key) for key in lines)
                strangers += self._keep_others(group)
        for absent in _groups(iter(sorted(missing))):
            await self._after_failures([(key, _no_line()) for key in absent], sent)
        return strangers

    def _keep_others(self, group: Sequence[tuple[str | None, str]]) -> int:
        """Keep results that another part of the run will ask for; how many are of no request."""
        others = {
            key: line for key, line in group if key is not None and key not in self._items and key not in self.settled
        }
        known = self._book.known(others) if others else set()
        answered = self._ledger.replies(sorted(known))
        if wanted := sorted(known - answered.keys()):
            self._book.keep((key, others[key]) for key in wanted)
        return sum(key is None or (key in others and key not in known) for key, _ in group)

    async def _take(self, lines: Mapping[str, str], sent: float) -> None:
        replies: list[tuple[str, Reply]] = []
        failures: list[tuple[str, RequestFailed]] = []
        for key, line in lines.items():
            prompt, payload = self._items[key]
            try:
                replies.append((key, self._files.read(line, prompt, payload)))
            except RequestFailed as failure:
                failures.append((key, failure))
        await self._settle_all(replies, sent)
        await self._after_failures(failures, sent)

    async def _settle_all(
        self, results: Sequence[tuple[str, Reply | RequestFailed]], sent: float, *, last: bool = True
    ) -> None:
        seconds = max(time.time() - sent, 0.0)
        ended = await asyncio.gather(
            *(self._settle(key, result, seconds, last) for key, result in results), return_exceptions=True
        )
        for error in ended:  # after all of them have ended, so that none writes any more
            if error is not None:
                raise error
        if last:
            self.settled.update(key for key, _ in results)

    async def _after_failures(self, failures: Sequence[tuple[str, RequestFailed]], sent: float) -> None:
        """Settle failures that last; note those that a further batch may mend."""
        tries = self._book.tries([key for key, _ in failures])
        lasting: list[tuple[str, RequestFailed]] = []
        passing: list[tuple[str, RequestFailed]] = []
        for key, failure in failures:
            # A reply that cannot be read was paid for: one more try, not all of them.
            most = min(self._retries, 1) if failure.kind == "bad_body" else self._retries
            if failure.fatal:
                self.fatal = self.fatal or failure
            elif not failure.retryable or tries.get(key, 1) % (most + 1) == 0:
                lasting.append((key, failure))
                continue
            passing.append((key, failure))
        await self._settle_all(passing, sent, last=False)
        await self._settle_all(lasting, sent)


def _groups(values: Iterator[T]) -> Iterator[list[T]]:
    group: list[T] = []
    for value in values:
        group.append(value)
        if len(group) >= _AT_ONCE:
            yield group
            group = []
    if group:
        yield group


def _best(lines: Iterable[str]) -> str:
    """Of several results of one request, an answer before an error, and a later one before an earlier."""
    return sorted(lines, key=is_answer)[-1]


def _no_line() -> RequestFailed:
    return RequestFailed("The results of its batch do not mention the request.", kind="no_line", retryable=True)
