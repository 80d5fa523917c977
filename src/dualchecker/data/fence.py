"""The fence around gold: which human labels may enter prompts, and which judge."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from dualchecker.data.splits import stratified_split, stratum
from dualchecker.records import Record


@dataclass(frozen=True)
class Fence:
    """Gold in its two roles.

    Attributes:
        demonstrations: May enter prompts.
        calibration: Fits confidence and thresholds and judges templates. In ``split`` mode these records never enter
            a prompt. In ``cross_fit`` mode (scarce gold) they are demonstrations as well, but a record is always asked
            about without itself, and confidences on gold come from fits that have not seen the record.
        mode: ``split`` or ``cross_fit``.
    """

    demonstrations: tuple[Record, ...]
    calibration: tuple[Record, ...]
    mode: str

    @property
    def gold(self) -> tuple[Record, ...]:
        """All human-labelled records, each once."""
        if self.mode == "cross_fit":
            return self.demonstrations
        return (*self.demonstrations, *self.calibration)


def build_fence(gold: Sequence[Record], calibration: str | float, limit: int, seed: int) -> Fence:
    """Divide gold.

    Args:
        gold: All human-labelled records.
        calibration: A fraction (a hard split), ``cross_fit``, or ``auto``: cross-fitting up to 1,000 records, beyond
            that a split with ``limit`` records.
        limit: Most records to judge with (each costs requests).
        seed: Of the draw.
    """
    if calibration == "auto":
        calibration = "cross_fit" if len(gold) <= 1000 else min(limit / len(gold), 0.5)
    if calibration == "cross_fit":
        return Fence(tuple(gold), _sample(gold, limit, seed), "cross_fit")
    # What the limit would leave out of calibration is worth more as demonstrations than nowhere.
    fraction = min(float(calibration), limit / max(len(gold), 1))
    parts = stratified_split(gold, {"calibration": fraction}, seed, rest="demonstrations")
    return Fence(tuple(parts["demonstrations"]), tuple(parts["calibration"]), "split")


def _sample(records: Sequence[Record], limit: int, seed: int) -> tuple[Record, ...]:
    """At most ``limit`` records: one of every label first, so that rare ones are heard, the rest by their shares."""
    if len(records) <= limit:
        return tuple(records)
    generator = random.Random(seed)
    by_label: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_label[stratum(record)].append(record)
    ranked: list[tuple[bool, float, float, Record]] = []
    for label in sorted(by_label):
        members = by_label[label]
        generator.shuffle(members)
        ranked += [(r > 0, (r + 0.5) / len(members), generator.random(), m) for r, m in enumerate(members)]
    wanted = {record.id for *_, record in sorted(ranked, key=lambda entry: entry[:3])[:limit]}
    return tuple(record for record in records if record.id in wanted)
