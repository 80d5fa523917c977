"""Zero-shot prompting: the question and the whole descriptions of the labels, no demonstration."""

from dualchecker.config import RunConfig
from dualchecker.methods.base import Distilled, Method, Setting, Step, ask_once, believe, how_many
from dualchecker.prompts import Rung, Template

RUNG = Rung("brief", neighbours=0, full_guide=True, style="guide")


def _run(setting: Setting) -> Distilled:
    """The confidence is the stated one; no human label is read."""
    setting.progress.stage("zero-shot", how_many(setting.pool))
    template = Template(size=0)
    labels = [believe(climb) for climb in ask_once(setting, RUNG, template, "zero_shot")]
    return Distilled(labels, template, stages={"zero_shot": labels})


def steps(config: RunConfig) -> list[Step]:
    """One question about each pool record."""
    return [Step("zero-shot", RUNG, 0)]


ZERO_SHOT = Method(_run, steps, shows="none")
