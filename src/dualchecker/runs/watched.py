"""Which gold a student does not learn, so that it can say when training is enough and how sure the student may be."""

from collections.abc import Sequence

from dualchecker.data import Fence, stratified_split
from dualchecker.records import Example
from dualchecker.runs.kinds.base import Parts

_LEAST_VALIDATION = 50
"""With fewer gold records than this to watch, early stopping would follow noise: the student trains all epochs."""


def split_gold(parts: Parts, gold: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """Gold to learn from, and gold to watch; the latter is empty where gold is scarce, or nobody would watch it."""
    if not parts.kind.watches(parts):
        return list(gold), []
    return _validation(parts.judged, gold, parts.config.student.seed)


def _validation(fence: Fence, gold: Sequence[Example], seed: int) -> tuple[list[Example], list[Example]]:
    if fence.mode == "split":
        watch = {record.id for record in fence.calibration}
    else:
        part = stratified_split([example.record for example in gold], {"validation": 0.15}, seed, rest="train")
        watch = {record.id for record in part["validation"]}
    if len(watch) < _LEAST_VALIDATION:
        return list(gold), []
    return [e for e in gold if e.record.id not in watch], [e for e in gold if e.record.id in watch]
