"""DToT, a baseline of the DualChecker paper (arXiv 2408.12326): one re-ask where the stated confidence is low.

Fixed demonstrations, no aligner, no student. Below the threshold the teacher is asked once more, with the long form of
the text, and the second answer wins.
"""

from dualchecker.config import RunConfig
from dualchecker.methods.base import Distilled, Method, Setting, Step, ask_once, believe, how_many
from dualchecker.methods.few_shot import few_shot_steps
from dualchecker.prompts import Rung

THRESHOLD = 0.85
"""As in the paper, for GPT-3.5."""

SECOND = Rung("detail", long=True, neighbours=0)


def _run(setting: Setting) -> Distilled:
    """Records without a long form have nothing more to show and keep their first answer.

    A second reply that cannot be read leaves the first answer in place. An answer without a stated confidence counts
    as unsure.
    """
    setting.progress.stage("DToT", how_many(setting.pool))
    template = setting.aligner.template(fixed=setting.align.demonstrations)
    climbs = ask_once(setting, Rung("brief", neighbours=0), template, "few_shot")
    first = [believe(climb) for climb in climbs]
    threshold = setting.check.threshold if isinstance(setting.check.threshold, float) else THRESHOLD
    unsure = [climb for climb, item in zip(climbs, first, strict=True) if item.confidence.value < threshold]
    setting.progress.stage("DToT", f"{len(unsure)} records again, in their long form")
    setting.ladder.ask(unsure, SECOND, template, "dtot", aligned=False)
    labels = [believe(climb, next((a for a in reversed(climb.trail) if a.ok), None)) for climb in climbs]
    return Distilled(labels, template, stages={"few_shot": first, "dtot": labels})


def _steps(config: RunConfig) -> list[Step]:
    return [*few_shot_steps(config), Step("second answers", SECOND, config.align.demonstrations, (0, 1))]


DTOT = Method(_run, _steps)
