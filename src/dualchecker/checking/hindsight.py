"""An earlier answer judged again once a later one contradicts it.

Each rung's calibrator knows an answer's signals as they were when it was given. That the teacher, told more, says
something else is strong evidence against the first answer, and only the later one's calibrator has seen it. Two
confidences that do not rest on the same evidence cannot be compared: keeping the larger one kept too many first answers
(measured: docs/benchmarks.md).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from dualchecker.checking.ladder import Climb
from dualchecker.confidence import Calibrator, cross_fitted
from dualchecker.tasks import Task

PRIOR = Calibrator.prior(("before", "against"), intercept=-1.0, slopes={"before": 0.5, "against": 0.5})
"""Before any gold: of two answers that contradict each other and are equally sure, the one that was told less is right
one time in four (log-odds -1), and either confidence counts half."""


def contradicted(climb: Climb) -> list[int]:
    """Places of the usable earlier answers whose label is not the last answer's."""
    last = climb.trail[-1]
    if not last.ok:
        return []
    return [i for i, answer in enumerate(climb.trail[:-1]) if answer.ok and answer.label != last.label]


def learn_hindsight(climbs: Sequence[Climb], folds: Mapping[int, int], task: Task) -> Calibrator:
    """Learn on gold what a contradicted answer is worth, and judge those of ``climbs`` again, cross-fitted.

    Args:
        climbs: Gold that has just been asked at one rung, with calibrated confidences.
        folds: Fold of each climb by its ``id()``: those of the calibrators, so that no rung leaks another's truth.
        task: Compares labels.
    """
    places = [(climb, place) for climb in climbs for place in contradicted(climb)]
    rows = [_signals(climb, place) for climb, place in places]
    right = [task.equal(climb.trail[place].label, climb.record.label) for climb, place in places]
    held_out = cross_fitted(rows, right, PRIOR, groups=[folds[id(climb)] for climb, _ in places])
    for (climb, place), value in zip(places, held_out, strict=True):
        climb.confidences[place] = min(climb.confidences[place], float(value))
    return Calibrator.fit(rows, right, PRIOR)


def apply_hindsight(climbs: Sequence[Climb], learnt: Calibrator | None) -> None:
    """Judge the contradicted answers of ``climbs`` again. An earlier answer never gains by a contradiction."""
    if learnt is None:
        return
    places = [(climb, place) for climb in climbs for place in contradicted(climb)]
    values = learnt.predict([_signals(climb, place) for climb, place in places])
    for (climb, place), value in zip(places, values, strict=True):
        climb.confidences[place] = min(climb.confidences[place], float(value))


def _signals(climb: Climb, place: int) -> dict[str, float]:
    return {"before": climb.confidences[place], "against": float(np.clip(1 - climb.confidences[-1], 0, 1))}
