"""What became of prompts, who used what, and what a run may use."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

from dualchecker.errors import RequestFailed
from dualchecker.ledger import Use
from dualchecker.prompts import Prompt
from dualchecker.records import Reply


class Limits(Protocol):
    """What a run may use; ``config.LimitsConfig`` is one."""

    @property
    def max_cost(self) -> float | None: ...
    @property
    def max_requests(self) -> int | None: ...
    @property
    def concurrency(self) -> int: ...
    @property
    def requests_per_minute(self) -> int | None: ...
    @property
    def tokens_per_minute(self) -> int | None: ...
    @property
    def retries(self) -> int: ...
    @property
    def hedge(self) -> float | None: ...
    @property
    def batch_least(self) -> int: ...
    @property
    def batch_wait(self) -> float | None: ...
    @property
    def batch_poll(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one prompt: a reply, or the failure that is left after all retries.

    ``place`` is that of the prompt among those it was asked with, from 0.
    """

    prompt: Prompt
    key: str
    reply: Reply | None = None
    failure: RequestFailed | None = None
    place: int = 0


@dataclass
class Usage:
    """The requests that a part of a run has used, whether they were answered now or long ago.

    Attributes:
        keys: Of the distinct requests.
        uses: Which (record, purpose, rung, key) they served.
    """

    keys: set[str] = field(default_factory=set)
    uses: set[Use] = field(default_factory=set)

    def by_purpose(self) -> dict[str, int]:
        """Number of uses by ``purpose/rung``."""
        counts = Counter(f"{purpose}/{rung}" for _, purpose, rung, _ in self.uses)
        return dict(sorted(counts.items()))
