"""Any number of labels out of a set: a text is one yes-or-no decision a label."""

from collections.abc import Sequence
from typing import Any, ClassVar

from dualchecker.checking import Agreement, DecisionChecker, DecisionLadder, DecisionStudentChecker, DecisionVoices
from dualchecker.config import TaskConfig
from dualchecker.data import Fence, decision_fence, decisions
from dualchecker.evaluation import judge_chances, judge_decisions
from dualchecker.methods import Distilled
from dualchecker.records import Example, Labelled, Record
from dualchecker.runs.kinds.base import Checkers, Parts, Rows
from dualchecker.runs.kinds.classification import ClassificationKind
from dualchecker.runs.kinds.making import make_agreement, make_ladder, thresholds_by_side
from dualchecker.runs.label_rows import label_rows
from dualchecker.runs.label_sets import label_set_rows
from dualchecker.students import Probabilities, Student
from dualchecker.tasks import MultiLabel, Task


class LabelSetKind(ClassificationKind):
    """As one label a text, with decisions in place of records; see ``Kind``."""

    benched: ClassVar[bool] = False

    def task(self, config: TaskConfig) -> Task:
        return MultiLabel(config.question, dict(config.labels))

    def units(self, task: Task, records: Sequence[Record]) -> tuple[Record, ...]:
        return decisions(records, tuple(task.labels))

    def around(self, task: Task, fence: Fence) -> Fence:
        return decision_fence(fence, tuple(task.labels))

    def reply_tokens(self, task: Task, gold: Sequence[Record]) -> int:
        """Each label adds its name and number."""
        return 10 * len(task.labels)

    def checkers(self, parts: Parts) -> Checkers:
        check, task = parts.config.check, _several(parts.task)
        ladder = make_ladder(DecisionLadder, parts)
        agreement = make_agreement(Agreement, parts, ladder)
        teacher = DecisionChecker(
            task.decision, ladder, parts.judged, check.threshold, check.calibration, agreement=agreement
        )
        if not check.student:
            return Checkers(ladder, teacher, None)
        voices = DecisionVoices(
            tuple(task.labels), parts.judged, parts.pool, parts.embedder, parts.interim_student, doubtful=check.doubtful
        )
        student = DecisionStudentChecker(
            task.decision,
            parts.judged,
            parts.embedder,
            voices,
            teacher.choose_threshold,
            borderline=check.borderline,
            final_map=check.calibration,
        )
        return Checkers(ladder, teacher, student)

    def calibrate(
        self, parts: Parts, student: Student, outcome: Distilled, validation: Sequence[Example]
    ) -> dict[str, Any] | None:
        """The student stays as training left it."""
        return None

    def judge_stage(self, task: Task, labels: Sequence[Labelled]) -> dict[str, Any]:
        return judge_decisions(_several(task), labels)

    def judge_student(self, parts: Parts, tested: Probabilities) -> dict[str, Any]:
        return judge_chances(_several(parts.task), tested, parts.dataset.test)

    def difference(self, parts: Parts, mine: Probabilities, theirs: Probabilities) -> dict[str, Any] | None:
        return None

    def closer(self, parts: Parts, labels: Sequence[Labelled], tested: Probabilities | None) -> dict[str, Any]:
        """The report goes label by label instead."""
        return {"slices": None, "noise": None}

    def about_teacher(self, outcome: Distilled) -> dict[str, Any]:
        """The thresholds of each label's yes and no."""
        return thresholds_by_side(outcome)

    def label_rows(self, labels: Sequence[Labelled]) -> Rows:
        return label_set_rows(labels, label_rows)


def _several(task: Task) -> MultiLabel:
    if not isinstance(task, MultiLabel):
        raise TypeError("the task takes one label a text")
    return task
