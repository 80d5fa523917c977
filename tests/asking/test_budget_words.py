"""What a limit on money says when it stops a run."""

import pytest

from dualchecker.asking.budget import Budget
from dualchecker.errors import BudgetError


@pytest.mark.parametrize(
    ("spent", "words"), [(0.9, "could take the cost over"), (1.0, "max_cost = 1 is reached"), (1.5, "is reached")]
)
def test_a_limit_that_is_behind_is_called_reached(spent: float, words: str) -> None:
    with pytest.raises(BudgetError, match=words) as caught:
        Budget(1.0, None, spent, 5).hold(0.2)
    assert f"Spent so far: {spent:.4f}" in caught.value.why and "Raise limits.max_cost" in caught.value.fix
