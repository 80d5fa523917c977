"""What a run's report says of the student and of where it is worst; nothing here decides anything."""

from collections.abc import Callable, Sequence
from typing import Any

from dualchecker.evaluation import (
    Judged,
    compare_accuracy,
    group,
    judge_chances,
    judge_noise,
    judge_predictions,
    judge_slices,
)
from dualchecker.records import Example, Labelled
from dualchecker.runs.parts import Parts
from dualchecker.students import Probabilities, Student
from dualchecker.tasks import MultiLabel


def judge_student(parts: Parts, tested: Probabilities) -> dict[str, Any]:
    """Quality on the test set.

    Args:
        parts: Of the run.
        tested: What the student says of the test records, shape (test, labels).
    """
    test = parts.dataset.test
    if isinstance(parts.task, MultiLabel):
        return judge_chances(parts.task, tested, test)
    truth = [record.label or "" for record in test]
    return judge_predictions(parts.task, _likeliest(parts, tested), truth, tested.max(axis=1).tolist())


def slices(parts: Parts, labels: Sequence[Labelled], tested: Probabilities | None) -> dict[str, Any] | None:
    """Where the pool's labels and the student are worst; None where it is not wanted or nothing is known.

    Where several labels may apply, the report goes label by label instead.
    """
    wanted = parts.config.report.slices
    if wanted == "none" or parts.task.multiple:
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
        test, predicted = parts.dataset.test, _likeliest(parts, tested)
        truth = [record.label or "" for record in test]
        right = [parts.task.equal(p, t) for p, t in zip(predicted, truth, strict=True)]
        judged["test"] = Judged(test, predicted, truth, right, tested.max(axis=1).tolist())
    return {name: judge_slices(one, group(one, columns)) for name, one in judged.items()} or None


def noise(parts: Parts, labels: Sequence[Labelled]) -> dict[str, Any] | None:
    """Accepted labels that students contradict which have not seen them; for one label a record."""
    if not parts.config.report.noise or parts.student_checker is None or parts.task.multiple:
        return None
    return judge_noise(parts.task, labels, parts.student_checker.voices.taught(labels).pool)


def references(
    parts: Parts,
    labels: Sequence[Labelled],
    tested: Probabilities,
    train: Callable[[Sequence[Example]], Student],
) -> dict[str, Any]:
    """Students of the same kind on gold alone, and on gold with the human labels of the whole pool.

    Args:
        parts: Of the run.
        labels: Of the pool; only their human labels are used.
        tested: What the run's student says of the test records.
        train: A student of gold and more examples.

    Returns:
        Their quality. ``difference`` is the accuracy of the run's student minus theirs, on the same resamples of test
        records, where there is one label a record.
    """
    test = parts.dataset.test

    def judge(other: Student) -> dict[str, Any]:
        theirs = other.predict(test)
        judged = judge_student(parts, theirs)
        if parts.task.multiple:
            return judged
        truth = [record.label or "" for record in test]
        difference = compare_accuracy(_likeliest(parts, tested), _likeliest(parts, theirs), truth)
        return {**judged, "difference": difference.to_dict()}

    parts.progress.stage("reference", "student on gold alone")
    found = {"gold_only": judge(train([]))}
    known = [Example(i.record, i.record.label) for i in labels if i.record.label is not None and i.record.text.strip()]
    if known:
        parts.progress.stage("reference", "student on gold and the pool's human labels")
        found["gold_pool"] = judge(train(known))
    return found


def _likeliest(parts: Parts, probabilities: Probabilities) -> list[str]:
    names = tuple(parts.task.labels)
    return [names[column] for column in probabilities.argmax(axis=1)]
