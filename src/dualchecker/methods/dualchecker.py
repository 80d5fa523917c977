"""DualChecker (Wang, Suzuki, Sakaji, Izumi 2024, arXiv 2408.12326): ContextAligner, teacher checker, student checker.

What this implementation does differently from the paper, and why, is told in docs/method.md.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from dualchecker.alignment import ContextAligner
from dualchecker.asking import Progress
from dualchecker.checking import Climb, Findings, Inspector, TeacherChecker
from dualchecker.methods.base import Distilled, Method, Round, Setting, believe, how_many
from dualchecker.prompts import Template
from dualchecker.records import Labelled, Record


def growing_batches(pool: Sequence[Record], rounds: int) -> Iterator[Sequence[Record]]:
    """Slices that double from round to round, so that most of the pool meets a settled template."""
    total, start = 2**rounds - 1, 0
    for number in range(rounds):
        end = len(pool) if number == rounds - 1 else round(len(pool) * (2 ** (number + 1) - 1) / total)
        while 0 < end < len(pool) and pool[end].whole.id == pool[end - 1].whole.id:
            end += 1  # decisions about one record are asked about in one request
        if end > start:
            yield pool[start:end]
        start = max(start, end)


def distill_with_dualchecker(
    pool: Sequence[Record],
    *,
    aligner: ContextAligner,
    teacher_checker: TeacherChecker,
    student_checker: Inspector | None,
    rounds: int,
    progress: Progress,
) -> Distilled:
    """Label a pool: in each round the teacher labels a slice, then the student checks what it was taught.

    Args:
        pool: What to label.
        aligner: Demonstrations, with reasons for human labels.
        teacher_checker: Asks again in more detail while unsure.
        student_checker: Finds disputed labels and borderline gold; None leaves this part out.
        rounds: Number of slices.
        progress: Told about each stage.
    """
    template = aligner.template()
    labels: dict[str, Labelled] = {}
    before: dict[str, Labelled] = {}
    history: list[Round] = []
    findings: Findings | None = None
    batches = list(growing_batches(pool, rounds))
    for number, batch in enumerate(batches, 1):
        progress.stage(f"round {number}", f"of {len(batches)}: {how_many(batch)}")
        fresh = _by_id(teacher_checker.label(batch, template))
        labels |= fresh
        before |= fresh
        settled, kept = 0, None
        if student_checker is not None:
            findings = student_checker.inspect(list(labels.values()), teacher_checker.calibrate(template))
            labels = _by_id(findings.labels)
            again = student_checker.settle(teacher_checker.look_again(findings.disputed, template))
            settled = sum(not item.disputed for item in again)
            labels |= _by_id(again)
            if number < len(batches):
                template, kept = _refine(template, findings, aligner, teacher_checker)
        history.append(
            Round(
                number=number,
                labelled=len(batch),
                accepted=sum(item.status == "accepted" for item in labels.values()),
                disputed=len(findings.disputed) if findings else 0,
                settled=settled,
                student_accuracy=findings.student_accuracy if findings else None,
                template_version=template.version,
                template_kept=kept,
                calibration_accuracy=teacher_checker.calibrate(template).accuracy,
                borderline=tuple(record.id for record in findings.borderline) if findings else (),
            )
        )
    final = [labels[record.id] for record in pool]
    first = "aligner" if aligner.nearest else "first_answer"
    stages = _stages([before[record.id] for record in pool], final if findings else None, first)
    return Distilled(final, template, tuple(history), stages, teacher_checker.calibrate(template), findings)


def _stages(ladder: list[Labelled], final: list[Labelled] | None, name: str) -> dict[str, list[Labelled]]:
    """The labels after each part of the method, from the trail (nothing extra is asked); the first by ``name``."""
    first = [believe(Climb(i.record, list(i.trail[:1]), [{}] * len(i.trail[:1]))) for i in ladder]
    stages = {name: first, "teacher_checker": ladder}
    return stages if final is None else {**stages, "student_checker": final}


def _refine(
    template: Template, findings: Findings, aligner: ContextAligner, teacher_checker: TeacherChecker
) -> tuple[Template, bool | None]:
    """Borderline gold, explained, enters the template; it stays only if accuracy on calibration gold does not drop."""
    candidate = template.refined(aligner.explain(findings.borderline))
    if candidate.identity == template.identity:
        return template, None
    old, new = teacher_checker.judge(template), teacher_checker.judge(candidate)
    entry: dict[str, Any] = {
        "version": candidate.version,
        "fixed": list(candidate.identity),
        "accuracy": new,
        "before": old,
        "kept": new >= old,
    }
    return (candidate if new >= old else template).noted(**entry), new >= old


def _by_id(labels: Sequence[Labelled]) -> dict[str, Labelled]:
    return {item.record.id: item for item in labels}


def _run(setting: Setting) -> Distilled:
    return distill_with_dualchecker(
        setting.pool,
        aligner=setting.aligner,
        teacher_checker=setting.teacher_checker,
        student_checker=setting.student_checker,
        rounds=setting.check.rounds,
        progress=setting.progress,
    )


DUALCHECKER = Method(_run, climbs=True, shows="nearest")
