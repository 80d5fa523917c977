"""What a run will ask and cost, before anything is spent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dualchecker.config import MethodName, RunConfig, RungName, SeniorConfig
from dualchecker.data import Dataset, build_fence, load_dataset
from dualchecker.methods import METHODS, Method
from dualchecker.prompts import Prompt, PromptWriter, Template, rungs_for
from dualchecker.prompts.render import estimate_tokens
from dualchecker.records import Demonstration, Record
from dualchecker.runs.panel import answer_price
from dualchecker.runs.parts import build_task
from dualchecker.teachers import DecisionTeacher

_WRITE_NOTHING = ("recorded", "decisions")
"""Kinds of teachers whose replies hold no tokens, and which give no reasons."""

_REPLY = 80
"""Tokens of a reply; where several labels may apply, each adds its name and number."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One line of the plan: requests and prompt tokens, at least and at most, and money for them.

    The least assumes that no record climbs, the most that all climb to the top; of a panel, that the cheapest member
    alone or every member is asked about the pool.
    """

    purpose: str
    requests: tuple[int, int]
    prompt_tokens: tuple[int, int]
    completion_tokens: tuple[int, int]
    cost: tuple[float, float]


def prompt_tokens(prompt: Prompt, teacher: SeniorConfig) -> int:
    """Estimated input tokens; a decision endpoint may count the state once for each question about it."""
    if teacher.kind == "recorded":  # answers in a file
        return 0
    if teacher.kind == "decisions":
        return DecisionTeacher(teacher).size(prompt)[1]
    return sum(estimate_tokens(message["content"]) for message in prompt.messages)


def plan_run(config: RunConfig) -> tuple[list[Plan], Dataset]:
    """Estimate every step from really rendered prompts of a sample; asks nobody and needs no key.

    Raises:
        DualcheckerError: The run file or the data cannot be used.
    """
    task = build_task(config)
    dataset = load_dataset(config, task)
    fence = build_fence(dataset.gold, config.data.calibration, config.data.calibration_limit, config.data.seed)
    writer = PromptWriter(task, config.limits.max_prompt_tokens)
    demos = [Demonstration(r, r.label or "", "x" * 150) for r in fence.demonstrations[:50]]
    fixed = config.align.demonstrations - (config.align.neighbours if config.align.nearest else 0)
    template = Template(tuple(demos[:fixed]), config.align.demonstrations)
    lead = config.teacher.voices[0]
    answers_detail = {record.id for record in dataset.pool if record.detail}
    lines = []
    reply = _REPLY + (10 * len(task.labels) if task.multiple else 0)

    def line(
        purpose: str, low: int, high: int, prompts: Iterable[Prompt], whom: SeniorConfig, reply: int = reply
    ) -> None:
        sizes = [prompt_tokens(prompt, whom) for prompt in prompts]
        mean, written = sum(sizes) / max(len(sizes), 1), 0 if whom.kind in _WRITE_NOTHING else reply
        tokens, completion = (round(low * mean), round(high * mean)), (low * written, high * written)
        cost = [(t * whom.price_input + c * whom.price_output) / 1e6 for t, c in zip(tokens, completion, strict=True)]
        if whom.price is not None:
            cost = [count * whom.price for count in (low, high)]
        lines.append(Plan(purpose, (low, high), tokens, completion, (cost[0], cost[1])))

    def sample(records: Iterable[Record]) -> list[Record]:
        return list(records)[:50]

    own = lead
    names: list[MethodName] = ["few_shot", config.method] if config.report.few_shot else [config.method]
    methods = [METHODS[name] for name in dict.fromkeys(names)]
    if lead.kind not in _WRITE_NOTHING:
        fewest, most = _explained(config, methods, len(dataset.pool), len(fence.demonstrations))
        explain = [writer.explain(record, record.label or "") for record in sample(fence.demonstrations)]
        if most:
            line("rationales of human labels", fewest, most, explain, own)
    for step in dict.fromkeys(
        step for method in methods for step in method.steps(config)
    ):  # shared ones are asked once
        show = Template(tuple(demos[: step.demonstrations]), step.demonstrations)
        asked = [record for record in dataset.pool if step.rung.applies_to(record)]
        count = 1 if step.once else len(asked)
        prompts = [writer.label(record, step.rung, show, []) for record in sample(asked)]
        line(step.title, count * step.calls[0], count * step.calls[1], prompts, own, step.reply_tokens + reply - _REPLY)
    if not METHODS[config.method].climbs:
        return lines, dataset
    rungs = rungs_for(config.align, config.check.rungs)
    templates = config.check.rounds if config.check.student else 1  # each round may try one refined template
    if config.teacher.kind == "panel":
        for position, voice in enumerate(sorted(config.teacher.voices, key=answer_price)):
            name: RungName = "senior" if voice is config.teacher.senior else voice.rung
            rung = rungs_for(config.align, (name,))[0]
            prompts = [
                writer.label(r, rung, template, demos[fixed : fixed + rung.neighbours]) for r in sample(dataset.pool)
            ]
            high = len(dataset.pool) + len(fence.calibration) * templates
            low = len(fence.calibration) if position else len(dataset.pool) + len(fence.calibration)
            line(f"member {voice.label}, rung {name}", low, high, prompts, voice)
        return lines, dataset
    recorded = lead.kind == "recorded"
    budget = getattr(config.check.threshold, "budget", None) or 1.0
    share = 1.0  # of the records that can still climb
    for position, rung in enumerate(rungs):
        if rung.senior and config.teacher.senior is None:
            continue
        if recorded and not isinstance(config.teacher.answers, dict) and position:
            continue
        if rung.decide and own.kind == "decisions":
            continue
        whom = (config.teacher.senior if rung.senior else None) or own
        pool = [r for r in dataset.pool if rung.name != "detail" or r.id in answers_detail]
        judged = [r for r in fence.calibration if rung.applies_to(r)]
        share *= budget if position and pool else 1.0
        prompts = [writer.label(r, rung, template, demos[fixed : fixed + rung.neighbours]) for r in sample(pool)]
        high = len(pool) + len(judged) * templates
        if share < 1:  # disputed records climb beside the budget, and may all do so only without one
            high = min(high, round(share * len(dataset.pool)) + round(share * len(fence.calibration)) * templates)
        low = len(pool) + len(judged) if position == 0 else 0
        if position == 0:  # asked again, to see whether answers agree; a variant may turn out to be the same prompt
            samples, variants = config.check.samples, config.check.variants
            low, high = low * (1 if recorded else 1 + samples), high * (1 + samples + variants)
        line(f"rung {rung.name}", low, high, prompts, whom)
    return lines, dataset


def _explained(config: RunConfig, methods: Sequence[Method], pool: int, gold: int) -> tuple[int, int]:
    """How many human labels the teacher will explain, at least and at most."""
    align = config.align
    fewest = most = 0
    for method in methods:
        if method.shows == "none" or not (align.rationales or method.reasons):
            continue
        nearest = method.shows == "nearest" and align.nearest
        always = align.demonstrations - (align.neighbours if nearest else 0)
        variants = config.check.variants * always if method.climbs else 0
        fewest = max(fewest, min(always, gold))
        most = max(most, min(gold, always + variants + (pool * align.wide_neighbours if nearest else 0)))
    return fewest, most
