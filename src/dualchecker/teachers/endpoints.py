"""Several addresses or keys behind one teacher: which to ask next, and which to leave alone for a while."""

import math
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from dualchecker.config import SeniorConfig
from dualchecker.errors import RequestFailed
from dualchecker.teachers.connection import Connection

_T = TypeVar("_T")

_ABOUT_ONE_TEXT = frozenset({"bad_request", "refused", "too_long", "forbidden"})
"""Failures that say nothing against the address: it heard the request, and answered it."""

_FAILURES = 3
"""So many in a row put an address out; fewer are an accident."""

_SHORTEST = 1.0
_SHORTEST_WRONG = 30.0
"""A wrong key does not right itself soon."""

_LONGEST = 300.0


@dataclass(slots=True)
class Endpoint:
    """One address with one key, and how it has been doing.

    Attributes:
        number: Its place in the run file, from 0.
        name: For people: the address, and the name of its key where two share the address.
        key_env: Name of the environment variable with its key.
        connection: The way there.
        in_flight: Requests under way.
        asked: Requests sent.
        answered: Those that were answered, whatever the answer.
        failed: The others, by kind of failure.
        rests_until: Nothing is sent before this moment of the clock, unless all addresses rest.
        out: It failed, and after its rest it is tried by one request before it gets others.
        trying: That request is under way.
        picked: Its last request's number among all.
        in_a_row: Failures since the last answer.
        pauses: Rests of its own since the last answer.
        wrong: Its last failure would be every request's: a wrong key, say.
    """

    number: int
    name: str
    key_env: str | None
    connection: Connection
    in_flight: int = 0
    asked: int = 0
    answered: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    rests_until: float = -math.inf
    out: bool = False
    trying: bool = False
    picked: int = 0
    in_a_row: int = 0
    pauses: int = 0
    wrong: bool = False

    def is_ready(self, now: float) -> bool:
        return now >= self.rests_until and not (self.out and self.trying)


class Endpoints:
    """Spreads requests over the addresses of one teacher.

    The healthy address with the fewest requests under way is asked. One that asks to slow down rests as long as it
    says. One that cannot be reached, refuses the key or keeps failing is put out, for a time that doubles whenever the
    single request that then tries it fails as well. Where all rest, the one that is due first is asked all the same,
    so a teacher with one address is simply asked.

    Args:
        config: The teacher's section, with its addresses.
        path: See ``Connection``.
        whole: See ``Connection``.
        concurrency: Connections to keep to each address.
        clock: Seconds that only ever grow.
        seed: For the jitter of pauses.
    """

    def __init__(
        self,
        config: SeniorConfig,
        path: str,
        *,
        whole: tuple[str, ...] = (),
        concurrency: int = 32,
        clock: Callable[[], float] = time.monotonic,
        seed: int = 0,
    ) -> None:
        self._clock, self._random = clock, random.Random(seed)
        self._turn, self._keys_checked = 0, False
        self.remarks: list[str] = []
        self.all: list[Endpoint] = []
        for number, place in enumerate(config.addresses):
            own = config.model_copy(
                update={"base_url": place.base_url, "key_env": place.key_env, "endpoints": ()},
            )
            connection = Connection(own, path, whole=whole, concurrency=concurrency)
            self.all.append(Endpoint(number, connection.address, place.key_env, connection))
        shared = Counter(endpoint.name for endpoint in self.all)
        for endpoint in self.all:
            if shared[endpoint.name] > 1:
                endpoint.name = f"{endpoint.name} (key {endpoint.key_env or 'none'})"

    async def use(self, ask: Callable[[Endpoint], Awaitable[_T]]) -> _T:
        """Ask one address; its failure says whether another one is ready.

        Raises:
            RequestFailed: As ``ask`` raised it. With several addresses it is fatal only if it is for all of them.
            ConfigError: A key is missing, of whichever address.
        """
        endpoint = self._pick()
        trial = endpoint.trying = endpoint.out
        endpoint.in_flight += 1
        try:
            result = await ask(endpoint)
        except RequestFailed as failure:
            self._failed(endpoint, failure)
            raise
        finally:
            endpoint.in_flight -= 1
            if trial:
                endpoint.trying = False
        endpoint.answered += 1
        self._well(endpoint)
        return result

    def summary(self) -> list[str]:
        """A line for each of several addresses: requests, failures by kind, whether it is out. Else nothing."""
        if len(self.all) == 1:
            return []
        return [
            f"{one.name}: requests {one.asked}"
            + "".join(f", {kind} {number}" for kind, number in sorted(one.failed.items()) if number)
            + (", left out" if one.out else "")
            for one in self.all
        ]

    async def aclose(self) -> None:
        for endpoint in self.all:
            await endpoint.connection.aclose()

    def _pick(self) -> Endpoint:
        if len(self.all) == 1:
            endpoint = self.all[0]
        else:
            if not self._keys_checked:  # a missing key is a mistake in the set-up, not a failure of an address
                for one in self.all:
                    one.connection.key()
                self._keys_checked = True
            now = self._clock()
            ready = [one for one in self.all if one.is_ready(now)]
            endpoint = min(
                ready or [min(self.all, key=lambda one: one.rests_until)], key=lambda one: (one.in_flight, one.picked)
            )
        self._turn += 1
        endpoint.picked = self._turn
        endpoint.asked += 1
        return endpoint

    def _well(self, endpoint: Endpoint) -> None:
        """It heard a request and answered it, if not always as one would like."""
        if endpoint.out:
            endpoint.out, endpoint.rests_until = False, -math.inf
        if self._clock() >= endpoint.rests_until:
            endpoint.pauses = 0
        endpoint.in_a_row, endpoint.wrong = 0, False

    def _failed(self, endpoint: Endpoint, failure: RequestFailed) -> None:
        endpoint.failed[failure.kind] += 1
        if len(self.all) == 1:
            return
        if failure.kind in _ABOUT_ONE_TEXT and not failure.fatal:
            self._well(endpoint)
            return
        if not (failure.retryable or failure.fatal):
            return
        now, limited = self._clock(), failure.kind == "rate_limited"
        endpoint.wrong = failure.fatal
        if limited:
            self._rest(endpoint, now, failure.retry_after)
        else:
            endpoint.in_a_row += 1
        at_once = failure.fatal or failure.kind == "unreachable" or endpoint.out
        if not limited and (at_once or endpoint.in_a_row >= _FAILURES):
            self._rest(endpoint, now, None)
            endpoint.out = True
            self._remark(endpoint, failure)
        self._pass_on(endpoint, failure, now)

    def _rest(self, endpoint: Endpoint, now: float, asked: float | None) -> None:
        """Leave it alone, as long as it asks, or longer each time.

        Requests that were under way when it began to rest, and fail as well, do not make it longer.
        """
        if asked is not None:
            endpoint.rests_until = max(endpoint.rests_until, now + asked)
        elif now >= endpoint.rests_until:
            pause = (_SHORTEST_WRONG if endpoint.wrong else _SHORTEST) * 2.0 ** min(endpoint.pauses, 30)
            endpoint.pauses += 1
            endpoint.rests_until = now + min(pause, _LONGEST) * self._random.uniform(0.75, 1.25)

    def _pass_on(self, endpoint: Endpoint, failure: RequestFailed, now: float) -> None:
        """What the failure of one address means for whoever asks all of them."""
        if all(one.wrong for one in self.all):
            return
        failure.fatal, failure.retryable = False, True
        failure.elsewhere = any(one.is_ready(now) for one in self.all if one is not endpoint)
        due = min(one.rests_until for one in self.all) - now
        failure.retry_after = None if failure.elsewhere or due <= 0 else due

    def _remark(self, endpoint: Endpoint, failure: RequestFailed) -> None:
        text = f"The address {endpoint.name} is left out for a while: {failure.what}"
        if text not in self.remarks:
            self.remarks.append(text)
