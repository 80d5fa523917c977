"""Where labels and student are worst, and which labels look wrong; nothing here decides anything."""

from collections.abc import Sequence
from typing import Any

from dualchecker.checking import StudentChecker
from dualchecker.evaluation import Judged, group, judge_noise, judge_slices
from dualchecker.records import Labelled
from dualchecker.runs.kinds.base import Parts
from dualchecker.students import Probabilities
from dualchecker.tasks import Task


def slices(parts: Parts, labels: Sequence[Labelled], tested: Probabilities | None) -> dict[str, Any] | None:
    """Where the pool's labels and the student are worst; None where it is not wanted or nothing is known.

    Args:
        parts: Of the run.
        labels: Of the pool.
        tested: What the student says of the test records, shape (test, labels).
    """
    wanted = parts.config.report.slices
    if wanted == "none":
        return None
    columns = None if isinstance(wanted, str) else wanted
    judged = {}
    known = [item for item in labels if item.record.label is not None]
    if known:
        truth = [item.record.label or "" for item in known]
        judged["pool"] = Judged(
            [item.record for item in known],
            [item.label for item in known],
            truth,
            [parts.task.equal(item.label, true) for item, true in zip(known, truth, strict=True)],
            [item.confidence.value for item in known],
            [item.status == "accepted" for item in known],
            [item.answer.rung if item.answer else None for item in known],
        )
    if tested is not None:
        test, predicted = parts.dataset.test, likeliest(parts.task, tested)
        truth = [record.label or "" for record in test]
        right = [parts.task.equal(p, t) for p, t in zip(predicted, truth, strict=True)]
        judged["test"] = Judged(test, predicted, truth, right, tested.max(axis=1).tolist())
    return {name: judge_slices(one, group(one, columns)) for name, one in judged.items()} or None


def noise(parts: Parts, labels: Sequence[Labelled]) -> dict[str, Any] | None:
    """Accepted labels that students contradict which have not seen them."""
    checker = parts.checkers.student
    if not parts.config.report.noise or not isinstance(checker, StudentChecker):
        return None
    return judge_noise(parts.task, labels, checker.voices.taught(labels).pool)


def likeliest(task: Task, probabilities: Probabilities) -> list[str]:
    """The label with the highest probability in each row, shape (records, labels)."""
    names = tuple(task.labels)
    return [names[column] for column in probabilities.argmax(axis=1)]
