"""Self-consistency (Wang et al. 2022, arXiv 2203.11171): several sampled chains of thought, the majority's label.

The share of samples that agree is the confidence; where all are one answer, which agrees with itself, it is what that
answer claims. Where spans are asked for, the samples vote span by span.
"""

from dataclasses import replace

from dualchecker.checking import Climb, only_repeats, vote
from dualchecker.checking.agreement import ONLY_REPEATS
from dualchecker.confidence import read_signals
from dualchecker.config import RunConfig
from dualchecker.methods.base import Distilled, Method, Setting, Step, believe, how_many
from dualchecker.methods.cot import REPLY_TOKENS, RUNG
from dualchecker.methods.span_votes import elect_spans
from dualchecker.records import Labelled
from dualchecker.tasks import Extraction, Task


def _run(setting: Setting) -> Distilled:
    count = setting.sampling.count
    setting.progress.stage("self-consistency", f"{count} samples of {how_many(setting.pool)}")
    template = setting.aligner.template(fixed=setting.align.demonstrations, reasons=True)
    draws = [[Climb(record, sample=n + 1) for n in range(count)] for record in setting.pool]
    setting.ladder.ask([one for each in draws for one in each], RUNG, template, "self_consistency", aligned=False)
    labels = [_elected(each, setting.task) for each in draws]
    return Distilled(labels, template, stages={"self_consistency": labels})


def _elected(draws: list[Climb], task: Task) -> Labelled:
    answers = [answer for climb in draws for answer in climb.trail]
    repeated = only_repeats(answers)
    if isinstance(task, Extraction) and answers and not repeated:
        return elect_spans(draws[0].record, answers, task)
    kept, share = vote(answers)
    told = [replace(answer, notes=(*answer.notes, ONLY_REPEATS)) if repeated else answer for answer in answers]
    whole = Climb(draws[0].record, told)
    if kept is None:
        return believe(whole)
    position = answers.index(kept)
    if not repeated:
        told[position] = replace(told[position], sample_share=share)
    whole.signals = [read_signals(answer) for answer in told]
    return believe(whole, told[position], share=None if repeated else share)


def _steps(config: RunConfig) -> list[Step]:
    calls = (config.sampling.count, config.sampling.count)
    return [Step("sampled chains of thought", RUNG, config.align.demonstrations, calls, reply_tokens=REPLY_TOKENS)]


SELF_CONSISTENCY = Method(_run, _steps, reasons=True)
