"""Evolving knowledge distillation (Liu et al. 2024, EvoKD, arXiv 2403.06414), a baseline of the DualChecker paper.

Round by round the student is tested on gold; the teacher is shown what it gets wrong and right, sums up its weak spots
and writes one harder and one easier labelled text a request; the student goes on with these.

Here the student also has the pool, labelled by the few-shot prompt of the same teacher, so that all methods teach from
the same pool. A student is tested on gold that its fold has left out.
"""

import random
from collections import Counter
from collections.abc import Sequence

import numpy as np

from dualchecker.checking.examples import examples_from
from dualchecker.checking.span_teaching import span_examples
from dualchecker.config import RunConfig
from dualchecker.data import fingerprint, text_folds
from dualchecker.methods.base import Distilled, Method, Setting, Step
from dualchecker.methods.evokd_spans import span_cases
from dualchecker.methods.few_shot import FEW_SHOT, few_shot_steps
from dualchecker.prompts import Case, Rung, ask_for_texts, read_texts
from dualchecker.records import Example, Record, TaughtSpan

SHOWN = 4
"""Hard texts in a request, and as many easy ones."""

_FOLDS = 5


def _run(setting: Setting) -> Distilled:
    """Generated texts teach; they are in no prompt, calibrate nothing and are not gold."""
    labelled = FEW_SHOT(setting)
    teaching = span_examples if setting.task.spans else examples_from
    taught = teaching(labelled.labels, setting.check.doubtful)
    known = {fingerprint(record.text) for record in (*setting.fence.gold, *setting.pool)}
    generated: list[Example] = []
    outcomes: Counter[str] = Counter()
    rounds = setting.evolve.rounds
    for number in range(1, rounds + 1):
        setting.progress.stage(f"EvoKD round {number}", f"of {rounds}: {setting.evolve.requests} requests for texts")
        examples = [*taught, *generated]
        cases = span_cases(setting, examples, SHOWN) if setting.task.spans else _tested(setting, examples)
        draw = random.Random(f"{setting.seed} {number}")
        prompts = [
            ask_for_texts(setting.task, _chosen(cases, draw), f"generated-{number}-{i + 1}", setting.writer.max_tokens)
            for i in range(setting.evolve.requests)
        ]
        for outcome in setting.asker.ask(setting.teacher, prompts, "generate"):
            if outcome.reply is None:
                outcomes[outcome.failure.kind if outcome.failure else "failed"] += 1
                continue
            for text in read_texts(setting.task, outcome.reply.text, known):
                outcomes[text.outcome] += 1
                if text.outcome == "ok" and text.label is not None:
                    known.add(fingerprint(text.text))
                    record = Record(f"{outcome.prompt.record_id}-{text.level}", text.text)
                    spans = tuple(TaughtSpan(span) for span in text.spans)
                    generated.append(Example(record, text.label, source="generated", spans=spans))
    return Distilled(
        labelled.labels,
        labelled.template,
        stages=labelled.stages,
        generated=tuple(generated),
        written=dict(outcomes),
    )


def _tested(setting: Setting, taught: Sequence[Example]) -> list[Case]:
    """Gold that may be shown, the hardest for the student first; half of it counts as hard, or all that it gets wrong.

    Hardness is the probability that a student which has not seen the text gives to the human label.
    """
    gold = [record for record in setting.fence.demonstrations if record.text.strip()]
    labels = list(setting.task.labels)
    truth = np.array([labels.index(record.label or "") for record in gold])
    beliefs = np.full((len(gold), len(labels)), 1 / len(labels))
    folds = text_folds(gold, _FOLDS)
    for fold in np.unique(folds).tolist():
        held = folds == fold
        examples = [Example(r, r.label or "") for r, out in zip(gold, held, strict=True) if not out]
        if len({example.label for example in (*examples, *taught)}) > 1:
            beliefs[held] = (
                setting.make_student()
                .fit([*examples, *taught])
                .predict([record for record, out in zip(gold, held, strict=True) if out])
            )
    own, said = beliefs[np.arange(len(gold)), truth], beliefs.argmax(axis=1)
    order = np.argsort(own, kind="stable")
    hard = max(int((said != truth).sum()), min(SHOWN, len(gold) // 2))
    return [Case(gold[i], labels[said[i]], rank < hard) for rank, i in enumerate(order.tolist())]


def _chosen(cases: Sequence[Case], draw: random.Random) -> list[Case]:
    """Some hard and some easy cases; those with the label of the first hard one come first, so that they compare."""
    hard = [case for case in cases if case.hard]
    easy = [case for case in cases if not case.hard]
    draw.shuffle(hard)
    draw.shuffle(easy)
    label = hard[0].record.label if hard else None
    return [
        case for group in (hard, easy) for case in sorted(group, key=lambda case: case.record.label != label)[:SHOWN]
    ]


def _steps(config: RunConfig) -> list[Step]:
    calls = (1, config.evolve.rounds * config.evolve.requests)
    return [
        *few_shot_steps(config),
        Step("new labelled texts", Rung("brief", full_guide=True), 2 * SHOWN, calls, once=True, reply_tokens=400),
    ]


EVOKD = Method(_run, _steps, needs=frozenset({"brief", "generate"}), does=frozenset({"labels", "spans"}))
