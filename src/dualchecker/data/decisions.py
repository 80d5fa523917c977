"""Records to which several labels may apply, as one yes-or-no decision for each label."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from dualchecker.data.fence import Fence
from dualchecker.records import Record
from dualchecker.tasks.multilabel import NO, YES

_JOINT = "\x1f"
"""Between the id of a record and the label decided about; no reader of data lets it into either."""


def decisions(records: Iterable[Record], labels: Sequence[str]) -> tuple[Record, ...]:
    """One decision a label for each record, record by record, the labels in order."""
    return tuple(
        replace(
            record,
            id=f"{record.id}{_JOINT}{label}",
            label=None if record.labels is None else YES if label in record.labels else NO,
            labels=None,
            about=label,
            base=record,
        )
        for record in records
        for label in labels
    )


def decision_fence(fence: Fence, labels: Sequence[str]) -> Fence:
    """The same fence around decisions: all decisions about a text stand on the same side."""
    return Fence(decisions(fence.demonstrations, labels), decisions(fence.calibration, labels), fence.mode)
