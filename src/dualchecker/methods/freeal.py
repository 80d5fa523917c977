"""After FreeAL (Xiao et al. 2023, arXiv 2311.15614): teacher and student label a pool together, without human labels.

The teacher labels zero-shot; a student learns from that; in each class the labels with the smallest loss are taken as
clean; these become the demonstrations with which the teacher is asked again; a second student then says which labels
are clean. The paper repeats this, trains the student with a loss made for noisy labels, and lets the teacher write
first demonstrations; here it is one turn with a plain student, whose loss on a text is taken from a fit that has not
seen it.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dualchecker.alignment import ContextAligner
from dualchecker.checking import Climb, Ladder
from dualchecker.checking.examples import examples_from
from dualchecker.config import RunConfig
from dualchecker.data import Fence, text_folds
from dualchecker.methods import zero_shot
from dualchecker.methods.base import Distilled, Method, Setting, Step, ask_once, believe, how_many
from dualchecker.prompts import Rung, Template
from dualchecker.records import Confidence, Example, Labelled, Record

CLEAN = 0.5
"""Share of each class that is taken as clean."""

_FOLDS = 5


def again_rung(shown: int) -> Rung:
    """The second question: as many of the nearest clean texts as other methods show demonstrations."""
    return Rung("brief", neighbours=shown, full_guide=True, style="drafts")


def _run(setting: Setting) -> Distilled:
    """No label of ``setting.fence`` is read. Labels outside the clean set are abstained on at the end."""
    empty = Template(size=0)
    setting.progress.stage("FreeAL: zero-shot", how_many(setting.pool))
    first = [believe(climb) for climb in ask_once(setting, zero_shot.RUNG, empty, "zero_shot")]
    chosen = _clean(first, _beliefs(setting, first))
    # The label shown is the teacher's; it covers a human one, which the pool may carry for the report.
    clean = [replace(item.record, label=item.label) for item in first if item.record.id in chosen]
    setting.progress.stage("FreeAL: again", f"with {len(clean)} clean texts as demonstrations")
    second = _asked_again(setting, clean) if clean else first
    beliefs = _beliefs(setting, second)
    kept = _clean(second, beliefs)
    labels = [_settled(item, beliefs.get(item.record.id), clean=item.record.id in kept) for item in second]
    return Distilled(labels, empty, stages={"zero_shot": first, "freeal": labels})


def _asked_again(setting: Setting, clean: Sequence[Record]) -> list[Labelled]:
    shown = setting.align.demonstrations
    aligner = ContextAligner(
        setting.task,
        Fence(tuple(clean), (), "split"),
        setting.embedder,
        # No reasons: the prompt for them says that people gave the label.
        setting.align.model_copy(update={"rationales": False, "nearest": True}),
        setting.writer,
        setting.asker,
        setting.teacher,
        setting.seed,
    )
    rung = again_rung(shown)
    ladder = Ladder(setting.task, aligner, setting.writer, setting.asker, setting.teacher, [rung], gold=clean)
    climbs = [Climb(record) for record in setting.pool]
    ladder.ask(climbs, rung, Template(size=shown), "freeal")
    return [believe(climb) for climb in climbs]


def _beliefs(setting: Setting, labels: Sequence[Labelled]) -> dict[str, float]:
    """Probability of each label by a student of the other folds' labels, by record id; none where all say the same."""
    usable = [item for item in labels if item.label is not None]
    folds = text_folds([item.record for item in usable], _FOLDS)
    beliefs: dict[str, float] = {}
    for fold in np.unique(folds).tolist():
        held = [item for item, number in zip(usable, folds.tolist(), strict=True) if number == fold]
        examples: list[Example] = examples_from(
            item for item, number in zip(usable, folds.tolist(), strict=True) if number != fold
        )
        if len({example.label for example in examples}) < 2:
            continue
        student = setting.make_student().fit(examples)
        column = {label: index for index, label in enumerate(student.labels)}
        rows = student.predict([item.record for item in held])
        beliefs |= {i.record.id: float(row[column[i.label or ""]]) for i, row in zip(held, rows, strict=True)}
    return beliefs


def _clean(labels: Sequence[Labelled], beliefs: dict[str, float]) -> set[str]:
    """In each class the share ``CLEAN`` of the records with the smallest loss (-log of the belief), one at least."""
    by_label: dict[str, list[str]] = {}
    for item in labels:
        if item.label is not None and item.record.id in beliefs:
            by_label.setdefault(item.label, []).append(item.record.id)
    return {
        identity
        for members in by_label.values()
        for identity in sorted(members, key=lambda one: -beliefs[one])[: max(round(CLEAN * len(members)), 1)]
    }


def _settled(item: Labelled, belief: float | None, *, clean: bool) -> Labelled:
    """Confidence is the student's probability of the label; without a student nothing says that a label is clean."""
    if item.label is None:
        return item
    if belief is None:
        return replace(item, status="abstained", reason="untested")
    confidence = Confidence(belief, {**item.confidence.signals, "student": belief})
    return replace(
        item, confidence=confidence, status="accepted" if clean else "abstained", reason="" if clean else "large_loss"
    )


def _steps(config: RunConfig) -> list[Step]:
    shown = config.align.demonstrations
    return [*zero_shot.steps(config), Step("again, with clean texts", again_rung(shown), shown, (0, 1))]


FREEAL = Method(_run, _steps, shows="none", does=frozenset({"labels"}))
