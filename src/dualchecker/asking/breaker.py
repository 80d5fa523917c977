"""When to stop: more of the same would fail the same way, at a price."""

import re
from collections import Counter, deque

from dualchecker.errors import RequestFailed, TeacherError

IN_A_ROW = 20
"""So many failed requests with no success between them end the run."""

LOOKED_AT, ALIKE = 100, 80
"""So many of the latest requests, if they failed in the very same way, end the run though others succeed."""

ABOUT_ONE_RECORD = frozenset({"bad_request", "refused", "too_long"})
"""Failures that say nothing about the next request, once the teacher has answered any."""

_OUTCOMES_OF_TEXTS = frozenset({"refused", "too_long", "not_recorded"})
"""Failures that lie in a text: however many there are, they are an outcome, and no reason to stop."""


class Breaker:
    """Watches how one teacher's requests end, since the run began."""

    def __init__(self) -> None:
        self.answered = False
        self._in_a_row = 0
        self._latest: deque[str] = deque(maxlen=LOOKED_AT)

    def success(self) -> None:
        """A request was answered."""
        self.answered = True
        self._in_a_row = 0
        self._latest.append("")

    def failure(self, failure: RequestFailed) -> None:
        """A request was given up.

        Raises:
            RequestFailed: The failure itself, if it is fatal: no other request can succeed.
            TeacherError: Too many have failed in a row, or in the same way.
        """
        if failure.fatal:
            raise failure
        if failure.kind in _OUTCOMES_OF_TEXTS and (self.answered or failure.kind == "not_recorded"):
            return
        self._latest.append(_signature(failure))
        same, count = Counter(name for name in self._latest if name).most_common(1)[0]
        if count >= ALIKE and same == _signature(failure):
            self._latest.clear()
            raise _stopped(f"{count} of the last {LOOKED_AT} requests have failed in the same way", failure)
        if self.answered and failure.kind in ABOUT_ONE_RECORD:
            return
        self._in_a_row += 1
        if self._in_a_row >= IN_A_ROW:
            self._in_a_row = 0
            raise _stopped(f"{IN_A_ROW} requests in a row have failed", failure)


def _signature(failure: RequestFailed) -> str:
    """What makes two failures the same: numbers, which may be of the request, do not count."""
    return f"{failure.kind} {failure.status} {re.sub(r'[0-9a-f]*[0-9][0-9a-f]*', '#', failure.why)[:200]}"


def _stopped(what: str, failure: RequestFailed) -> TeacherError:
    error = TeacherError(
        f"{what}; the run stops here.",
        why=f"The last one: {failure}",
        fix="When the cause is mended, run the same command again: nothing that was answered is lost.",
    )
    error.__cause__ = failure
    return error
