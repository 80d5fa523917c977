"""One label out of a set: the whole text is labelled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from dualchecker.checking import Agreement, EarlyOpinion, Ladder, StudentChecker, StudentVoices, TeacherChecker
from dualchecker.checking.examples import examples_from
from dualchecker.config import RunConfig, TaskConfig
from dualchecker.data import Dataset, Fence
from dualchecker.embedding import Embedder
from dualchecker.evaluation import compare_accuracy, judge_labels, judge_predictions
from dualchecker.evaluation.bench_measures import Judged
from dualchecker.methods import Distilled
from dualchecker.methods.gold_only import NOT_ASKED
from dualchecker.prompts import Rung
from dualchecker.records import Example, Labelled, Record
from dualchecker.runs.calibration import calibrate_student
from dualchecker.runs.judging import likeliest, noise, slices
from dualchecker.runs.kinds.base import Benched, Checkers, Files, Parts, Reference, Rows
from dualchecker.runs.kinds.making import make_agreement, make_ladder
from dualchecker.runs.label_rows import label_rows, prediction_rows
from dualchecker.runs.panel import build_panel
from dualchecker.students import (
    Features,
    Probabilities,
    Student,
    check_base,
    choose_features,
    make_student,
    model_card,
)
from dualchecker.tasks import Classification, Task
from dualchecker.teachers import Teacher


@dataclass(frozen=True)
class LinearBasis:
    """What linear students stand on: frozen features, and the ridge strength that fits gold best."""

    features: Features
    l2: float


class ClassificationKind:
    """See ``Kind``."""

    name: ClassVar[str] = "classification"
    benched: ClassVar[bool] = True

    def task(self, config: TaskConfig) -> Task:
        return Classification(config.question, dict(config.labels))

    def units(self, task: Task, records: Sequence[Record]) -> tuple[Record, ...]:
        return tuple(records)

    def around(self, task: Task, fence: Fence) -> Fence:
        return fence

    def reply_tokens(self, task: Task, gold: Sequence[Record]) -> int:
        return 0

    def check_student(self, config: RunConfig) -> None:
        if config.student.kind == "encoder":
            check_base(config.model_name(config.student.base))

    def features(
        self, config: RunConfig, task: Task, dataset: Dataset, fence: Fence, embedder: Embedder
    ) -> LinearBasis:
        features, l2 = choose_features(embedder, fence.gold, dataset.pool, list(task.labels), config.student.text)
        return LinearBasis(features, l2)

    def student(self, parts: Parts, kind: str) -> Student:
        config = parts.config
        return make_student(
            config.student.model_copy(update={"base": config.model_name(config.student.base)}),
            tuple(parts.task.labels),
            parts.features.features,
            config.model_name(config.align.embedder),
            l2=parts.features.l2,
            kind=kind,
            progress=parts.progress.training,
            multiple=parts.task.multiple,
        )

    def checkers(self, parts: Parts) -> Checkers:
        config, check, task, fence = parts.config, parts.config.check, parts.task, parts.fence
        ladder = make_ladder(Ladder, parts)
        labels = tuple(task.labels)
        heard = check.student and check.calibration != "none" and fence.mode == "split"
        teacher = TeacherChecker(
            task,
            ladder,
            fence,
            check.threshold,
            check.calibration,
            agreement=make_agreement(Agreement, parts, ladder),
            opinion=EarlyOpinion(labels, fence.calibration, parts.interim_student) if heard else None,
        )
        if parts.panel:

            def one(who: Teacher, rungs: tuple[Rung, ...], *, senior: bool) -> Ladder:
                seniors = who if senior else None
                return Ladder(task, parts.aligner, parts.writer, parts.asker, who, rungs, seniors, fence.demonstrations)

            everyone = [*parts.panel, parts.senior] if parts.senior else parts.panel
            teacher = build_panel(config, everyone, fence, task, one)
        if not check.student:
            return Checkers(ladder, teacher, None)
        voices = StudentVoices(
            labels, fence, parts.pool, parts.embedder, parts.interim_student, doubtful=check.doubtful
        )
        student = StudentChecker(
            task,
            fence,
            parts.embedder,
            voices,
            teacher.choose_threshold,
            borderline=check.borderline,
            final_map=check.calibration,
        )
        return Checkers(ladder, teacher, student)

    def gold(self, parts: Parts) -> list[Example]:
        return [Example(record, record.label or "") for record in parts.judged.gold]

    def taught(self, parts: Parts, labels: Sequence[Labelled]) -> list[Example]:
        return examples_from(labels, parts.config.check.doubtful)

    def watches(self, parts: Parts) -> bool:
        return parts.config.student.kind == "encoder"  # a linear student has nothing to stop early

    def calibrate(
        self, parts: Parts, student: Student, outcome: Distilled, validation: Sequence[Example]
    ) -> dict[str, Any] | None:
        return calibrate_student(parts, student, outcome, validation) if parts.config.student.calibrate else None

    def judge_stage(self, task: Task, labels: Sequence[Labelled]) -> dict[str, Any]:
        return judge_labels(task, labels)

    def judge_student(self, parts: Parts, tested: Probabilities) -> dict[str, Any]:
        truth = [record.label or "" for record in parts.dataset.test]
        return judge_predictions(parts.task, likeliest(parts.task, tested), truth, tested.max(axis=1).tolist())

    def references(self, parts: Parts, stages: Mapping[str, Sequence[Labelled]]) -> list[Reference]:
        records = [r for r in parts.pool if r.label is not None and r.text.strip()]
        known = [Example(record, record.label or "") for record in records]
        words = "student on gold and the pool's human labels"
        return [Reference("gold_pool", words, known)] if known else []

    def difference(self, parts: Parts, mine: Probabilities, theirs: Probabilities) -> dict[str, Any] | None:
        truth = [record.label or "" for record in parts.dataset.test]
        return compare_accuracy(likeliest(parts.task, mine), likeliest(parts.task, theirs), truth).to_dict()

    def closer(self, parts: Parts, labels: Sequence[Labelled], tested: Probabilities | None) -> dict[str, Any]:
        return {"slices": slices(parts, labels, tested), "noise": noise(parts, labels)}

    def about_teacher(self, outcome: Distilled) -> dict[str, Any]:
        return {}

    def about_student(self, student: Student) -> dict[str, Any]:
        return {}

    def label_rows(self, labels: Sequence[Labelled]) -> Rows:
        return label_rows(labels)

    def prediction_rows(self, parts: Parts, tested: Probabilities) -> Rows:
        return prediction_rows(tuple(parts.task.labels), parts.dataset.test, tested)

    def bench(self, task: Task, dataset: Dataset, labels: Files, predictions: Files) -> Benched:
        known = [r for r in dataset.pool if r.label is not None and labels[r.id]["reason"] != NOT_ASKED]
        ids = tuple(record.id for record in known)
        test, truth = tuple(r.id for r in dataset.test), tuple(r.label or "" for r in dataset.test)
        return Benched(
            Judged(ids, tuple(labels[name]["label"] for name in ids), tuple(r.label or "" for r in known)),
            Judged(test, tuple(predictions[name]["label"] for name in test), truth),
            tuple(labels[name]["status"] == "accepted" for name in ids),
            share=sum(row["status"] == "accepted" for row in labels.values()) / max(len(labels), 1),
        )

    def save_student(self, parts: Parts, student: Student, metrics: Mapping[str, Any]) -> None:
        config, figures = parts.config, metrics["student"]
        card = model_card(
            kind=student.kind,
            base=figures["base"],
            task_question=config.task.question,
            labels=config.task.labels,
            counts={"gold": len(parts.fence.gold), **figures["taught"]},
            metrics=figures["test"] or {},
            seed=config.student.seed,
            teacher=parts.teacher_name,
            calibration=figures.get("calibration"),
            multiple=parts.task.multiple,
        )
        about = {"question": config.task.question, "columns": config.data.columns.model_dump()}
        student.save(config.output_dir / "student", card, about)
