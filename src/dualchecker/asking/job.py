"""One call of ``ask``: prompts are taken in a few at a time, and their outcomes put where they belong."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Generic, TypeVar

from dualchecker.asking.outcome import Outcome
from dualchecker.asking.progress import Progress
from dualchecker.errors import RequestFailed
from dualchecker.ledger import Failure, Keys, Ledger, Use
from dualchecker.prompts import Prompt
from dualchecker.records import Reply
from dualchecker.teachers import Teacher

T = TypeVar("T")

_CHUNK = 64
"""Prompts that are rendered and looked up together: so long nothing else happens."""

_SOON = 0.001
"""Seconds until prompts are taken in ahead: answers that are there go first."""

_BETWEEN_REPORTS = 0.05
"""Seconds: whoever watches sees no more than that, and drawing costs time."""


@dataclass(frozen=True, slots=True)
class Item:
    """A request that has to be sent."""

    key: str
    prompt: Prompt
    payload: dict[str, Any]


@dataclass
class Job(Generic[T]):
    """The state of one call. Only the loop's thread touches it while it runs.

    A prompt exists from when it is taken in until its outcome has been read: of a hundred thousand, some hundreds at a
    time. Equal prompts are one request: while it is under way the later ones wait for it, afterwards the ledger has it.

    Attributes:
        teacher: Whom to ask.
        purpose: For the ledger's trail.
        source: The prompts; rendered as they are drawn from it.
        total: How many there are, as far as is known.
        read: Makes of an outcome what the caller wants to keep.
        ledger: Knows earlier answers.
        progress: Told how far it is.
        keys: Makes the keys of the teacher's requests.
        used: Told of every use.
        ahead: So many requests are kept at hand.
        results: In the order of the prompts.
        stopping: Set when nothing more may be sent.
        error: What ``read`` or ``progress`` has raised. What is paid for is entered all the same.
        sending: The workers whose request is under way.
    """

    teacher: Teacher
    purpose: str
    source: Iterator[Prompt]
    total: int | None
    read: Callable[[Outcome], T]
    ledger: Ledger
    progress: Progress
    keys: Keys
    used: Callable[[list[Use]], None]
    ahead: int = 0
    results: list[T | None] = field(default_factory=list)
    stopping: bool = False
    error: Exception | None = None
    sending: set["asyncio.Task[None] | None"] = field(default_factory=set)
    _ready: deque[Item] = field(default_factory=deque)
    _waiting: dict[str, list[tuple[int, Prompt]]] = field(default_factory=dict)
    _given_up: dict[str, RequestFailed] = field(default_factory=dict)
    _done: int = 0
    _fresh: int = 0
    _failed: int = 0
    _reported: float = 0.0
    _later: asyncio.TimerHandle | None = None

    async def next(self) -> Item | None:
        """The next request to send; None when there is none left, or nothing more may be sent."""
        while not self._ready and not self.stopping and self._take_in():  # noqa: ASYNC110
            # Where the ledger has all the answers nothing else waits; without this an interrupt would not be heard.
            await asyncio.sleep(0)
        if self.stopping or not self._ready:
            return None
        if len(self._ready) <= self.ahead and self._later is None and self.total != len(self.results):
            self._later = asyncio.get_running_loop().call_later(_SOON, self._top_up)
        return self._ready.popleft()

    def _top_up(self) -> None:
        """Take prompts in while nothing else happens, so that who gets an answer has the next request at hand."""
        self._later = None
        try:
            more = not self.stopping and self._take_in()
        except Exception as error:
            self._broke(error)
            return
        if more and len(self._ready) <= self.ahead:
            self._later = asyncio.get_running_loop().call_later(_SOON, self._top_up)

    def _take_in(self) -> bool:
        """Render and look up the next few prompts; False when there are none."""
        prompts = list(islice(self.source, _CHUNK))
        if not prompts:
            self.total = len(self.results)
            return False
        payloads = [self.teacher.payload(prompt) for prompt in prompts]
        keys = [self.keys.of(body, _sent_as_they_are(body, p)) for body, p in zip(payloads, prompts, strict=True)]
        self.used([(p.record_id, self.purpose, p.rung, key) for p, key in zip(prompts, keys, strict=True)])
        asked = [key for key in dict.fromkeys(keys) if key not in self._waiting]
        known = self.ledger.results(asked)
        for key, prompt, payload in zip(keys, prompts, payloads, strict=True):
            place = len(self.results)
            self.results.append(None)
            result = known.get(key) or self._given_up.get(key)
            if isinstance(result, Failure):
                result = result.error()
            if result is not None:
                self._put(place, prompt, key, result)
            elif key in self._waiting:
                self._waiting[key].append((place, prompt))
            else:
                self._waiting[key] = [(place, prompt)]
                self._ready.append(Item(key, prompt, payload))
        return True

    def settle(self, key: str, result: Reply | RequestFailed, cost: float) -> None:
        """A request has ended, and the ledger has what came of it.

        Args:
            key: Of the request.
            result: What came of it.
            cost: Of the whole run so far, to be shown.
        """
        self._fresh += 1
        if isinstance(result, RequestFailed):
            self._failed += 1
            self._given_up[key] = result
        for place, prompt in self._waiting.pop(key):
            self._put(place, prompt, key, result)
        self.report(cost)

    def report(self, cost: float, *, last: bool = False) -> None:
        """Tell whoever watches, unless that was done just now."""
        now = time.monotonic()
        if self._fresh and (last or now - self._reported >= _BETWEEN_REPORTS):
            self._reported = now
            total = len(self.results) if self.total is None else self.total
            try:
                self.progress.asking(self._done, total, fresh=self._fresh, failed=self._failed, cost=cost)
            except Exception as error:
                self._broke(error)

    def _broke(self, error: Exception) -> None:
        """Keep an error of the caller's until all that is under way has arrived."""
        self.error, self.stopping = self.error or error, True

    def _put(self, place: int, prompt: Prompt, key: str, result: Reply | RequestFailed) -> None:
        if isinstance(result, RequestFailed):
            outcome = Outcome(prompt, key, failure=result, place=place)
        else:
            outcome = Outcome(prompt, key, result, place=place)
        try:
            self.results[place] = self.read(outcome)
        except Exception as error:
            self._broke(error)
        self._done += 1


def _sent_as_they_are(payload: Mapping[str, Any], prompt: Prompt) -> bytes | None:
    """The prompt's messages as they are hashed, if it is they that are sent."""
    return prompt.canonical if payload.get("messages") == list(prompt.messages) else None
