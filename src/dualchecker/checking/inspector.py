"""The seam between a method and the student checker of its kind of task."""

from collections.abc import Sequence
from typing import Protocol

from dualchecker.checking.student_checker import Findings
from dualchecker.checking.teacher_checker import Calibration
from dualchecker.records import Labelled


class Inspector(Protocol):
    """Checks labels through students that have not seen their texts."""

    def inspect(self, labels: Sequence[Labelled], calibration: Calibration) -> Findings:
        """Fuse teacher and students, find what they dispute and where a student of these labels fails on gold."""
        ...

    def settle(self, labels: Sequence[Labelled]) -> list[Labelled]:
        """The same labels with what the last inspection has learnt; what is still disputed is marked."""
        ...
