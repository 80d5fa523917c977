"""Prompts that are written when they are needed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dualchecker.prompts.prompt import Prompt


@dataclass(frozen=True, slots=True)
class Series:
    """So many prompts, each written as it is drawn: a long series never stands in memory.

    Args:
        count: How many.
        write: Writes the one at a place, counted from 0.
    """

    count: int
    write: Callable[[int], Prompt]

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Prompt]:
        return map(self.write, range(self.count))
