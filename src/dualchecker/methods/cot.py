"""Chain of thought (Wei et al. 2022, arXiv 2201.11903): demonstrations with reasons, reasoning before the label.

The reasons of the demonstrations are the teacher's own, written for the label that people gave; the paper has them
written by people.
"""

from dualchecker.config import RunConfig
from dualchecker.methods.base import Distilled, Method, Setting, Step, ask_once, believe, how_many
from dualchecker.prompts import Rung

RUNG = Rung("brief", neighbours=0, style="steps")
REPLY_TOKENS = 250


def _run(setting: Setting) -> Distilled:
    """The confidence is the stated one, uncalibrated."""
    setting.progress.stage("chain of thought", how_many(setting.pool))
    template = setting.aligner.template(fixed=setting.align.demonstrations, reasons=True)
    labels = [believe(climb) for climb in ask_once(setting, RUNG, template, "cot")]
    return Distilled(labels, template, stages={"cot": labels})


def _steps(config: RunConfig) -> list[Step]:
    return [Step("chain of thought", RUNG, config.align.demonstrations, reply_tokens=REPLY_TOKENS)]


COT = Method(_run, _steps, reasons=True)
