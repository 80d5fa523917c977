"""What a run uses, whether it is paid now or was paid by an earlier run on the same ledger."""

from collections.abc import Sequence
from dataclasses import dataclass

from dualchecker.errors import BudgetError
from dualchecker.ledger import Ledger, Use


class CellBudgetError(BudgetError):
    """The cell would use more than the bench allows every method."""


@dataclass(frozen=True, slots=True)
class Used:
    """Distinct requests that were answered, their tokens, and their price whenever it was paid."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0


class MeteredLedger(Ledger):
    """A ledger that several runs share one after the other, with a meter for the one under way.

    A reply that an earlier run has paid for counts like a new one: else the method that comes first would look dear.
    """

    _keys: set[str]
    _max_requests: int | None = None
    _max_cost: float | None = None

    def begin(self, *, max_requests: int | None = None, max_cost: float | None = None) -> None:
        """Set the meter to zero for the next run, with its budget."""
        self._keys = set()
        self._max_requests, self._max_cost = max_requests, max_cost

    def used(self) -> Used:
        """What has been used since ``begin``."""
        return self._sum(self._keys)

    def using(self, uses: Sequence[Use]) -> None:
        """Refuse more requests than a cell may use, and any once its money is used up, some dozens at a time.

        Raises:
            CellBudgetError: With these requests the run would use more than it may.
        """
        fresh = {key for *_, key in uses} - self._keys
        wanted = self._keys | fresh
        if self._max_requests is not None and len(wanted) > self._max_requests:
            raise CellBudgetError(f"It needs more than the {self._max_requests:,} requests that each method may use.")
        if self._max_cost is not None and self._sum(wanted).cost > self._max_cost + 1e-9:
            raise CellBudgetError(f"It costs more than the {self._max_cost:g} that each method may use.")
        self._keys |= fresh

    def _sum(self, keys: set[str]) -> Used:
        total = [0, 0, 0, 0.0]
        ordered = sorted(keys)
        for start in range(0, len(ordered), 500):  # SQLite limits the variables of one statement
            part = ordered[start : start + 500]
            marks = ",".join("?" * len(part))
            sql = "SELECT count(*), total(prompt_tokens), total(completion_tokens), total(cost) FROM replies"
            row = self.rows(f"{sql} WHERE key IN ({marks})", part)[0]
            total = [one + more for one, more in zip(total, row, strict=True)]
        return Used(int(total[0]), int(total[1]), int(total[2]), float(total[3]))
