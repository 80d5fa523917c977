"""Labelled spans of a text: each span is found, judged, kept or left open by itself."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from dualchecker.checking import (
    SpanAgreement,
    SpanChecker,
    SpanLadder,
    SpanStudentChecker,
    SpanVoices,
    gold_examples,
    span_examples,
)
from dualchecker.config import RunConfig, TaskConfig
from dualchecker.data import Dataset, Fence
from dualchecker.embedding import Embedder
from dualchecker.evaluation import compare_spans, judge_span_student, judge_spans
from dualchecker.evaluation.bench_measures import JudgedSpans
from dualchecker.methods import Distilled
from dualchecker.methods.gold_only import NOT_ASKED
from dualchecker.prompts.prompt import estimate_tokens
from dualchecker.records import Example, Labelled, Record
from dualchecker.runs.kinds.base import Benched, Checkers, Files, Parts, Reference, Rows
from dualchecker.runs.kinds.making import make_agreement, make_ladder, thresholds_by_side
from dualchecker.runs.span_rows import read_spans, span_label_rows, span_prediction_rows
from dualchecker.students import ScoredSpan, SpanStudent, TokenFeatures, check_base, make_span_student, span_card
from dualchecker.tasks import Extraction, Task

Tested = Sequence[tuple[ScoredSpan, ...]]
"""What a student finds in each test record."""

LEFT_OUT = {
    "slices": "Slices are about whole texts that are right or wrong; the report goes label by label instead.",
    "noise": "Confident learning is about labels of whole texts; spans that the students contradict are disputed.",
    "student_calibration": (
        "The student's probabilities stay as training left them: a text gives no fixed list of spans to judge them by."
    ),
}
"""Parts of a report that there are not for spans, each with the reason."""

_CARD = ("count", "strict_f1", "precision", "recall", "overlap_f1", "token_f1", "exact_match")
_CARD_LABEL = ("gold", "precision", "recall", "f1")
"""What the student's card tells of the test set, and of each label there."""


class ExtractionKind:
    """See ``Kind``."""

    name: ClassVar[str] = "extraction"
    benched: ClassVar[bool] = True

    def task(self, config: TaskConfig) -> Task:
        return Extraction(config.question, dict(config.labels), config.occurs, config.least_fit)

    def units(self, task: Task, records: Sequence[Record]) -> tuple[Record, ...]:
        return tuple(records)

    def around(self, task: Task, fence: Fence) -> Fence:
        return fence

    def reply_tokens(self, task: Task, gold: Sequence[Record]) -> int:
        """What the human spans would take, each with a confidence."""
        if not gold:
            return 0
        spans = sum(len(record.spans or ()) for record in gold)
        return round((sum(estimate_tokens(record.label or "") for record in gold) + 8 * spans) / len(gold))

    def check_student(self, config: RunConfig) -> None:
        if config.student.kind == "tokens":
            check_base(config.model_name(config.student.base))

    def features(
        self, config: RunConfig, task: Task, dataset: Dataset, fence: Fence, embedder: Embedder
    ) -> TokenFeatures:
        return TokenFeatures(embedder)

    def student(self, parts: Parts, kind: str) -> SpanStudent:
        config = parts.config
        return make_span_student(
            config.student.model_copy(update={"base": config.model_name(config.student.base)}),
            tuple(parts.task.labels),
            parts.features,
            config.model_name(config.align.embedder),
            kind=kind,
            progress=parts.progress.training,
        )

    def checkers(self, parts: Parts) -> Checkers:
        check, task, fence = parts.config.check, _spans(parts.task), parts.fence
        ladder = make_ladder(SpanLadder, parts)
        agreement = make_agreement(SpanAgreement, parts, ladder)
        teacher = SpanChecker(task, ladder, fence, check.threshold, check.calibration, agreement=agreement)
        if not check.student:
            return Checkers(ladder, teacher, None)
        voices = SpanVoices(tuple(task.labels), fence, parts.pool, parts.interim_student, doubtful=check.doubtful)
        student = SpanStudentChecker(
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
        return gold_examples(parts.judged.gold)

    def taught(self, parts: Parts, labels: Sequence[Labelled]) -> list[Example]:
        return span_examples(labels, parts.config.check.doubtful)

    def watches(self, parts: Parts) -> bool:
        return parts.config.student.kind == "tokens"  # a linear student has nothing to stop early

    def calibrate(
        self, parts: Parts, student: SpanStudent, outcome: Distilled, validation: Sequence[Example]
    ) -> dict[str, Any] | None:
        """The student stays as training left it (``LEFT_OUT``)."""
        return None

    def judge_stage(self, task: Task, labels: Sequence[Labelled]) -> dict[str, Any]:
        return judge_spans(_spans(task), labels)

    def judge_student(self, parts: Parts, tested: Tested) -> dict[str, Any]:
        return judge_span_student(_spans(parts.task), tested, parts.dataset.test)

    def references(self, parts: Parts, stages: Mapping[str, Sequence[Labelled]]) -> list[Reference]:
        found = []
        if "few_shot" in stages and parts.config.method != "few_shot":
            taught = self.taught(parts, stages["few_shot"])
            found.append(Reference("gold_few_shot", "student on gold and the few-shot labels", taught))
        known = gold_examples(r for r in parts.pool if r.spans is not None and r.text.strip())
        if known:
            found.append(Reference("gold_pool", "student on gold and the pool's human spans", known))
        return found

    def difference(self, parts: Parts, mine: Tested, theirs: Tested) -> dict[str, Any] | None:
        """Of strict F1."""
        gold = [record.spans or () for record in parts.dataset.test]
        ours, others = ([[one.span for one in some] for some in said] for said in (mine, theirs))
        return compare_spans(ours, others, gold).to_dict()

    def closer(self, parts: Parts, labels: Sequence[Labelled], tested: Tested | None) -> dict[str, Any]:
        return {"slices": None, "noise": None, "left_out": dict(LEFT_OUT)}

    def about_teacher(self, outcome: Distilled) -> dict[str, Any]:
        return thresholds_by_side(outcome)

    def about_student(self, student: SpanStudent) -> dict[str, Any]:
        return {"unexpressed": dict(student.unexpressed)}

    def label_rows(self, labels: Sequence[Labelled]) -> Rows:
        return span_label_rows(labels)

    def prediction_rows(self, parts: Parts, tested: Tested) -> Rows:
        return span_prediction_rows(parts.dataset.test, tested)

    def bench(self, task: Task, dataset: Dataset, labels: Files, predictions: Files) -> Benched:
        known = [r for r in dataset.pool if r.spans is not None and labels[r.id]["reason"] != NOT_ASKED]
        ids, truth = tuple(record.id for record in known), tuple(record.spans or () for record in known)
        test = tuple(record.id for record in dataset.test)
        states = [span["status"] for row in labels.values() for span in row["spans"]]
        return Benched(
            JudgedSpans(ids, tuple(read_spans(labels[name]) for name in ids), truth),
            JudgedSpans(
                test, tuple(read_spans(predictions[name]) for name in test), tuple(r.spans or () for r in dataset.test)
            ),
            kept=JudgedSpans(ids, tuple(read_spans(labels[name], "accepted") for name in ids), truth),
            share=states.count("accepted") / max(len(states), 1),
        )

    def save_student(self, parts: Parts, student: SpanStudent, metrics: Mapping[str, Any]) -> None:
        config, figures = parts.config, metrics["student"]
        tested = figures["test"] or {}
        card = span_card(
            kind=student.kind,
            base=figures["base"],
            task_question=config.task.question,
            labels=config.task.labels,
            counts={"gold": len(parts.fence.gold), **figures["taught"]},
            metrics={name: tested[name] for name in _CARD if name in tested},
            seed=config.student.seed,
            by_label={r["label"]: {name: r[name] for name in _CARD_LABEL} for r in tested.get("by_label", ())},
            unexpressed=figures["unexpressed"],
            teacher=parts.teacher_name,
        )
        about = {"question": config.task.question, "columns": config.data.columns.model_dump()}
        student.save(config.output_dir / "student", card, about)


def _spans(task: Task) -> Extraction:
    if not isinstance(task, Extraction):
        raise TypeError("the task asks for no spans")
    return task
