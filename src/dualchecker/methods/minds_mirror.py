"""Mind's Mirror (Liu, Zhang, Zhang, Yang, Lin 2024, arXiv 2311.09214): several chains of thought and the teacher's
self-evaluation of each, distilled into a small model; and the methods that it is compared with there.

The teacher writes chains about every question; the answer is their vote. What the methods differ in is what they teach:

=========================  ==========  ================
method                     chains      self-evaluations
=========================  ==========  ================
``standard_distillation``  none        none
``single_cot``             one         none
``multi_cot``              all         none
``single_cot_self_eval``   one         of it
``minds_mirror``           all         of each
=========================  ==========  ================

``single_cot`` is distilling step-by-step (Hsieh et al. 2023, arXiv 2305.02301). Nothing is checked and nothing left out
here; ``dualchecker`` does that with the same chains.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from dualchecker.checking import ChainLadder, Climb
from dualchecker.config import RunConfig
from dualchecker.methods.base import Distilled, Method, Setting, Step, believe, how_many
from dualchecker.prompts import Rung
from dualchecker.records import Labelled

RUNG = Rung("brief", neighbours=0, style="steps")


def distil_chains(setting: Setting, *, chains: int, evaluations: int, teach: bool = True) -> list[Labelled]:
    """Label a pool by a vote of chains, each with self-evaluations.

    The confidence is the share of the chains that agree, or what a single one states; it is not calibrated.

    Args:
        setting: What may be used.
        chains: How many the teacher writes about a question.
        evaluations: How often it evaluates each.
        teach: Whether the chains stay with the answers, so that a student learns them.
    """
    ladder = setting.ladder
    if not isinstance(ladder, ChainLadder):
        raise TypeError("the task asks for no reasoning")
    template = setting.aligner.template(fixed=setting.align.demonstrations, reasons=True)
    climbs = [Climb(record) for record in setting.pool]
    ladder.reason(climbs, RUNG, template, "chains", aligned=False, chains=chains, evaluations=evaluations)
    labels = [believe(climb, share=_share(climb)) for climb in climbs]
    return labels if teach else [_without_chains(item) for item in labels]


def _share(climb: Climb) -> float | None:
    last = climb.trail[-1] if climb.trail else None
    drawn = sum(chain.count for chain in last.chains) if last else 0
    return last.vote_share if last and drawn > 1 else None


def _without_chains(item: Labelled) -> Labelled:
    return replace(item, answer=replace(item.answer, chains=())) if item.answer else item


def _method(name: str, *, several: bool, evaluated: bool, teach: bool = True) -> Method:
    def counts(config: "Setting | RunConfig") -> tuple[int, int]:
        asked = config.reasoning
        return asked.chains if several else 1, max(asked.evaluations, 1) if evaluated else 0

    def run(setting: Setting) -> Distilled:
        chains, evaluations = counts(setting)
        setting.progress.stage(name.replace("_", " "), f"{chains} chains about each of {how_many(setting.pool)}")
        labels = distil_chains(setting, chains=chains, evaluations=evaluations, teach=teach)
        template = setting.aligner.template(fixed=setting.align.demonstrations, reasons=True)
        return Distilled(labels, template, stages={name: labels})

    needs = frozenset({"brief", "evaluate"}) if evaluated else frozenset({"brief"})
    return Method(run, _steps(counts), needs=needs, reasons=True, does=frozenset({"reasoning"}))


def _steps(counts: Callable[[RunConfig], tuple[int, int]]) -> Callable[[RunConfig], Sequence[Step]]:
    def steps(config: RunConfig) -> Sequence[Step]:
        chains, evaluations = counts(config)
        shown = config.align.demonstrations
        found = [Step("chains of thought", RUNG, shown, (chains, chains))]
        if evaluations:
            # Chains of the same words are evaluated once.
            calls = (evaluations, chains * evaluations)
            found.append(Step("self-evaluations", RUNG, 0, calls, evaluates=True))
        return found

    return steps


MINDS_MIRROR = {
    "standard_distillation": _method("standard_distillation", several=False, evaluated=False, teach=False),
    "single_cot": _method("single_cot", several=False, evaluated=False),
    "multi_cot": _method("multi_cot", several=True, evaluated=False),
    "single_cot_self_eval": _method("single_cot_self_eval", several=False, evaluated=True),
    "minds_mirror": _method("minds_mirror", several=True, evaluated=True),
}
"""Mind's Mirror and what the paper compares it with, by name, from the plainest on."""
