"""By which questions a student that reasons is told how sure it may be: some that it has not learnt.

With much gold a part of it is kept for that (``watched.py``), or students of the student checker have answered gold
that they had not learnt. Where there is neither, some of the accepted answers of the pool are held back from training:
their confidence was calibrated on gold, and says how far each can be believed.
"""

from collections.abc import Sequence
from typing import Any

from dualchecker.checking import ChainStudentChecker
from dualchecker.data import fingerprint
from dualchecker.methods import METHODS
from dualchecker.records import Example, Labelled
from dualchecker.runs.kinds.base import Parts
from dualchecker.runs.watched import split_gold
from dualchecker.students import Reasoned, ReasoningStudent

LEAST = 20
"""With fewer questions the confidence stays the share of the votes."""

_MOST, _SHARE = 150, 0.1
"""Of the accepted answers so many are held back, and no larger part of them."""


def held_back(parts: Parts, labels: Sequence[Labelled]) -> list[Labelled]:
    """Accepted answers that the student does not learn; none where gold can judge it, or nothing was calibrated."""
    config = parts.config
    if not config.student.calibrate or not METHODS[config.method].climbs or _gold_can_judge(parts):
        return []
    accepted = [item for item in labels if item.status == "accepted"]
    count = min(_MOST, int(_SHARE * len(accepted)))
    by_chance = sorted(accepted, key=lambda item: fingerprint(item.record.text))
    return by_chance[:count] if count >= LEAST else []


def _gold_can_judge(parts: Parts) -> bool:
    watched = split_gold(parts, [Example(record, record.label or "") for record in parts.judged.gold])[1]
    return bool(watched) or bool(_heard(parts))


def _heard(parts: Parts) -> dict[str, Reasoned]:
    """What students like this one said about gold that they had not learnt, by record id."""
    checker = parts.checkers.student
    heard = checker.voices.heard if isinstance(checker, ChainStudentChecker) else {}
    return {record.id: heard[record.id] for record in parts.judged.gold if record.id in heard}


def calibrate_reasoner(
    parts: Parts, student: ReasoningStudent, labels: Sequence[Labelled], validation: Sequence[Example]
) -> dict[str, Any] | None:
    """Tell a student how sure it may be, and say by how many questions of which kind; None where there are too few.

    Args:
        parts: Of the run.
        student: Trained.
        labels: Of the pool.
        validation: Gold that it was not trained on, if any.
    """
    if not parts.config.student.calibrate:
        return None
    if validation:
        by, said = "gold", student.predict([example.record for example in validation])
        right = [float(parts.task.equal(s.answer, e.label)) for s, e in zip(said, validation, strict=True)]
    elif heard := _heard(parts):
        by, said = "twins", list(heard.values())
        truth = {record.id: record.label for record in parts.judged.gold}
        right = [float(parts.task.equal(one.answer, truth[name])) for name, one in heard.items()]
    else:
        back = held_back(parts, labels)
        by, said = "checked", student.predict([item.record for item in back]) if back else []
        right = [_likely(parts, one, item) for one, item in zip(said, back, strict=True)]
    answered = sum(one.answer is not None for one in said)
    if answered < LEAST:
        return None
    student.calibrate(said, right)
    return {"judged": answered, "accuracy": sum(right) / len(right), "by": by}


def _likely(parts: Parts, said: Reasoned, item: Labelled) -> float:
    """How likely an answer is right, given a checked one: where they differ, one of the other answers may be."""
    confidence = item.confidence.value
    return confidence if parts.task.equal(said.answer, item.label) else (1 - confidence) / 2
