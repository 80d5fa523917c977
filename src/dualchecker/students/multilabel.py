"""What a student with one output a label learns from: a grid of texts and labels, in which some cells are empty."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dualchecker.errors import StudentError
from dualchecker.records import Example, Record
from dualchecker.tasks.multilabel import YES

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """Texts by labels.

    Attributes:
        records: The texts, shape (n,).
        targets: Chance that a label applies to a text, shape (n, labels).
        weights: Of each cell, shape (n, labels); 0 where a decision does not teach.
    """

    records: list[Record]
    targets: Floats
    weights: Floats


def grid_of(examples: Sequence[Example], labels: Sequence[str], *, soft: bool = True) -> Grid:
    """Examples that are decisions, gathered text by text.

    Args:
        examples: Decisions (``Record.about``) with the label yes or no.
        labels: Order of the columns.
        soft: Use the examples' distributions where they have one.

    Raises:
        StudentError: There are none, one is about an unknown label, or no label has both a yes and a no.
    """
    used = [example for example in examples if example.weight > 0]
    if not used:
        raise StudentError("There is nothing to train on.", fix="Give gold labels, or lower check.threshold.")
    column = {label: index for index, label in enumerate(labels)}
    unknown = {str(example.record.about) for example in used} - column.keys()
    if unknown:
        raise StudentError(f"Training examples carry unknown labels: {', '.join(map(repr, sorted(unknown)))}.")
    row_of: dict[tuple[str, str, int], int] = {}
    cells: dict[tuple[int, int], Example] = {}
    records: list[Record] = []
    times: dict[tuple[str, str, int], int] = {}
    for example in used:
        whole, place = example.record.whole, column[example.record.about or ""]
        # Gold and pool may hold the same record; what both say about it counts twice, in two rows.
        seen = times.get((whole.id, whole.text, place), 0)
        times[whole.id, whole.text, place] = seen + 1
        key = (whole.id, whole.text, seen)
        if key not in row_of:
            row_of[key] = len(records)
            records.append(whole)
        cells[row_of[key], place] = example
    targets, weights = np.zeros((len(records), len(labels))), np.zeros((len(records), len(labels)))
    for cell, example in cells.items():
        weights[cell] = example.weight
        certain = float(example.label == YES)
        targets[cell] = example.target.get(YES, certain) if soft and example.target is not None else certain
    _check_sides(cells)
    return Grid(records, targets, weights)


def _check_sides(cells: dict[tuple[int, int], Example]) -> None:
    said: dict[int, set[str]] = {}
    for (_, place), example in cells.items():
        said.setdefault(place, set()).add(example.label)
    if all(len(answers) < 2 for answers in said.values()):
        raise StudentError(
            f"In all {len(cells)} training examples every label has one answer only.",
            why="There is nothing to tell apart.",
            fix="Add texts to which a label applies, and texts to which it does not.",
        )
