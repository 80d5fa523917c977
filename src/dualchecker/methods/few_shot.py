"""Plain few-shot prompting: the same demonstrations for every text, one question, every answer believed."""

from collections.abc import Sequence

from dualchecker.alignment import ContextAligner
from dualchecker.checking import Climb, Ladder
from dualchecker.config import RunConfig
from dualchecker.methods.base import Distilled, Method, Setting, Step, believe, how_many
from dualchecker.prompts import Rung, Template
from dualchecker.records import Labelled, Record


def label_few_shot(
    pool: Sequence[Record], *, aligner: ContextAligner, ladder: Ladder, demonstrations: int
) -> tuple[list[Labelled], Template]:
    """Label a pool with a fixed template and nothing else; the baseline of the report.

    The confidence is the answer's own, uncalibrated.
    """
    template = aligner.template(fixed=demonstrations)
    climbs = [Climb(record) for record in pool]
    ladder.ask(climbs, ladder.rungs[0], template, "few_shot", aligned=False)
    return [believe(climb) for climb in climbs], template


def _run(setting: Setting) -> Distilled:
    setting.progress.stage("few-shot", how_many(setting.pool))
    labels, template = label_few_shot(
        setting.pool,
        aligner=setting.aligner,
        ladder=setting.ladder,
        demonstrations=setting.align.demonstrations,
    )
    return Distilled(labels, template, stages={"few_shot": labels})


def few_shot_steps(config: RunConfig) -> list[Step]:
    """One question about each pool record."""
    return [Step("few-shot", Rung("brief"), config.align.demonstrations)]


FEW_SHOT = Method(_run, few_shot_steps)
