"""The ladder where spans are asked for: a rung is told which labels are in doubt."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dualchecker.checking.agreement import Agreement
from dualchecker.checking.ladder import Climb, Ladder
from dualchecker.checking.span_claims import SpanClimb
from dualchecker.records import Answer, Record


class SpanLadder(Ladder):
    """Asks for spans; climbs are ``SpanClimb``."""

    def _doubts(self, group: Sequence[Climb]) -> list[str]:
        """Labels whose spans are missing or in doubt: the nearest demonstrations that have them are shown."""
        labels = [label for label, _ in self._focus(group)]
        return [label for label in self._task.labels if label in labels][:2]

    def _focus(self, group: Sequence[Climb]) -> list[tuple[str, str]]:
        climb = group[0]
        return climb.focus if isinstance(climb, SpanClimb) and climb.trail else []

    def _neighbour_shares(self, records: Sequence[Record], *, long: bool) -> npt.NDArray[np.float64]:
        """Similar texts say nothing about where a span is."""
        return np.full((len(records), len(self._task.labels)), np.nan)


class SpanAgreement(Agreement):
    """Further answers vote span by span, so they are kept as they are."""

    def _note(self, climb: Climb, sampled: Sequence[Answer], varied: Sequence[Answer]) -> None:
        super()._note(climb, sampled, varied)
        if isinstance(climb, SpanClimb):
            own = climb.trail[-1].request_key  # a teacher that only repeats itself does not vote
            climb.sampled += [answer for answer in sampled if answer.request_key != own]
            climb.varied += [answer for answer in varied if answer.request_key != own]
