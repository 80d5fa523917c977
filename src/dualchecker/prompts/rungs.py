"""The ladder of detail (DualChecker's teacher checker, generalised): each rung costs more and tells more."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dualchecker.config import RUNGS, AlignConfig, RungName
from dualchecker.records import Record

Style = Literal["standard", "guide", "steps", "drafts"]
"""How a prompt puts its question: with examples by people; with the labels' descriptions alone; asking to reason step
by step; with examples that a model has labelled."""


@dataclass(frozen=True, slots=True)
class Rung:
    """How one rung asks.

    Attributes:
        name: One of ``brief``, ``detail``, ``wide``, ``reconsider``, ``senior``.
        long: Shows the long form of the text and of the demonstrations, where there is one.
        neighbours: Number of nearest demonstrations.
        counter_examples: Adds the nearest demonstrations of each of the two labels in doubt.
        full_guide: Shows the whole label descriptions instead of their first sentences.
        decide: Shows the teacher its own answers and asks it to decide between them.
        senior: Goes to the stronger teacher.
        style: See ``Style``.
    """

    name: RungName
    long: bool = False
    neighbours: int = 3
    counter_examples: int = 0
    full_guide: bool = False
    decide: bool = False
    senior: bool = False
    style: Style = "standard"

    def applies_to(self, record: Record) -> bool:
        """``detail`` tells nothing new about a record without a long form."""
        return self.name != "detail" or record.detail is not None


def rungs_for(align: AlignConfig, names: Sequence[RungName] = RUNGS) -> tuple[Rung, ...]:
    """The rungs in order, with the numbers of neighbours that the configuration asks for."""
    near, wide = align.neighbours, max(align.wide_neighbours, align.neighbours)
    counter = 2
    if not align.nearest:
        near = wide = counter = 0
    ladder = (
        Rung("brief", neighbours=near),
        Rung("detail", long=True, neighbours=near),
        Rung("wide", long=True, neighbours=wide, counter_examples=counter, full_guide=True),
        Rung("reconsider", long=True, neighbours=wide, counter_examples=counter, full_guide=True, decide=True),
        Rung("senior", long=True, neighbours=wide, counter_examples=counter, full_guide=True, senior=True),
    )
    return tuple(rung for rung in ladder if rung.name in names)
