"""The gold, pool and test set of each seed: the same files for every method."""

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dualchecker.config import BenchData, Columns, PerLabel, RunConfig
from dualchecker.data import Dataset, fingerprint, load_dataset, write_jsonl
from dualchecker.data.spans import write_offsets
from dualchecker.errors import DataError
from dualchecker.records import Record
from dualchecker.runs.parts import build_task


def data_for_seed(config: RunConfig, draws: BenchData, seed: int, folder: Path) -> tuple[RunConfig, Dataset]:
    """The configuration with the data of a seed, and this data.

    Fractions and draws are written out as files under ``folder``, so that all methods read the same ones.

    Args:
        config: Of the data set.
        draws: How much gold and pool to draw.
        seed: Of splits and draws.
        folder: For drawn files.

    Raises:
        DataError: The data cannot be used, or there is less of it than is to be drawn.
    """
    config = config.model_copy(update={"data": config.data.model_copy(update={"seed": seed})})
    task = build_task(config)
    drawn = draws.gold is not None or draws.pool is not None
    fractions = any(isinstance(part, float) for part in (config.data.pool, config.data.test))
    dataset = load_dataset(config, task)
    if not (drawn or fractions):
        return config, dataset
    gold, pool = list(dataset.gold), list(dataset.pool)
    generator = random.Random(seed)
    if draws.gold is not None:
        gold = _draw_gold(gold, draws.gold, generator)
    if drawn:  # gold and pool may be drawn from one file
        taken = {fingerprint(record.text) for record in gold}
        pool = [record for record in pool if fingerprint(record.text) not in taken]
    if draws.pool is not None:
        if len(pool) < draws.pool:
            raise DataError(f"A pool of {draws.pool} cannot be drawn: {len(pool)} records are left beside gold.")
        pool = generator.sample(pool, draws.pool)
    files = {"gold": gold, "pool": pool, "test": list(dataset.test)}
    update: dict[str, Any] = {"columns": Columns(), "test": None}
    for name, records in files.items():
        if records:
            write_jsonl(folder / f"{name}.jsonl", [_row(record) for record in records])
            update[name] = str(folder / f"{name}.jsonl")
    config = config.model_copy(update={"data": config.data.model_copy(update=update)})
    return config, load_dataset(config, task)


def _draw_gold(gold: Sequence[Record], how: int | PerLabel, generator: random.Random) -> list[Record]:
    shuffled = generator.sample(gold, len(gold))
    if isinstance(how, int):
        if len(gold) < how:
            raise DataError(f"{how} gold records cannot be drawn: there are {len(gold)}.")
        return shuffled[:how]
    counts: Counter[str] = Counter()
    drawn = []
    for record in shuffled:
        there = record.carried or ("",)
        if any(counts[label] < how.per_label for label in there):
            counts.update(there)
            drawn.append(record)
    return drawn


def _row(record: Record) -> dict[str, Any]:
    row = {**record.meta, "id": record.id, "text": record.text, "detail": record.detail}
    if record.spans is not None:
        return {**row, "spans": write_offsets(record.text, record.spans)}
    return row if record.label is None else {**row, "label": record.label}
