"""Questions answered by reasoning: chains are drawn, evaluated, voted on, checked and distilled."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from dualchecker.checking import (
    AnswerVoices,
    ChainChecker,
    ChainLadder,
    ChainStudentChecker,
    ChainVoices,
    ReasonerVoices,
    chain_examples,
    gold_chain_examples,
)
from dualchecker.config import RunConfig, TaskConfig
from dualchecker.data import Dataset, Fence
from dualchecker.embedding import Embedder
from dualchecker.evaluation import compare_reasoned, judge_answers, judge_reasoned
from dualchecker.evaluation.bench_measures import JudgedAnswers
from dualchecker.methods import Distilled
from dualchecker.methods.gold_only import NOT_ASKED
from dualchecker.records import Answer, Example, Labelled, Record
from dualchecker.runs.chain_rows import chain_label_rows, chain_prediction_rows
from dualchecker.runs.held_back import calibrate_reasoner, held_back
from dualchecker.runs.kinds.base import Benched, Checkers, Files, Parts, Reference, Rows
from dualchecker.runs.kinds.making import make_ladder
from dualchecker.students import AnswerReader, check_writer, make_reasoning_student, reasoning_card
from dualchecker.students.reasoning import Reasoned, ReasoningStudent
from dualchecker.tasks import Reasoning, Task

Tested = Sequence[Reasoned]
"""What a student says of each test question."""

LEFT_OUT = {
    "slices": "Slices go by label, and the answers to questions are no labels.",
    "noise": "Confident learning is about labels out of a set; chains that the checkers reject are counted instead.",
}
"""Parts of a report that there are not for reasoning, each with the reason."""


class ReasoningKind:
    """See ``Kind``."""

    name: ClassVar[str] = "reasoning"
    benched: ClassVar[bool] = True

    def task(self, config: TaskConfig) -> Task:
        return Reasoning(config.question, config.answer, dict(config.labels), config.tolerance)

    def units(self, task: Task, records: Sequence[Record]) -> tuple[Record, ...]:
        return tuple(records)

    def around(self, task: Task, fence: Fence) -> Fence:
        return fence

    def reply_tokens(self, task: Task, gold: Sequence[Record]) -> int:
        """Of a chain of thought."""
        return 120

    def check_student(self, config: RunConfig) -> None:
        check_writer(config.model_name(config.student.base), config.student.lora)

    def features(self, config: RunConfig, task: Task, dataset: Dataset, fence: Fence, embedder: Embedder) -> None:
        """Students that write share nothing."""

    def student(self, parts: Parts, kind: str) -> ReasoningStudent:
        config = parts.config
        return make_reasoning_student(
            config.student.model_copy(update={"base": config.model_name(config.student.base)}),
            read=AnswerReader(_reasoning(parts.task)),
            progress=parts.progress.training,
        )

    def checkers(self, parts: Parts) -> Checkers:
        check, asked, fence = parts.config.check, parts.config.reasoning, parts.fence
        ladder = make_ladder(ChainLadder, parts, chains=asked.chains, more=asked.more, evaluations=asked.evaluations)
        teacher = ChainChecker(ladder, fence, check.threshold, check.calibration)
        if not check.student:
            return Checkers(ladder, teacher, None)
        if parts.config.student.interim == "linear":
            if ladder.task.answer == "text":
                parts.progress.note("The quick student checker has nothing to say about answers in free words.")
            voices: ChainVoices = AnswerVoices(fence, ladder.task, parts.embedder)
        else:
            taught = check.doubtful
            voices = ReasonerVoices(
                fence, parts.interim_student, lambda answers: _gold(parts, answers), doubtful=taught
            )
        student = ChainStudentChecker(
            ladder.task,
            fence,
            parts.embedder,
            voices,
            teacher.choose_threshold,
            borderline=check.borderline,
            final_map=check.calibration,
        )
        return Checkers(ladder, teacher, student)

    def gold(self, parts: Parts) -> list[Example]:
        teacher = parts.checkers.teacher
        return _gold(parts, teacher.answers_about_gold() if isinstance(teacher, ChainChecker) else {})

    def taught(self, parts: Parts, labels: Sequence[Labelled]) -> list[Example]:
        back = {item.record.id for item in held_back(parts, labels)}
        return chain_examples((i for i in labels if i.record.id not in back), parts.config.check.doubtful)

    def watches(self, parts: Parts) -> bool:
        return True

    def calibrate(
        self, parts: Parts, student: ReasoningStudent, outcome: Distilled, validation: Sequence[Example]
    ) -> dict[str, Any] | None:
        return calibrate_reasoner(parts, student, outcome.labels, validation)

    def judge_stage(self, task: Task, labels: Sequence[Labelled]) -> dict[str, Any]:
        return judge_answers(_reasoning(task), labels)

    def judge_student(self, parts: Parts, tested: Tested) -> dict[str, Any]:
        return judge_reasoned(_reasoning(parts.task), tested, parts.dataset.test)

    def references(self, parts: Parts, stages: Mapping[str, Sequence[Labelled]]) -> list[Reference]:
        """What the paper compares: answers alone, one chain, all chains, each of the method's labels as they are."""
        taught, gold = self.taught(parts, list(stages.values())[-1]) if stages else [], self.gold(parts)
        alone = gold_chain_examples(parts.judged.gold, _reasoning(parts.task), {}, {})  # without the teacher's words
        found = [Reference("gold_only", "student on gold alone", (), alone)]
        if not any(example.chains for example in taught):
            return found

        def reference(name: str, words: str, most: int | None = None) -> Reference:
            return Reference(name, words, _chains(taught, most), _chains(gold, most))

        found += [reference("answers_alone", "student on the same answers without chains", 0)]
        if any(len(example.chains) > 1 for example in taught):
            found.append(reference("one_chain", "student on one chain a question", 1))
        if any(chain.verdicts for example in taught for chain in example.chains):
            found.append(reference("chains_alone", "student on the same chains without verdicts"))
        return found

    def difference(self, parts: Parts, mine: Tested, theirs: Tested) -> dict[str, Any] | None:
        return compare_reasoned(_reasoning(parts.task), mine, theirs, parts.dataset.test)

    def closer(self, parts: Parts, labels: Sequence[Labelled], tested: Tested | None) -> dict[str, Any]:
        return {"slices": None, "noise": None, "left_out": dict(LEFT_OUT)}

    def about_teacher(self, outcome: Distilled) -> dict[str, Any]:
        return {}

    def about_student(self, student: ReasoningStudent) -> dict[str, Any]:
        return {"judges": student.judges, "unlearnt": dict(student.unlearnt)}

    def label_rows(self, labels: Sequence[Labelled]) -> Rows:
        return chain_label_rows(labels)

    def prediction_rows(self, parts: Parts, tested: Tested) -> Rows:
        return chain_prediction_rows(parts.dataset.test, tested)

    def bench(self, task: Task, dataset: Dataset, labels: Files, predictions: Files) -> Benched:
        known = [r for r in dataset.pool if r.label is not None and labels[r.id]["reason"] != NOT_ASKED]
        return Benched(
            _benched(task, known, [labels[record.id]["label"] for record in known]),
            _benched(task, dataset.test, [predictions[record.id]["answer"] for record in dataset.test]),
            tuple(labels[record.id]["status"] == "accepted" for record in known),
            share=sum(row["status"] == "accepted" for row in labels.values()) / max(len(labels), 1),
        )

    def save_student(self, parts: Parts, student: ReasoningStudent, metrics: Mapping[str, Any]) -> None:
        config, figures = parts.config, metrics["student"]
        card = reasoning_card(
            base=figures["base"],
            task_question=config.task.question,
            counts={"gold": len(parts.fence.gold), **figures["taught"]},
            metrics=figures["test"] or {},
            seed=config.student.seed,
            teacher=parts.teacher_name,
            judges=student.judges,
            calibration=figures.get("calibration"),
        )
        about = {
            "question": config.task.question,
            "columns": config.data.columns.model_dump(),
            "task": AnswerReader(_reasoning(parts.task)).to_json(),
        }
        student.save(config.output_dir / "student", card, about)


def _benched(task: Task, records: Sequence[Record], said: Sequence[str | None]) -> JudgedAnswers:
    """Answers beside the human ones, in whose words they stand where the two are equal."""
    truth = [record.label or "" for record in records]
    answers = [true if task.equal(one, true) else one for one, true in zip(said, truth, strict=True)]
    return JudgedAnswers(tuple(record.id for record in records), tuple(answers), tuple(truth))


def _gold(parts: Parts, answers: Mapping[str, Answer]) -> list[Example]:
    """Human answers with the reasons that the teacher has written for them so far, and its own chains."""
    return gold_chain_examples(parts.judged.gold, _reasoning(parts.task), parts.aligner.reasons, answers)


def _chains(examples: Sequence[Example], most: int | None = None) -> list[Example]:
    """The same examples with their first ``most`` chains that are taught (all by default), and without verdicts."""
    return [
        replace(example, chains=tuple(replace(c, verdicts=()) for c in example.chains if c.weight)[:most])
        for example in examples
    ]


def _reasoning(task: Task) -> Reasoning:
    if not isinstance(task, Reasoning):
        raise TypeError("the task asks for no reasoning")
    return task
